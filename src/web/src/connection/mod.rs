//! The DevTools protocol over a pipe: commands out, answers and events in.
//!
//! Chromiumoxide's own launch and handler are not used: they speak to a TCP port, which cannot be reached from outside
//! an empty network namespace, and their handler has one request timeout for all commands, queues without bounds, and
//! a panic on targets that vanish. Its generated commands are used. Events are read into small types of ours
//! ([`crate::page`]), which take only what is needed of them, so that a value that is new in a newer browser cannot
//! make an event unreadable.
//!
//! One thread per browser reads. Whoever waits has an [`Inbox`]: answers to its commands and events of its sessions
//! arrive there in the order in which the browser sent them.

mod inbox;
mod wire;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use chromiumoxide_types::Command;
use serde::Deserialize;
use serde_json::value::RawValue;

pub(crate) use inbox::{Answer, Event, Inbox, Message, Nothing};
use wire::{Incoming, Outgoing};

use crate::WebError;
use crate::host::Pipes;

/// The id of a command that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CallId(pub(crate) u64);

/// A browser's command and message pipes. Cloning gives another handle to the same pipes.
#[derive(Clone)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
}

struct Shared {
    outgoing: Mutex<Outgoing>,
    next: AtomicU64,
    routes: Mutex<Routes>,
}

