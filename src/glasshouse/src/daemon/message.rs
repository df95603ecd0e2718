//! What command and daemon say to each other.

use std::io::{self, ErrorKind, Read, Write};

use glasshouse_model::drawing::DrawingRequest;
use glasshouse_model::page::PageRequest;
use glasshouse_model::scenes::SceneRequest;
use glasshouse_model::{BackendInfo, CaptureKind, Digest, Fault, Job, Policy, RuntimeInfo, Test};
use serde::{Deserialize, Serialize};

use super::frame;
use super::terms::Terms;
use crate::pipeline::Answer;

/// A command's words. It begins with `Hello`; jobs follow, one at a time.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ask {
    /// Who asks.
    Hello(Terms),
    /// Asks for the answer to a job. Blobs: code, standard input, files.
    Run(Box<JobHeader>),
}

/// The daemon's words.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Say {
    /// The daemon will run jobs.
    Welcome,
    /// It will not, with what is unlike.
    Refused(String),
    /// What is true of the job. Blobs: the objects.
    Answer(Box<Answered>),
    /// The daemon failed; the job may be tried again.
    Fault(Fault),
}

/// An answer and what a record says beside it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answered {
    pub(super) answer: Answer,
    pub(super) runtime: RuntimeInfo,
    pub(super) backend: BackendInfo,
    /// Hashes of the artifacts' contents, in the order of the blobs.
    pub(super) objects: Vec<Digest>,
}

/// A job without its bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct JobHeader {
    /// What both ends must find to be the job's id.
    id: Digest,
    runtime: String,
    image: Digest,
    args: Vec<String>,
    tests: Vec<Test>,
    capture: Vec<CaptureKind>,
    policy: Policy,
    seed: u64,
    page: PageRequest,
    drawing: DrawingRequest,
    scenes: SceneRequest,
    /// Names, in the order of the blobs.
    files: Vec<String>,
}

/// Sends a job.
pub(super) fn send_job(stream: &mut impl Write, job: &Job) -> io::Result<()> {
    let header = JobHeader {
        id: job.id(),
        runtime: job.runtime.clone(),
        image: job.image,
        args: job.args.clone(),
        tests: job.tests.clone(),
        capture: job.capture.clone(),
        policy: job.policy.clone(),
        seed: job.seed,
        page: job.page.clone(),
        drawing: job.drawing,
        scenes: job.scenes.clone(),
        files: job.files.keys().cloned().collect(),
    };
    let blobs: Vec<&[u8]> =
        [job.code.as_bytes(), &job.stdin].into_iter().chain(job.files.values().map(Vec::as_slice)).collect();
    let lengths: Vec<u64> = blobs.iter().map(|blob| blob.len() as u64).collect();
    frame::write(stream, &Ask::Run(Box::new(header)), &lengths)?;
    blobs.into_iter().try_for_each(|blob| stream.write_all(blob))
}

/// The job of a header whose blobs come next on the stream.
pub(super) fn receive_job(stream: &mut impl Read, header: JobHeader, lengths: &[u64]) -> io::Result<Job> {
    let wrong = |message: &str| io::Error::new(ErrorKind::InvalidData, message.to_owned());
    if lengths.len() != header.files.len() + 2 {
        return Err(wrong("a job came with another number of files than it names"));
    }
    let mut blobs = lengths.iter().map(|length| frame::bytes(stream, *length));
    let mut next = || blobs.next().unwrap_or_else(|| Err(ErrorKind::UnexpectedEof.into()));
    let code = String::from_utf8(next()?).map_err(|_| wrong("a job's code is not UTF-8"))?;
    let stdin = next()?;
    let files = header.files.into_iter().map(|name| Ok((name, next()?))).collect::<io::Result<_>>()?;
    let JobHeader { runtime, image, args, tests, capture, policy, seed, page, drawing, scenes, .. } = header;
    let job = Job { runtime, image, code, files, stdin, args, tests, capture, policy, seed, page, drawing, scenes };
    if job.id() != header.id {
        return Err(wrong("a job did not arrive as it was sent; please report this"));
    }
    Ok(job)
}
