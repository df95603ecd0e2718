//! System calls with errors that say what was being done.

use std::ffi::CString;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// The result of a step; the message is complete, ready for the supervisor.
pub(crate) type Step<T> = Result<T, String>;

/// Turns libc's -1 into the error of `doing`.
pub(crate) fn check(result: libc::c_int, doing: &str) -> Step<libc::c_int> {
    if result < 0 { Err(failure(doing)) } else { Ok(result) }
}

/// The last error of the kernel, after what was being done.
pub(crate) fn failure(doing: &str) -> String {
    format!("{doing}: {}", io::Error::last_os_error())
}

/// A path or option for the kernel.
pub(crate) fn text(value: &str) -> CString {
    // Texts come from the supervisor's arguments, which cannot hold a NUL.
    CString::new(value.replace('\0', "")).unwrap_or_default()
}

/// Leaves the namespaces named by `flags` for new ones.
pub(crate) fn unshare(flags: libc::c_int, doing: &str) -> Step<()> {
    // SAFETY: no pointers; the process has one thread.
    check(unsafe { libc::unshare(flags) }, doing).map(|_| ())
}

/// mount(2); `None` is a null pointer.
pub(crate) fn mount(source: &str, target: &str, kind: &str, flags: libc::c_ulong, data: &str) -> Step<()> {
    let (source_c, target_c, kind_c, data_c) = (text(source), text(target), text(kind), text(data));
    // SAFETY: four live, NUL-terminated texts.
    let result =
        unsafe { libc::mount(source_c.as_ptr(), target_c.as_ptr(), kind_c.as_ptr(), flags, data_c.as_ptr().cast()) };
    check(result, &format!("mount {source} at {target}")).map(|_| ())
}

/// Forks; `Some(pid)` in the parent. `flags` are namespaces for the child.
pub(crate) fn fork(flags: libc::c_int, doing: &str) -> Step<Option<libc::pid_t>> {
    let arguments = [flags as libc::c_ulong | libc::SIGCHLD as libc::c_ulong, 0, 0, 0, 0];
    // SAFETY: clone without CLONE_VM and with a null stack is fork; the process has one thread.
    let pid =
        unsafe { libc::syscall(libc::SYS_clone, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4]) };
    match pid {
        -1 => Err(failure(doing)),
        0 => Ok(None),
        pid => Ok(Some(pid as libc::pid_t)),
    }
}

/// Opens a file for its place only.
pub(crate) fn open_path(path: &str, flags: libc::c_int) -> Step<OwnedFd> {
    let path_c = text(path);
    // SAFETY: a live text; the result is a new descriptor that nobody else owns.
    unsafe {
        let descriptor = check(libc::open(path_c.as_ptr(), flags | libc::O_CLOEXEC), &format!("open {path}"))?;
        Ok(OwnedFd::from_raw_fd(descriptor))
    }
}

/// Waits for one child that has ended, without blocking; its pid, or `None`.
pub(crate) fn reap_one() -> Option<libc::pid_t> {
    // SAFETY: a null status is allowed.
    let pid = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG | libc::__WALL) };
    (pid > 0).then_some(pid)
}

/// prctl(2) with one argument.
pub(crate) fn prctl(option: libc::c_int, argument: libc::c_ulong, doing: &str) -> Step<()> {
    let zero: libc::c_ulong = 0;
    // SAFETY: only options that take numbers are passed.
    check(unsafe { libc::prctl(option, argument, zero, zero, zero) }, doing).map(|_| ())
}

/// Closes every descriptor from `first` upwards.
pub(crate) fn close_from(first: RawFd) {
    // SAFETY: no pointers; the owners of those descriptors do not run again in this process.
    unsafe { libc::syscall(libc::SYS_close_range, first as libc::c_uint, libc::c_uint::MAX, 0) };
}

/// A pidfd of the calling process (close-on-exec by definition).
pub(crate) fn open_self() -> Step<OwnedFd> {
    // SAFETY: the result is a new descriptor.
    unsafe {
        let descriptor = libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0) as libc::c_int;
        Ok(OwnedFd::from_raw_fd(check(descriptor, "open a pidfd")?))
    }
}

/// Drops every capability.
pub(crate) fn drop_capabilities() -> Step<()> {
    let header = [0x2008_0522_u32, 0];
    let none = [0_u32; 6];
    // SAFETY: the documented layout of capset's arguments, version 3.
    let dropped = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) };
    if dropped < 0 { Err(failure("drop capabilities")) } else { Ok(()) }
}
