//! The list of all that a root holds, made when it is built and compared when it is verified.
//!
//! One line per entry: kind, mode, size, BLAKE3 of the contents (of a link's target), path as JSON text. Owner and
//! times are left out: they tell who built the root and when, not what it is.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::num::NonZero;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use glasshouse_model::Digest;

use crate::error::ImageError;

/// What a root holds: entries by path, and their sum.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Everything but the path, by the path within the root.
    entries: BTreeMap<String, String>,
    /// Size of all files, in bytes.
    pub(crate) bytes: u64,
}

/// How a root differs from what was built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Entries compared.
    pub entries: usize,
    /// Size of all files read, in bytes.
    pub bytes: u64,
    /// Paths in the root that are gone.
    pub missing: Vec<String>,
    /// Paths in the root whose kind, mode, size or contents differ.
    pub changed: Vec<String>,
    /// Paths in the root that the build did not make.
    pub added: Vec<String>,
}

impl VerifyReport {
    /// Whether the root is what was built.
    pub fn is_sound(&self) -> bool {
        self.missing.is_empty() && self.changed.is_empty() && self.added.is_empty()
    }
}

impl Manifest {
    /// Reads every file of `root`, on all cores.
    pub(crate) fn of(root: &Path) -> Result<Self, ImageError> {
        let mut paths = Vec::new();
        walk(root, &mut |path, _| {
            paths.push(path.to_path_buf());
            Ok(())
        })?;
        let next = AtomicUsize::new(0);
        let manifest = Mutex::new(Ok(Self::default()));
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let entry = describe(path).map_err(ImageError::file("read", path));
                        let mut shared = manifest.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        match (&mut *shared, entry) {
                            (Ok(manifest), Ok((line, bytes))) => manifest.insert(root, path, line, bytes),
                            (Ok(_), Err(error)) => *shared = Err(error),
                            (Err(_), _) => return,
                        }
                    }
                });
            }
        });
        manifest.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn insert(&mut self, root: &Path, path: &Path, line: String, bytes: u64) {
        self.put(path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned(), line, bytes);
    }

    /// Adds an entry by its path within the root.
    pub(crate) fn put(&mut self, name: String, line: String, bytes: u64) {
        self.entries.insert(name, line);
        self.bytes += bytes;
    }

    /// The number of entries.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The text of the manifest's file.
    pub(crate) fn text(&self) -> String {
        let line = |(path, entry): (&String, &String)| format!("{entry} {}\n", serde_json::Value::from(path.as_str()));
        self.entries.iter().map(line).collect()
    }

    /// The hash of the text: equal for two roots exactly if they hold the same.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.text().as_bytes())
    }

    /// Reads the text of a manifest's file; `None` if it is damaged.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut entries = BTreeMap::new();
        for line in text.lines() {
            let (entry, path) = line.split_at(line.find(" \"")?);
            entries.insert(serde_json::from_str(path.trim_start()).ok()?, entry.to_owned());
        }
        Some(Self { entries, bytes: 0 })
    }

    /// Compares what was built with what is there `now`.
    pub(crate) fn compare(&self, now: &Self) -> VerifyReport {
        let mut report = VerifyReport { entries: self.len(), bytes: now.bytes, ..VerifyReport::default() };
        for (path, entry) in &self.entries {
            match now.entries.get(path) {
                None => report.missing.push(path.clone()),
                Some(there) if there != entry => report.changed.push(path.clone()),
                Some(_) => {}
            }
        }
        report.added = now.entries.keys().filter(|path| !self.entries.contains_key(*path)).cloned().collect();
        report
    }
}

