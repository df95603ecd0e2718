//! An init's two cares, in one wait: messages of the supervisor and children that end.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::socket::Supervisor;
use crate::system::{Step, check};

/// The ends of children, as a descriptor.
pub(crate) struct Children(OwnedFd);

/// What a wait brought.
pub(crate) struct News {
    /// The supervisor said something, or is gone.
    pub(crate) message: bool,
    /// Children may have ended.
    pub(crate) ended: bool,
}

impl Children {
    /// From now on SIGCHLD arrives through a descriptor, so that one poll waits for everything.
    pub(crate) fn watch() -> Step<Self> {
        // SAFETY: sigemptyset initialises the set; the descriptor is new.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, libc::SIGCHLD);
            libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
            let descriptor = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            Ok(Self(OwnedFd::from_raw_fd(check(descriptor, "make a signalfd")?)))
        }
    }

    /// Waits until there is news.
    pub(crate) fn wait(&self, supervisor: &Supervisor) -> News {
        let mut watched = [readable(supervisor.descriptor()), readable(self.0.as_raw_fd())];
        // SAFETY: two live entries.
        let ready = unsafe { libc::poll(watched.as_mut_ptr(), 2, -1) };
        let news = |index: usize| ready > 0 && watched[index].revents != 0;
        let (message, ended) = (news(0), news(1));
        if ended {
            self.drain();
        }
        News { message, ended }
    }

    fn drain(&self) {
        let mut buffer = [0_u8; 1024];
        // SAFETY: the buffer is live; the descriptor does not block.
        while unsafe { libc::read(self.0.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) } > 0 {}
    }
}

fn readable(descriptor: libc::c_int) -> libc::pollfd {
    libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 }
}
