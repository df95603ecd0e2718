//! A page: one target in a browser context of its own, with everything that it does answered as it comes.
//!
//! A page is driven by the thread that has it. Whatever that thread waits for, it handles the page's events meanwhile
//! ([`Page::pump`]): a request that is not answered would stop the page, and so would a dialog.

mod evaluate;
mod events;
mod frames;
mod load;
mod make;
mod print;
mod shot;
mod sight;
mod traffic;
mod tree;
mod watch;

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chromiumoxide_cdp::cdp::browser_protocol::target::DisposeBrowserContextParams;
use chromiumoxide_types::Command;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::WebError;
use crate::connection::{CallId, Connection, Event, Inbox, Message, Nothing};
use crate::vitals::{Health, Vitals};
pub(crate) use evaluate::Thrown;
use frames::Frames;
pub(crate) use load::Gone;
pub(crate) use sight::{LATE, Point};
use traffic::Traffic;
pub use traffic::failure;
use watch::Watch;

/// How long a command that needs nothing of the page may take.
pub(crate) const PROMPT: Duration = Duration::from_secs(10);

/// Why something that was waited for did not come.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The deadline passed.
    Late,
    /// The page's process ended.
    Crashed { status: String, code: i64 },
    /// The page closed itself.
    Closed,
    /// The browser says that it cannot capture the page.
    NotShown(String),
    /// The browser is gone.
    Gone(String),
    /// The page does too much of this.
    Flood(String),
    /// The browser did not do what it was told.
    Failed(WebError),
}

impl From<WebError> for Halt {
    fn from(error: WebError) -> Self {
        match error {
            WebError::Gone(reason) => Self::Gone(reason),
            WebError::Silent { .. } => Self::Late,
            other => Self::Failed(other),
        }
    }
}

impl From<Nothing> for Halt {
    fn from(nothing: Nothing) -> Self {
        match nothing {
            Nothing::Late => Self::Late,
            Nothing::Closed(reason) => Self::Gone(reason),
            Nothing::Flooded => Self::Flood("events".to_owned()),
        }
    }
}

/// A command that was sent and whose answer is wanted.
#[derive(Debug)]
pub(crate) struct Call<R> {
    id: CallId,
    method: String,
    answer: PhantomData<R>,
}

/// A page, ready for a job or in one.
pub(crate) struct Page {
    connection: Connection,
    inbox: Arc<Inbox>,
    /// The browser context, which nothing else is in.
    context: String,
    target: String,
    session: String,
    /// Answers that came while something else was waited for; `None` until they come.
    wanted: HashMap<CallId, Option<Result<Box<RawValue>, String>>>,
    crashed: Option<(String, i64)>,
    /// The browser's own processes.
    vitals: Vitals,
    /// Events of the page's own so far.
    pub(crate) heard: u64,
    /// Whether the page has closed itself.
    closed: bool,
    /// The document's title when it was last looked at.
    pub(crate) title: String,
    /// Whether the left button of the mouse is held.
    pub(crate) mouse_down: bool,
    pub(crate) frames: Frames,
    pub(crate) traffic: Traffic,
    pub(crate) watch: Watch,
}

impl Page {
    /// What became of the browser since the page was made.
    pub(crate) fn browser_health(&mut self) -> Health {
        self.vitals.look()
    }

    /// A job begins on this page.
    pub(crate) fn begin(&mut self) {
        self.vitals.ask();
    }

    /// Sends a command to the page.
    pub(crate) fn send<C: Command>(&mut self, command: &C, deadline: Instant) -> Result<Call<C::Response>, Halt> {
        let session = self.session.clone();
        self.send_to(Some(&session), command, deadline)
    }

    fn send_to<C: Command>(
        &mut self,
        session: Option<&str>,
        command: &C,
        deadline: Instant,
    ) -> Result<Call<C::Response>, Halt> {
        let id = self.connection.send(&self.inbox, session, command, deadline)?;
        self.wanted.insert(id, None);
        Ok(Call { id, method: command.identifier().into_owned(), answer: PhantomData })
    }

    /// Sends a command to the page as text, and reads of its answer what `R` names.
    fn send_plain<R>(&mut self, method: &str, params: &str, deadline: Instant) -> Result<Call<R>, Halt> {
        let session = self.session.clone();
        let id = self.connection.send_raw(Some(&self.inbox), Some(&session), method, &[params], deadline)?;
        self.wanted.insert(id, None);
        Ok(Call { id, method: method.to_owned(), answer: PhantomData })
    }

    /// Sends a command whose answer does not matter.
    fn tell(&self, session: Option<&str>, method: &str, params: &str) -> Result<(), Halt> {
        let deadline = Instant::now() + PROMPT;
        self.connection.send_raw(None, session, method, &[params], deadline)?;
        Ok(())
    }

    /// The answer to a command, with the page's events handled until it comes.
    pub(crate) fn wait<R: DeserializeOwned>(&mut self, call: &Call<R>, deadline: Instant) -> Result<R, Halt> {
        loop {
            if let Some(answer) = self.wanted.get_mut(&call.id).and_then(Option::take) {
                self.wanted.remove(&call.id);
                return read(&call.method, answer);
            }
            if let Err(halt) = self.pump(deadline) {
                self.wanted.remove(&call.id);
                return Err(halt);
            }
        }
    }