/// Gives every entry a mode that lets all users read it and none but its owner change it; shared folders stay so.
pub(crate) fn normalise(root: &Path) -> Result<(), ImageError> {
    let mut entries = vec![(root.to_path_buf(), 0o755)];
    walk(root, &mut |path, metadata| {
        let mode = metadata.permissions().mode();
        if metadata.is_dir() {
            let shared = mode & 0o1777 == 0o1777;
            entries.push((path.to_path_buf(), if shared { 0o1777 } else { 0o755 }));
        } else if metadata.is_file() {
            entries.push((path.to_path_buf(), (mode & 0o755) | 0o444));
        }
        Ok(())
    })?;
    for (path, mode) in entries {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).map_err(ImageError::file("change", &path))?;
    }
    Ok(())
}

/// Visits everything below `folder`, following no links.
pub(crate) fn walk(
    folder: &Path,
    visit: &mut dyn FnMut(&Path, &fs::Metadata) -> Result<(), ImageError>,
) -> Result<(), ImageError> {
    for entry in fs::read_dir(folder).map_err(ImageError::file("list", folder))? {
        let path: PathBuf = entry.map_err(ImageError::file("list", folder))?.path();
        let metadata = fs::symlink_metadata(&path).map_err(ImageError::file("read", &path))?;
        visit(&path, &metadata)?;
        if metadata.is_dir() {
            walk(&path, visit)?;
        }
    }
    Ok(())
}

/// An entry's line without its path, and its size in bytes if it is a file.
fn describe(path: &Path) -> io::Result<(String, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if metadata.is_symlink() {
        let target = fs::read_link(path)?;
        return Ok((line('l', mode, 0, Some(blake3::hash(target.as_os_str().as_bytes()))), 0));
    }
    if metadata.is_dir() {
        return Ok((line('d', mode, 0, None), 0));
    }
    if !metadata.is_file() {
        return Ok((line('x', mode, 0, None), 0));
    }
    let mut hasher = blake3::Hasher::new();
    let size = io::copy(&mut fs::File::open(path)?, &mut hasher)?;
    Ok((line('f', mode, size, Some(hasher.finalize())), size))
}

/// An entry's line without its path.
pub(crate) fn line(kind: char, mode: u32, size: u64, hash: Option<blake3::Hash>) -> String {
    let hash = hash.map_or_else(|| "-".to_owned(), |hash| hash.to_string());
    format!("{kind} {mode:o} {size} {hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("etc")).unwrap();
        fs::write(dir.path().join("etc/a \"b\""), "one").unwrap();
        fs::write(dir.path().join("etc/c"), "two").unwrap();
        std::os::unix::fs::symlink("c", dir.path().join("etc/link")).unwrap();
        dir
    }

    #[test]
    fn text_round_trips_and_the_same_root_is_sound() {
        let dir = sample();
        let built = Manifest::of(dir.path()).unwrap();
        assert_eq!((built.len(), built.bytes), (4, 6));
        let read = Manifest::parse(&built.text()).unwrap();
        assert!(read.compare(&Manifest::of(dir.path()).unwrap()).is_sound());
        assert_eq!(read.digest(), built.digest());
    }

    #[test]
    fn every_kind_of_difference_is_told() {
        let dir = sample();
        let built = Manifest::of(dir.path()).unwrap();
        fs::write(dir.path().join("etc/c"), "tow").unwrap();
        fs::remove_file(dir.path().join("etc/link")).unwrap();
        fs::write(dir.path().join("new"), "").unwrap();
        let report = built.compare(&Manifest::of(dir.path()).unwrap());
        assert_eq!(
            (report.changed, report.missing, report.added),
            (vec!["etc/c".to_owned()], vec!["etc/link".to_owned()], vec!["new".to_owned()],)
        );
    }

    #[test]
    fn modes_become_readable_by_all_and_lose_special_bits() {
        let dir = sample();
        let file = dir.path().join("etc/c");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o6720)).unwrap();
        normalise(dir.path()).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o744);
    }

    #[test]
    fn a_damaged_manifest_is_not_read() {
        assert_eq!(Manifest::parse("f 644 3 abc\n"), None);
    }
}
