//! A cell: the namespaces and the private disk of one job, made before the job is there.
//!
//! Its init is process 1 of the cell's pid namespace. It mounts the disk, hands descriptors to the
//! supervisor, gives up every right and then only reaps orphans. Killing it kills all of the job.

use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use crate::landlock;
use crate::root::{HOME, copy_skeleton};
use crate::socket::Supervisor;
use crate::system::{Step, check, close_from, failure, mount, open_path, prctl, text};

/// What the supervisor asks for: `cell NUMBER USER DISK FILES CAPTURES`.
pub(crate) struct Plan {
    number: u64,
    user: u32,
    disk: u64,
    files: u64,
    captures: u64,
}

const DISK_FLAGS: libc::c_ulong = libc::MS_NOSUID | libc::MS_NODEV;
/// Where the disk is mounted while its folders are bound to their places.
const STAGING: &str = "/run";
/// Folder on the disk, place in the root, mode.
const PLACES: [(&str, &str, u32); 5] = [
    ("work", "/work", 0o755),
    ("tmp", "/tmp", 0o1777),
    ("vartmp", "/var/tmp", 0o1777),
    ("shm", "/dev/shm", 0o1777),
    ("home", "/home/sample", 0o755),
];
/// Where the hooks leave captures: a disk of its own, so that they never fill the sample's.
const CAPTURES: &str = "/opt/glasshouse/out";
const WRITABLE: [&str; 6] = ["/work", "/tmp", "/var/tmp", "/dev/shm", "/home/sample", CAPTURES];

impl Plan {
    /// Reads the words after `cell`.
    pub(crate) fn parse(words: &[&str]) -> Step<Self> {
        let number = |index: usize| -> Step<u64> {
            words.get(index).and_then(|word| word.parse().ok()).ok_or_else(|| format!("bad cell request {words:?}"))
        };
        Ok(Self {
            number: number(0)?,
            user: number(1)? as u32,
            disk: number(2)?,
            files: number(3)?,
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
        self.mount_disk()?;
        mount("proc", "/proc", "proc", DISK_FLAGS | libc::MS_NOEXEC, "subset=pid,hidepid=2")
            .or_else(|_| mount("proc", "/proc", "proc", DISK_FLAGS | libc::MS_NOEXEC, ""))?;
        let work = open_path("/work", libc::O_RDONLY | libc::O_DIRECTORY)?;
        let captures = open_path(CAPTURES, libc::O_RDONLY | libc::O_DIRECTORY)?;
        let me = open_self()?;
        let ruleset = landlock::ruleset(&WRITABLE)?;
        // Handles to the namespaces rather than the pidfd: entering by pidfd asks for the right to
        // trace this process, which nobody shall have.
        let [pid, mount, ipc] = ["pid", "mnt", "ipc"].map(|name| open_path(&format!("/proc/self/ns/{name}"), libc::O_RDONLY));
        let (pid, mount, ipc) = (pid?, mount?, ipc?);
        // The disk's memory is the job's to pay for, so nothing of it may be touched before.
        let mut descriptors = vec![me.as_fd(), work.as_fd(), captures.as_fd(), pid.as_fd(), mount.as_fd(), ipc.as_fd()];
        descriptors.extend(ruleset.as_ref().map(AsFd::as_fd));
        supervisor.send(&format!("cell {}", self.number), &descriptors)
    }

    fn mount_disk(&self) -> Step<()> {
        // The root folder and the five places are inodes too; the sample's count starts after them.
        let inodes = self.files + 1 + PLACES.len() as u64;
        mount("disk", STAGING, "tmpfs", DISK_FLAGS, &format!("mode=755,size={},nr_inodes={inodes}", self.disk))?;
        for (folder, place, mode) in PLACES {
            let source = format!("{STAGING}/{folder}");
            self.make_folder(&source, mode)?;
            mount(&source, place, "", libc::MS_BIND, "")?;
        }
        self.furnish_home()?;
        let staging = text(STAGING);
        // SAFETY: a live text.
        check(unsafe { libc::umount2(staging.as_ptr(), libc::MNT_DETACH) }, "unmount the staging place")?;
        let options = format!("mode=700,uid={0},gid={0},size={1},nr_inodes=4096", self.user, self.captures);
        mount("captures", CAPTURES, "tmpfs", DISK_FLAGS | libc::MS_NOEXEC, &options)
    }

    /// Made as the job's user: on its disk only that user's files may lie.
    fn furnish_home(&self) -> Step<()> {
        copy_skeleton(HOME)?;
        give(HOME, self.user)
    }

    fn make_folder(&self, path: &str, mode: u32) -> Step<()> {
        let path_c = text(path);
        // SAFETY: a live text.
        unsafe {
            check(libc::mkdir(path_c.as_ptr(), mode), &format!("make {path}"))?;
            check(libc::chmod(path_c.as_ptr(), mode), &format!("set the mode of {path}"))?;
            check(libc::chown(path_c.as_ptr(), self.user, self.user), &format!("give {path} to the job")).map(|_| ())
        }
    }
}

fn open_self() -> Step<OwnedFd> {
    // SAFETY: the result is a new descriptor (close-on-exec by definition).
    unsafe {
        let descriptor = libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0) as libc::c_int;
        Ok(OwnedFd::from_raw_fd(check(descriptor, "open a pidfd")?))
    }
}

/// Gives a folder and all in it to the job's user.
fn give(path: &str, user: u32) -> Step<()> {
    let failed = |error: std::io::Error| format!("give {path} to the job: {error}");
    std::os::unix::fs::chown(path, Some(user), Some(user)).map_err(failed)?;
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let inner = entry.path();
        if entry.file_type().map_err(failed)?.is_dir() {
            give(&inner.to_string_lossy(), user)?;
        } else {
            std::os::unix::fs::chown(&inner, Some(user), Some(user)).map_err(failed)?;
        }
    }
    Ok(())
}

/// Gives up everything: the sample lives in the same pid namespace and may be the same user.
fn surrender() -> Step<()> {
    prctl(libc::PR_SET_DUMPABLE, 0, "become undumpable")?;
    close_from(0);
    let header = [0x2008_0522_u32, 0];
    let none = [0_u32; 6];
    // SAFETY: the documented layout of capset's arguments, version 3.
    let dropped = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) };
    if dropped < 0 { Err(failure("drop capabilities")) } else { Ok(()) }
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
