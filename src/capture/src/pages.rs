//! Figures that are pages: what the hooks say of them, and what of them is handed on to a browser.
//!
//! As everything in [`crate::contract`], a page is hostile evidence: it is only ever opened in a browser that could show
//! any page of the web.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::contract::{ContractError, dimensions, file_name};

/// Bytes of one page, at most.
pub(crate) const PAGE_LIMIT: u64 = 32 << 20;
/// Bytes of all pages of one run, with the files that they name.
pub(crate) const PAGES_IN_ALL: u64 = 128 << 20;
/// Files of the work folder among which those that a page names are looked for.
pub(crate) const BESIDE: usize = 64;

/// How many device pixels a CSS pixel may have.
const SCALES: std::ops::RangeInclusive<f64> = 0.1..=8.0;
/// What the hooks write into a file that a page is to fill (`PROMISE` in images/python/driver/glasshouse_capture).
const PROMISE: (&str, &str) = ("glasshouse: picture ", " is drawn when the program has ended\n");
/// Digits of a record's number in a promise.
const DIGITS: usize = 4;

/// What of a page is its picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureOf {
    /// The first of the results that the page leaves: a PNG.
    Result,
    /// The element `glasshouse-figure`.
    Element,
    /// What the window shows.
    Window,
}

/// How a page is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PageView {
    /// The window's width in CSS pixels, 1 to 16,384.
    pub width: u32,
    /// The window's height in CSS pixels, 1 to 16,384.
    pub height: u32,
    /// Device pixels per CSS pixel, 0.1 to 8.
    pub scale: f64,
    /// Whether the page says when it is done, by the element `glasshouse-ready`.
    pub ready: bool,
    /// What of it is the picture.
    pub picture: PictureOf,
}

/// The format of a file that a page fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageFormat {
    /// The picture itself.
    Png,
    /// With losses.
    Jpeg,
    /// With losses.
    Webp,
    /// A drawing.
    Svg,
    /// The page's first sheet.
    Pdf,
}

impl PageFormat {
    /// The format of this name in lower case.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "png" => Self::Png,
            "jpeg" => Self::Jpeg,
            "webp" => Self::Webp,
            "svg" => Self::Svg,
            "pdf" => Self::Pdf,
            _ => return None,
        })
    }

    /// The name, which is also what the page's result of this format begins with.
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
            Self::Svg => "svg",
            Self::Pdf => "pdf",
        }
    }

    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Svg => "image/svg+xml",
            Self::Pdf => "application/pdf",
        }
    }

    /// Whether it is a document, not a picture.
    pub fn is_document(self) -> bool {
        matches!(self, Self::Svg | Self::Pdf)
    }
}

/// A page that stands for a figure and is still to be shown. Its bytes come from inside a sandbox.
#[derive(Clone, Debug, PartialEq)]
pub struct FigurePage {
    /// The document.
    pub html: Vec<u8>,
    /// Files that it may ask for, by their paths from its own folder.
    pub beside: BTreeMap<String, Vec<u8>>,
    /// How it is to be looked at.
    pub view: PageView,
    /// The place among the artifacts of the figure that its picture becomes.
    pub figure: Option<usize>,
    /// The places of the files that it fills, all with the same.
    pub files: Vec<usize>,
    /// The format of these files.
    pub format: PageFormat,
}

/// Where a page lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PagePlace {
    /// In the captures folder, under this name.
    Captured(String),
    /// It is the file that the call wrote.
    Written,
}

/// What a record says of its page.
#[derive(Clone, Debug, PartialEq)]
pub struct PageRecord {
    /// Where it lies.
    pub place: PagePlace,
    /// How it is to be looked at.
    pub view: PageView,
    /// The format of the file that it is to fill, if the program expects one.
    pub promise: Option<PageFormat>,
}

/// Reads the part `page` of a record.
pub(crate) fn page(value: &Value) -> Result<Option<PageRecord>, ContractError> {
    if value.is_null() {
        return Ok(None);
    }
    let (width, height) = dimensions(value)?;
    let scale = value["scale"].as_f64().unwrap_or(1.0);
    if !SCALES.contains(&scale) {
        return Err(ContractError::Shape(format!("a scale of {scale} is not within 0.1 to 8")));
    }
    let picture = match value["picture"].as_str() {
        Some("text") => PictureOf::Result,
        Some("element") => PictureOf::Element,
        Some("window") => PictureOf::Window,
        _ => return Err(ContractError::Shape("page.picture is none that is known".to_owned())),
    };
    let place = match &value["file"] {
        Value::Null => PagePlace::Written,
        name => PagePlace::Captured(file_name(name)?),
    };
    let ready = value["ready"].as_bool().unwrap_or(false);
    let view = PageView { width, height, scale, ready, picture };
    let promise = value["promise"].as_str().and_then(PageFormat::from_name);
    Ok(Some(PageRecord { place, view, promise }))
}

/// Bytes of every promise.
pub(crate) fn promise_length() -> u64 {
    (PROMISE.0.len() + DIGITS + PROMISE.1.len()) as u64
}

/// The number of the record that a file waits for, if it holds a promise and nothing else.
pub(crate) fn promised(bytes: &[u8]) -> Option<u64> {
    let digits = bytes.strip_prefix(PROMISE.0.as_bytes())?.strip_suffix(PROMISE.1.as_bytes())?;
    let plain = digits.len() == DIGITS && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn some() -> Value {
        json!({"file": "0001.html", "width": 1280, "height": 720, "scale": 2.0, "ready": true,
            "picture": "element", "promise": "png"})
    }

    fn with(key: &str, value: Value) -> Value {
        let mut page = some();
        page[key] = value;
        page
    }

    #[test]
    fn a_page_of_the_hooks_is_understood() {
        let record = page(&some()).unwrap().unwrap();
        assert_eq!(record.place, PagePlace::Captured("0001.html".into()));
        let view = PageView { width: 1280, height: 720, scale: 2.0, ready: true, picture: PictureOf::Element };
        assert_eq!((record.view, record.promise), (view, Some(PageFormat::Png)));
        assert_eq!(page(&with("file", Value::Null)).unwrap().unwrap().place, PagePlace::Written);
        assert_eq!(page(&Value::Null), Ok(None));
        assert_eq!(page(&with("promise", json!("exe"))).unwrap().unwrap().promise, None);
    }

    #[test]
    fn claims_that_no_window_can_keep_are_refused() {
        let bad = [
            ("width", json!(0)),
            ("height", json!(100_000)),
            ("height", json!(-1)),
            ("scale", json!(0.0)),
            ("scale", json!(1000)),
            ("picture", json!("everything")),
            ("file", json!("../x")),
        ];
        for (key, value) in bad {
            assert!(page(&with(key, value.clone())).is_err(), "{key} {value}");
        }
    }

    #[test]
    fn only_a_whole_promise_is_one() {
        let promise = b"glasshouse: picture 0012 is drawn when the program has ended\n";
        assert_eq!(promised(promise), Some(12));
        assert_eq!(promise.len() as u64, promise_length());
        for other in ["", "glasshouse: picture 12", "glasshouse: picture +012 is drawn when the program has ended\n"] {
            assert_eq!(promised(other.as_bytes()), None, "{other}");
        }
    }
}
