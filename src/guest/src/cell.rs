//! A cell: the namespaces and the private disk of one job, made before the job is there.
//!
//! Its init is process 1 of the cell's pid namespace. It mounts the disk, hands descriptors to the
//! supervisor, gives up every right and then only reaps orphans. Killing it kills all of the job.

use std::os::fd::AsFd;

use crate::disk::{Disk, FLAGS, WRITABLE};
use crate::landlock::{self, Kernel};
use crate::socket::Supervisor;
use crate::system::{Step, close_from, drop_capabilities, mount, open_path, open_self, prctl};

/// What the supervisor asks for: `cell NUMBER USER DISK FILES CAPTURES`.
pub(crate) struct Plan {
    number: u64,
    disk: Disk,
    captures: u64,
}

/// Where the hooks leave captures: a disk of its own, so that they never fill the sample's.
const CAPTURES: &str = "/opt/glasshouse/out";

impl Plan {
    /// Reads the words after `cell`.
    pub(crate) fn parse(words: &[&str]) -> Step<Self> {
        let number = |index: usize| -> Step<u64> {
            words.get(index).and_then(|word| word.parse().ok()).ok_or_else(|| format!("bad cell request {words:?}"))
        };
        Ok(Self {
            number: number(0)?,
            disk: Disk { user: number(1)? as u32, bytes: number(2)?, files: number(3)? },
            captures: number(4)?,
        })
    }

    /// Becomes the cell's init. Called in a fresh process with its own pid, mount and ipc namespaces.
    pub(crate) fn live(&self, supervisor: &Supervisor) -> ! {
        if let Err(message) = self.prepare(supervisor).and_then(|()| surrender()) {
            supervisor.report_failure(&format!("cell {}: {message}", self.number));
            std::process::exit(1);
        }
        reap_for_ever()
    }

    fn prepare(&self, supervisor: &Supervisor) -> Step<()> {
        self.disk.mount()?;
        let options = format!("mode=700,uid={0},gid={0},size={1},nr_inodes=4096", self.disk.user, self.captures);
        mount("captures", CAPTURES, "tmpfs", FLAGS | libc::MS_NOEXEC, &options)?;
        mount("proc", "/proc", "proc", FLAGS | libc::MS_NOEXEC, "subset=pid,hidepid=2")
            .or_else(|_| mount("proc", "/proc", "proc", FLAGS | libc::MS_NOEXEC, ""))?;
        let work = open_path("/work", libc::O_RDONLY | libc::O_DIRECTORY)?;
        let captures = open_path(CAPTURES, libc::O_RDONLY | libc::O_DIRECTORY)?;
        let me = open_self()?;
        let writable: Vec<&str> = WRITABLE.into_iter().chain([CAPTURES]).collect();
        let ruleset = landlock::ruleset(&writable, Kernel::Hidden)?;
        // Handles to the namespaces rather than the pidfd: entering by pidfd asks for the right to
        // trace this process, which nobody shall have.
        let [pid, mount, ipc] =
            ["pid", "mnt", "ipc"].map(|name| open_path(&format!("/proc/self/ns/{name}"), libc::O_RDONLY));
        let (pid, mount, ipc) = (pid?, mount?, ipc?);
        // The disk's memory is the job's to pay for, so nothing of it may be touched before.
        let mut descriptors = vec![me.as_fd(), work.as_fd(), captures.as_fd(), pid.as_fd(), mount.as_fd(), ipc.as_fd()];
        descriptors.extend(ruleset.as_ref().map(AsFd::as_fd));
        supervisor.send(&format!("cell {}", self.number), &descriptors)
    }
}

/// Gives up everything: the sample lives in the same pid namespace and may be the same user.
fn surrender() -> Step<()> {
    prctl(libc::PR_SET_DUMPABLE, 0, "become undumpable")?;
    close_from(0);
    drop_capabilities()
}

/// Reaps orphans until it is killed.
fn reap_for_ever() -> ! {
    loop {
        // SAFETY: a live set. SIGCHLD is blocked (inherited from the worker's init), so sigwait takes
        // it and no wake-up is lost.
        unsafe {
            let mut children: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut children);
            libc::sigaddset(&raw mut children, libc::SIGCHLD);
            let mut signal = 0;
            libc::sigwait(&raw const children, &raw mut signal);
        }
        while crate::system::reap_one().is_some() {}
    }
}
