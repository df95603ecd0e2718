//! What a request gets.

use std::fmt;
use std::sync::Arc;

use super::address::Address;
use crate::answers::{Body, LackingPackage};

/// What comes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is answered, perhaps with a redirect or a 404 that the real host would give too.
    Answer(Answer),
    /// Its host is one that the mirror stands for, but what it asks for is not in the lock.
    NotMirrored(Lacking),
    /// Its host is known and does something that no mirror of packages can do; the text says what.
    Unsupported(String),
    /// Its host is none that the mirror stands for.
    NotOurs,
}

/// A whole response.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body, shared with the mirror's cache.
    pub body: Arc<Body>,
    /// Where it comes from.
    pub origin: Origin,
    /// What would belong to the answer and is not in the lock, such as a second family of a style sheet.
    pub lacking: Vec<Lacking>,
}

/// Where an answer comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file of a package.
    Package {
        /// The package's name.
        name: String,
        /// Its exact version.
        version: String,
        /// The file's path in the package.
        path: String,
        /// Whether the real host would send it minified, which the package's own file is not.
        minified_there: bool,
    },
    /// Made here: a style sheet, a script that is empty.
    Generated,
    /// Made here: a picture in place of one from a placeholder service.
    Picture,
    /// A redirect to another address, which is to be asked for next.
    Redirect,
    /// The package is here and has no such file: a 404, as the real host answers.
    Absent,
}

/// Something that a page asked for and that is not in the lock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lacking {
    /// A package, or the version of one, as the page named it (`latest` where it named none).
    Package {
        /// The package's name.
        name: String,
        /// The version or range asked for.
        version: String,
    },
    /// A file that the package has and that the lock's rules leave out.
    LeftOut {
        /// The package's name.
        name: String,
        /// The exact version.
        version: String,
        /// The file's path in the package.
        path: String,
    },
    /// An address that no line of the tables covers.
    Address(String),
}

impl Lacking {
    pub(super) fn address(address: &Address) -> Self {
        Self::Address(format!("{}/{}", address.host, address.path))
    }

    /// The package, with the command that adds it if one does; `None` where the address tells of none.
    pub fn package(&self) -> Option<LackingPackage> {
        match self {
            Self::Package { name, version } => Some(LackingPackage::whole(name, version)),
            Self::LeftOut { name, version, path } => Some(LackingPackage::left_out(name, version, path)),
            Self::Address(_) => None,
        }
    }
}

impl fmt::Display for Lacking {
    /// What is missing and the next step.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package { name, version } => {
                write!(formatter, "not mirrored: {name}@{version}")?;
                match LackingPackage::whole(name, version).add {
                    Some(add) => write!(formatter, "; `{add}` adds it"),
                    None => write!(formatter, ", which no package can be called"),
                }
            }
            Self::LeftOut { name, version, path } => write!(
                formatter,
                "not mirrored: {path} of {name}@{version}, which `keep` in the mirror's lock leaves out"
            ),
            Self::Address(address) => {
                write!(formatter, "not mirrored: {address}; no line of the mirror's tables covers it")
            }
        }
    }
}

impl PartialEq for Answer {
    fn eq(&self, other: &Self) -> bool {
        let rest =
            |answer: &Self| (answer.status, answer.headers.clone(), answer.origin.clone(), answer.lacking.clone());
        self.body.bytes() == other.body.bytes() && rest(self) == rest(other)
    }
}

impl Eq for Answer {}

impl Answer {
    pub(super) fn package(body: Arc<Body>, name: &str, version: &str, path: &str) -> Self {
        let (name, version, path) = (name.to_owned(), version.to_owned(), path.to_owned());
        let mut headers = shared_headers();
        headers.push(("content-type", media_type(&path).to_owned()));
        headers.push(("cache-control", "public, max-age=31536000, immutable".to_owned()));
        let origin = Origin::Package { name, version, path, minified_there: false };
        Self { status: 200, headers, body, origin, lacking: Vec::new() }
    }

    pub(super) fn generated(media_type: &str, body: Vec<u8>) -> Self {
        let mut headers = shared_headers();
        headers.push(("content-type", media_type.to_owned()));
        Self { status: 200, headers, body: Arc::new(Body::new(body)), origin: Origin::Generated, lacking: Vec::new() }
    }

    pub(super) fn redirect(to: String) -> Self {
        let mut headers = shared_headers();
        headers.push(("location", to));
        Self {
            status: 302,
            headers,
            body: Arc::new(Body::new(Vec::new())),
            origin: Origin::Redirect,
            lacking: Vec::new(),
        }
    }

    pub(super) fn absent(text: String) -> Self {
        let mut headers = shared_headers();
        headers.push(("content-type", "text/plain; charset=utf-8".to_owned()));
        Self {
            status: 404,
            headers,
            body: Arc::new(Body::new(text.into_bytes())),
            origin: Origin::Absent,
            lacking: Vec::new(),
        }
    }

    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }
}

/// What all these hosts send, so that pages of any origin may read what they load.
fn shared_headers() -> Vec<(&'static str, String)> {
    ["access-control-allow-origin", "timing-allow-origin"]
        .map(|name| (name, "*".to_owned()))
        .into_iter()
        .chain([("cross-origin-resource-policy", "cross-origin".to_owned())])
        .collect()
}

/// The media type that content networks send for a file, by the end of its name.
pub(super) fn media_type(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or_default();
    match name.rsplit_once('.').map_or("", |(_, end)| end).to_ascii_lowercase().as_str() {
        "js" | "mjs" | "cjs" => "application/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" | "topojson" | "geojson" => "application/json; charset=utf-8",
        "html" | "htm" => "text/html; charset=utf-8",
        "txt" | "md" | "frag" | "vert" | "glsl" => "text/plain; charset=utf-8",
        "xml" => "text/xml; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "eot" => "application/vnd.ms-fontobject",
        "wasm" => "application/wasm",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "pdf" => "application/pdf",
        "gltf" => "model/gltf+json",
        "glb" => "model/gltf-binary",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_modules_get_a_type_that_browsers_run() {
        for path in ["a.js", "a.min.JS", "b/c.mjs"] {
            assert!(media_type(path).starts_with("application/javascript"), "{path}");
        }
        assert_eq!(media_type("fonts.js/LICENSE"), "application/octet-stream");
    }

    #[test]
    fn what_is_lacking_names_the_next_step() {
        let lacking = Lacking::Package { name: "three".into(), version: "0.160.0".into() };
        assert!(lacking.to_string().ends_with("`glasshouse images mirror add npm:three@0.160.0` adds it"));
    }
}
