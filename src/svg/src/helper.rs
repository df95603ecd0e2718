//! The helper that draws: its fonts are in memory before it is confined, and then it can open nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use glasshouse_capture::helper;
use glasshouse_model::drawing::DrawingRequest;
use serde::{Deserialize, Serialize};

use crate::draw::{Drawn, Problem, draw};
use crate::fonts::Fonts;

/// What the helper is asked. Document and files lie in the file that comes along, one after the other.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Bytes of the document.
    pub(crate) document: u64,
    /// The files that it may refer to: path and bytes.
    pub(crate) files: Vec<(String, u64)>,
    /// How it is to be drawn.
    pub(crate) drawing: DrawingRequest,
}

/// What the helper answers; a PNG comes along.
pub(crate) type Reply = Result<Drawn, Problem>;

/// Runs the drawing helper with the fonts below a folder, on the socket that is its standard input, until the other side
/// closes it. To be called first thing by a process of its own with one thread.
pub fn serve(fonts: &Path) -> ExitCode {
    helper::serve(|| Fonts::load(fonts), answer)
}

fn answer(fonts: &Fonts, request: &Request, file: &File) -> (Reply, Vec<u8>) {
    let drawn = read(request, file)
        .map_err(|error| Problem::Malformed(format!("cannot be read: {error}")))
        .and_then(|(document, files)| draw(&document, &files, &request.drawing, fonts));
    match drawn {
        Ok((drawn, png)) => (Ok(drawn), png),
        Err(problem) => (Err(problem), Vec::new()),
    }
}

type Parts = (Vec<u8>, BTreeMap<String, Arc<Vec<u8>>>);

fn read(request: &Request, file: &File) -> std::io::Result<Parts> {
    let mut offset = 0;
    let mut next = |size: u64| {
        // The sender wrote these sizes itself.
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut bytes, offset)?;
        offset += size;
        Ok::<_, std::io::Error>(bytes)
    };
    let document = next(request.document)?;
    let files = request.files.iter().map(|(path, size)| Ok((path.clone(), Arc::new(next(*size)?))));
    Ok((document, files.collect::<std::io::Result<_>>()?))
}
