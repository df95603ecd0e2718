//! Opening what a run left: beneath one folder, no links, no waiting, regular files only.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

const RESOLVE: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);

/// Opens a folder beneath `folder` for listing.
pub(crate) fn open_folder(folder: impl AsFd, name: impl rustix::path::Arg) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat2(folder, name, flags, Mode::empty(), RESOLVE)?)
}

/// Opens a file beneath `folder` for reading and makes sure, on the opened descriptor, that it is a regular one.
///
/// `O_NONBLOCK` keeps a FIFO from holding us up should one be there.
pub(crate) fn open_regular(folder: impl AsFd, name: impl rustix::path::Arg) -> io::Result<(File, u64)> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(openat2(folder, name, flags, Mode::empty(), RESOLVE)?);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a regular file"));
    }
    Ok((file, metadata.size()))
}

/// All of a file, or an error if it holds more than `limit` bytes.
pub(crate) fn read_bounded(mut file: &File, limit: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(0))?;
    let size = rustix::fs::fstat(file)?.st_size;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).min(limit as usize) + 1);
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("holds more than {limit} bytes")));
    }
    Ok(bytes)
}
