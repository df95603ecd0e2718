//! The content-addressed folder: each distinct content once, under its hash.
//!
//! An object of hash `abcdef..` is the file `ab/cdef..`, without an extension: the media type is the
//! record's to tell. Objects appear by rename, so one that is there is whole (nothing is synced here;
//! whoever commits a record syncs first). They are read-only and never change.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use glasshouse_model::Digest;

const TEMPORARY: &str = ".tmp";
/// Files up to this size are hashed in memory, so that one that is already stored is not written again.
const IN_MEMORY: u64 = 16 << 20;

/// Why something could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk or the quota is used up.
    #[error("the disk is full at {path}: free some space and run the same command again to resume")]
    Full {
        /// What was being written.
        path: PathBuf,
    },
    /// Any other failure of the file system.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// Such as `create`.
        action: &'static str,
        /// What it was about.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
}

impl StoreError {
    fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { path: path.to_owned() },
            _ => Self::Io { action, path: path.to_owned(), source },
        }
    }
}

/// A content-addressed folder. Clones share it; it may be used from several threads at once.
#[derive(Clone, Debug)]
pub struct Store {
    root: Arc<PathBuf>,
    counter: Arc<AtomicU64>,
}

impl Store {
    /// Opens the store in `root`, makes what is missing, and removes what a killed process left half-written.
    ///
    /// One process at a time may have a store open.
    ///
    /// # Errors
    /// If the folder cannot be made or cleaned.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        let temporary = root.join(TEMPORARY);
        match fs::remove_dir_all(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(StoreError::new("clean", &temporary, error));
            }
            _ => {}
        }
        fs::create_dir_all(&temporary).map_err(|error| StoreError::new("create", &temporary, error))?;
        Ok(Self { root: Arc::new(root), counter: Arc::default() })
    }

    /// Where the object of this hash is, or would be.
    pub fn path_of(&self, digest: Digest) -> PathBuf {
        let hex = digest.hex();
        self.root.join(&hex[..2]).join(&hex[2..])
    }

    /// Opens an object for reading.
    ///
    /// # Errors
    /// `NotFound` if the store does not hold it.
    pub fn open_object(&self, digest: Digest) -> io::Result<File> {
        File::open(self.path_of(digest))
    }

    /// Stores some bytes; does nothing if they are there already.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        let path = self.path_of(digest);
        // After a power cut an object that no record names yet may be there by name and not by content.
        let whole = fs::metadata(&path).is_ok_and(|metadata| metadata.len() == bytes.len() as u64);
        if !whole {
            let (temporary, mut file) = self.temporary()?;
            let written = file.write_all(bytes).map_err(|error| StoreError::new("write", &path, error));
            self.finish(&temporary, &path, written)?;
        }
        Ok(digest)
    }

    /// Stores at most `limit` bytes of a file from its start, and tells how many those were.
    ///
    /// # Errors
    /// If the file cannot be read, holds more, or the object cannot be written.
    pub fn put_file(&self, file: &File, limit: u64) -> Result<(Digest, u64), StoreError> {
        let failed = |error| StoreError::new("read a file of the run into", &self.root, error);
        let size = file.metadata().map_err(failed)?.len();
        if size <= IN_MEMORY.min(limit) {
            let bytes = crate::open::read_bounded(file, IN_MEMORY.min(limit)).map_err(failed)?;
            return Ok((self.put(&bytes)?, bytes.len() as u64));
        }
        let (temporary, target) = self.temporary()?;
        let mut source = file;
        let copied = source.seek(SeekFrom::Start(0)).and_then(|_| copy_hashed(source, target, limit));
        match copied {
            Ok((digest, bytes)) => self.finish(&temporary, &self.path_of(digest), Ok(())).map(|()| (digest, bytes)),
            Err(error) => {
                let error = StoreError::new("write", &temporary, error);
                self.finish(&temporary, &self.root, Err(error)).map(|()| (Digest::of(&[]), 0))
            }
        }
    }

    /// Stores exactly `bytes` bytes that `source` gives.
    ///
    /// # Errors
    /// If it gives fewer, or the object cannot be written.
    pub fn put_stream(&self, source: impl Read, bytes: u64) -> Result<Digest, StoreError> {
        let (temporary, target) = self.temporary()?;
        let copied = copy_hashed(source.take(bytes), target, bytes).and_then(|(digest, count)| {
            if count == bytes { Ok(digest) } else { Err(io::Error::from(ErrorKind::UnexpectedEof)) }
        });
        match copied {
            Ok(digest) => self.finish(&temporary, &self.path_of(digest), Ok(())).map(|()| digest),
            Err(error) => {
                let error = StoreError::new("receive", &temporary, error);
                self.finish(&temporary, &self.root, Err(error)).map(|()| Digest::of(&[]))
            }
        }
    }

    /// Removes an object, if it is there.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(&self, digest: Digest) -> Result<(), StoreError> {
        let path = self.path_of(digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::new("remove", &path, error)),
            _ => Ok(()),
        }
    }

    fn temporary(&self) -> Result<(PathBuf, File), StoreError> {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let path = self.root.join(TEMPORARY).join(format!("{}-{number}", std::process::id()));
        let file = File::options().write(true).create_new(true).mode(0o444).open(&path);
        file.map(|file| (path.clone(), file)).map_err(|error| StoreError::new("create", &path, error))
    }

    /// Moves a written object into place, or removes it if the writing failed.
    fn finish(&self, temporary: &Path, path: &Path, written: Result<(), StoreError>) -> Result<(), StoreError> {
        let moved = written.and_then(|()| rename_into(temporary, path));
        if moved.is_err() {
            // The first error is the one to tell; what stays is removed when the store is next opened.
            let _ = fs::remove_file(temporary);
        }
        moved
    }
}

