//! A mirror opened for answering: its releases by name and version, and the tables.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use glasshouse_model::Digest;
use nodejs_semver::{Range, Version};
use serde::{Deserialize, Serialize};

use super::pack::Pack;
use crate::error::ImageError;

/// The file of a mirror's folder that lists its packs.
pub(super) const LIST: &str = "mirror.json";
/// The file of a mirror's folder with the tables.
pub(super) const TABLES: &str = "tables.toml";

/// What `mirror.json` says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct List {
    pub(super) digest: Digest,
    pub(super) packs: Vec<Listed>,
}

/// A pack of a mirror.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listed {
    /// The file, relative to the mirror's folder.
    pub(super) path: PathBuf,
    /// The hash of all its bytes.
    pub(super) contents: Digest,
}

/// All that a mirror holds.
#[derive(Debug)]
pub struct Library {
    digest: Digest,
    tables: String,
    /// The releases of each package, the oldest first.
    packages: BTreeMap<String, Vec<Release>>,
}

/// One version of one package.
#[derive(Debug)]
pub struct Release {
    version: Version,
    pack: Pack,
}

/// What a name and a range mean in a library.
#[derive(Debug)]
pub enum Resolution<'a> {
    /// The newest release that fits.
    Found(&'a Release),
    /// The package is there, but no version that fits.
    OtherVersions,
    /// Nothing of that name is there.
    Unknown,
}

impl Library {
    /// Opens the mirror in `folder`, as [`super::ensure_mirror`] left it. Reads every pack's index: tens of milliseconds.
    pub fn open(folder: &Path) -> Result<Self, ImageError> {
        let list = read_list(folder)?;
        let path = folder.join(TABLES);
        let tables = fs::read_to_string(&path).map_err(ImageError::file("read", &path))?;
        let mut packages: BTreeMap<String, Vec<Release>> = BTreeMap::new();
        for listed in list.packs {
            let path = folder.join(listed.path);
            let pack = Pack::open(&path).map_err(ImageError::file("read", &path))?;
            let version = Version::parse(pack.version())
                .map_err(|error| ImageError::file("read", &path)(io::Error::other(error.to_string())))?;
            packages.entry(pack.name().to_owned()).or_default().push(Release { version, pack });
        }
        for releases in packages.values_mut() {
            releases.sort_by(|a, b| a.version.cmp(&b.version));
        }
        Ok(Self { digest: list.digest, tables, packages })
    }

    /// The mirror's address: a hash of all that decides an answer.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The text of the tables.
    pub fn tables(&self) -> &str {
        &self.tables
    }

    /// The names of all packages, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.packages.keys().map(String::as_str)
    }

    /// All releases of a package, the oldest first.
    pub fn releases(&self, name: &str) -> &[Release] {
        self.packages.get(name).map_or(&[], Vec::as_slice)
    }

    /// What `name` at `range` means here: an exact version, a range as npm reads it, or the newest release where `range`
    /// is empty or `latest`. Other tags fit no version.
    pub fn resolve(&self, name: &str, range: &str) -> Resolution<'_> {
        let releases = self.releases(name);
        if releases.is_empty() {
            return Resolution::Unknown;
        }
        let newest = |fits: &dyn Fn(&Version) -> bool| releases.iter().rev().find(|release| fits(&release.version));
        let found = if matches!(range, "" | "latest") {
            newest(&|version| !version.is_prerelease()).or(releases.last())
        } else if let Ok(exact) = Version::parse(range) {
            newest(&|version| *version == exact)
        } else {
            Range::parse(range).ok().and_then(|range| newest(&|version| range.satisfies(version)))
        };
        found.map_or(Resolution::OtherVersions, Resolution::Found)
    }
}

pub(super) fn read_list(folder: &Path) -> Result<List, ImageError> {
    let path = folder.join(LIST);
    let bytes = fs::read(&path).map_err(ImageError::file("read", &path))?;
    serde_json::from_slice(&bytes).map_err(io::Error::from).map_err(ImageError::file("read", &path))
}

impl Release {
    /// The package's name.
    pub fn name(&self) -> &str {
        self.pack.name()
    }

    /// The exact version.
    pub fn version(&self) -> &str {
        self.pack.version()
    }

    /// Whether there is a file at `path`, which is written without a slash before it.
    pub fn has(&self, path: &str) -> bool {
        self.pack.files().contains_key(path)
    }

    /// Whether there are files below the folder `path`, which is written without a slash after it.
    pub fn has_folder(&self, path: &str) -> bool {
        let prefix = format!("{path}/");
        self.pack.files().range(prefix.clone()..).next().is_some_and(|(file, _)| file.starts_with(&prefix))
    }

    /// Whether the package has a file at `path` that the lock's rules leave out of the mirror.
    pub fn leaves_out(&self, path: &str) -> bool {
        self.pack.leaves_out(path)
    }

    /// The paths of all files, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.pack.files().keys().map(String::as_str)
    }

    /// The contents of a file, read from the disk; `None` if there is none.
    pub fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.pack.read(path)
    }
}
