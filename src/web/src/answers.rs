//! Who answers a page's requests, since nothing is ever loaded from a network.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
pub use glasshouse_model::page::{Answerer, LackingPackage};

/// The origin of a page that has files of its own. Names under `localhost` count as trustworthy, so the page may use
/// what it could use when opened as a file; no name of a real host can be meant.
pub const OWN_ORIGIN: &str = "http://page.localhost";

/// A request as a page makes it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The whole URL without its fragment.
    pub url: &'a str,
    /// `GET`, `POST`, ...
    pub method: &'a str,
    /// DevTools' word for what it is for: `Document`, `Script`, `Image`, `Font`, `XHR`, ...
    pub kind: &'a str,
}

/// Bytes of an answer, with the encoding in which the browser takes them made once for all pages.
pub struct Body {
    bytes: Vec<u8>,
    encoded: OnceLock<String>,
}

impl Body {
    /// A body of these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, encoded: OnceLock::new() }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn encoded(&self) -> &str {
        self.encoded.get_or_init(|| BASE64.encode(&self.bytes))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.bytes.len())
    }
}

/// What a request gets.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status, 200 to 599. A mirror answers 404 where the original does.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body, as it is after any content encoding was undone.
    pub body: Arc<Body>,
    /// Who says so.
    pub by: Answerer,
    /// Packages that would belong to it and are not there.
    pub lacking: Vec<LackingPackage>,
}

/// Something that answers requests. Answers may depend on nothing but the request: pages must not learn of each other.
pub trait Answers: Send + Sync {
    /// The answer, or `None` if this is not one that it knows.
    fn answer(&self, asked: &Asked<'_>) -> Option<Answer>;

    /// The packages that a request without an answer is for, where that is known.
    fn lacking(&self, _asked: &Asked<'_>) -> Vec<LackingPackage> {
        Vec::new()
    }
}

/// Knows no answer to anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAnswers;

impl Answers for NoAnswers {
    fn answer(&self, _asked: &Asked<'_>) -> Option<Answer> {
        None
    }
}

/// A page's own files, under [`OWN_ORIGIN`].
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnFiles {
    by_path: BTreeMap<String, Arc<Body>>,
}

impl OwnFiles {
    pub(crate) fn new(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let body = |(path, bytes): (&String, &Vec<u8>)| (path.clone(), Arc::new(Body::new(bytes.clone())));
        Self { by_path: files.iter().map(body).collect() }
    }

    /// The answer to anything under the own origin: a file, or 404 as a server would say.
    pub(crate) fn answer(&self, asked: &Asked<'_>) -> Option<Answer> {
        let path = asked.url.strip_prefix(OWN_ORIGIN)?.strip_prefix('/')?;
        let path = percent_decoded(path.split(['?', '#']).next().unwrap_or_default());
        let path = if path.is_empty() || path.ends_with('/') { format!("{path}index.html") } else { path };
        let answer = |status, kind: &str, body| {
            let headers = vec![("Content-Type".to_owned(), kind.to_owned())];
            Answer { status, headers, body, by: Answerer::Files, lacking: Vec::new() }
        };
        Some(match self.by_path.get(&path) {
            Some(body) => answer(200, media_type(&path), Arc::clone(body)),
            None => answer(404, "text/plain", Arc::new(Body::new(format!("no file {path}\n").into_bytes()))),
        })
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The media type by which a file of this name is served; what is not known is served as bytes.
pub fn media_type(path: &str) -> &'static str {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "xhtml" => "application/xhtml+xml",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" | "cjs" => "text/javascript; charset=utf-8",
        "json" | "map" | "geojson" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "bmp" => "image/bmp",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "wav" => "audio/wav",
        "wasm" => "application/wasm",
        "xml" => "application/xml",
        "txt" | "md" | "csv" | "tsv" => "text/plain; charset=utf-8",
        "pdf" => "application/pdf",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(url: &str) -> Option<Answer> {
        let files = [("index.html", "home"), ("a b/ü.css", "x"), ("a b/index.html", "inner")];
        let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into();
        OwnFiles::new(&files).answer(&Asked { url, method: "GET", kind: "Document" })
    }

    #[test]
    fn own_files_are_found_by_path_and_nothing_else_is_answered() {
        let text = |url| String::from_utf8(ask(url).unwrap().body.bytes().to_vec()).unwrap();
        assert_eq!(text("http://page.localhost/"), "home");
        assert_eq!(text("http://page.localhost/index.html?x=1#y"), "home");
        assert_eq!(text("http://page.localhost/a%20b/%C3%BC.css"), "x");
        assert_eq!(text("http://page.localhost/a%20b/"), "inner");
        assert_eq!(ask("http://page.localhost/../etc/passwd").unwrap().status, 404);
        assert!(ask("http://page.localhost.evil.example/index.html").is_none());
        assert!(ask("http://page.localhost:81/index.html").is_none());
    }

    #[test]
    fn a_percent_sign_alone_is_kept() {
        assert_eq!(percent_decoded("100%_%4"), "100%_%4");
        assert_eq!(percent_decoded("%41%zz"), "A%zz");
    }

    #[test]
    fn media_types_are_by_extension() {
        assert_eq!(media_type("x/Y.PNG"), "image/png");
        assert_eq!(media_type("x.min.js"), "text/javascript; charset=utf-8");
        assert_eq!(media_type("none"), "application/octet-stream");
    }
}
