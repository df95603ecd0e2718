//! One browser: its process, its pages made ahead, and when it is spent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use chromiumoxide_cdp::cdp::browser_protocol::browser::GetVersionParams;
use chromiumoxide_types::Command;
use serde_json::value::RawValue;

use crate::WebError;
use crate::connection::{Connection, Inbox, Message, Nothing};
use crate::host::{BrowserProcess, Death, Host};
use crate::page::{Halt, PROMPT, Page};

/// How long a browser may take until it answers, on a busy machine.
const START: Duration = Duration::from_secs(30);
/// How long to wait for a browser whose pipe closed to be dead as well.
const DYING: Duration = Duration::from_secs(2);

/// When a browser has served long enough. Browsers that live long grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recycling {
    /// Jobs.
    pub jobs: u64,
    /// Time since its start.
    pub age: Duration,
    /// Memory of all its processes between two jobs, in bytes.
    pub memory: u64,
}

impl Default for Recycling {
    fn default() -> Self {
        Self { jobs: 500, age: Duration::from_secs(1800), memory: 1 << 30 }
    }
}

/// How many jobs pass between two looks at the memory: each look costs a few milliseconds.
const MEMORY_EVERY: u64 = 20;

enum Order {
    Make,
    Dispose(Box<Page>),
}

/// A running browser. Dropping it ends it.
pub(crate) struct Browser {
    process: Box<dyn BrowserProcess>,
    orders: Option<Sender<Order>>,
    pages: Receiver<Result<Page, Halt>>,
    maker: Option<thread::JoinHandle<()>>,
    /// Whether a page could not be disposed of, so that what it did may still be there.
    unclean: Arc<AtomicBool>,
    born: Instant,
    jobs: u64,
    /// The program's name and version.
    pub(crate) version: String,
}

impl Browser {
    /// Starts a browser and orders its first page.
    pub(crate) fn start(host: &dyn Host) -> Result<Self, WebError> {
        let mut process = host.launch()?;
        let pipes = process.pipes().ok_or_else(|| WebError::Launch("the host gave no pipes".to_owned()))?;
        let connection = Connection::start(pipes)?;
        let version = match greet(&connection) {
            Ok(version) => version,
            Err(error) => return Err(explained(process.as_mut(), error)),
        };
        let unclean = Arc::new(AtomicBool::new(false));
        let (orders, taken) = channel();
        let (give, pages) = channel();
        let flag = Arc::clone(&unclean);
        let work = move || make_pages(&connection, &taken, &give, &flag);
        let maker = thread::Builder::new().name("pages".into()).spawn(work).map_err(|error| {
            WebError::Launch(format!("no thread could be made for it: {error}; raise the limit on processes"))
        })?;
        let browser = Self {
            process,
            orders: Some(orders),
            pages,
            maker: Some(maker),
            unclean,
            born: Instant::now(),
            jobs: 0,
            version,
        };
        browser.order(Order::Make);
        Ok(browser)
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // The maker ends only with this browser, or by a panic, after which no page comes and the browser is replaced.
            let _ = orders.send(order);
        }
    }

    /// The page that was made ahead. The next one is ordered.
    pub(crate) fn page(&mut self, deadline: Instant) -> Result<Page, WebError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let page = match self.pages.recv_timeout(left) {
            Ok(Ok(page)) => page,
            Ok(Err(halt)) => return Err(explained(self.process.as_mut(), fault(halt))),
            Err(RecvTimeoutError::Timeout) => {
                return Err(WebError::Silent { method: "Target.createTarget".to_owned(), after: left });
            }
            Err(RecvTimeoutError::Disconnected) => return Err(WebError::Gone("no more pages are made".to_owned())),
        };
        self.jobs += 1;
        self.order(Order::Make);
        Ok(page)
    }

    /// Ends a page and everything of its context, off the path of the next job.
    pub(crate) fn dispose(&self, page: Page) {
        self.order(Order::Dispose(Box::new(page)));
    }

    /// Whether it has served long enough, or is not to be trusted any more.
    pub(crate) fn spent(&mut self, recycling: &Recycling) -> bool {
        let full = || self.process.memory().is_some_and(|bytes| bytes > recycling.memory);
        self.unclean.load(Ordering::Relaxed)
            || self.jobs >= recycling.jobs
            || self.born.elapsed() >= recycling.age
            || (self.jobs > 0 && self.jobs.is_multiple_of(MEMORY_EVERY) && full())
            || self.process.death().is_some()
    }

    /// Seconds of processor time of all its processes.
    pub(crate) fn cpu(&self) -> Option<f64> {
        self.process.cpu()
    }

    /// How often the kernel killed one of its processes for memory.
    pub(crate) fn memory_kills(&self) -> u64 {
        self.process.memory_kills()
    }

    /// How it died, when its pipe is closed; `None` if it still lives.
    pub(crate) fn death(&mut self) -> Option<Death> {
        death(self.process.as_mut())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Killed first: whatever the maker waits for then ends at once.
        self.process.kill();
        self.orders = None;
        if let Some(maker) = self.maker.take() {
            // A maker that panicked has nothing more to give.
            let _ = maker.join();
        }
    }
}

