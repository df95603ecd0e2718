//! Files of packages, found by name and range, and kept in memory once read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use glasshouse_images::mirror::{Library, Release, Resolution};

use super::answer::{Answer, Lacking, Origin, Outcome};
use super::tables::Target;
use crate::answers::Body;

/// The most bytes of files that are kept in memory; their encoded twins take a third more.
const CACHED: usize = 256 << 20;

/// The library of a mirror with what has been read of it.
#[derive(Debug)]
pub(super) struct Files {
    library: Library,
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    bytes: usize,
    /// By name, version and path.
    files: HashMap<String, Arc<Body>>,
}

impl Files {
    pub(super) fn new(library: Library) -> Self {
        Self { library, cache: Mutex::default() }
    }

    pub(super) fn library(&self) -> &Library {
        &self.library
    }

    /// The release that `name` at `range` means, or what is lacking.
    pub(super) fn release(&self, name: &str, range: &str) -> Result<&Release, Lacking> {
        match self.library.resolve(name, range) {
            Resolution::Found(release) => Ok(release),
            Resolution::OtherVersions | Resolution::Unknown => {
                let version = if range.is_empty() { "latest" } else { range };
                Err(Lacking::Package { name: name.to_owned(), version: version.to_owned() })
            }
        }
    }

    /// The file at `path`, or the unminified one that content networks would minify into it.
    pub(super) fn file(&self, release: &Release, path: &str) -> Option<Answer> {
        if release.has(path) {
            return self.answer(release, path);
        }
        let source = [".js", ".css"].iter().find_map(|end| {
            let stem = path.strip_suffix(end)?.strip_suffix(".min")?;
            Some(format!("{stem}{end}")).filter(|source| release.has(source))
        })?;
        let mut answer = self.answer(release, &source)?;
        if let Origin::Package { minified_there, .. } = &mut answer.origin {
            *minified_there = true;
        }
        Some(answer)
    }

    /// What a request for `path` gets that [`Files::file`] has nothing for.
    pub(super) fn absent(&self, release: &Release, path: &str) -> Outcome {
        let (name, version) = (release.name(), release.version());
        if release.leaves_out(path) {
            let (name, version) = (name.to_owned(), version.to_owned());
            return Outcome::NotMirrored(Lacking::LeftOut { name, version, path: path.to_owned() });
        }
        Outcome::Answer(Answer::absent(format!("Couldn't find the requested file /{path} in {name}@{version}.\n")))
    }

    fn answer(&self, release: &Release, path: &str) -> Option<Answer> {
        let body = self.read(release, path)?;
        Some(Answer::package(body, release.name(), release.version(), path))
    }

    /// The bytes of a file. A pack that has become unreadable has no files: the mirror was whole when it was opened.
    pub(super) fn read(&self, release: &Release, path: &str) -> Option<Arc<Body>> {
        let key = format!("{}@{}/{path}", release.name(), release.version());
        if let Some(bytes) = self.cache.lock().unwrap_or_else(PoisonError::into_inner).files.get(&key) {
            return Some(Arc::clone(bytes));
        }
        let bytes = Arc::new(Body::new(release.read(path).ok().flatten()?));
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.bytes + bytes.bytes().len() > CACHED {
            *cache = Cache::default();
        }
        if cache.files.insert(key, Arc::clone(&bytes)).is_none() {
            cache.bytes += bytes.bytes().len();
        }
        Some(bytes)
    }

    /// A package's own description.
    pub(super) fn description(&self, release: &Release) -> serde_json::Value {
        let bytes = self.read(release, "package.json");
        bytes.and_then(|bytes| serde_json::from_slice(bytes.bytes()).ok()).unwrap_or_default()
    }
}

/// The first of `targets` that exists, else what the first that is known lacks.
pub(super) fn first(files: &Files, targets: Vec<Target>) -> Option<Outcome> {
    let mut otherwise = None;
    for target in targets {
        match target {
            Target::Gone => return Some(Outcome::Answer(Answer::absent("404: Not Found\n".to_owned()))),
            Target::Script(text) => {
                return Some(Outcome::Answer(Answer::generated(
                    "application/javascript; charset=utf-8",
                    text.into_bytes(),
                )));
            }
            Target::File { name, version, path } => match files.release(&name, &version) {
                Ok(release) => match files.file(release, &path) {
                    Some(answer) => return Some(Outcome::Answer(answer)),
                    // That a package which is here lacks the file says more than that another is not here.
                    None if matches!(otherwise, None | Some(Outcome::NotMirrored(Lacking::Package { .. }))) => {
                        otherwise = Some(files.absent(release, &path));
                    }
                    None => {}
                },
                Err(lacking) => otherwise = otherwise.or(Some(Outcome::NotMirrored(lacking))),
            },
        }
    }
    otherwise
}
