//! One fork of the zygote into a cell's pid namespace.

use crate::{at, sys};

/// The kernel's `struct clone_args`, version 2.
#[repr(C)]
#[derive(Default)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

const CLONE_CHILD_CLEARTID: u64 = 0x0020_0000;
const CLONE_CHILD_SETTID: u64 = 0x0100_0000;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
const PR_GET_TID_ADDRESS: i32 = 40;

/// Forks the calling process into the pid namespace that `cell` is a handle to; into its own if `cell` is -1.
///
/// `home` is a pidfd of a process in the caller's own pid namespace, to which the caller's next
/// children go again. `cgroup` is a descriptor of a cgroup v2 folder into which the child is born,
/// or -1. Returns 0 in the child, the child's pid in the parent.
///
/// glibc keeps the thread's id in its thread block, at the address that it gave to
/// set_tid_address(2); the kernel is asked to write the child's id there, as glibc's own fork does.
#[unsafe(no_mangle)]
pub extern "C" fn gh_fork(cell: i32, home: i32, cgroup: i32) -> isize {
    match fork(cell, home, cgroup) {
        Ok(pid) | Err(pid) => pid,
    }
}

fn fork(cell: i32, home: i32, cgroup: i32) -> Result<isize, isize> {
    let mut thread_id_address: u64 = 0;
    at(1, sys!(libc::SYS_prctl, PR_GET_TID_ADDRESS, &raw mut thread_id_address))?;
    let mut arguments = CloneArguments {
        flags: CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
        child_tid: thread_id_address,
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArguments::default()
    };
    if cgroup >= 0 {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = cgroup as u64;
    }
    if cell >= 0 {
        at(2, sys!(libc::SYS_setns, cell, libc::CLONE_NEWPID))?;
    }
    let pid = sys!(libc::SYS_clone3, &raw const arguments, size_of::<CloneArguments>());
    if pid != 0 && cell >= 0 {
        // Also after a failed clone: the zygote must not stay bound to a cell that will die.
        at(4, sys!(libc::SYS_setns, home, libc::CLONE_NEWPID))?;
    }
    at(3, pid)
}
