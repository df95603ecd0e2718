//! The job as its child reads it: one sealed file in memory.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, SealFlags};
use serde::Serialize;

use crate::RunRequest;

/// What precedes the contents; images/python/driver/glasshouse_driver/job.py reads it.
#[derive(Serialize)]
struct Header<'a> {
    script: &'a str,
    args: &'a [String],
    seed: u64,
    nonce: &'a str,
    options: &'a serde_json::Value,
    capture: CaptureOptions,
    /// Names of the row's files.
    files: Vec<&'a str>,
    /// Lengths of: code, test code (none: null), then each file.
    lengths: Vec<Option<usize>>,
}

/// Bounds that the capture hooks keep.
#[derive(Serialize)]
struct CaptureOptions {
    max_figures: u32,
    max_pixels: u64,
    /// The program as tracebacks name it, for the line of each capture.
    main_file: String,
    /// Whether nothing that the program can influence runs after it.
    tail: bool,
}

const MAX_FIGURES: u32 = 256;
const MAX_PIXELS: u64 = 64 << 20;

/// Writes the payload: length of the header (8 bytes, little endian), the header, the contents.
pub(super) fn payload(request: &RunRequest, script: &str, nonce: &str) -> io::Result<OwnedFd> {
    let test = request.test_code.as_deref();
    let lengths = [Some(request.code.len()), test.map(str::len)]
        .into_iter()
        .chain(request.files.values().map(|content| Some(content.len())));
    let header = Header {
        script,
        args: &request.args,
        seed: request.seed,
        nonce,
        options: &request.options,
        capture: CaptureOptions {
            max_figures: MAX_FIGURES,
            max_pixels: MAX_PIXELS,
            main_file: format!("/work/{script}"),
            tail: test.is_none(),
        },
        files: request.files.keys().map(String::as_str).collect(),
        lengths: lengths.collect(),
    };
    let header = serde_json::to_vec(&header)?;
    let mut contents: Vec<&[u8]> = vec![&header, request.code.as_bytes(), test.unwrap_or_default().as_bytes()];
    contents.extend(request.files.values().map(Vec::as_slice));
    in_memory("glasshouse-job", &(header.len() as u64).to_le_bytes(), &contents)
}

/// A sealed file in memory that holds `start` and then `contents`, to be read from its beginning.
pub(super) fn in_memory(name: &str, start: &[u8], contents: &[&[u8]]) -> io::Result<OwnedFd> {
    let mut file = File::from(rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.write_all(start)?;
    for content in contents {
        file.write_all(content)?;
    }
    io::Seek::rewind(&mut file)?;
    let file = OwnedFd::from(file);
    rustix::fs::fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file)
}
