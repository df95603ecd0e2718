//! The helper's own side: confine, then answer one request after the other.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use super::confine::{confine, limit_processor_time, processor_time};
use super::protocol::{Hello, Reply, Request, receive_request, send};
use crate::check::{Checked, check_file, is_regular};
use crate::contract::PixelFile;
use crate::open::read_bounded;
use crate::{blank, pixels};

/// Seconds of processor time for one file.
pub(super) const SECONDS: u64 = 10;

/// Runs the helper on the socket that is its standard input, until the other side closes it.
///
/// To be called first thing by a process of its own with one thread: it confines that process for good.
pub fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody is left to be told: the other side sees the socket close.
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve() -> io::Result<()> {
    // The default hook would look for files to explain where a decoder panicked.
    panic::set_hook(Box::new(|_| {}));
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let layers = match confine() {
        Ok(layers) => layers,
        Err(error) => return send(&mut socket, &Hello::Refused { why: error.to_string() }, &[]),
    };
    send(&mut socket, &Hello::Ready { layers }, &[])?;
    while let Some((request, file)) = receive_request(&mut socket)? {
        limit_processor_time(SECONDS)?;
        let before = processor_time();
        let answered = panic::catch_unwind(AssertUnwindSafe(|| answer(&request, &file)));
        let (checked, payload) = answered.unwrap_or_else(|_| {
            (Checked::broken("application/octet-stream", "does not decode: the decoder gave up on it"), Vec::new())
        });
        send(&mut socket, &Reply { checked, cpu: processor_time() - before }, &payload)?;
    }
    Ok(())
}

fn answer(request: &Request, file: &File) -> (Checked, Vec<u8>) {
    let result = match request {
        _ if !is_regular(file) => Err("is not a regular file".to_owned()),
        Request::Check { extension } => check_file(file, extension.as_deref())
            .map(|checked| (checked, Vec::new()))
            .map_err(|error| format!("cannot be read: {error}")),
        Request::Encode { width, height } => encode(file, *width, *height),
    };
    result.unwrap_or_else(|problem| (Checked::broken("application/octet-stream", problem), Vec::new()))
}

fn encode(file: &File, width: u32, height: u32) -> Result<(Checked, Vec<u8>), String> {
    let bytes = PixelFile { file: String::new(), width, height }.bytes();
    let raw = read_bounded(file, bytes).map_err(|error| format!("cannot be read: {error}"))?;
    let png = pixels::encode_png(&raw, width, height).map_err(|error| error.to_string())?;
    let checked = Checked {
        width: Some(width),
        height: Some(height),
        blank: Some(blank::rgba(&raw)),
        ..Checked::of_type("image/png")
    };
    Ok((checked, png))
}
