//! What a mirror is to hold: the definition's lock and tables, and what the user added.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use glasshouse_model::Digest;

use super::lock::Lock;
use super::pack::FORMAT;
use crate::definition::Definition;
use crate::error::ImageError;

/// A mirror before it is made.
#[derive(Clone, Debug)]
pub struct MirrorPlan {
    /// The runtime that it belongs to.
    pub(super) runtime: String,
    /// The release whose npm serves where the host has none.
    pub(super) suite: String,
    pub(super) lock: Lock,
    pub(super) tables: String,
}

impl MirrorPlan {
    /// The mirror of `definition` with what the user added in `cache`; `None` if the runtime has no mirror.
    pub fn of(definition: &Definition, cache: &Path) -> Result<Option<Self>, ImageError> {
        let Some((lock, tables)) = definition.mirror() else { return Ok(None) };
        let mut lock = lock.clone();
        let path = Self::added(&definition.runtime.name, cache);
        if let Some(added) = read_lock(&path)? {
            lock.merge(&added);
        }
        let (runtime, suite) = (definition.runtime.name.clone(), definition.runtime.debian.suite.clone());
        Ok(Some(Self { runtime, suite, lock, tables: tables.to_owned() }))
    }

    /// The user's own lock, whose packages are added to those of the runtime's definition.
    pub fn added(runtime: &str, cache: &Path) -> PathBuf {
        cache.join("mirrors").join(format!("{runtime}.lock"))
    }

    /// The mirror's address: a hash of all that decides an answer.
    pub fn digest(&self) -> Digest {
        Digest::of_parts([FORMAT.as_bytes(), self.lock.text().as_bytes(), self.tables.as_bytes()])
    }

    /// The mirror's folder in `cache`.
    pub(super) fn folder(&self, cache: &Path) -> PathBuf {
        cache.join("mirrors").join(format!("{}-{}", self.runtime, &self.digest().hex()[..16]))
    }

    /// Every package: name and version.
    pub fn packages(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lock.packages().map(|(name, version, _)| (name, version))
    }

    /// How many packages it holds.
    pub fn len(&self) -> usize {
        self.lock.packages().count()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The lock at `path`, if there is a file.
pub(super) fn read_lock(path: &Path) -> Result<Option<Lock>, ImageError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ImageError::file("read", path)(error)),
    };
    Lock::parse(&text).map(Some).map_err(|problem| ImageError::file("read", path)(io::Error::other(problem)))
}
