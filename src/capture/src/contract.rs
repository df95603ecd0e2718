//! What the hooks inside the interpreter leave behind, read as hostile evidence.
//!
//! These functions are pure and total: any bytes give a value or an error, sizes are bounded, and nothing
//! that they return has been believed: a file name is only a name, dimensions are only a claim.

use glasshouse_model::{ErrorInfo, Origin};
use serde::Deserialize;
use serde_json::Value;

use crate::pages::{PageRecord, page};

/// Bytes of one JSON file, at most.
pub(crate) const JSON_LIMIT: u64 = 4 << 20;
/// Pixels of one picture, at most.
pub const PIXEL_LIMIT: u64 = 64 << 20;
/// Pixels on one side, at most.
pub const SIDE_LIMIT: u32 = 16_384;

const SHORT: usize = 256;
const PATH: usize = 4096;
const MESSAGE: usize = 8 << 10;
const TRACEBACK: usize = 64 << 10;
const LINKS: usize = 32;

/// Why a file of the hooks cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// Larger than any that the hooks write.
    #[error("holds {0} bytes, more than {JSON_LIMIT}")]
    TooLarge(usize),
    /// Not JSON of the agreed shape.
    #[error("is not of the agreed shape: {0}")]
    Shape(String),
    /// A file name that is more than one plain name.
    #[error("names a file that cannot be a capture's: {0:?}")]
    Name(String),
    /// Dimensions beyond the limits.
    #[error("claims {0} x {1} pixels")]
    Dimensions(u64, u64),
}

/// One record `NNNN.json`: a figure that was saved, shown or left open.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Capture {
    /// How it came about.
    pub origin: Origin,
    /// The absolute path that the save wrote to, if it wrote a file.
    pub written: Option<String>,
    /// The picture that was drawn.
    pub pixels: Option<PixelFile>,
    /// What the script saved into a buffer, or what was taken out of a film.
    pub buffer: Option<BufferFile>,
    /// The SVG document that stands for the picture, to be drawn when the run is over.
    pub drawing: Option<DrawingFile>,
    /// The number of the earlier record that shows the same state of the same figure.
    pub same_as: Option<u64>,
    /// Frames of an animation.
    pub frames: Option<u64>,
    /// Facts about the figure.
    pub facts: Option<Value>,
    /// The page that stands for the figure.
    pub page: Option<PageRecord>,
    /// Why there are no pixels.
    pub error: Option<String>,
}

/// A file of whole pictures or documents in the captures folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BufferFile {
    /// Its name in the captures folder.
    pub file: String,
    /// Its format, in lower case.
    pub format: String,
    /// What the record calls it.
    pub called: BufferName,
}

/// What the record calls a buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BufferName {
    /// `buffer-1.png`, by its number.
    Numbered,
    /// `frames/NAME.png`: a frame of a film.
    Frame(String),
    /// `figure-1.png`: the picture of a figure, such as one that was left open.
    Figure,
    /// `NAME.png`.
    Own(String),
}

/// An SVG document in the captures folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawingFile {
    /// Its name in the captures folder.
    pub file: String,
    /// The name of the frame that it is, if it is one of several that belong together.
    pub frame: Option<String>,
}

/// A file of raw pixels: 8 bit RGBA, not premultiplied, row by row from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PixelFile {
    /// Its name in the captures folder.
    pub file: String,
    /// Pixels per row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl PixelFile {
    /// The size that the file must have, in bytes.
    pub fn bytes(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * 4
    }
}

/// One exception of a chain, outermost first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorLink {
    /// The exception's type, such as `OSError`.
    pub kind: String,
    /// Its `errno`, if it has one.
    pub errno: Option<i32>,
}

/// What `error.json` tells of an uncaught exception.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// For the record.
    pub error: ErrorInfo,
    /// The exception, its cause, that one's cause, ...
    pub chain: Vec<ErrorLink>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawCapture {
    origin: Value,
    pixels: Value,
    buffer: Value,
    drawing: Value,
    same_as: Value,
    frames: Value,
    facts: Value,
    page: Value,
    error: Value,
}

