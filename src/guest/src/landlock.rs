//! A Landlock ruleset for one cell, made ahead by the cell's init and carried to the job's child.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::system::{Step, check, open_path};

const EXECUTE: u64 = 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const WRITE_FILE: u64 = 1 << 1;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
/// Everything that can be done to files, by ABI version; later versions know more.
const FILE_RIGHTS: [u64; 5] = [(1 << 13) - 1, (1 << 14) - 1, (1 << 15) - 1, (1 << 15) - 1, (1 << 16) - 1];
/// Abstract sockets and signals, ABI 6.
const SCOPES: u64 = 0b11;

const RULE_PATH_BENEATH: libc::c_int = 1;
const CREATE_RULESET_VERSION: libc::c_uint = 1;

#[repr(C)]
struct RulesetAttributes {
    files: u64,
    network: u64,
    scoped: u64,
}

#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: libc::c_int,
}

/// The ABI version of this kernel; 0: no Landlock.
pub(crate) fn version() -> u32 {
    // SAFETY: the documented way to ask for the version: no attributes, size 0, flag 1.
    let version = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, CREATE_RULESET_VERSION)
    };
    version.max(0) as u32
}

/// Whether files in /proc may be written.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kernel {
    /// None.
    Hidden,
    /// Those that the kernel lets the process write: its own. A browser maps the ids of the namespaces that it
    /// makes for its renderers there.
    OwnProcesses,
}

/// What a job may do: read and run the image, write its own disk and the harmless devices; no signal
/// and no abstract socket leaves its domain. `None` where the kernel has no Landlock.
pub(crate) fn ruleset(writable: &[&str], kernel: Kernel) -> Step<Option<OwnedFd>> {
    let version = version();
    if version == 0 {
        return Ok(None);
    }
    let all = FILE_RIGHTS[(version as usize).min(FILE_RIGHTS.len()) - 1];
    let attributes = RulesetAttributes { files: all, network: 0, scoped: if version >= 6 { SCOPES } else { 0 } };
    // The kernel refuses a size that holds fields it does not know, unless they are zero.
    let size = if version >= 6 { size_of::<RulesetAttributes>() } else { size_of::<u64>() };
    // SAFETY: attributes of the size given; the result is a new descriptor.
    let ruleset = unsafe {
        let descriptor = libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, size, 0);
        OwnedFd::from_raw_fd(check(descriptor as libc::c_int, "make a Landlock ruleset")?)
    };
    allow(&ruleset, "/", (EXECUTE | READ_FILE | READ_DIR) & all)?;
    for folder in writable {
        allow(&ruleset, folder, all)?;
    }
    if kernel == Kernel::OwnProcesses {
        allow(&ruleset, "/proc", (READ_FILE | READ_DIR | WRITE_FILE) & all)?;
    }
    for device in ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"] {
        allow(&ruleset, device, (READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV) & all)?;
    }
    Ok(Some(ruleset))
}

/// Holds the calling process, and all that it starts, to the rules for good.
pub(crate) fn restrict(ruleset: &OwnedFd) -> Step<()> {
    // SAFETY: a descriptor and a number.
    let result = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) };
    check(result as libc::c_int, "restrict by Landlock").map(|_| ())
}

fn allow(ruleset: &OwnedFd, path: &str, rights: u64) -> Step<()> {
    let place = open_path(path, libc::O_PATH)?;
    let rule = PathBeneath { allowed: rights, parent: place.as_raw_fd() };
    // SAFETY: a rule of the kind named.
    let result = unsafe {
        libc::syscall(libc::SYS_landlock_add_rule, ruleset.as_raw_fd(), RULE_PATH_BENEATH, &raw const rule, 0)
    };
    check(result as libc::c_int, &format!("allow {path} in Landlock")).map(|_| ())
}
