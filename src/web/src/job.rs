//! What is asked of a page.

use std::collections::BTreeMap;
use std::time::Duration;

pub use glasshouse_model::page::{Area, Captures, Format, Frames, Options, Rect, Shot, Step, Until, Viewport};

/// One page to render: where it comes from, what is done with it, what is captured of it.
#[derive(Clone, Debug, PartialEq)]
pub struct PageJob {
    /// Where the page comes from.
    pub source: Source,
    /// Files that the page finds under [`crate::OWN_ORIGIN`], by relative path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The window.
    pub viewport: Viewport,
    /// What has to have happened before the first step.
    pub until: Until,
    /// How long the pictures of the page (`img`) are waited for then, all together. `None`: not at all.
    pub images: Option<Duration>,
    /// A further wait after that.
    pub settle: Duration,
    /// What is done then, in order. Captures of [`PageJob::captures`] come after the last step.
    pub steps: Vec<Step>,
    /// What is captured at the end.
    pub captures: Captures,
    /// The elements whose texts are taken after that, by CSS: what a page that computes something leaves of it.
    pub results: Option<String>,
    /// Whether the page's first sheet is printed at the very end.
    pub pdf: bool,
    /// What is made repeatable.
    pub options: Options,
    /// What the job may use.
    pub limits: PageLimits,
}

impl PageJob {
    /// A page's text is set as the content of an empty page of 1280 by 720, nothing is waited for beyond the end of
    /// parsing, and one picture of the whole page is taken.
    pub fn of_html(html: impl Into<String>) -> Self {
        Self {
            source: Source::Content(html.into()),
            files: BTreeMap::new(),
            viewport: Viewport::default(),
            until: Until::DomContentLoaded,
            images: None,
            settle: Duration::ZERO,
            steps: Vec::new(),
            captures: Captures { shots: vec![Shot::default()], ..Captures::default() },
            results: None,
            pdf: false,
            options: Options::default(),
            limits: PageLimits::default(),
        }
    }
}

/// Where a page comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// This text becomes the content of `about:blank`, as Playwright's `set_content` does it. Relative URLs lead nowhere.
    Content(String),
    /// The browser goes to this URL. One without a scheme is a path under [`crate::OWN_ORIGIN`].
    Visit(String),
}

/// What one job may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimits {
    /// The whole job on the clock.
    pub wall: Duration,
    /// Until a page that is gone to counts as there.
    pub navigation: Duration,
    /// One action.
    pub action: Duration,
    /// How long [`Until::NetworkIdle`] waits for a page that never rests.
    pub idle: Duration,
    /// Height and width in CSS pixels beyond which a picture is cut (and flagged): no surface of the browser is larger.
    pub side: u32,
    /// Device pixels of one picture beyond which it is cut (and flagged).
    pub pixels: u64,
    /// Requests that are answered; a page that makes more is ended.
    pub requests: u32,
    /// Windows that it may open, all of which are closed at once; a page that opens more is ended.
    pub popups: u32,
    /// Lines of console output that are kept; more are counted.
    pub console: u32,
    /// Bytes of the serialised document and of all results, and nodes of each tree, beyond which they are cut (and flagged).
    pub document: usize,
}

impl Default for PageLimits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(60),
            navigation: Duration::from_secs(30),
            action: Duration::from_secs(10),
            idle: Duration::from_secs(10),
            side: 16_384,
            pixels: 134_217_728,
            requests: 10_000,
            popups: 100,
            console: 1_000,
            document: 32 << 20,
        }
    }
}
