//! What a row asks of a page, and what a record says of one beside its pictures.

use serde::{Deserialize, Serialize};

/// All that a row asks of its page beside code and files: the columns `page` and `actions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageRequest {
    /// How the code becomes a page.
    pub open: Open,
    /// The window.
    pub viewport: Viewport,
    /// What has to have happened before the first action.
    pub until: Until,
    /// A further wait after that, in milliseconds.
    pub settle: u64,
    /// What is captured when all actions are done. One picture of the whole page unless the row says otherwise.
    pub captures: Captures,
    /// What is made repeatable.
    pub options: Options,
    /// Whether errors that no code caught leave the verdict alone.
    pub tolerate_errors: bool,
    /// What is done with the page, in order (the column `actions`).
    #[serde(skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Step>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self {
            open: Open::default(),
            viewport: Viewport::default(),
            until: Until::default(),
            settle: 0,
            captures: Captures { shots: vec![Shot::default()], ..Captures::default() },
            options: Options::default(),
            tolerate_errors: false,
            actions: Vec::new(),
        }
    }
}

/// How a row's code becomes a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Open {
    /// The browser goes to it as to a file among the row's own files.
    #[default]
    Visit,
    /// It becomes the content of an empty page, as Playwright's `set_content` does it. Relative URLs lead nowhere.
    Content,
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
    /// Half a second without a request. A page that never rests is taken as it is after a limit of the renderer.
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

impl Viewport {
    /// The largest side of a window, in CSS pixels: no surface of the browser is larger.
    pub const SIDE: u32 = 16_384;

    /// Whether a browser can have such a window; else what is wrong.
    pub fn check(&self) -> Result<(), String> {
        let sides = 1..=Self::SIDE;
        if !sides.contains(&self.width) || !sides.contains(&self.height) {
            return Err(format!("{} by {} is not within 1 to {}", self.width, self.height, Self::SIDE));
        }
        if !(0.1..=8.0).contains(&self.scale) {
            return Err(format!("a scale of {} is not within 0.1 to 8", self.scale));
        }
        Ok(())
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
    /// Pictures of the window while the page moves, taken before all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<Frames>,
    /// Pictures.
    pub shots: Vec<Shot>,
    /// The document as serialised HTML.
    pub html: bool,
    /// The document as a tree with boxes, visible text and the computed values of these style properties.
    pub tree: Option<Vec<String>>,
    /// The accessibility tree.
    pub accessibility: bool,
}

/// When pictures of the window are taken while the page moves: `every` so many milliseconds `count` times, the first at
/// once, or `at` these milliseconds. Counted from when the page is there and all steps are done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Frames {
    /// Milliseconds from one to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// How many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Milliseconds, each greater than the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Vec<u64>>,
}

impl Frames {
    /// How many there may be: all are held in memory until the page is over.
    pub const MOST: u64 = 256;
    /// The latest time, in milliseconds: an hour.
    pub const LATEST: u64 = 3_600_000;

    /// The times in milliseconds, in their order.
    ///
    /// # Errors
    /// What is wrong, where they are not given in one of the two ways.
    pub fn times(&self) -> Result<Vec<u64>, String> {
        let most = Self::MOST;
        let times = match (self.every, self.count, &self.at) {
            (Some(every), Some(count), None) => {
                if every == 0 || !(1..=most).contains(&count) {
                    return Err(format!("\"every\" is 1 ms at least, and \"count\" 1 to {most}"));
                }
                (0..count).map(|index| index.saturating_mul(every)).collect()
            }
            (None, None, Some(at)) => at.clone(),
            _ => return Err("give either \"every\" and \"count\", or \"at\"".to_owned()),
        };
        if times.is_empty() || times.len() as u64 > most || times.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(format!("\"at\" holds 1 to {most} times, each greater than the one before"));
        }
        match times.last() {
            Some(last) if *last > Self::LATEST => Err(format!("{last} ms is more than {}", Self::LATEST)),
            _ => Ok(times),
        }
    }
}

/// One thing that is done with a page. Elements are named by selectors: CSS, or `text=`, `label=`, `xpath=`.
///
/// An action waits until its element is there, visible, still, enabled, and not covered, as Playwright's do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action", deny_unknown_fields)]
pub enum Step {
    /// Goes to a URL, as a page that is visited does.
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
    /// After the page is there, time runs ahead by so many milliseconds as fast as the page's work allows, and stands
    /// still then. Frames move it on, each by exactly what it asks for.
    pub virtual_time: Option<u64>,
}

/// One line of the console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleLine {
    /// `log`, `warning`, `error`, ...; `uncaught` for errors that no code caught; `browser` for the browser's own lines.
    pub kind: String,
    /// The text, cut at 4,096 bytes.
    pub text: String,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The line there, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The URL, cut at 2,048 bytes.
    pub url: String,
    /// `GET`, `POST`, ...
    pub method: String,
    /// DevTools' word for what it is for, in lower case: `document`, `script`, `image`, ...
    pub kind: String,
    /// Who answered.
    pub by: Answerer,
    /// The HTTP status, or `None` if the request failed.
    pub status: Option<u16>,
    /// What kept it from being answered, or from being answered whole: packages that the mirror does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacking: Vec<LackingPackage>,
}