/// Who gets what. An inbox that was dropped has no routes left and what comes for it is discarded.
#[derive(Default)]
struct Routes {
    closed: Option<String>,
    calls: HashMap<u64, Arc<Inbox>>,
    /// By session: that of a page, its workers and its frames.
    sessions: HashMap<String, Arc<Inbox>>,
    /// By browser context: for targets that a page of that context opens.
    contexts: HashMap<String, Arc<Inbox>>,
    /// By target: for what the browser as a whole tells of one.
    targets: HashMap<String, Arc<Inbox>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connection {
    /// Takes the pipes and starts the reading thread, which ends with the browser.
    pub(crate) fn start(pipes: Pipes) -> Result<Self, WebError> {
        let shared = Arc::new(Shared {
            outgoing: Mutex::new(Outgoing::new(pipes.commands)?),
            next: AtomicU64::new(1),
            routes: Mutex::new(Routes::default()),
        });
        let reader = Arc::clone(&shared);
        let mut incoming = Incoming::new(pipes.messages);
        let read = move || {
            let reason = loop {
                match incoming.next() {
                    Ok(message) => reader.deliver(message),
                    Err(reason) => break reason,
                }
            };
            reader.close(&reason);
        };
        thread::Builder::new().name("devtools".into()).spawn(read).map_err(|error| {
            WebError::Launch(format!("no thread could be made to read from it: {error}; raise the limit on processes"))
        })?;
        Ok(Self { shared })
    }

    /// Sends a command; its answer goes to `inbox`.
    pub(crate) fn send<C: Command>(
        &self,
        inbox: &Arc<Inbox>,
        session: Option<&str>,
        command: &C,
        deadline: Instant,
    ) -> Result<CallId, WebError> {
        let method = command.identifier();
        let params = serde_json::to_string(command)
            .map_err(|error| WebError::Form { method: method.to_string(), message: error.to_string() })?;
        self.send_raw(Some(inbox), session, &method, &[&params], deadline)
    }

    /// Sends a command whose parameters are the JSON text that `params` gives in pieces. Without an inbox the answer
    /// is discarded.
    pub(crate) fn send_raw(
        &self,
        inbox: Option<&Arc<Inbox>>,
        session: Option<&str>,
        method: &str,
        params: &[&str],
        deadline: Instant,
    ) -> Result<CallId, WebError> {
        let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
        if let Some(inbox) = inbox {
            let mut routes = locked(&self.shared.routes);
            if let Some(reason) = &routes.closed {
                return Err(WebError::Gone(reason.clone()));
            }
            routes.calls.insert(id, Arc::clone(inbox));
        }
        let session = session.map(|session| format!(",\"sessionId\":\"{session}\"")).unwrap_or_default();
        let head = format!("{{\"id\":{id},\"method\":\"{method}\"{session},\"params\":");
        let mut pieces = vec![head.as_str()];
        pieces.extend_from_slice(params);
        pieces.push("}\0");
        let sent = locked(&self.shared.outgoing).write(&pieces, deadline);
        if let Err(error) = sent {
            locked(&self.shared.routes).calls.remove(&id);
            return Err(match error {
                None => WebError::Silent { method: method.to_owned(), after: Duration::ZERO },
                Some(message) => WebError::Gone(message),
            });
        }
        Ok(CallId(id))
    }

    /// From now on targets of this browser context are `inbox`'s.
    pub(crate) fn bind_context(&self, context: &str, inbox: &Arc<Inbox>) {
        locked(&self.shared.routes).contexts.insert(context.to_owned(), Arc::clone(inbox));
    }

    /// Forgets an inbox and everything that was its.
    pub(crate) fn forget(&self, inbox: &Arc<Inbox>) {
        let mut routes = locked(&self.shared.routes);
        let other = |kept: &Arc<Inbox>| !Arc::ptr_eq(kept, inbox);
        routes.calls.retain(|_, kept| other(kept));
        routes.sessions.retain(|_, kept| other(kept));
        routes.contexts.retain(|_, kept| other(kept));
        routes.targets.retain(|_, kept| other(kept));
    }

    /// How many routes there are, for tests on what is left behind.
    #[cfg(test)]
    pub(crate) fn routes(&self) -> usize {
        let routes = locked(&self.shared.routes);
        routes.calls.len() + routes.sessions.len() + routes.contexts.len() + routes.targets.len()
    }
}

#[derive(Deserialize)]
struct Envelope<'m> {
    id: Option<u64>,
    method: Option<String>,
    #[serde(rename = "sessionId")]
    session: Option<String>,
    #[serde(borrow)]
    params: Option<&'m RawValue>,
    #[serde(borrow)]
    result: Option<&'m RawValue>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attached {
    session_id: String,
    target_info: TargetInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TargetInfo {
    target_id: String,
    browser_context_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfSession {
    session_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfTarget {
    target_id: String,
}

impl Shared {
    /// Hands a message on. What cannot be read or belongs to nobody is discarded: a browser may send more than we know.
    fn deliver(&self, bytes: &[u8]) {
        let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(bytes) else { return };
        if let Some(id) = envelope.id {
            let Some(inbox) = locked(&self.routes).calls.remove(&id) else { return };
            let result = match (envelope.result, envelope.error) {
                (_, Some(error)) => Err(error.message),
                (Some(result), None) => Ok(result.to_owned()),
                (None, None) => Err("neither a result nor an error".to_owned()),
            };
            inbox.put(Message::Answer(Answer { id: CallId(id), result }));
            return;
        }
        let (Some(method), Some(params)) = (envelope.method, envelope.params) else { return };
        if let Some(inbox) = self.route(&method, envelope.session.as_deref(), params) {
            inbox.put(Message::Event(Event { session: envelope.session, method, params: params.to_owned() }));
        }
    }

    /// Whose event this is. A new target's session gets its route here, before any message of it can arrive.
    fn route(&self, method: &str, session: Option<&str>, params: &RawValue) -> Option<Arc<Inbox>> {
        let mut routes = locked(&self.routes);
        if method == "Target.targetCrashed" {
            let OfTarget { target_id } = serde_json::from_str(params.get()).ok()?;
            return routes.targets.get(&target_id).cloned();
        }
        if method == "Target.detachedFromTarget" {
            // The session that is over, not the one that tells it.
            let OfSession { session_id } = serde_json::from_str(params.get()).ok()?;
            return routes.sessions.remove(&session_id);
        }
        if method != "Target.attachedToTarget" {
            return routes.sessions.get(session?).cloned();
        }
        let attached: Attached = serde_json::from_str(params.get()).ok()?;
        let inbox = match session {
            Some(session) => routes.sessions.get(session).cloned()?,
            None => routes.contexts.get(attached.target_info.browser_context_id.as_deref()?).cloned()?,
        };
        routes.sessions.insert(attached.session_id, Arc::clone(&inbox));
        routes.targets.insert(attached.target_info.target_id, Arc::clone(&inbox));
        Some(inbox)
    }

    fn close(&self, reason: &str) {
        let mut routes = locked(&self.routes);
        routes.closed = Some(reason.to_owned());
        let Routes { calls, sessions, contexts, targets, .. } = std::mem::take(&mut *routes);
        routes.closed = Some(reason.to_owned());
        drop(routes);
        for inbox in
            calls.into_values().chain(sessions.into_values()).chain(contexts.into_values()).chain(targets.into_values())
        {
            inbox.close(reason);
        }
    }
}

#[cfg(test)]
mod tests;
