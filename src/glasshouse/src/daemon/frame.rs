//! Messages on a stream: a header as JSON, and blobs of bytes behind it.
//!
//! `length of the header (u32, little endian) | {"header": .., "blobs": [lengths]} | blobs`

use std::io::{self, ErrorKind, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Bytes of a header; a record with all that a program printed is the largest.
const MOST_HEADER: u32 = 1 << 30;

#[derive(Serialize)]
struct Written<'a, T> {
    header: &'a T,
    blobs: &'a [u64],
}

#[derive(Deserialize)]
struct Received<T> {
    header: T,
    blobs: Vec<u64>,
}

/// Writes a header that announces blobs of these lengths, which the caller writes next.
pub(super) fn write(stream: &mut impl Write, header: &impl Serialize, blobs: &[u64]) -> io::Result<()> {
    let text = serde_json::to_vec(&Written { header, blobs })?;
    let length = u32::try_from(text.len()).ok().filter(|length| *length <= MOST_HEADER);
    let length = length.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "a message is too long"))?;
    stream.write_all(&length.to_le_bytes())?;
    stream.write_all(&text)
}

/// The next header and the lengths of its blobs, which the caller reads next; `None` if the stream has ended.
pub(super) fn read<T: DeserializeOwned>(stream: &mut impl Read) -> io::Result<Option<(T, Vec<u64>)>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length);
    if length > MOST_HEADER {
        return Err(io::Error::new(ErrorKind::InvalidData, "this is not a message of glasshouse"));
    }
    let text = bytes(stream, length.into())?;
    let Received { header, blobs } = serde_json::from_slice(&text)?;
    Ok(Some((header, blobs)))
}

/// The next `length` bytes. Room is made as they come, not as they are announced.
pub(super) fn bytes(stream: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(ErrorKind::UnexpectedEof.into()) }
}
