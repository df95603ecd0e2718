//! What images/r/driver reaches by `.Call`. Each function takes R vectors of the type that it states and returns an integer
//! that is negative on failure (as the jail library's are), unless it says otherwise.

use core::ffi::c_void;

use glasshouse_jail::{
    Confinement, Entry, Limit, Start, gh_confine, gh_enter, gh_fork, gh_lock, gh_receive, gh_send, gh_start, sys,
};

use crate::api::{Value, set_command_line, set_start_time};
use crate::console::{claim, r_install, r_lines};

/// Places for descriptors in one message.
const PLACES: usize = 16;
const LONGEST_MESSAGE: usize = 64 * 1024;
const MOST_LIMITS: usize = 32;
const MOST_CHILDREN: usize = 64;
const MOST_ARGUMENTS: usize = 4096;

/// The next message on a socket (integer): a list of its bytes, none if the other side is gone, and its descriptors.
extern "C" fn r_receive(socket: Value) -> Value {
    let mut buffer = [0_u8; LONGEST_MESSAGE];
    let mut descriptors = [-1_i32; PLACES];
    // SAFETY: room for as much as is said.
    let length = unsafe { gh_receive(socket.first(), buffer.as_mut_ptr(), buffer.len(), descriptors.as_mut_ptr()) };
    if length < 0 {
        return integer(length);
    }
    let bytes = Value::bytes_of_length(length as usize);
    bytes.bytes().copy_from_slice(&buffer[..length as usize]);
    let count = descriptors.iter().take_while(|descriptor| **descriptor >= 0).count();
    Value::pair(bytes, || Value::integers_of(&descriptors[..count]))
}

/// Sends bytes (raw) over a socket (integer).
extern "C" fn r_send(socket: Value, message: Value) -> Value {
    let bytes = message.bytes();
    // SAFETY: the bytes are alive; no descriptors.
    integer(unsafe { gh_send(socket.first(), bytes.as_ptr(), bytes.len(), core::ptr::null(), 0) })
}

/// Forks into the pid namespace of a cell, or into this process's own if the cell is -1 (integers: cell, home, cgroup).
/// 0 in the child, its pid in the parent.
extern "C" fn r_fork(places: Value) -> Value {
    let [cell, home, cgroup] = *places.integers() else { return Value::integer(-1) };
    integer(gh_fork(cell, home, cgroup))
}

/// Enters a cell (integers: mount and ipc namespace, user, then tasks files).
extern "C" fn r_enter(places: Value) -> Value {
    let [mount, ipc, user, ref tasks @ ..] = *places.integers() else { return Value::integer(-1) };
    let mut entry = Entry { mount, ipc, tasks: [-1; 4], user: user as u32 };
    for (place, task) in entry.tasks.iter_mut().zip(tasks) {
        *place = *task;
    }
    // SAFETY: a live entry.
    integer(unsafe { gh_enter(&raw const entry) })
}

/// Drops every right (integer: Landlock ruleset or -1).
extern "C" fn r_lock(ruleset: Value) -> Value {
    integer(gh_lock(ruleset.first()))
}

/// Takes the job's streams (three integers) and limits (doubles: kinds, then as many values).
extern "C" fn r_start(streams: Value, limits: Value) -> Value {
    let [input, output, error] = *streams.integers() else { return Value::integer(-1) };
    let (kinds, values) = limits.doubles().split_at(limits.length() / 2);
    let mut array = [const { Limit { resource: 0, value: 0 } }; MOST_LIMITS];
    let mut count = 0;
    for ((place, kind), value) in array.iter_mut().zip(kinds.iter()).zip(values.iter()) {
        *place = Limit { resource: *kind as u32, value: *value as u64 };
        count += 1;
    }
    let start = Start { standard: [input, output, error], limit_count: count, limits: array.as_ptr() };
    // SAFETY: a live start with that many limits.
    integer(unsafe { gh_start(&raw const start) })
}

/// Closes every descriptor from 3 upwards, installs the filter (raw), and opens the script (text), which becomes
/// descriptor 3: R reads its lines from there.
extern "C" fn r_confine(filter: Value, script: Value) -> Value {
    let bytes = filter.bytes();
    // R's vectors begin at multiples of 8.
    let confinement = Confinement { filter_length: (bytes.len() / 8) as u16, filter: bytes.as_ptr().cast() };
    // SAFETY: a live confinement; its filter has that many instructions.
    let confined = unsafe { gh_confine(&raw const confinement) };
    if confined < 0 {
        return integer(confined);
    }
    integer(sys!(libc::SYS_openat, libc::AT_FDCWD, script.text(0), libc::O_RDONLY))
}

/// Waits until something can be read from one of the descriptors (integers): 1 for each that has news, else 0.
extern "C" fn r_wait(descriptors: Value) -> Value {
    let mut polled = [libc::pollfd { fd: -1, events: 0, revents: 0 }; MOST_CHILDREN];
    let asked = descriptors.integers();
    for (place, descriptor) in polled.iter_mut().zip(asked.iter()) {
        *place = libc::pollfd { fd: *descriptor, events: libc::POLLIN, revents: 0 };
    }
    // A signal is no news.
    while sys!(libc::SYS_poll, polled.as_mut_ptr(), asked.len().min(MOST_CHILDREN), -1_isize) < 0 {}
    let news = Value::integers_of(asked);
    for (place, polled) in news.integers().iter_mut().zip(polled.iter().map(|polled| polled.revents != 0)) {
        *place = i32::from(polled);
    }
    news
}

/// A handle to a process (integer: its pid, 0 for this one).
extern "C" fn r_handle(process: Value) -> Value {
    let own = || sys!(libc::SYS_getpid) as i32;
    let process = if process.first() == 0 { own() } else { process.first() };
    integer(sys!(libc::SYS_pidfd_open, process, 0))
}

