//! The private disk of whatever runs in a sandbox: a tmpfs of a bounded size, its folders bound to their places.

use crate::root::{HOME, copy_skeleton};
use crate::system::{Step, check, mount, text};

/// How the disk is mounted.
pub(crate) const FLAGS: libc::c_ulong = libc::MS_NOSUID | libc::MS_NODEV;
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
/// The places that may be written, all of them on the disk.
pub(crate) const WRITABLE: [&str; 5] = ["/work", "/tmp", "/var/tmp", "/dev/shm", "/home/sample"];

/// A disk to be.
pub(crate) struct Disk {
    /// Whose it is, inside the user namespace.
    pub(crate) user: u32,
    /// Its size.
    pub(crate) bytes: u64,
    /// How many files and folders it may hold.
    pub(crate) files: u64,
}

impl Disk {
    /// Mounts it in this mount namespace.
    pub(crate) fn mount(&self) -> Step<()> {
        // The root folder and the five places are inodes too; the sample's count starts after them.
        let inodes = self.files + 1 + PLACES.len() as u64;
        mount("disk", STAGING, "tmpfs", FLAGS, &format!("mode=755,size={},nr_inodes={inodes}", self.bytes))?;
        for (folder, place, mode) in PLACES {
            let source = format!("{STAGING}/{folder}");
            self.make_folder(&source, mode)?;
            mount(&source, place, "", libc::MS_BIND, "")?;
        }
        self.furnish_home()?;
        let staging = text(STAGING);
        // SAFETY: a live text.
        check(unsafe { libc::umount2(staging.as_ptr(), libc::MNT_DETACH) }, "unmount the staging place").map(|_| ())
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
