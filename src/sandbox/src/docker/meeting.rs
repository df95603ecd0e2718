//! A folder with a socket in it, at which a container's first process meets the supervisor.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::net::sockopt::socket_peercred;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with};

use super::owner::{Owner, name};
use crate::native::Channel;

/// The socket's name in the folder.
pub(super) const SOCKET: &str = "init";
/// How often it is looked whether the container is still there.
const LOOK: Duration = Duration::from_millis(500);

/// An open meeting. The folder lives until the meeting is over, and seldom for more than a second.
#[derive(Debug)]
pub(super) struct Meeting {
    folder: PathBuf,
    listener: OwnedFd,
}

/// Who came.
#[derive(Debug)]
pub(super) struct Guest {
    /// The socket to it.
    pub(super) init: Channel,
    /// Its number on this host, whatever it is called in its container.
    pub(super) pid: u32,
}

impl Meeting {
    /// Makes a folder below `cache`, to be mounted into one container and no other.
    pub(super) fn open(cache: &Path) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let parent = parent(cache);
        // Nobody else of this host finds a way in; a container's process finds itself in the folder.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&parent)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = parent.join(format!("{}-{number}", Owner::own()?.name));
        fs::DirBuilder::new().mode(0o711).create(&folder)?;
        let listener = listen_in(&folder).inspect_err(|_| clear(&folder))?;
        Ok(Self { folder, listener })
    }

    /// The folder to be mounted.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits until the container's process connects as `user`; `is_up` tells whether it still may.
    pub(super) fn await_guest(
        &self,
        user: u32,
        deadline: Instant,
        is_up: impl Fn() -> io::Result<bool>,
    ) -> io::Result<Guest> {
        loop {
            let mut watched = [PollFd::new(&self.listener, PollFlags::IN)];
            let look = Timespec { tv_sec: LOOK.as_secs() as i64, tv_nsec: LOOK.subsec_nanos().into() };
            match poll(&mut watched, Some(&look)) {
                Ok(0) if Instant::now() > deadline => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "a container did not speak in time"));
                }
                Ok(0) if !is_up()? => {
                    return Err(io::Error::other(
                        "a container ended before it could speak; does its OCI runtime share the host's kernel?",
                    ));
                }
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => break,
                Err(error) => return Err(error.into()),
            }
        }
        let socket = accept_with(&self.listener, SocketFlags::CLOEXEC)?;
        let peer = socket_peercred(&socket)?;
        if peer.uid.as_raw() != user {
            let who = peer.uid.as_raw();
            return Err(io::Error::other(format!("user {who} came to a meeting with user {user}")));
        }
        Ok(Guest { init: Channel::from(socket), pid: peer.pid.as_raw_pid() as u32 })
    }
}

impl Drop for Meeting {
    fn drop(&mut self) {
        clear(&self.folder);
        // The last one removes the parent too; others may be at it.
        let _ = self.folder.parent().map(fs::remove_dir);
    }
}

/// Removes folders that dead processes left.
pub(super) fn sweep(cache: &Path) {
    for entry in fs::read_dir(parent(cache)).into_iter().flatten().flatten() {
        let called = entry.file_name().to_string_lossy().into_owned();
        let pid = called.split('-').next().and_then(|pid| pid.parse().ok());
        if pid.is_some_and(|pid| !called.starts_with(&format!("{}-", name(pid)))) {
            clear(&entry.path());
        }
    }
    let _ = fs::remove_dir(parent(cache));
}

fn parent(cache: &Path) -> PathBuf {
    cache.join("sockets")
}

/// Whatever cannot be removed now is removed by a later start.
fn clear(folder: &Path) {
    let _ = fs::remove_file(folder.join(SOCKET));
    let _ = fs::remove_dir(folder);
}

fn listen_in(folder: &Path) -> io::Result<OwnedFd> {
    // By way of a descriptor: addresses of sockets are short, and paths of caches may be long.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(folder, flags, Mode::empty())?;
    let address = SocketAddrUnix::new(format!("/proc/self/fd/{}/{SOCKET}", opened.as_fd().as_raw_fd()))?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &address)?;
    fs::set_permissions(folder.join(SOCKET), Permissions::from_mode(0o666))?;
    listen(&socket, 1)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meeting_leaves_nothing_and_tells_who_came() {
        let cache = tempfile::tempdir().unwrap();
        let meeting = Meeting::open(cache.path()).unwrap();
        let address = SocketAddrUnix::new(meeting.folder().join(SOCKET)).unwrap();
        let kind = SocketType::SEQPACKET;
        let socket = socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap();
        rustix::net::connect(&socket, &address).unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        let me = rustix::process::geteuid().as_raw();
        let guest = meeting.await_guest(me, deadline, || Ok(true)).unwrap();
        assert_eq!(guest.pid, std::process::id());
        drop(meeting);
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_container_that_ended_and_a_stranger_are_told() {
        let cache = tempfile::tempdir().unwrap();
        let meeting = Meeting::open(cache.path()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        let ended = meeting.await_guest(0, deadline, || Ok(false)).unwrap_err().to_string();
        assert!(ended.contains("ended before"), "{ended}");
        let address = SocketAddrUnix::new(meeting.folder().join(SOCKET)).unwrap();
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        rustix::net::connect(&socket, &address).unwrap();
        let other = rustix::process::geteuid().as_raw() + 1;
        assert!(meeting.await_guest(other, deadline, || Ok(true)).unwrap_err().to_string().contains("came to"));
    }

    #[test]
    fn what_the_dead_left_is_swept() {
        let cache = tempfile::tempdir().unwrap();
        let meeting = Meeting::open(cache.path()).unwrap();
        let left = cache.path().join("sockets/1-99999999999-0");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(SOCKET), "").unwrap();
        sweep(cache.path());
        assert!(!left.exists() && meeting.folder().exists());
    }
}