/// Reads one `NNNN.json`. Keys that are absent or of another type than agreed count as absent.
///
/// # Errors
/// If it is too large, not a JSON object, or names files or dimensions that no capture can have.
pub fn parse_capture(json: &[u8]) -> Result<Capture, ContractError> {
    let raw: RawCapture = parse(json)?;
    Ok(Capture {
        origin: Origin {
            call: text(&raw.origin["call"], SHORT).unwrap_or_default(),
            path: text(&raw.origin["path"], PATH),
            format: text(&raw.origin["format"], SHORT),
            line: raw.origin["line"].as_u64(),
        },
        written: text(&raw.origin["written"], PATH),
        pixels: pixels(&raw.pixels)?,
        buffer: buffer(&raw.buffer)?,
        drawing: drawing(&raw.drawing)?,
        same_as: raw.same_as.as_u64(),
        frames: raw.frames.as_u64(),
        page: page(&raw.page)?,
        facts: Some(raw.facts).filter(|facts| facts.as_object().is_some_and(|map| !map.is_empty())),
        error: text(&raw.error, MESSAGE),
    })
}

/// Reads `overflow.json`: how many figures were counted and not captured.
///
/// # Errors
/// If it is too large or not a JSON object.
pub fn parse_overflow(json: &[u8]) -> Result<u64, ContractError> {
    let value: serde_json::Map<String, Value> = parse(json)?;
    Ok(value.get("figures").and_then(Value::as_u64).unwrap_or(0))
}

/// Reads `missing.json`: what the row asks for and what the program left does not have.
///
/// # Errors
/// If it is too large or not a JSON object.
pub fn parse_missing(json: &[u8]) -> Result<String, ContractError> {
    let value: serde_json::Map<String, Value> = parse(json)?;
    Ok(value.get("message").and_then(|message| text(message, MESSAGE)).unwrap_or_default())
}

/// Reads `failures.json`: what went wrong inside the hooks.
///
/// # Errors
/// If it is too large or not a JSON object.
pub fn parse_failure(json: &[u8]) -> Result<String, ContractError> {
    let value: serde_json::Map<String, Value> = parse(json)?;
    Ok(value.get("error").and_then(|error| text(error, MESSAGE)).unwrap_or_default())
}

