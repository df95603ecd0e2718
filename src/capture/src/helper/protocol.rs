//! The frames between command and helper: two lengths, some JSON, some raw bytes.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Bytes of JSON in one frame, at most.
const JSON: usize = 64 << 10;

/// What a helper is asked, along with one opened file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Envelope<Q> {
    pub(super) request: Q,
    pub(super) bounds: Bounds,
}

/// What one request may use of its helper.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Bounds {
    /// Seconds of processor time; past that the kernel ends the helper.
    pub seconds: u64,
    /// Bytes of memory beyond what the helper holds when it starts, if fewer than any helper may use.
    pub memory: Option<u64>,
}

/// The helper's first frame.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Hello {
    /// It is confined by these layers and takes requests.
    Ready { layers: Vec<String> },
    /// It could not confine itself and is gone.
    Refused { why: String },
}

/// The answer to one request; what was made, such as a PNG, follows as raw bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reply<A> {
    /// Nothing: the code that answers gave up in the middle.
    pub(super) answer: Option<A>,
    /// Seconds of processor time that it took.
    pub(super) cpu: f64,
}

/// Sends a request together with its file.
pub(super) fn send_request(socket: &mut UnixStream, request: &impl Serialize, file: BorrowedFd<'_>) -> io::Result<()> {
    let (head, json) = encoded(request, 0)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let files = [file];
    if !ancillary.push(SendAncillaryMessage::ScmRights(&files)) {
        return Err(io::Error::other("no room for a file descriptor"));
    }
    let sent = sendmsg(socket.as_fd(), &[IoSlice::new(&head)], &mut ancillary, SendFlags::NOSIGNAL)?;
    socket.write_all(&head[sent..])?;
    socket.write_all(&json)
}

/// Receives a request and its file; `None` once the other side has closed.
pub(super) fn receive_request<T: DeserializeOwned>(socket: &mut UnixStream) -> io::Result<Option<(T, File)>> {
    let mut head = [0; 8];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = loop {
        match recvmsg(socket.as_fd(), &mut [IoSliceMut::new(&mut head)], &mut ancillary, flags) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?.bytes,
        }
    };
    if received == 0 {
        return Ok(None);
    }
    let files: Vec<OwnedFd> = ancillary
        .drain()
        .flat_map(|message| match message {
            RecvAncillaryMessage::ScmRights(files) => files.collect(),
            _ => Vec::new(),
        })
        .collect();
    socket.read_exact(&mut head[received..])?;
    let (request, _) = body(socket, head, 0)?;
    let file = files.into_iter().next().ok_or_else(|| invalid("a request without a file"))?;
    Ok(Some((request, File::from(file))))
}

/// Sends a value and raw bytes.
pub(super) fn send(socket: &mut UnixStream, value: &impl Serialize, payload: &[u8]) -> io::Result<()> {
    let (head, json) = encoded(value, payload.len())?;
    socket.write_all(&[&head[..], &json].concat())?;
    socket.write_all(payload)
}

/// Receives a value and at most `limit` raw bytes.
pub(super) fn receive<T: DeserializeOwned>(socket: &mut impl Read, limit: u64) -> io::Result<(T, Vec<u8>)> {
    let mut head = [0; 8];
    socket.read_exact(&mut head)?;
    body(socket, head, limit)
}

fn body<T: DeserializeOwned>(socket: &mut impl Read, head: [u8; 8], limit: u64) -> io::Result<(T, Vec<u8>)> {
    let [a, b, c, d, e, f, g, h] = head;
    let (json, payload) = (u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]));
    if json > JSON || u64::from(payload) > limit {
        return Err(invalid("a frame that is too large"));
    }
    let mut text = vec![0; json];
    socket.read_exact(&mut text)?;
    let mut bytes = vec![0; payload as usize];
    socket.read_exact(&mut bytes)?;
    let value = serde_json::from_slice(&text).map_err(|error| invalid(&error.to_string()))?;
    Ok((value, bytes))
}

fn encoded(value: &impl Serialize, payload: usize) -> io::Result<([u8; 8], Vec<u8>)> {
    let json = serde_json::to_vec(value)?;
    let payload = u32::try_from(payload).map_err(|_| invalid("a payload that is too large"))?;
    let length = u32::try_from(json.len()).ok().filter(|length| *length as usize <= JSON);
    let length = length.ok_or_else(|| invalid("a frame that is too large"))?;
    let mut head = [0; 8];
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..].copy_from_slice(&payload.to_le_bytes());
    Ok((head, json))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_carries_its_file() {
        let (mut here, mut there) = UnixStream::pair().unwrap();
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), "glass").unwrap();
        let file = File::open(path.path()).unwrap();
        send_request(&mut here, &(3, 4), file.as_fd()).unwrap();
        let (request, mut got) = receive_request::<(u32, u32)>(&mut there).unwrap().unwrap();
        assert_eq!(request, (3, 4));
        let mut text = String::new();
        got.read_to_string(&mut text).unwrap();
        assert_eq!(text, "glass");
        drop(here);
        assert!(receive_request::<(u32, u32)>(&mut there).unwrap().is_none());
    }

    #[test]
    fn frames_are_bounded_before_they_are_read() {
        let huge = [u32::MAX.to_le_bytes(), 0_u32.to_le_bytes()].concat();
        assert!(receive::<Hello>(&mut huge.as_slice(), 10).is_err());
        let payload = [2_u32.to_le_bytes(), 11_u32.to_le_bytes()].concat();
        assert!(receive::<Hello>(&mut payload.as_slice(), 10).is_err());
    }

    #[test]
    fn a_request_without_a_file_is_refused() {
        let (mut here, mut there) = UnixStream::pair().unwrap();
        send(&mut here, &(3, 4), &[]).unwrap();
        assert!(receive_request::<(u32, u32)>(&mut there).is_err());
    }
}
