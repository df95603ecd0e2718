//! What images/octave/driver reaches as `glasshouse_octave (NUMBER, ...)`. Arguments are arrays of doubles, or of bytes (uint8) where it is
//! said. Each call returns a number that is negative on failure (as the jail library's are), unless it says otherwise.

use core::ffi::c_int;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

use glasshouse_errands as errands;
use glasshouse_jail::{
    Confinement, Entry, Limit, Start, gh_confine, gh_enter, gh_fork, gh_lock, gh_receive, gh_send, gh_start, sys,
};

use crate::api::Array;
use crate::hooks;

/// Places for descriptors in one message.
const PLACES: usize = 16;
const LONGEST_MESSAGE: usize = 64 * 1024;
const MOST_LIMITS: usize = 32;

/// What the driver wants to know at the job's end, out of reach of `clear all`.
static KEPT: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());
static KEPT_LENGTH: AtomicUsize = AtomicUsize::new(0);

/// A call: its arguments to its result, `None` if they are not what it takes.
type Call = fn(&[Array]) -> Option<Array>;

/// The calls, in the order of their numbers; images/octave/driver/glasshouse_jail.m has the same.
const CALLS: [Call; 20] = [
    receive, send, fork, enter, lock, start, confine, wait, handle, reap, close, duplicate, read, write, started,
    begin, keep, kept, leave, quiet,
];

/// What Octave calls. `results` has room for one at least.
///
/// # Safety
/// As Octave's manual says of `mexFunction`.
#[unsafe(no_mangle)]
#[allow(non_snake_case, reason = "the name is Octave's")]
pub unsafe extern "C" fn mexFunction(_: c_int, results: *mut Array, count: c_int, arguments: *const Array) {
    // SAFETY: Octave passes as many arguments as it says.
    let arguments = unsafe { core::slice::from_raw_parts(arguments, count as usize) };
    let call = |(number, rest): (&Array, _)| CALLS.get(number.first() as usize).and_then(|call| call(rest));
    let result = arguments.split_first().and_then(call).unwrap_or_else(|| Array::number(-1));
    // SAFETY: there is room for one result, asked for or not.
    unsafe { results.write(result) };
}

fn number(value: isize) -> Option<Array> {
    Some(Array::number(value))
}

fn whole<const N: usize>(array: Array) -> Option<[i32; N]> {
    let mut found = [-1; N];
    for (place, value) in found.iter_mut().zip(array.doubles()) {
        *place = *value as i32;
    }
    (array.doubles().len() == N).then_some(found)
}

/// The next message on a socket: bytes, of which the first says how many descriptors came along, each then in four bytes, and
/// the rest is its text. No bytes at all: the other side is gone.
fn receive(given: &[Array]) -> Option<Array> {
    let mut buffer = [0_u8; LONGEST_MESSAGE];
    let mut descriptors = [-1_i32; PLACES];
    let socket = given.first()?.first();
    // SAFETY: room for as much as is said.
    let length = unsafe { gh_receive(socket, buffer.as_mut_ptr(), buffer.len(), descriptors.as_mut_ptr()) };
    if length <= 0 {
        return if length == 0 { Some(Array::bytes_of_length(0)) } else { number(length) };
    }
    let count = descriptors.iter().take_while(|descriptor| **descriptor >= 0).count();
    let made = Array::bytes_of_length(1 + 4 * count + length as usize);
    let (first, rest) = made.bytes().split_first_mut()?;
    *first = count as u8;
    let (places, text) = rest.split_at_mut(4 * count);
    for (place, descriptor) in places.chunks_exact_mut(4).zip(descriptors) {
        place.copy_from_slice(&descriptor.to_ne_bytes());
    }
    text.copy_from_slice(&buffer[..length as usize]);
    Some(made)
}

