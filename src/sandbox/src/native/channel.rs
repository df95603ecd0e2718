//! Sequenced-packet sockets to a worker's init and to its zygotes.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recv, recvmsg, sendmsg, socketpair,
};

const LONGEST_MESSAGE: usize = 256 * 1024;

/// One message and its descriptors.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) bytes: Vec<u8>,
    pub(crate) descriptors: Vec<OwnedFd>,
}

impl Message {
    /// The text, with whatever is not UTF-8 replaced: for messages that we only compare or show.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Our end of a pair of sockets.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: OwnedFd,
}

/// A new channel and the other side's end.
pub(crate) fn channel() -> io::Result<(Channel, OwnedFd)> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    Ok((Channel { socket: ours }, theirs))
}

impl From<OwnedFd> for Channel {
    fn from(socket: OwnedFd) -> Self {
        Self { socket }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Channel {
    /// Sends one message with at most 16 descriptors.
    pub(crate) fn send(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::Error::other("more than 16 descriptors in a message"));
        }
        sendmsg(&self.socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Receives the message that is there; `None` when the other side is gone.
    pub(crate) fn receive(&self) -> io::Result<Option<Message>> {
        // As long as the message is: a buffer for the longest, made for each, would cost more than all else here.
        let (_, length) = recv(&self.socket, &mut [0; 0], RecvFlags::PEEK | RecvFlags::TRUNC)?;
        if length > LONGEST_MESSAGE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a message of {length} bytes")));
        }
        let mut bytes = vec![0; length];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received =
            recvmsg(&self.socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
        let mut descriptors = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        if received.bytes == 0 {
            return Ok(None);
        }
        Ok(Some(Message { bytes, descriptors }))
    }

    /// Waits for a message until `deadline`; an error of kind `TimedOut` after that, `UnexpectedEof`
    /// when the other side is gone.
    pub(crate) fn receive_until(&self, deadline: Instant) -> io::Result<Message> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut watched = [PollFd::new(&self.socket, PollFlags::IN)];
            match poll(&mut watched, Some(&timespec(left))) {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")),
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.receive()?.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the other side is gone"))
    }
}

impl Channel {
    /// Waits for the message of an init that starts so; any other is what went wrong with it.
    pub(crate) fn expect(&self, deadline: Instant, start: &str) -> io::Result<Message> {
        let message = self.receive_until(deadline)?;
        let text = message.text();
        if text.starts_with(start) {
            Ok(message)
        } else {
            Err(io::Error::other(format!("the sandbox's init says: {text}")))
        }
    }
}

/// A duration as the kernel takes it.
pub(crate) fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs() as i64, tv_nsec: i64::from(duration.subsec_nanos()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_bounds_and_descriptors() {
        let (ours, theirs) = channel().unwrap();
        let theirs = Channel::from(theirs);
        let long = vec![7; 100_000];
        ours.send(&long, &[]).unwrap();
        assert!(theirs.receive().unwrap().unwrap().bytes == long);
        ours.send(b"one", &[]).unwrap();
        ours.send(b"two", &[ours.as_fd(), ours.as_fd()]).unwrap();
        let deadline = Instant::now() + Duration::from_secs(1);
        assert_eq!(theirs.receive_until(deadline).unwrap().bytes, b"one");
        let second = theirs.receive_until(deadline).unwrap();
        assert_eq!((second.bytes.as_slice(), second.descriptors.len()), (b"two".as_slice(), 2));
        let late = theirs.receive_until(Instant::now()).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        // The copies that came with the message hold our end open too.
        drop((ours, second));
        let gone = theirs.receive_until(Instant::now() + Duration::from_secs(1)).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::UnexpectedEof);
    }
}
