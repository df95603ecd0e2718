//! Starting the base zygote: the interpreter with our driver, outside any cell.

use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::system::{Step, close_from, failure, prctl, text};

/// Capabilities (inside the worker's user namespace) that a zygote needs to fork jobs into cells:
/// SETGID, SETUID, SETPCAP, SYS_CHROOT, SYS_PTRACE, SYS_ADMIN.
const NEEDED: [u32; 6] = [6, 7, 8, 18, 19, 21];

/// The descriptor at which the driver finds its socket to the supervisor.
const SOCKET: RawFd = 3;

/// Becomes the interpreter. Does not return if all goes well.
pub(crate) fn become_interpreter(command: &[String], socket: &OwnedFd) -> Step<()> {
    keep_needed_capabilities()?;
    prctl(libc::PR_SET_DUMPABLE, 0, "become undumpable")?;
    standard_streams_to_null(socket)?;
    let arguments: Vec<CString> = command.iter().map(|word| text(word)).collect();
    let mut pointers: Vec<*const libc::c_char> = arguments.iter().map(|word| word.as_ptr()).collect();
    pointers.push(std::ptr::null());
    let mut none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: live, NUL-terminated texts in a null-terminated list; signals go back to normal.
    unsafe {
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        libc::execv(pointers[0], pointers.as_ptr());
    }
    Err(failure(&format!("start {}", command.first().map_or("", String::as_str))))
}

/// Ambient capabilities survive exec also where the interpreter's user is not root inside.
fn keep_needed_capabilities() -> Step<()> {
    let mut masks = [0_u32; 6];
    for capability in NEEDED {
        for field in 0..3 {
            masks[field] |= 1 << capability;
        }
    }
    let header = [0x2008_0522_u32, 0];
    // SAFETY: the documented layout of capset's arguments, version 3.
    if unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), masks.as_ptr()) } < 0 {
        return Err(failure("keep the zygote's capabilities"));
    }
    for capability in NEEDED {
        let (raise, value) = (libc::PR_CAP_AMBIENT_RAISE as libc::c_ulong, capability as libc::c_ulong);
        // SAFETY: numbers only.
        if unsafe { libc::prctl(libc::PR_CAP_AMBIENT, raise, value, 0, 0) } < 0 {
            return Err(failure("make the zygote's capabilities ambient"));
        }
    }
    Ok(())
}

fn standard_streams_to_null(socket: &OwnedFd) -> Step<()> {
    // SAFETY: a live text; descriptors of this process, whose other owners never run again in it.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
        // Above everything, so that the next calls cannot overwrite it.
        let kept = libc::fcntl(socket.as_raw_fd(), libc::F_DUPFD, 64);
        if null < 0 || kept < 0 {
            return Err(failure("open /dev/null"));
        }
        // Standard error stays the worker's log: what the driver says there is for us.
        for target in [0, 1] {
            libc::dup2(null, target);
        }
        libc::dup2(kept, SOCKET);
    }
    close_from(SOCKET + 1);
    Ok(())
}
