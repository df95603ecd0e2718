//! A command's end: an executor whose jobs run in the daemon.

use std::io::{self, BufReader, BufWriter, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use glasshouse_capture::{Store, StoreError};
use glasshouse_model::{BackendInfo, Fault, FaultKind, Job, RuntimeInfo};
use rustix::net::sockopt::socket_peercred;
use rustix::process::geteuid;

use super::frame;
use super::message::{Answered, Ask, Say, send_job};
use super::terms::Terms;
use crate::pipeline::{Answer, Executor};

/// What the kernel says where no daemon is; the last of a path that is too long for any socket.
const NOBODY: [ErrorKind; 3] = [ErrorKind::NotFound, ErrorKind::ConnectionRefused, ErrorKind::InvalidInput];

/// A daemon that will run jobs for this command.
#[derive(Clone, Debug)]
pub struct Daemon {
    socket: PathBuf,
    terms: Terms,
}

/// What came of looking for a daemon.
#[derive(Debug)]
pub enum Search {
    /// It will run jobs.
    Found(Daemon),
    /// There is none.
    Absent,
    /// There is one that will not, and why.
    Unlike(String),
}

impl Daemon {
    /// Looks for a daemon at `socket` that runs jobs by these terms.
    pub fn find(socket: &Path, terms: Terms) -> Search {
        match connect(socket, &terms) {
            Ok(Ok(_)) => Search::Found(Self { socket: socket.to_owned(), terms }),
            Ok(Err(difference)) => Search::Unlike(difference),
            Err(error) if NOBODY.contains(&error.kind()) => Search::Absent,
            Err(error) => Search::Unlike(error.to_string()),
        }
    }

    /// So many executors, whose artifacts go into `store`.
    pub fn executors(&self, count: usize, store: &Store) -> Vec<Box<dyn Executor>> {
        let remote = |_| {
            let daemon = self.clone();
            Box::new(Remote { daemon, store: store.clone(), line: None, last: None }) as Box<dyn Executor>
        };
        (0..count).map(remote).collect()
    }
}

/// A connection that the daemon has welcomed.
struct Line {
    from: BufReader<UnixStream>,
    to: BufWriter<UnixStream>,
}

/// Jobs of one worker of a run.
struct Remote {
    daemon: Daemon,
    store: Store,
    line: Option<Line>,
    /// What records say of the last job's runtime and of what confined it.
    last: Option<(RuntimeInfo, BackendInfo)>,
}

/// A line to the daemon, or what it says to being asked for one.
fn connect(socket: &Path, terms: &Terms) -> io::Result<Result<Line, String>> {
    let stream = UnixStream::connect(socket)?;
    let owner = socket_peercred(&stream)?.uid;
    if owner != geteuid() && !owner.is_root() {
        return Ok(Err("it is another user's".to_owned()));
    }
    let mut line = Line { from: BufReader::new(stream.try_clone()?), to: BufWriter::new(stream) };
    frame::write(&mut line.to, &Ask::Hello(terms.clone()), &[])?;
    line.to.flush()?;
    match frame::read(&mut line.from)? {
        Some((Say::Welcome, _)) => Ok(Ok(line)),
        Some((Say::Refused(difference), _)) => Ok(Err(difference)),
        Some(_) => Err(io::Error::new(ErrorKind::InvalidData, "it says what no daemon says")),
        None => Err(ErrorKind::UnexpectedEof.into()),
    }
}

impl Remote {
    fn line(&mut self) -> Result<&mut Line, Fault> {
        let line = match self.line.take() {
            Some(line) => line,
            None => connect(&self.daemon.socket, &self.daemon.terms)
                .map_err(|error| self.fault(FaultKind::Start, "does not answer", &error.to_string()))?
                .map_err(|difference| self.fault(FaultKind::Start, "will not run this job", &difference))?,
        };
        Ok(self.line.insert(line))
    }

    fn fault(&self, kind: FaultKind, what: &str, why: &str) -> Fault {
        Fault::new(kind, format!("the daemon at {} {what}: {why}", self.daemon.socket.display()))
    }

    /// The daemon's answer, with its artifacts stored here.
    fn ask(&mut self, job: &Job) -> Result<Result<Answered, Fault>, Fault> {
        let store = self.store.clone();
        let line = self.line()?;
        let mut said = || -> io::Result<(Say, Vec<u64>)> {
            send_job(&mut line.to, job)?;
            line.to.flush()?;
            frame::read(&mut line.from)?.ok_or_else(|| ErrorKind::UnexpectedEof.into())
        };
        let broken = |error: io::Error| Fault::new(FaultKind::Worker, format!("the daemon broke off: {error}"));
        match said().map_err(broken)? {
            (Say::Answer(answered), lengths) => {
                for (object, length) in answered.objects.iter().zip(lengths) {
                    let stored = store.put_stream(&mut line.from, length);
                    let stored = stored.map_err(not_stored)?;
                    if stored != *object {
                        return Err(broken(io::Error::new(ErrorKind::InvalidData, "an artifact is not what it was")));
                    }
                }
                Ok(Ok(*answered))
            }
            (Say::Fault(fault), _) => Ok(Err(fault)),
            _ => Err(broken(io::Error::new(ErrorKind::InvalidData, "it says what no daemon says"))),
        }
    }
}

/// Whether it was the daemon that failed or the disk.
fn not_stored(error: StoreError) -> Fault {
    let broke_off = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
    let kind = match &error {
        StoreError::Io { source, .. } if broke_off.contains(&source.kind()) => FaultKind::Worker,
        _ => FaultKind::Storage,
    };
    Fault::new(kind, error.to_string())
}

impl Executor for Remote {
    fn answer(&mut self, job: &Job) -> Result<Answer, Fault> {
        let answered = self.ask(job).inspect_err(|_| {
            // Half an answer may still be on it.
            self.line = None;
        })??;
        self.last = Some((answered.runtime, answered.backend));
        Ok(answered.answer)
    }

    fn runtime(&self, _: &Job) -> RuntimeInfo {
        self.last.as_ref().map(|(runtime, _)| runtime.clone()).unwrap_or_default()
    }

    fn backend(&self, _: &Job) -> BackendInfo {
        self.last.as_ref().map(|(_, backend)| backend.clone()).unwrap_or_default()
    }
}
