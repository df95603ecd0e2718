//! A helper's own side: prepare, confine, then answer one request after the other.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::confine::{address_space, confine, limit_memory, limit_processor_time, processor_time};
use super::protocol::{Envelope, Hello, Reply, receive_request, send};

/// Runs a helper on the socket that is its standard input, until the other side closes it.
///
/// `prepare` runs before the process is confined, which is for good; `answer` makes of a request and its file a value and
/// raw bytes. To be called first thing by a process of its own with one thread.
pub fn serve<S, Q: DeserializeOwned, A: Serialize>(
    prepare: impl FnOnce() -> io::Result<S>,
    answer: impl Fn(&S, &Q, &File) -> (A, Vec<u8>),
) -> ExitCode {
    match serve_all(prepare, answer) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody is left to be told: the other side sees the socket close.
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve_all<S, Q: DeserializeOwned, A: Serialize>(
    prepare: impl FnOnce() -> io::Result<S>,
    answer: impl Fn(&S, &Q, &File) -> (A, Vec<u8>),
) -> io::Result<()> {
    // The default hook would look for files to explain where a decoder panicked.
    panic::set_hook(Box::new(|_| {}));
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let prepared = prepare().and_then(|state| Ok((state, address_space()?)));
    let confined = prepared
        .map_err(|error| error.to_string())
        .and_then(|prepared| confine().map(|layers| (prepared, layers)).map_err(|error| error.to_string()));
    let ((state, base), layers) = match confined {
        Ok(confined) => confined,
        Err(why) => return send(&mut socket, &Hello::Refused { why }, &[]),
    };
    send(&mut socket, &Hello::Ready { layers }, &[])?;
    while let Some((envelope, file)) = receive_request::<Envelope<Q>>(&mut socket)? {
        limit_processor_time(envelope.bounds.seconds)?;
        limit_memory(base, envelope.bounds.memory)?;
        let before = processor_time();
        let answered = panic::catch_unwind(AssertUnwindSafe(|| answer(&state, &envelope.request, &file)));
        limit_memory(base, None)?;
        let (answer, payload) = answered.map_or((None, Vec::new()), |(answer, payload)| (Some(answer), payload));
        send(&mut socket, &Reply { answer, cpu: processor_time() - before }, &payload)?;
    }
    Ok(())
}
