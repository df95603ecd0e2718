//! What is asked of a page.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

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
    /// A further wait after that.
    pub settle: Duration,
    /// What is done then, in order. Captures of [`PageJob::captures`] come after the last step.
    pub steps: Vec<Step>,
    /// What is captured at the end.
    pub captures: Captures,
    /// What is made repeatable.
    pub options: Options,
    /// What the job may use.
    pub limits: PageLimits,
}

impl PageJob {
    /// The published evaluation's way with a page: its text is set as the content of an empty page of 1280 by 720,
    /// nothing is waited for beyond the end of parsing, and one picture of the whole page is taken.
    pub fn of_html(html: impl Into<String>) -> Self {
        Self {
            source: Source::Content(html.into()),
            files: BTreeMap::new(),
            viewport: Viewport::default(),
            until: Until::DomContentLoaded,
            settle: Duration::ZERO,
            steps: Vec::new(),
            captures: Captures { shots: vec![Shot::default()], ..Captures::default() },
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

/// What has to have happened before a page counts as there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Until {
    /// It is parsed and its deferred scripts have run.
    DomContentLoaded,
    /// All that it asked for while it was parsed is there.
    #[default]
    Load,
    /// Half a second without a request. A page that never rests is taken as it is after [`PageLimits::idle`].
    NetworkIdle,
}

/// The window in which a page is shown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Viewport {
    /// CSS pixels.
    pub width: u32,
    /// CSS pixels.
    pub height: u32,
    /// Device pixels per CSS pixel.
    pub scale: f64,
    /// Whether the page is told that the user prefers dark colours.
    pub dark: bool,
}

impl Default for Viewport {
    fn default() -> Self {
        Self { width: 1280, height: 720, scale: 1.0, dark: false }
    }
}

/// A file format of pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Lossless.
    #[default]
    Png,
    /// With losses.
    Jpeg,
    /// With losses below quality 100.
    Webp,
}

/// What of the page a picture shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// All of it, as far as it scrolls.
    #[default]
    FullPage,
    /// What the window shows.
    Viewport,
    /// The box of the first element that this selector finds.
    Element(String),
    /// A part of the window.
    Clip(Rect),
}

/// A rectangle in CSS pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rect {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
    /// At least above 0.
    pub width: f64,
    /// At least above 0.
    pub height: f64,
}

/// One picture to take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shot {
    /// The picture's name in the report.
    pub name: String,
    /// What it shows.
    pub area: Area,
    /// Its file format.
    pub format: Format,
    /// 0 to 100, of JPEG (80 unless given) and WebP (100 unless given).
    pub quality: Option<u8>,
    /// Whether animations are brought to their end, or stopped if they have none (Playwright's `animations="disabled"`).
    pub still: bool,
    /// Whether the text cursor is left visible.
    pub caret: bool,
    /// Whether a page without a background is transparent.
    pub transparent: bool,
}

impl Default for Shot {
    fn default() -> Self {
        Self {
            name: "page".into(),
            area: Area::default(),
            format: Format::default(),
            quality: None,
            still: true,
            caret: false,
            transparent: false,
        }
    }
}

/// What is captured when all steps are done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Captures {
    /// Pictures.
    pub shots: Vec<Shot>,
    /// The document as serialised HTML.
    pub html: bool,
    /// The document as a tree with boxes, visible text and the computed values of these style properties.
    pub tree: Option<Vec<String>>,
    /// The accessibility tree.
    pub accessibility: bool,
}

/// One thing that is done with a page. Elements are named by selectors: CSS, or `text=`, `label=`, `xpath=`.
///
/// An action waits until its element is there, visible, still, enabled, and not covered, as Playwright's do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action", deny_unknown_fields)]
pub enum Step {
    /// Goes to a URL, as [`Source::Visit`] does.
    Goto {
        /// A URL, or a path among the page's own files.
        url: String,
    },
    /// Presses and releases the left mouse button in the middle of an element.
    Click {
        /// Which element.
        selector: String,
        /// How often; twice is a double click.
        #[serde(default = "once")]
        count: u32,
    },
    /// Replaces the text of a field.
    Fill {
        /// Which field.
        selector: String,
        /// The new text.
        value: String,
    },
    /// Chooses options of a `select` element by value or label.
    Select {
        /// Which element.
        selector: String,
        /// Values or labels.
        values: Vec<String>,
    },
    /// Brings a check box or radio button into a state.
    Check {
        /// Which element.
        selector: String,
        /// The state.
        #[serde(default = "yes")]
        checked: bool,
    },
    /// Moves the mouse to an element.
    Hover {
        /// Which element.
        selector: String,
    },
    /// Drags an element to another one, or by a distance.
    Drag {
        /// What is dragged.
        selector: String,
        /// Where it is dropped.
        #[serde(default)]
        to: Option<String>,
        /// How far it is dragged in CSS pixels to the right and down, when there is no `to`.
        #[serde(default)]
        by: Option<(f64, f64)>,
    },
    /// Presses a key, such as `Enter`, `a` or `Control+a`.
    Press {
        /// The key.
        key: String,
        /// The element that gets the focus first.
        #[serde(default)]
        selector: Option<String>,
    },
    /// Waits for a time, for an element, or for rest.
    Wait {
        /// How long, in milliseconds.
        #[serde(default)]
        ms: Option<u64>,
        /// The element that has to be visible.
        #[serde(default)]
        selector: Option<String>,
        /// What has to have happened.
        #[serde(default)]
        until: Option<Until>,
    },
    /// Takes a picture.
    Shot(Shot),
}

fn once() -> u32 {
    1
}

fn yes() -> bool {
    true
}

/// What is made repeatable. All of it changes what a page sees, so none of it is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Seeds `Math.random`.
    pub seed: Option<u64>,
    /// Freezes `Date` and `performance.now` at this many milliseconds since 1970.
    pub clock: Option<u64>,
    /// After the page is there, time runs ahead by so many milliseconds as fast as the page's work allows.
    pub virtual_time: Option<u64>,
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
    /// Bytes of the serialised document, and nodes of each tree, beyond which they are cut (and flagged).
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_as_rows_write_them() {
        let text = r##"[{"action":"click","selector":"#a"},{"action":"check","selector":"#b"},
            {"action":"drag","selector":"#c","by":[10,0]},{"action":"shot","name":"after","area":{"element":"#d"}},
            {"action":"wait","ms":5}]"##;
        let steps: Vec<Step> = serde_json::from_str(text).unwrap();
        assert_eq!(steps[0], Step::Click { selector: "#a".into(), count: 1 });
        assert_eq!(steps[1], Step::Check { selector: "#b".into(), checked: true });
        assert_eq!(steps[2], Step::Drag { selector: "#c".into(), to: None, by: Some((10.0, 0.0)) });
        let Step::Shot(shot) = &steps[3] else { panic!("{steps:?}") };
        assert_eq!(shot.area, Area::Element("#d".into()));
        assert!(serde_json::from_str::<Step>(r##"{"action":"click","selektor":"#a"}"##).is_err());
    }
}
