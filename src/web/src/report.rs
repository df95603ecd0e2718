//! What was seen of a page. Evidence only: verdicts are made elsewhere.

use std::fmt;

use glasshouse_model::page::Format;
pub use glasshouse_model::page::{ConsoleLine, Refused, Request};
use serde::Serialize;
use serde_json::Value;

/// Everything that a job showed.
#[derive(Clone, Debug, Serialize)]
pub struct PageReport {
    /// How it ended.
    pub ending: Ending,
    /// Pictures in the order in which they were taken.
    #[serde(skip)]
    pub shots: Vec<Picture>,
    /// The document as serialised HTML, if asked for.
    #[serde(skip)]
    pub html: Option<Cut<String>>,
    /// The document as a tree, if asked for (`docs` of src/web/README.md, "The tree").
    #[serde(skip)]
    pub tree: Option<Cut<Value>>,
    /// The accessibility tree, if asked for.
    #[serde(skip)]
    pub accessibility: Option<Cut<Value>>,
    /// The texts of the elements that were asked for, in document order. The last one may be cut, or some be missing.
    #[serde(skip)]
    pub results: Option<Cut<Vec<String>>>,
    /// The first sheet as PDF, if asked for and had.
    #[serde(skip)]
    pub pdf: Option<Vec<u8>>,
    /// The console's lines, uncaught errors included, in order.
    pub console: Vec<ConsoleLine>,
    /// Lines of the console that are not kept.
    pub console_dropped: u64,
    /// Every request, in order.
    pub requests: Vec<Request>,
    /// What the page tried that is never let through.
    pub refused: Vec<Refused>,
    /// The URL at the end; where an error page is shown, the one that it stands for.
    pub url: String,
    /// The title at the end.
    pub title: String,
    /// Where the time went.
    pub timings: Timings,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Ending {
    /// All steps were done and everything asked for was captured.
    Complete,
    /// The job's time was over.
    Deadline {
        /// What was under way.
        during: String,
        /// Whether the page still answered. If not, a script of it runs without end.
        responsive: bool,
    },
    /// A step could not be done.
    Step {
        /// Its place, counted from 0.
        index: usize,
        /// What stood in the way.
        message: String,
        /// Whether that was its deadline.
        late: bool,
    },
    /// The page could not be gone to.
    Navigation {
        /// Where to.
        url: String,
        /// The browser's words, such as `net::ERR_NAME_NOT_RESOLVED`.
        error: String,
    },
    /// The page's process ended. It ran nothing but this page, so this is the page's doing, unless a stranger's signal
    /// ended it.
    Crashed {
        /// Whether memory was what it ran out of, as far as is known: the kernel killed it for memory, or the
        /// browser says so.
        memory: bool,
        /// The browser's words: `crashed`, `oom`, ...
        status: String,
        /// The signal or exit status, as the browser tells it.
        code: i64,
    },
    /// Two browsers, both fresh or in good order, could not take a picture of it.
    NotShown {
        /// The browser's words.
        message: String,
    },
    /// The page closed its own window.
    Closed,
    /// The kernel killed the whole browser for memory while the page ran.
    BrowserOutOfMemory,
    /// The page did too much of something.
    Flood {
        /// Of what.
        what: String,
    },
}

impl fmt::Display for Ending {
    /// In words for people, without a full stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("all was done"),
            Self::Deadline { during, responsive: true } => write!(f, "its time was over while {during}"),
            Self::Deadline { during, responsive: false } => write!(f, "a script runs without end (while {during})"),
            Self::Step { message, .. } | Self::NotShown { message } => f.write_str(message),
            Self::Navigation { url, error } => write!(f, "{url}: {error}"),
            Self::Crashed { status, code, .. } => write!(f, "its process ended: {status} ({code})"),
            Self::Closed => f.write_str("it closed its own window"),
            Self::BrowserOutOfMemory => f.write_str("it used up the browser's memory"),
            Self::Flood { what } => write!(f, "too many: {what}"),
        }
    }
}

/// A picture.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The name that the job gave it.
    pub name: String,
    /// Its file format.
    pub format: Format,
    /// The file.
    pub bytes: Vec<u8>,
    /// Device pixels.
    pub width: u32,
    /// Device pixels.
    pub height: u32,
    /// The page's size in CSS pixels where that is more than the picture shows, since the limit on pictures was met.
    pub cut_from: Option<(u32, u32)>,
    /// When the browser was asked for it, in seconds since the job's start; of a frame, since frames began, in the
    /// page's own time where that is virtual.
    pub at: f64,
    /// Of a frame: the time at which it was wanted, on the same clock.
    pub wanted: Option<f64>,
}

/// Something that may have been cut at a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut<T> {
    /// What is there.
    pub value: T,
    /// Whether there was more.
    pub cut: bool,
}

/// Seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Timings {
    /// Until a fresh page was there.
    pub lease: f64,
    /// Until the job's page was there.
    pub load: f64,
    /// In steps.
    pub steps: f64,
    /// In captures.
    pub capture: f64,
}

impl Timings {
    /// Of the page itself: without the wait for a fresh one, which is ours.
    #[must_use]
    pub fn page(&self) -> f64 {
        self.load + self.steps + self.capture
    }
}
