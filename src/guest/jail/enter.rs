//! The child's way into its cell: descriptors, cgroups, namespaces, user, limits.

use crate::{at, sys};

/// One resource limit, soft and hard alike.
#[repr(C)]
pub struct Limit {
    /// `RLIMIT_*`.
    pub resource: u32,
    /// The value for both.
    pub value: u64,
}

/// Where the child goes. All descriptors are the child's own copies.
#[repr(C)]
pub struct Entry {
    /// Handle to the cell's mount namespace.
    pub mount: i32,
    /// Handle to the cell's ipc namespace.
    pub ipc: i32,
    /// `tasks` files of cgroup v1 leaves, -1 where unused.
    pub tasks: [i32; 4],
    /// The user and group id inside the worker's user namespace.
    pub user: u32,
}

/// What a job brings to a child that waits in its cell.
#[repr(C)]
pub struct Start {
    /// Become the standard input, output and error.
    pub standard: [i32; 3],
    /// How many limits follow.
    pub limit_count: u32,
    /// The limits.
    pub limits: *const Limit,
}

/// Enters the cell. Afterwards the process is the job's user in the cell's namespaces, at its root
/// folder, but not yet confined.
///
/// # Safety
/// `entry` must point to an [`Entry`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gh_enter(entry: *const Entry) -> isize {
    // SAFETY: the caller vouches for the pointer.
    match enter(unsafe { &*entry }) {
        Ok(()) => 0,
        Err(failure) => failure,
    }
}

/// Takes the job's streams and limits.
///
/// # Safety
/// `start` must point to a [`Start`] whose `limits` points to `limit_count` limits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gh_start(start: *const Start) -> isize {
    // SAFETY: the caller vouches for the pointer.
    match begin(unsafe { &*start }) {
        Ok(()) => 0,
        Err(failure) => failure,
    }
}

fn enter(entry: &Entry) -> Result<(), isize> {
    // A thread that moves itself (pid 0, `tasks`) is spared the kernel's global lock on thread
    // groups, on which moving another process waits for up to 10 ms.
    for tasks in entry.tasks.iter().filter(|tasks| **tasks >= 0) {
        at(1, sys!(libc::SYS_write, *tasks, c"0".as_ptr(), 1))?;
    }
    at(2, sys!(libc::SYS_setns, entry.mount, libc::CLONE_NEWNS))?;
    at(3, sys!(libc::SYS_setns, entry.ipc, libc::CLONE_NEWIPC))?;
    // In its leaf by now: the job sees that as the top of the tree, and not whose it is.
    at(8, sys!(libc::SYS_unshare, libc::CLONE_NEWCGROUP))?;
    at(4, sys!(libc::SYS_setsid))?;
    at(5, sys!(libc::SYS_setresgid, entry.user, entry.user, entry.user))?;
    at(6, sys!(libc::SYS_setresuid, entry.user, entry.user, entry.user))?;
    // Changing user makes a process undumpable and so hides its own /proc/self from it.
    at(7, sys!(libc::SYS_prctl, libc::PR_SET_DUMPABLE, 1))?;
    Ok(())
}

fn begin(start: &Start) -> Result<(), isize> {
    for (target, source) in start.standard.iter().enumerate() {
        at(1, sys!(libc::SYS_dup3, *source, target, 0))?;
    }
    // SAFETY: the caller of gh_start vouches for the array.
    let limits = unsafe { core::slice::from_raw_parts(start.limits, start.limit_count as usize) };
    for limit in limits {
        let both = [limit.value; 2];
        at(2, sys!(libc::SYS_prlimit64, 0, limit.resource, &raw const both, 0))?;
    }
    Ok(())
}