/// A package, or a file of one, that a request is for and that the local mirror of public packages does not have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LackingPackage {
    /// Its name in the npm registry.
    pub package: String,
    /// The version or range that was asked for; `latest` where none was.
    pub version: String,
    /// The file, where the mirror has the package and leaves out this file of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The command that adds it. None where none does: the mirror leaves the file out on purpose, or the page asks for
    /// something that no package can be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add: Option<String>,
}

impl LackingPackage {
    /// What the command begins with; packages follow.
    pub const ADD: &str = "glasshouse images mirror add ";

    /// A package of which the mirror has nothing.
    pub fn whole(package: &str, version: &str) -> Self {
        let add = Self::argument(package, version).map(|argument| format!("{}{argument}", Self::ADD));
        Self { package: package.to_owned(), version: version.to_owned(), file: None, add }
    }

    /// A file that the mirror leaves out.
    pub fn left_out(package: &str, version: &str, file: &str) -> Self {
        let [package, version, file] = [package, version, file].map(str::to_owned);
        Self { package, version, file: Some(file), add: None }
    }

    /// The package as the command takes it. Users paste it into a shell and it comes from a page, so it holds nothing that
    /// a shell could take for anything else.
    fn argument(package: &str, version: &str) -> Option<String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let name = |text: &str| !text.is_empty() && !text.starts_with(['-', '.']) && text.chars().all(plain);
        let named = match package.strip_prefix('@') {
            Some(scoped) => scoped.split_once('/').is_some_and(|(scope, rest)| name(scope) && name(rest)),
            None => name(package),
        };
        let sign = |c: char| "^~*".contains(c);
        let versioned = !version.is_empty() && version.chars().all(|c| plain(c) || c == '+' || sign(c));
        let argument = format!("npm:{package}@{version}");
        let quoted = if version.contains(sign) { format!("'{argument}'") } else { argument };
        (named && versioned && package.len() + version.len() <= 256).then_some(quoted)
    }
}

/// Something that is never let through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// `dialog`, `popup`, `download`, `service_worker`, `web_socket`, `file_chooser`.
    pub what: String,
    /// The dialog's text or the URL, cut at 2,048 bytes.
    pub about: String,
}

/// Who answered a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answerer {
    /// The job's own files.
    Files,
    /// The local mirror of public packages.
    Mirror,
    /// A picture made here in place of one from a placeholder service.
    Placeholder,
    /// Nobody: the request failed as it fails on a machine without a network.
    Nobody,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_row_leaves_out_is_the_default() {
        let text = r#"{"viewport": {"width": 800}, "captures": {"shots": []}}"#;
        let page: PageRequest = serde_json::from_str(text).unwrap();
        assert_eq!((page.viewport.width, page.viewport.height), (800, 720));
        assert!(page.captures.shots.is_empty() && PageRequest::default().captures.shots.len() == 1);
        assert!(serde_json::from_str::<PageRequest>(r#"{"viewprot": {}}"#).is_err());
    }

    #[test]
    fn frames_come_at_even_steps_or_at_given_times() {
        let times = |text: &str| serde_json::from_str::<Frames>(text).unwrap().times();
        assert_eq!(times(r#"{"every": 40, "count": 3}"#), Ok(vec![0, 40, 80]));
        assert_eq!(times(r#"{"at": [0, 500, 3600000]}"#), Ok(vec![0, 500, 3_600_000]));
        for wrong in [
            "{}",
            r#"{"every": 40}"#,
            r#"{"count": 3}"#,
            r#"{"every": 0, "count": 3}"#,
            r#"{"every": 40, "count": 0}"#,
            r#"{"every": 40, "count": 257}"#,
            r#"{"every": 3600000, "count": 3}"#,
            r#"{"every": 40, "count": 3, "at": [1]}"#,
            r#"{"at": []}"#,
            r#"{"at": [5, 5]}"#,
            r#"{"at": [3600001]}"#,
        ] {
            assert!(times(wrong).is_err(), "{wrong}");
        }
        assert!(serde_json::from_str::<Frames>(r#"{"fps": 30}"#).is_err());
        // A page without frames is the job that it was before there were any.
        let page = serde_json::to_string(&PageRequest::default()).unwrap();
        assert!(!page.contains("frames"), "{page}");
    }

    #[test]
    fn a_package_is_added_by_a_command_that_a_shell_takes_for_nothing_else() {
        let add = |package, version| LackingPackage::whole(package, version).add;
        let command = |arguments: &str| Some(format!("glasshouse images mirror add {arguments}"));
        assert_eq!(add("three", "0.160.0"), command("npm:three@0.160.0"));
        assert_eq!(add("@fontsource/open-sans", "latest"), command("npm:@fontsource/open-sans@latest"));
        assert_eq!(add("d3", "^7"), command("'npm:d3@^7'"));
        for (package, version) in [
            ("x;reboot", "1"),
            ("$(reboot)", "1"),
            ("x", "1 `reboot`"),
            ("x", "'1"),
            ("-x", "1"),
            ("..", "1"),
            ("@a", "1"),
            ("@a/b/c", "1"),
            ("x\n", "1"),
            ("x", ""),
            ("", "1"),
        ] {
            assert_eq!(add(package, version), None, "{package}@{version}");
        }
        let left_out = LackingPackage::left_out("three", "0.160.0", "src/a.js");
        assert_eq!((left_out.file.as_deref(), left_out.add), (Some("src/a.js"), None));
    }

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