/// Reaps a child that has ended (integer: its pid): doubles with its status, seconds of processor time, peak bytes.
extern "C" fn r_reap(process: Value) -> Value {
    let mut status = 0_i32;
    let mut usage = [0_i64; 18];
    if sys!(libc::SYS_wait4, process.first(), &raw mut status, 0, usage.as_mut_ptr()) < 0 {
        return Value::integer(-1);
    }
    // `struct rusage`: user and system time as seconds and microseconds, then the peak in KiB.
    let seconds = |at: usize| usage[at] as f64 + usage[at + 1] as f64 / 1e6;
    Value::doubles_of(&[f64::from(status), seconds(0) + seconds(2), usage[4] as f64 * 1024.0])
}

/// Closes descriptors (integers). NULL.
extern "C" fn r_close(descriptors: Value) -> Value {
    for descriptor in descriptors.integers() {
        sys!(libc::SYS_close, *descriptor);
    }
    Value::null()
}

/// Makes a descriptor another's copy (integers: from, to).
extern "C" fn r_duplicate(places: Value) -> Value {
    let [from, to] = *places.integers() else { return Value::integer(-1) };
    integer(sys!(libc::SYS_dup3, from, to, 0))
}

/// All of a file (integer: its descriptor), as a raw vector.
extern "C" fn r_read(descriptor: Value) -> Value {
    let file = descriptor.first();
    let size = sys!(libc::SYS_lseek, file, 0, libc::SEEK_END);
    if size < 0 {
        return integer(size);
    }
    let made = Value::bytes_of_length(size as usize);
    let bytes = made.bytes();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &mut bytes[at..];
        let count = sys!(libc::SYS_pread64, file, rest.as_mut_ptr(), rest.len(), at);
        if count <= 0 {
            return Value::integer(-1);
        }
        at += count as usize;
    }
    made
}

/// Writes a file (text: its path; raw: its content; integers: from, to, in bytes). Minus the errno if that fails.
extern "C" fn r_write(path: Value, content: Value, range: Value) -> Value {
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_CLOEXEC;
    let file = sys!(libc::SYS_openat, libc::AT_FDCWD, path.text(0), flags, 0o666);
    if file < 0 {
        return Value::integer(file as i32);
    }
    let [from, to] = *range.integers() else { return Value::integer(-1) };
    let mut rest = &content.bytes()[from as usize..to as usize];
    let mut result = 0;
    while !rest.is_empty() {
        let count = sys!(libc::SYS_write, file, rest.as_ptr(), rest.len());
        if count < 0 {
            result = count;
            break;
        }
        rest = &rest[count as usize..];
    }
    sys!(libc::SYS_close, file);
    Value::integer(result as i32)
}

/// Tells the supervisor over a socket (integer) that the job's own time begins: `started NANOSECONDS`.
extern "C" fn r_started(socket: Value) -> Value {
    let mut now = [0_i64; 2];
    sys!(libc::SYS_clock_gettime, libc::CLOCK_MONOTONIC, now.as_mut_ptr());
    let mut text = *b"started 00000000000000000000";
    let mut left = now[0] as u64 * 1_000_000_000 + now[1] as u64;
    for place in text[8..].iter_mut().rev() {
        *place = b'0' + (left % 10) as u8;
        left /= 10;
    }
    // SAFETY: live bytes; no descriptors.
    integer(unsafe { gh_send(socket.first(), text.as_ptr(), text.len(), core::ptr::null(), 0) })
}

/// Makes the process a job's: gives R the arguments (texts) that `commandArgs()` tells, and a new beginning of its time. NULL.
extern "C" fn r_begin(arguments: Value) -> Value {
    let mut pointers = [core::ptr::null(); MOST_ARGUMENTS];
    let count = arguments.length().min(MOST_ARGUMENTS);
    for (index, place) in pointers[..count].iter_mut().enumerate() {
        *place = arguments.text(index);
    }
    set_command_line(&pointers[..count]);
    set_start_time();
    claim();
    Value::null()
}

/// Makes pages of memory this process's own (doubles: where they begin, where they end), at once instead of one by one as they
/// are first written to. The pages do not change. Where the kernel cannot (before Linux 5.14), they wait for that.
extern "C" fn r_own(range: Value) -> Value {
    let [from, to] = *range.doubles() else { return Value::integer(-1) };
    integer(sys!(libc::SYS_madvise, from as usize, (to - from) as usize, libc::MADV_POPULATE_WRITE))
}

/// Ends this process at once (integer: its status).
extern "C" fn r_exit(status: Value) -> Value {
    sys!(libc::SYS_exit_group, status.first());
    Value::null()
}

fn integer(value: isize) -> Value {
    Value::integer(value as i32)
}

/// A list of everything that the driver calls, in the order in which its jail.R names it. The only function that R finds by
/// its name: what R finds so it would lose when it forgets the library.
#[unsafe(no_mangle)]
pub extern "C" fn r_functions() -> Value {
    let addresses = [
        r_receive as *const c_void,
        r_fork as *const c_void,
        r_enter as *const c_void,
        r_lock as *const c_void,
        r_wait as *const c_void,
        r_handle as *const c_void,
        r_reap as *const c_void,
        r_close as *const c_void,
        r_duplicate as *const c_void,
        r_read as *const c_void,
        r_started as *const c_void,
        r_begin as *const c_void,
        r_own as *const c_void,
        r_send as *const c_void,
        r_start as *const c_void,
        r_confine as *const c_void,
        r_write as *const c_void,
        r_install as *const c_void,
        r_exit as *const c_void,
        r_lines as *const c_void,
    ];
    Value::functions(&addresses)
}
