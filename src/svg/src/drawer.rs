//! The command's side: has documents drawn by a helper.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::unix::process::ExitStatusExt;

use glasshouse_capture::PIXEL_LIMIT;
use glasshouse_capture::helper::{Bounds, Client, HelperCommand, Said};
use glasshouse_model::drawing::DrawingRequest;
use glasshouse_model::{Fault, FaultKind, Limits};

use crate::draw::{Drawn, Problem};
use crate::helper::{Reply, Request};

/// How the standard library begins its last words where memory cannot be had.
const OUT_OF_MEMORY: &str = "memory allocation of";
/// Bytes of the largest picture: its raw pixels, and what PNG adds to those that do not compress.
const PICTURE: u64 = PIXEL_LIMIT * 4 + (1 << 20);

/// How a drawing ended.
#[derive(Debug)]
pub enum Ending {
    /// With a picture: a PNG.
    Drawn(Drawn, Vec<u8>),
    /// There can be none.
    Problem(Problem),
    /// It needed more processor time than allowed.
    OutOfTime,
    /// It needed more memory than allowed.
    OutOfMemory,
    /// It ended its helper by this signal, twice: elements within elements deeper than the stack, or a fault in resvg.
    Crashed(i32),
    /// resvg gave up on it: a fault in resvg.
    GaveUp,
}

/// What came of one document.
#[derive(Debug)]
pub struct Sketch {
    /// How it ended.
    pub ending: Ending,
    /// Seconds of processor time, where known.
    pub cpu: f64,
}

/// Has documents drawn, one after the other, by a helper of its own.
#[derive(Debug)]
pub struct Drawer {
    client: Client,
}

impl Drawer {
    /// A drawer whose helper is started by `command`, which must call [`crate::serve`]; it is started when it is first
    /// needed.
    pub fn new(command: HelperCommand) -> Self {
        Self { client: Client::new(command) }
    }

    /// Starts the helper now, if it does not run, and tells the layers that confine it.
    ///
    /// # Errors
    /// A fault if it cannot be started or does not confine itself.
    pub fn start(&mut self) -> Result<&[String], Fault> {
        self.client.start()
    }

    /// Draws a document; `files` are those that it may refer to, by their relative paths.
    ///
    /// # Errors
    /// A fault if no helper can be had; never for anything in the document.
    pub fn draw(
        &mut self,
        document: &str,
        files: &BTreeMap<String, Vec<u8>>,
        drawing: &DrawingRequest,
        limits: &Limits,
    ) -> Result<Sketch, Fault> {
        let file = bundle(document, files).map_err(|error| Fault::new(FaultKind::Start, error.to_string()))?;
        let sizes = files.iter().map(|(path, bytes)| (path.clone(), bytes.len() as u64)).collect();
        let request = Request { document: document.len() as u64, files: sizes, drawing: *drawing };
        // The kernel counts whole seconds.
        let seconds = limits.cpu.min(limits.wall).as_secs_f64().ceil() as u64;
        let bounds = Bounds { seconds, memory: Some(limits.memory) };
        let (ending, cpu) = match self.client.ask::<_, Reply>(&request, &file, bounds, PICTURE)? {
            Said::Answer { value: Ok(drawn), payload, cpu } => (Ending::Drawn(drawn, payload), cpu),
            Said::Answer { value: Err(problem), cpu, .. } => (Ending::Problem(problem), cpu),
            Said::GaveUp { cpu } => (Ending::GaveUp, cpu),
            Said::OutOfTime => (Ending::OutOfTime, seconds as f64),
            Said::Crashed { words, .. } if words.contains(OUT_OF_MEMORY) => (Ending::OutOfMemory, 0.0),
            Said::Crashed { status, .. } => (Ending::Crashed(status.signal().unwrap_or_default()), 0.0),
        };
        Ok(Sketch { ending, cpu })
    }
}

/// A file without a name that holds the document and then the files, in the order of their paths.
fn bundle(document: &str, files: &BTreeMap<String, Vec<u8>>) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("glasshouse-drawing", rustix::fs::MemfdFlags::CLOEXEC)?);
    file.write_all(document.as_bytes())?;
    for bytes in files.values() {
        file.write_all(bytes)?;
    }
    file.rewind()?;
    Ok(file)
}