    /// Sends a command and waits for its answer.
    pub(crate) fn ask<C: Command>(&mut self, command: &C, deadline: Instant) -> Result<C::Response, Halt> {
        let call = self.send(command, deadline)?;
        self.wait(&call, deadline)
    }

    fn ask_browser<C: Command>(&mut self, command: &C, deadline: Instant) -> Result<C::Response, Halt> {
        let call = self.send_to(None, command, deadline)?;
        self.wait(&call, deadline)
    }

    /// Takes one message, at the latest at `deadline`.
    pub(crate) fn pump(&mut self, deadline: Instant) -> Result<(), Halt> {
        if let Some((status, code)) = &self.crashed {
            return Err(Halt::Crashed { status: status.clone(), code: *code });
        }
        if self.closed {
            return Err(Halt::Closed);
        }
        match self.inbox.next(deadline)? {
            Message::Event(event) => self.on_event(&event),
            Message::Answer(answer) => {
                if let Some(wanted) = self.wanted.get_mut(&answer.id) {
                    *wanted = Some(answer.result);
                }
                Ok(())
            }
        }
    }

    /// Handles events until `found` finds what is waited for.
    pub(crate) fn until<T>(&mut self, deadline: Instant, mut found: impl FnMut(&Self) -> Option<T>) -> Result<T, Halt> {
        loop {
            if let Some(value) = found(self) {
                return Ok(value);
            }
            self.pump(deadline)?;
        }
    }

    /// Handles events for a while.
    pub(crate) fn rest(&mut self, pause: Duration, deadline: Instant) -> Result<(), Halt> {
        let until = Instant::now() + pause;
        loop {
            match self.pump(until.min(deadline)) {
                Ok(()) => {}
                Err(Halt::Late) if Instant::now() >= until => return Ok(()),
                Err(halt) => return Err(halt),
            }
        }
    }

    fn on_event(&mut self, event: &Event) -> Result<(), Halt> {
        let params = event.params.get();
        let session = event.session.as_deref();
        self.heard += u64::from(session == Some(&self.session));
        match event.method.as_str() {
            "Fetch.requestPaused" => return self.on_request_paused(session, params),
            "Target.attachedToTarget" => return self.on_attached(params),
            "Page.javascriptDialogOpening" => return self.on_dialog(session, params),
            "Inspector.targetCrashed" if session == Some(&self.session) => self.on_crash(None),
            "Target.targetCrashed" => self.on_crash(events::crashed(params, &self.target)),
            "Target.detachedFromTarget" => {
                self.closed |= events::ended_session(params).as_deref() == Some(&self.session);
            }
            method if method.starts_with("Network.") => self.traffic.on_network(method, params),
            _ if session == Some(&self.session) && !self.frames.on_event(&event.method, params) => {
                self.watch.on_event(&event.method, params);
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes that the page's process ended. The browser tells it twice, and only once how.
    fn on_crash(&mut self, how: Option<(String, i64)>) {
        match (&mut self.crashed, how) {
            (Some(known), Some(how)) => *known = how,
            (None, how) => self.crashed = Some(how.unwrap_or_else(|| ("crashed".to_owned(), 0))),
            (Some(_), None) => {}
        }
    }

    /// After a crash: waits a moment for the browser to tell how the process ended.
    pub(crate) fn how_it_crashed(&mut self) -> Option<(String, i64)> {
        let deadline = Instant::now() + Duration::from_millis(200);
        while self.crashed.as_ref().is_some_and(|(_, code)| *code == 0) {
            let Ok(message) = self.inbox.next(deadline) else { break };
            if let Message::Event(event) = message
                && event.method == "Target.targetCrashed"
                && let Some(how) = events::crashed(event.params.get(), &self.target)
            {
                self.crashed = Some(how);
            }
        }
        self.crashed.clone()
    }

    /// Whether the page's main thread does anything else than run one script.
    pub(crate) fn answers_within(&mut self, time: Duration) -> bool {
        self.run::<serde_json::Value>("() => null", &[], Instant::now() + time).is_ok()
    }

    /// Lines of the console that came too fast to be taken.
    pub(crate) fn dropped(&self) -> u64 {
        self.inbox.dropped()
    }

    /// Ends the page and its context with everything in it: storage, cookies, cache, workers, popups.
    pub(crate) fn dispose(self, deadline: Instant) -> Result<(), Halt> {
        let command = DisposeBrowserContextParams::new(self.context.clone());
        let id = self.connection.send(&self.inbox, None, &command, deadline)?;
        // What the page still tells, its own end included, is of no interest any more.
        loop {
            if let Message::Answer(answer) = self.inbox.next(deadline)?
                && answer.id == id
            {
                return read::<serde_json::Value>("Target.disposeBrowserContext", answer.result).map(|_| ());
            }
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.connection.forget(&self.inbox);
    }
}

fn read<R: DeserializeOwned>(method: &str, answer: Result<Box<RawValue>, String>) -> Result<R, Halt> {
    let result = answer.map_err(|message| WebError::Refused { method: method.to_owned(), message })?;
    serde_json::from_str(result.get())
        .map_err(|error| WebError::Form { method: method.to_owned(), message: error.to_string() }.into())
}
