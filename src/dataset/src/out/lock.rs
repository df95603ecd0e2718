//! One command at a time works on an OUT folder.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::layout::LOCK;
use crate::DatasetError;
use crate::error::show;

/// Holds the folder until it is dropped or the process ends, however it ends.
///
/// The file stays when the lock goes: deleting it would let two commands lock two files of one name.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub(crate) fn take(out: &Path) -> Result<Self, DatasetError> {
        let path = out.join(LOCK);
        let storage = |error: std::io::Error| DatasetError::storage(&path, &error, 0);
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(storage)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut pid = String::new();
                // The pid is for the message only; a lock is a lock without it.
                let known = file.read_to_string(&mut pid).is_ok() && !pid.trim().is_empty();
                let pid = if known { pid.trim().to_owned() } else { "unknown".to_owned() };
                return Err(DatasetError::InUse { out: show(out), pid });
            }
            Err(error) => return Err(storage(error.into())),
        }
        file.set_len(0).map_err(storage)?;
        file.rewind().map_err(storage)?;
        writeln!(file, "{}", std::process::id()).map_err(storage)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it_until_it_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        let refused = Lock::take(folder.path()).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains(&format!("in use by pid {}", std::process::id())), "{text}");
        drop(first);
        Lock::take(folder.path()).unwrap();
    }
}
