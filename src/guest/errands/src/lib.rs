//! What drivers ask of the kernel beside the jail: files, children, time. For languages that reach them through a library of their
//! own; results are those of system calls, negative where they failed.
#![no_std]

use glasshouse_jail::{gh_send, sys};

/// Places for descriptors in one call of [`news`].
pub const MOST_WATCHED: usize = 64;

/// The size of a file in bytes.
pub fn size(file: i32) -> isize {
    sys!(libc::SYS_lseek, file, 0, libc::SEEK_END)
}

/// Reads a file from its beginning until `into` is full.
pub fn read(file: i32, into: &mut [u8]) -> isize {
    let mut at = 0;
    while at < into.len() {
        let rest = &mut into[at..];
        let count = sys!(libc::SYS_pread64, file, rest.as_mut_ptr(), rest.len(), at);
        if count <= 0 {
            return count.min(-1);
        }
        at += count as usize;
    }
    at as isize
}

/// Writes all of `bytes` to an open file.
pub fn write(file: i32, bytes: &[u8]) -> isize {
    let mut rest = bytes;
    while !rest.is_empty() {
        let count = sys!(libc::SYS_write, file, rest.as_ptr(), rest.len());
        if count < 0 {
            return count;
        }
        rest = &rest[count as usize..];
    }
    0
}

/// Makes a file that holds `bytes`.
///
/// # Safety
/// `path` must be NUL-terminated.
pub unsafe fn write_file(path: *const u8, bytes: &[u8]) -> isize {
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_CLOEXEC;
    let file = sys!(libc::SYS_openat, libc::AT_FDCWD, path, flags, 0o666);
    if file < 0 {
        return file;
    }
    let result = write(file as i32, bytes);
    sys!(libc::SYS_close, file);
    result
}

/// Waits until something can be read from one of the descriptors, of which [`MOST_WATCHED`] are looked at; calls `tell` for each with
/// whether it has news.
pub fn news(descriptors: impl Iterator<Item = i32>, mut tell: impl FnMut(usize, bool)) {
    let mut polled = [libc::pollfd { fd: -1, events: 0, revents: 0 }; MOST_WATCHED];
    let mut count = 0;
    for (place, descriptor) in polled.iter_mut().zip(descriptors) {
        *place = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
        count += 1;
    }
    // A signal is no news.
    while sys!(libc::SYS_poll, polled.as_mut_ptr(), count, -1_isize) < 0 {}
    for (index, polled) in polled.iter().take(count).enumerate() {
        tell(index, polled.revents != 0);
    }
}

/// A handle to a process, 0 for this one.
pub fn handle(process: i32) -> isize {
    let process = if process == 0 { own_pid() } else { process };
    sys!(libc::SYS_pidfd_open, process, 0)
}

/// This process's number in its own pid namespace.
pub fn own_pid() -> i32 {
    sys!(libc::SYS_getpid) as i32
}

/// Reaps a child that has ended: its status, seconds of processor time, peak of memory in bytes. `None`: it is no child.
pub fn reap(process: i32) -> Option<[f64; 3]> {
    let mut status = 0_i32;
    let mut usage = [0_i64; 18];
    if sys!(libc::SYS_wait4, process, &raw mut status, 0, usage.as_mut_ptr()) < 0 {
        return None;
    }
    // `struct rusage`: user and system time as seconds and microseconds, then the peak in KiB.
    let seconds = |at: usize| usage[at] as f64 + usage[at + 1] as f64 / 1e6;
    Some([f64::from(status), seconds(0) + seconds(2), usage[4] as f64 * 1024.0])
}

/// Tells the supervisor over a socket that the job's own time begins: `started NANOSECONDS`.
pub fn started(socket: i32) -> isize {
    let mut now = [0_i64; 2];
    sys!(libc::SYS_clock_gettime, libc::CLOCK_MONOTONIC, now.as_mut_ptr());
    let mut text = *b"started 00000000000000000000";
    let mut left = now[0] as u64 * 1_000_000_000 + now[1] as u64;
    for place in text[8..].iter_mut().rev() {
        *place = b'0' + (left % 10) as u8;
        left /= 10;
    }
    // SAFETY: live bytes; no descriptors.
    unsafe { gh_send(socket, text.as_ptr(), text.len(), core::ptr::null(), 0) }
}