/// Reads `error.json`: the uncaught exception.
///
/// # Errors
/// If it is too large or not a JSON object.
pub fn parse_error(json: &[u8]) -> Result<Failure, ContractError> {
    let value = Value::Object(parse(json)?);
    let links = value["chain"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(Failure {
        error: ErrorInfo {
            kind: text(&value["type"], SHORT).unwrap_or_default(),
            message: text(&value["message"], MESSAGE).unwrap_or_default(),
            line: value["line"].as_u64(),
            traceback: text(&value["traceback"], TRACEBACK).unwrap_or_default(),
        },
        chain: links.iter().take(LINKS).map(link).collect(),
    })
}

fn link(value: &Value) -> ErrorLink {
    let errno = value["errno"].as_i64().and_then(|errno| i32::try_from(errno).ok());
    ErrorLink { kind: text(&value["type"], SHORT).unwrap_or_default(), errno }
}

fn parse<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, ContractError> {
    if json.len() as u64 > JSON_LIMIT {
        return Err(ContractError::TooLarge(json.len()));
    }
    let value = serde_json::from_slice(json).or_else(|_| serde_json::from_slice(&without_lone_surrogates(json)));
    value.map_err(|error| ContractError::Shape(error.to_string()))
}

/// Python's strings may hold half a surrogate pair (a file name that is not UTF-8, say) and its JSON then does too,
/// which no Rust string can hold: each half that stands alone becomes U+FFFD.
fn without_lone_surrogates(json: &[u8]) -> Vec<u8> {
    let mut mended = json.to_vec();
    let mut at = 0;
    while at < json.len() {
        if json[at] != b'\\' {
            at += 1;
            continue;
        }
        at += match escaped(json, at) {
            Some(0xd800..=0xdbff) if matches!(escaped(json, at + 6), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => {
                mended[at..at + 6].copy_from_slice(b"\\ufffd");
                6
            }
            _ => 2,
        };
    }
    mended
}

/// The code unit of the escape `\uXXXX` that starts at an offset.
fn escaped(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// A string of at most `limit` bytes; a longer one is cut at a character and marked.
fn text(value: &Value, limit: usize) -> Option<String> {
    let text = value.as_str()?;
    if text.len() <= limit {
        return Some(text.to_owned());
    }
    let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    Some(format!("{}…", &text[..end]))
}

fn pixels(value: &Value) -> Result<Option<PixelFile>, ContractError> {
    if value.is_null() {
        return Ok(None);
    }
    let (width, height) = dimensions(value)?;
    let (columns, rows) = (u64::from(width), u64::from(height));
    if columns * rows > PIXEL_LIMIT {
        return Err(ContractError::Dimensions(columns, rows));
    }
    Ok(Some(PixelFile { file: file_name(&value["file"])?, width, height }))
}

/// Width and height, each a side that a picture may have.
pub(crate) fn dimensions(value: &Value) -> Result<(u32, u32), ContractError> {
    let (width, height) = (value["width"].as_u64().unwrap_or(0), value["height"].as_u64().unwrap_or(0));
    let side = |length: u64| u32::try_from(length).ok().filter(|length| (1..=SIDE_LIMIT).contains(length));
    side(width).zip(side(height)).ok_or(ContractError::Dimensions(width, height))
}

fn buffer(value: &Value) -> Result<Option<BufferFile>, ContractError> {
    if value.is_null() {
        return Ok(None);
    }
    let format = value["format"].as_str().unwrap_or_default();
    let plain = (1..=8).contains(&format.len()) && format.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let format = if plain { format.to_ascii_lowercase() } else { "bin".to_owned() };
    let called = match (optional_name(&value["frame"])?, optional_name(&value["name"])?) {
        (Some(frame), _) => BufferName::Frame(frame),
        (None, Some(name)) => BufferName::Own(name),
        (None, None) if value["figure"] == true => BufferName::Figure,
        (None, None) => BufferName::Numbered,
    };
    Ok(Some(BufferFile { file: file_name(&value["file"])?, format, called }))
}

fn drawing(value: &Value) -> Result<Option<DrawingFile>, ContractError> {
    if value.is_null() {
        return Ok(None);
    }
    Ok(Some(DrawingFile { file: file_name(&value["file"])?, frame: optional_name(&value["frame"])? }))
}

fn optional_name(value: &Value) -> Result<Option<String>, ContractError> {
    if value.is_null() { Ok(None) } else { frame_name(value).map(Some) }
}

/// A plain name: letters, digits and single dots, so that it can mean nothing but a file in the folder.
pub(crate) fn file_name(value: &Value) -> Result<String, ContractError> {
    let name = value.as_str().unwrap_or_default();
    let plain = (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
        && !name.starts_with('.')
        && !name.contains("..");
    if plain { Ok(name.to_owned()) } else { Err(ContractError::Name(name.chars().take(64).collect())) }
}

/// The name of a frame: that of a class, which may have letters of any script, and a number or a word.
fn frame_name(value: &Value) -> Result<String, ContractError> {
    let name = value.as_str().unwrap_or_default();
    let plain = (1..=128).contains(&name.len()) && name.chars().all(|one| one.is_alphanumeric() || "_-".contains(one));
    if plain { Ok(name.to_owned()) } else { Err(ContractError::Name(name.chars().take(64).collect())) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parsed(value: &Value) -> Result<Capture, ContractError> {
        parse_capture(value.to_string().as_bytes())
    }

    #[test]
    fn a_record_of_the_hooks_is_understood() {
        let capture = parsed(&json!({
            "seq": 3, "kind": "figure", "same_as": null, "frames": null, "error": null,
            "origin": {"call": "savefig", "path": "a.pdf", "written": "/work/a.pdf", "format": "pdf", "line": 7},
            "pixels": {"file": "0003.rgba", "width": 640, "height": 480}, "buffer": {"file": "0003.bin", "format": "PDF"},
            "facts": {"axes": []},
        }))
        .unwrap();
        assert_eq!(capture.origin.line, Some(7));
        assert_eq!(capture.written.as_deref(), Some("/work/a.pdf"));
        assert_eq!(capture.pixels.unwrap().bytes(), 640 * 480 * 4);
        let called = BufferName::Numbered;
        let buffer = BufferFile { file: "0003.bin".to_owned(), format: "pdf".to_owned(), called };
        assert_eq!(capture.buffer.unwrap(), buffer);
        assert_eq!(capture.facts, Some(json!({"axes": []})));
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for name in ["../x", "/etc/passwd", "a/b", "..", ".tmp", "", "a\0b"] {
            let value = json!({"pixels": {"file": name, "width": 1, "height": 1}});
            assert!(matches!(parsed(&value), Err(ContractError::Name(_))), "{name:?}");
        }
    }

    #[test]
    fn frames_have_names_and_no_paths() {
        let named = |name: &str| parsed(&json!({"buffer": {"file": "0001.png", "format": "png", "frame": name}}));
        let called = named("Szene_Ä-last").unwrap().buffer.unwrap().called;
        assert_eq!(called, BufferName::Frame("Szene_Ä-last".to_owned()));
        for name in ["", "../x", "a/b", "a.b", "a b"] {
            assert!(matches!(named(name), Err(ContractError::Name(_))), "{name:?}");
            let drawing = json!({"drawing": {"file": "0001.svg", "frame": name}});
            assert!(matches!(parsed(&drawing), Err(ContractError::Name(_))), "{name:?}");
            let buffer = json!({"buffer": {"file": "0001.bin", "name": name}});
            assert!(matches!(parsed(&buffer), Err(ContractError::Name(_))), "{name:?}");
        }
        let drawing = parsed(&json!({"drawing": {"file": "0001.svg"}})).unwrap().drawing.unwrap();
        assert_eq!(drawing, DrawingFile { file: "0001.svg".to_owned(), frame: None });
    }

    #[test]
    fn dimensions_are_bounded() {
        for (width, height) in [(0, 5), (5, 0), (16_385, 1), (16_384, 16_384), (u64::MAX, u64::MAX)] {
            let value = json!({"pixels": {"file": "a", "width": width, "height": height}});
            assert_eq!(parsed(&value), Err(ContractError::Dimensions(width, height)));
        }
    }

    #[test]
    fn wrong_types_count_as_absent_and_long_text_is_cut() {
        let value = json!({"origin": 5, "facts": [1], "error": "é".repeat(MESSAGE), "same_as": -1});
        let capture = parsed(&value).unwrap();
        assert_eq!((capture.facts, capture.same_as, capture.origin), (None, None, Origin::default()));
        assert!(capture.error.unwrap().len() <= MESSAGE + 3);
    }

    #[test]
    fn an_error_and_its_chain_are_read() {
        let json = br#"{"type": "OSError", "message": "m", "line": 2, "traceback": "t",
            "chain": [{"type": "OSError", "errno": 28}, {"type": "X", "errno": "no"}, 7]}"#;
        let failure = parse_error(json).unwrap();
        assert_eq!((failure.error.kind.as_str(), failure.error.line), ("OSError", Some(2)));
        assert_eq!(failure.chain[0], ErrorLink { kind: "OSError".into(), errno: Some(28) });
        assert_eq!(failure.chain[1].errno, None);
        assert_eq!(failure.chain.len(), 3);
        assert!(parse_error(b"[]").is_err());
        assert_eq!(parse_overflow(br#"{"figures": 12}"#), Ok(12));
        assert_eq!(parse_missing(br#"{"message": "frames.at: 9 s"}"#).unwrap(), "frames.at: 9 s");
        assert_eq!(parse_failure(br#"{"error": "E: x", "traceback": ""}"#).unwrap(), "E: x");
    }

    #[test]
    fn half_a_surrogate_pair_does_not_lose_the_record() {
        let json = br#"{"origin": {"call": "a\ud83d\ude00b", "path": "\udcff\\ud800.png\ud800", "format": "\ud800\ud83d\ude00"}}"#;
        let origin = parse_capture(json).unwrap().origin;
        assert_eq!(origin.call, "a\u{1f600}b");
        assert_eq!(origin.path.as_deref(), Some("\u{fffd}\\ud800.png\u{fffd}"));
        assert_eq!(origin.format.as_deref(), Some("\u{fffd}\u{1f600}"));
    }

    #[test]
    fn deep_and_large_json_is_refused() {
        assert!(matches!(parse_capture("[".repeat(100_000).as_bytes()), Err(ContractError::Shape(_))));
        let deep = format!(r#"{{"facts": {}}}"#, "[".repeat(100_000));
        assert!(matches!(parse_capture(deep.as_bytes()), Err(ContractError::Shape(_))));
        let large = vec![b' '; JSON_LIMIT as usize + 1];
        assert!(matches!(parse_capture(&large), Err(ContractError::TooLarge(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (parse_capture(&bytes), parse_error(&bytes), parse_overflow(&bytes), parse_failure(&bytes), parse_missing(&bytes));
        }
    }
}