/// Sends bytes over a socket (socket; bytes).
fn send(given: &[Array]) -> Option<Array> {
    let [socket, bytes] = given else { return None };
    let bytes = bytes.bytes();
    // SAFETY: the bytes are alive; no descriptors.
    number(unsafe { gh_send(socket.first(), bytes.as_ptr(), bytes.len(), core::ptr::null(), 0) })
}

/// Forks into the pid namespace of a cell, or into this process's own if the cell is -1 ([cell, home, cgroup]). 0 in the child, its
/// pid in the parent.
fn fork(given: &[Array]) -> Option<Array> {
    let [cell, home, cgroup] = whole(*given.first()?)?;
    number(gh_fork(cell, home, cgroup))
}

/// Enters a cell ([mount, ipc, user, tasks files...]).
fn enter(given: &[Array]) -> Option<Array> {
    let [mount, ipc, user, tasks @ ..] = given.first()?.doubles() else { return None };
    let mut entry = Entry { mount: *mount as i32, ipc: *ipc as i32, tasks: [-1; 4], user: *user as u32 };
    for (place, task) in entry.tasks.iter_mut().zip(tasks.iter()) {
        *place = *task as i32;
    }
    // SAFETY: a live entry.
    number(unsafe { gh_enter(&raw const entry) })
}

/// Drops every right (Landlock ruleset or -1).
fn lock(given: &[Array]) -> Option<Array> {
    number(gh_lock(given.first()?.first()))
}

/// Takes the job's streams and limits ([input, output, error]; kinds of limits; as many values).
fn start(given: &[Array]) -> Option<Array> {
    let [streams, kinds, values] = given else { return None };
    let mut array = [const { Limit { resource: 0, value: 0 } }; MOST_LIMITS];
    let mut count = 0;
    for ((place, kind), value) in array.iter_mut().zip(kinds.doubles().iter()).zip(values.doubles().iter()) {
        *place = Limit { resource: *kind as u32, value: *value as u64 };
        count += 1;
    }
    let start = Start { standard: whole(*streams)?, limit_count: count, limits: array.as_ptr() };
    // SAFETY: a live start with that many limits.
    number(unsafe { gh_start(&raw const start) })
}

/// Closes every descriptor from 3 upwards and installs the filter (bytes).
fn confine(given: &[Array]) -> Option<Array> {
    let bytes = given.first()?.bytes();
    // Octave's arrays begin at multiples of 8.
    let confinement = Confinement { filter_length: (bytes.len() / 8) as u16, filter: bytes.as_ptr().cast() };
    // SAFETY: a live confinement; its filter has that many instructions.
    number(unsafe { gh_confine(&raw const confinement) })
}

/// Waits until something can be read from one of the descriptors: 1 for each that has news, else 0.
fn wait(given: &[Array]) -> Option<Array> {
    let asked = given.first()?.doubles();
    let found = Array::doubles_of(asked);
    let places = found.doubles();
    let descriptors = asked.iter().map(|descriptor| *descriptor as i32);
    errands::news(descriptors, |index, has_news| places[index] = f64::from(u8::from(has_news)));
    Some(found)
}

/// A handle to a process (its pid, 0 for this one).
fn handle(given: &[Array]) -> Option<Array> {
    number(errands::handle(given.first()?.first()))
}

/// Reaps a child that has ended (its pid): its status, seconds of processor time, peak bytes.
fn reap(given: &[Array]) -> Option<Array> {
    errands::reap(given.first()?.first()).map(|end| Array::doubles_of(&end))
}

/// Closes descriptors.
fn close(given: &[Array]) -> Option<Array> {
    for descriptor in given.first()?.doubles() {
        sys!(libc::SYS_close, *descriptor as i32);
    }
    number(0)
}

/// Makes a descriptor another's copy ([from, to]).
fn duplicate(given: &[Array]) -> Option<Array> {
    let [from, to] = whole(*given.first()?)?;
    number(sys!(libc::SYS_dup3, from, to, 0))
}