fn make_pages(
    connection: &Connection,
    orders: &Receiver<Order>,
    give: &Sender<Result<Page, Halt>>,
    unclean: &AtomicBool,
) {
    while let Ok(order) = orders.recv() {
        match order {
            Order::Make => {
                if give.send(Page::make(connection, Instant::now() + START)).is_err() {
                    return;
                }
            }
            Order::Dispose(page) => {
                if page.dispose(Instant::now() + PROMPT).is_err() {
                    unclean.store(true, Ordering::Relaxed);
                }
            }
        }
    }
}

/// Learns the version, and has every target that a page opens held back for us.
fn greet(connection: &Connection) -> Result<String, WebError> {
    let deadline = Instant::now() + START;
    let inbox = Arc::new(Inbox::default());
    let version = ask(connection, &inbox, &GetVersionParams::default(), deadline)?;
    let attach = r#"{"autoAttach":true,"waitForDebuggerOnStart":true,"flatten":true}"#;
    ask_raw(connection, &inbox, "Target.setAutoAttach", attach, deadline)?;
    // This is what tells how a page's process ended.
    let discover = r#"{"discover":true,"filter":[{"type":"page"}]}"#;
    ask_raw(connection, &inbox, "Target.setDiscoverTargets", discover, deadline)?;
    Ok(version.product)
}

fn ask<C: Command>(
    connection: &Connection,
    inbox: &Arc<Inbox>,
    command: &C,
    deadline: Instant,
) -> Result<C::Response, WebError> {
    let method = command.identifier().into_owned();
    let answer = ask_raw(connection, inbox, &method, "{}", deadline)?;
    serde_json::from_str(answer.get()).map_err(|error| WebError::Form { method, message: error.to_string() })
}

fn ask_raw(
    connection: &Connection,
    inbox: &Arc<Inbox>,
    method: &str,
    params: &str,
    deadline: Instant,
) -> Result<Box<RawValue>, WebError> {
    let id = connection.send_raw(Some(inbox), None, method, &[params], deadline)?;
    loop {
        match inbox.next(deadline) {
            Ok(Message::Answer(answer)) if answer.id == id => {
                return answer.result.map_err(|message| WebError::Refused { method: method.to_owned(), message });
            }
            Ok(_) => {}
            Err(Nothing::Closed(reason)) => return Err(WebError::Gone(reason)),
            Err(_) => return Err(WebError::Silent { method: method.to_owned(), after: START }),
        }
    }
}

/// A halt outside of any job is a fault of ours.
pub(crate) fn fault(halt: Halt) -> WebError {
    match halt {
        Halt::Late => WebError::Silent { method: "a command".to_owned(), after: PROMPT },
        Halt::Crashed { status, code } => WebError::Gone(format!("an empty page's process ended: {status} ({code})")),
        Halt::Closed => WebError::Gone("an empty page was closed".to_owned()),
        Halt::NotShown(message) => WebError::Refused { method: "Page.captureScreenshot".to_owned(), message },
        Halt::Gone(reason) => WebError::Gone(reason),
        Halt::Flood(what) => WebError::Gone(format!("it floods us with {what}")),
        Halt::Failed(error) => error,
    }
}

fn death(process: &mut dyn BrowserProcess) -> Option<Death> {
    let until = Instant::now() + DYING;
    loop {
        if let Some(death) = process.death() {
            return Some(death);
        }
        if Instant::now() >= until {
            return None;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Adds how the browser died to an error that says that it is gone.
fn explained(process: &mut dyn BrowserProcess, error: WebError) -> WebError {
    let WebError::Gone(reason) = error else { return error };
    match death(process) {
        Some(Death { how, last_words }) => {
            let said = last_words.trim();
            WebError::Gone(format!("{reason}; it ended with {how}, its last words: {said}"))
        }
        None => WebError::Gone(reason),
    }
}