fn rename_into(temporary: &Path, path: &Path) -> Result<(), StoreError> {
    match fs::rename(temporary, path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let parent = path.parent().unwrap_or(path);
            fs::create_dir_all(parent).map_err(|error| StoreError::new("create", parent, error))?;
            fs::rename(temporary, path).map_err(|error| StoreError::new("create", path, error))
        }
        other => other.map_err(|error| StoreError::new("create", path, error)),
    }
}

fn copy_hashed(mut source: impl Read, mut target: File, limit: u64) -> io::Result<(Digest, u64)> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let mut total = 0_u64;
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => return Ok((Digest::from_bytes(*hasher.finalize().as_bytes()), total)),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        total += count as u64;
        if total > limit {
            return Err(io::Error::new(ErrorKind::FileTooLarge, format!("holds more than {limit} bytes")));
        }
        hasher.update(&buffer[..count]);
        target.write_all(&buffer[..count])?;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn the_same_bytes_are_one_object() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("a/b")).unwrap();
        let digest = store.put(b"glass").unwrap();
        let inode = fs::metadata(store.path_of(digest)).unwrap().ino();
        assert_eq!(store.put(b"glass").unwrap(), digest);
        assert_eq!(fs::metadata(store.path_of(digest)).unwrap().ino(), inode);
        assert_eq!(fs::read(store.path_of(digest)).unwrap(), b"glass");
        assert_eq!(fs::read_dir(folder.path().join("a/b/.tmp")).unwrap().count(), 0);
    }

    #[test]
    fn small_and_large_files_get_the_hash_of_their_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("s")).unwrap();
        for size in [0, 5, IN_MEMORY as usize + 7] {
            let bytes: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
            let path = folder.path().join("file");
            fs::write(&path, &bytes).unwrap();
            let (digest, stored) = store.put_file(&File::open(&path).unwrap(), 1 << 30).unwrap();
            assert_eq!((digest, stored), (Digest::of(&bytes), size as u64));
            let mut kept = Vec::new();
            store.open_object(digest).unwrap().read_to_end(&mut kept).unwrap();
            assert!(kept == bytes);
        }
    }

    #[test]
    fn an_object_that_a_power_cut_emptied_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let path = store.path_of(store.put(b"glass").unwrap());
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        store.put(b"glass").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"glass");
    }

    #[test]
    fn what_a_killed_process_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let digest = store.put(b"kept").unwrap();
        fs::write(folder.path().join(".tmp/99-1"), "half").unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert!(store.open_object(digest).is_ok());
        assert_eq!(fs::read_dir(folder.path().join(".tmp")).unwrap().count(), 0);
    }

    #[test]
    fn a_stream_is_stored_to_its_last_byte_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let digest = store.put_stream(&b"glass and more"[..], 5).unwrap();
        assert_eq!(digest, Digest::of(b"glass"));
        assert_eq!(fs::read(store.path_of(digest)).unwrap(), b"glass");
        assert!(store.put_stream(&b"gla"[..], 5).is_err());
        assert_eq!(fs::read_dir(folder.path().join(".tmp")).unwrap().count(), 0);
        store.remove(digest).unwrap();
        store.remove(digest).unwrap();
        assert!(store.open_object(digest).is_err());
    }

    #[test]
    fn a_file_beyond_the_limit_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("s")).unwrap();
        let path = folder.path().join("file");
        fs::write(&path, vec![1; 3 << 20]).unwrap();
        assert!(store.put_file(&File::open(&path).unwrap(), 2 << 20).is_err());
        assert_eq!(fs::read_dir(folder.path().join("s/.tmp")).unwrap().count(), 0);
    }

    #[test]
    fn a_full_disk_is_named() {
        let full = StoreError::new("write", Path::new("x"), io::Error::from_raw_os_error(libc::ENOSPC));
        assert!(full.to_string().contains("the disk is full at x"), "{full}");
        let other = StoreError::new("write", Path::new("x"), io::Error::from_raw_os_error(libc::EROFS));
        assert!(other.to_string().starts_with("cannot write x"), "{other}");
    }
}
