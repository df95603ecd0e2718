//! The supervisor's socket: short texts, with descriptors beside them.

use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use crate::system::{Step, check, failure};

const LONGEST_MESSAGE: usize = 4096;
const MOST_DESCRIPTORS: usize = 8;

/// Our end of the supervisor's sequenced-packet socket: descriptor 0.
pub(crate) struct Supervisor(RawFd);

impl Supervisor {
    /// The socket that the supervisor gave us as standard input.
    pub(crate) fn standard_input() -> Self {
        Self(0)
    }

    /// The descriptor, for poll.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.0
    }

    /// Waits for the next message; `None` when the supervisor is gone.
    pub(crate) fn receive(&self) -> Step<Option<String>> {
        let mut buffer = [0_u8; LONGEST_MESSAGE];
        // SAFETY: the buffer is live and its length is given.
        let received = unsafe { libc::recv(self.0, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        match received {
            0 => Ok(None),
            // Unread messages of ours turn the end into a reset.
            -1 if std::io::Error::last_os_error().raw_os_error() == Some(libc::ECONNRESET) => Ok(None),
            count if count > 0 => Ok(Some(String::from_utf8_lossy(&buffer[..count as usize]).into_owned())),
            _ => Err(failure("receive from the supervisor")),
        }
    }

    /// Waits for the next message and takes what came with it (close-on-exec); `None` when the supervisor is gone.
    pub(crate) fn receive_with_descriptors(&self) -> Step<Option<(String, Vec<OwnedFd>)>> {
        let mut buffer = [0_u8; LONGEST_MESSAGE];
        let mut vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        let mut control = [0_u64; 2 + MOST_DESCRIPTORS / 2];
        let mut descriptors = Vec::new();
        // SAFETY: all-zero is a valid msghdr; every pointer set below outlives the calls. The kernel writes at most
        // the control buffer's length, and says how many descriptors there are; they are nobody else's.
        let received = unsafe {
            let mut header: libc::msghdr = mem::zeroed();
            header.msg_iov = &raw mut vector;
            header.msg_iovlen = 1;
            header.msg_control = control.as_mut_ptr().cast();
            header.msg_controllen = mem::size_of_val(&control);
            let received = libc::recvmsg(self.0, &raw mut header, libc::MSG_CMSG_CLOEXEC);
            let first = libc::CMSG_FIRSTHDR(&raw const header);
            if received > 0 && !first.is_null() && (*first).cmsg_type == libc::SCM_RIGHTS {
                let bytes = (*first).cmsg_len - libc::CMSG_LEN(0) as usize;
                let data = libc::CMSG_DATA(first).cast::<RawFd>();
                for index in 0..bytes / mem::size_of::<RawFd>() {
                    descriptors.push(OwnedFd::from_raw_fd(data.add(index).read_unaligned()));
                }
            }
            received
        };
        match received {
            0 => Ok(None),
            count if count > 0 => {
                let message = String::from_utf8_lossy(&buffer[..count as usize]).into_owned();
                Ok(Some((message, descriptors)))
            }
            _ => Err(failure("receive from the supervisor")),
        }
    }

    /// Sends a message with descriptors.
    pub(crate) fn send(&self, message: &str, descriptors: &[BorrowedFd<'_>]) -> Step<()> {
        let mut vector = libc::iovec { iov_base: message.as_ptr().cast_mut().cast(), iov_len: message.len() };
        let mut control = [0_u64; 2 + MOST_DESCRIPTORS / 2];
        // SAFETY: all-zero is a valid msghdr; every pointer set below outlives the call, and the
        // control buffer has room for the header and MOST_DESCRIPTORS numbers.
        unsafe {
            let mut header: libc::msghdr = mem::zeroed();
            header.msg_iov = &raw mut vector;
            header.msg_iovlen = 1;
            if !descriptors.is_empty() {
                let bytes = mem::size_of_val(descriptors) as u32;
                header.msg_control = control.as_mut_ptr().cast();
                header.msg_controllen = libc::CMSG_SPACE(bytes) as usize;
                let first = libc::CMSG_FIRSTHDR(&raw const header);
                (*first).cmsg_level = libc::SOL_SOCKET;
                (*first).cmsg_type = libc::SCM_RIGHTS;
                (*first).cmsg_len = libc::CMSG_LEN(bytes) as usize;
                let data = libc::CMSG_DATA(first).cast::<RawFd>();
                for (index, descriptor) in descriptors.iter().take(MOST_DESCRIPTORS).enumerate() {
                    data.add(index).write_unaligned(descriptor.as_raw_fd());
                }
            }
            check(libc::sendmsg(self.0, &raw const header, libc::MSG_NOSIGNAL) as libc::c_int, "send to the supervisor")
                .map(|_| ())
        }
    }

    /// Tells the supervisor why we end; nobody may be there to hear it.
    pub(crate) fn report_failure(&self, message: &str) {
        let short: String = message.chars().take(LONGEST_MESSAGE / 4).collect();
        let _ = self.send(&format!("failed {short}"), &[]);
    }
}

/// A pair of connected sequenced-packet sockets, both close-on-exec.
pub(crate) fn pair() -> Step<(OwnedFd, OwnedFd)> {
    let mut both = [0; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: room for two descriptors, which nobody else owns afterwards.
    unsafe {
        check(libc::socketpair(libc::AF_UNIX, kind, 0, both.as_mut_ptr()), "make a pair of sockets")?;
        Ok((OwnedFd::from_raw_fd(both[0]), OwnedFd::from_raw_fd(both[1])))
    }
}