/// All of a file (its descriptor), as bytes.
fn read(given: &[Array]) -> Option<Array> {
    let file = given.first()?.first();
    let size = errands::size(file);
    if size < 0 {
        return number(size);
    }
    let made = Array::bytes_of_length(size as usize);
    if errands::read(file, made.bytes()) < 0 { None } else { Some(made) }
}

/// Writes a file (bytes: its path and a NUL; bytes: its content; [from, to] in bytes, counted from 0). Minus the errno if that fails.
fn write(given: &[Array]) -> Option<Array> {
    let [path, content, range] = given else { return None };
    let [from, to] = whole(*range)?;
    // SAFETY: the path ends with a NUL.
    number(unsafe { errands::write_file(path.bytes().as_ptr(), &content.bytes()[from as usize..to as usize]) })
}

/// Tells the supervisor over a socket that the job's own time begins.
fn started(given: &[Array]) -> Option<Array> {
    number(errands::started(given.first()?.first()))
}

/// This process is the job: what happens to its script is watched, and Octave's thread for signals starts, which a fork does not
/// take along.
fn begin(_: &[Array]) -> Option<Array> {
    hooks::begin();
    number(0)
}

/// Keeps a copy of bytes for [`kept`], one at a time. With a second argument: in a file in memory, for a program that this process
/// becomes; its descriptor.
fn keep(given: &[Array]) -> Option<Array> {
    let bytes = given.first()?.bytes();
    if given.len() > 1 {
        let file = sys!(libc::SYS_memfd_create, c"job".as_ptr(), 0);
        let result = if file < 0 { file } else { errands::write(file as i32, bytes) };
        return number(if result < 0 { result } else { file });
    }
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let place = sys!(libc::SYS_mmap, 0, bytes.len().max(1), access, kind, -1_isize, 0);
    if place < 0 {
        return number(place);
    }
    // SAFETY: memory of that length, which nobody else has.
    unsafe { core::slice::from_raw_parts_mut(place as *mut u8, bytes.len()) }.copy_from_slice(bytes);
    KEPT.store(place as *mut u8, Relaxed);
    KEPT_LENGTH.store(bytes.len(), Relaxed);
    number(0)
}

/// What was kept, as bytes. With an argument: how the script ended, [an error that nothing caught, `exit` was called].
fn kept(given: &[Array]) -> Option<Array> {
    if !given.is_empty() {
        return Some(Array::doubles_of(&hooks::ending()));
    }
    let made = Array::bytes_of_length(KEPT_LENGTH.load(Relaxed));
    if !made.bytes().is_empty() {
        // SAFETY: what `keep` kept.
        made.bytes().copy_from_slice(unsafe { core::slice::from_raw_parts(KEPT.load(Relaxed), made.bytes().len()) });
    }
    Some(made)
}

/// Ends this process at once (its status). With a second argument: when Octave's own end is over.
fn leave(given: &[Array]) -> Option<Array> {
    let status = given.first()?.first();
    if given.len() > 1 {
        hooks::leave_with(status);
    } else {
        sys!(libc::SYS_exit_group, status);
    }
    number(0)
}

/// Turns standard output and error away (1), and back to where they went before (0).
fn quiet(given: &[Array]) -> Option<Array> {
    const STREAMS: [(i32, i32); 2] = [(1, 998), (2, 999)];
    if given.first()?.first() == 1 {
        let nowhere = sys!(libc::SYS_openat, libc::AT_FDCWD, c"/dev/null".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        for (stream, aside) in STREAMS {
            sys!(libc::SYS_dup3, stream, aside, libc::O_CLOEXEC);
            sys!(libc::SYS_dup3, nowhere, stream, 0);
        }
        sys!(libc::SYS_close, nowhere);
    } else {
        for (stream, aside) in STREAMS {
            sys!(libc::SYS_dup3, aside, stream, 0);
            sys!(libc::SYS_close, aside);
        }
    }
    number(0)
}
