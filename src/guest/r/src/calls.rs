//! What images/r/driver reaches by `.Call`. Each function takes R vectors of the type that it states and returns an integer
//! that is negative on failure (as the jail library's are), unless it says otherwise.

use core::ffi::c_void;

use glasshouse_errands as errands;
use glasshouse_jail::{
    Confinement, Entry, Limit, Start, gh_confine, gh_enter, gh_fork, gh_lock, gh_receive, gh_send, gh_start, sys,
};

use crate::api::{Value, set_command_line, set_start_time};
use crate::console::{claim, r_install, r_lines};

/// Places for descriptors in one message.
const PLACES: usize = 16;
const LONGEST_MESSAGE: usize = 64 * 1024;
const MOST_LIMITS: usize = 32;
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
    let asked = descriptors.integers();
    let found = Value::integers_of(asked);
    let places = found.integers();
    errands::news(asked.iter().copied(), |index, has_news| places[index] = i32::from(has_news));
    found
}

/// A handle to a process (integer: its pid, 0 for this one).
extern "C" fn r_handle(process: Value) -> Value {
    integer(errands::handle(process.first()))
}

/// Reaps a child that has ended (integer: its pid): doubles with its status, seconds of processor time, peak bytes.
extern "C" fn r_reap(process: Value) -> Value {
    errands::reap(process.first()).map_or_else(|| Value::integer(-1), |end| Value::doubles_of(&end))
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
    let size = errands::size(file);
    if size < 0 {
        return integer(size);
    }
    let made = Value::bytes_of_length(size as usize);
    if errands::read(file, made.bytes()) < 0 { Value::integer(-1) } else { made }
}

/// Writes a file (text: its path; raw: its content; integers: from, to, in bytes). Minus the errno if that fails.
extern "C" fn r_write(path: Value, content: Value, range: Value) -> Value {
    let [from, to] = *range.integers() else { return Value::integer(-1) };
    // SAFETY: R's texts are NUL-terminated.
    integer(unsafe { errands::write_file(path.text(0).cast(), &content.bytes()[from as usize..to as usize]) })
}

/// Tells the supervisor over a socket (integer) that the job's own time begins.
extern "C" fn r_started(socket: Value) -> Value {
    integer(errands::started(socket.first()))
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
