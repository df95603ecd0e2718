//! Messages with descriptors over a sequenced-packet socket.

use crate::{at, sys};

/// Most descriptors in one message.
const MOST_DESCRIPTORS: usize = 16;

/// `struct cmsghdr` followed by its descriptors.
#[repr(C)]
struct Control {
    length: usize,
    level: i32,
    kind: i32,
    descriptors: [i32; MOST_DESCRIPTORS],
}

const CONTROL_HEADER: usize = 16;

/// `struct msghdr`.
#[repr(C)]
struct Header {
    name: usize,
    name_length: u32,
    vector: *const [usize; 2],
    vector_length: usize,
    control: *mut Control,
    control_length: usize,
    flags: i32,
}

fn header(vector: &[usize; 2], control: &mut Control, control_length: usize) -> Header {
    Header { name: 0, name_length: 0, vector, vector_length: 1, control, control_length, flags: 0 }
}

fn control() -> Control {
    Control { length: 0, level: libc::SOL_SOCKET, kind: libc::SCM_RIGHTS, descriptors: [-1; MOST_DESCRIPTORS] }
}

/// Receives one message of at most `capacity` bytes; its descriptors (close-on-exec) go to
/// `descriptors`, the rest of the 16 places being -1. Returns its length; 0: the other side is gone.
///
/// # Safety
/// `buffer` must have room for `capacity` bytes and `descriptors` for 16 numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gh_receive(socket: i32, buffer: *mut u8, capacity: usize, descriptors: *mut i32) -> isize {
    let vector = [buffer as usize, capacity];
    let mut control = control();
    let mut header = header(&vector, &mut control, size_of::<Control>());
    let received = loop {
        let result = sys!(libc::SYS_recvmsg, socket, &raw mut header, libc::MSG_CMSG_CLOEXEC);
        if result != -(libc::EINTR as isize) {
            break result;
        }
    };
    let count = if header.control_length > CONTROL_HEADER { (control.length - CONTROL_HEADER) / 4 } else { 0 };
    for (index, descriptor) in control.descriptors.iter().enumerate() {
        let value = if index < count { *descriptor } else { -1 };
        // SAFETY: the caller vouches for 16 places.
        unsafe { descriptors.add(index).write(value) };
    }
    match at(1, received) {
        // It went without reading our last words.
        _ if received == -(libc::ECONNRESET as isize) => 0,
        Ok(result) | Err(result) => result,
    }
}

/// Sends one message with `count` descriptors (at most 16).
///
/// # Safety
/// `bytes` must have `length` bytes and `descriptors` `count` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gh_send(
    socket: i32,
    bytes: *const u8,
    length: usize,
    descriptors: *const i32,
    count: usize,
) -> isize {
    let vector = [bytes as usize, length];
    let mut control = control();
    let count = if count > MOST_DESCRIPTORS { MOST_DESCRIPTORS } else { count };
    for index in 0..count {
        // SAFETY: the caller vouches for `count` numbers.
        control.descriptors[index] = unsafe { descriptors.add(index).read() };
    }
    control.length = CONTROL_HEADER + 4 * count;
    let control_length = if count == 0 { 0 } else { control.length.next_multiple_of(8) };
    let header = header(&vector, &mut control, control_length);
    match at(1, sys!(libc::SYS_sendmsg, socket, &raw const header, libc::MSG_NOSIGNAL)) {
        Ok(result) | Err(result) => result,
    }
}
