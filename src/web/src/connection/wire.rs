//! Messages on a pipe: JSON texts, each ended by a NUL byte.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::WebError;

/// The longest message that we take: a picture of 16,384 by 8,192 incompressible pixels in base64.
const LONGEST: usize = 768 << 20;
/// How much is asked for at once, and the room that the buffer shrinks back to.
const CHUNK: usize = 256 << 10;

/// The end into which we write.
pub(super) struct Outgoing {
    pipe: OwnedFd,
    /// Whether a message was cut off by a deadline, after which nothing that follows would be understood.
    broken: bool,
}

impl Outgoing {
    pub(super) fn new(pipe: OwnedFd) -> Result<Self, WebError> {
        let unusable = |error: rustix::io::Errno| WebError::Launch(format!("its command pipe cannot be used: {error}"));
        let flags = fcntl_getfl(&pipe).map_err(unusable)?;
        fcntl_setfl(&pipe, flags | OFlags::NONBLOCK).map_err(unusable)?;
        Ok(Self { pipe, broken: false })
    }

    /// Writes all pieces; the error is `None` if the browser did not take them by the deadline, else what failed.
    pub(super) fn write(&mut self, pieces: &[&str], deadline: Instant) -> Result<(), Option<String>> {
        if self.broken {
            return Err(Some("a command could not be written to its end".to_owned()));
        }
        let written = pieces.iter().try_for_each(|piece| self.write_piece(piece.as_bytes(), deadline));
        self.broken |= written.is_err();
        written
    }

    fn write_piece(&self, mut bytes: &[u8], deadline: Instant) -> Result<(), Option<String>> {
        while !bytes.is_empty() {
            match rustix::io::write(&self.pipe, bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => self.wait(deadline)?,
                Err(error) => return Err(Some(format!("its command pipe is closed ({error})"))),
            }
        }
        Ok(())
    }

    fn wait(&self, deadline: Instant) -> Result<(), Option<String>> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(None);
        }
        let timeout = Timespec::try_from(left).ok();
        match poll(&mut [PollFd::new(&self.pipe, PollFlags::OUT)], timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(Some(format!("its command pipe cannot be waited for ({error})"))),
        }
    }
}

/// The end from which we read.
pub(super) struct Incoming {
    pipe: File,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that hold something.
    filled: usize,
    /// Where the message that is looked for starts.
    start: usize,
    /// Bytes from `start` that are known to hold no NUL.
    searched: usize,
}

impl Incoming {
    pub(super) fn new(pipe: OwnedFd) -> Self {
        Self { pipe: File::from(pipe), buffer: vec![0; CHUNK], filled: 0, start: 0, searched: 0 }
    }

    /// The next message without its NUL, or why there will be none.
    pub(super) fn next(&mut self) -> Result<&[u8], String> {
        loop {
            let unseen = &self.buffer[self.start + self.searched..self.filled];
            if let Some(length) = unseen.iter().position(|byte| *byte == 0) {
                let from = self.start;
                let to = from + self.searched + length;
                self.start = to + 1;
                self.searched = 0;
                return Ok(&self.buffer[from..to]);
            }
            self.searched = self.filled - self.start;
            if self.searched > LONGEST {
                return Err(format!("it sent a message of more than {LONGEST} bytes"));
            }
            self.make_room();
            match self.pipe.read(&mut self.buffer[self.filled..]) {
                Ok(0) => return Err("its message pipe is closed".to_owned()),
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("its message pipe cannot be read ({error})")),
            }
        }
    }

    /// Moves what is left to the front, and grows the buffer or gives back what a long message had needed.
    fn make_room(&mut self) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.filled, 0);
            self.filled -= self.start;
            self.start = 0;
        }
        if self.filled + CHUNK / 2 > self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        } else if self.filled < CHUNK / 4 && self.buffer.len() > 16 * CHUNK {
            self.buffer.truncate(CHUNK);
            self.buffer.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn messages_of_all_sizes_come_through_whole() {
        let (reader, writer) = io::pipe().unwrap();
        let sizes = [0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 40 * CHUNK, 3];
        let write = thread::spawn(move || {
            let mut writer = writer;
            for size in sizes {
                writer.write_all(&vec![b'a'; size]).unwrap();
                writer.write_all(b"\0").unwrap();
            }
        });
        let mut incoming = Incoming::new(reader.into());
        for size in sizes {
            assert_eq!(incoming.next().unwrap().len(), size);
        }
        assert!(incoming.next().unwrap_err().contains("closed"));
        write.join().unwrap();
        assert!(incoming.buffer.len() <= 16 * CHUNK, "a long message's room is given back");
    }

    #[test]
    fn a_browser_that_does_not_read_costs_no_more_than_the_deadline() {
        let (_reader, writer) = io::pipe().unwrap();
        let mut outgoing = Outgoing::new(writer.into()).unwrap();
        let long = "a".repeat(1 << 20);
        let start = Instant::now();
        assert_eq!(outgoing.write(&[&long], start + Duration::from_millis(50)), Err(None));
        assert!(start.elapsed() < Duration::from_secs(5));
        let cut_off = outgoing.write(&["{}"], Instant::now() + Duration::from_secs(1));
        assert!(cut_off.unwrap_err().is_some(), "nothing may follow half a message");
    }
}
