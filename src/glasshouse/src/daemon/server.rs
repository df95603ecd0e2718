//! The daemon's end: who may ask, and the way of a job from its message to its answer's.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use glasshouse_model::{Digest, Fault, FaultKind, Job};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, flock};
use rustix::net::sockopt::socket_peercred;
use rustix::process::geteuid;
use thiserror::Error;

use super::frame;
use super::lanes::{Lane, Lanes};
use super::message::{Answered, Ask, Say, receive_job};
use super::terms::Terms;
use crate::pipeline::Stop;

/// How often the daemon looks whether it should end.
const TICK: Duration = Duration::from_millis(100);
/// How long jobs that run may go on after that.
const GRACE: Duration = Duration::from_secs(5);
/// How long a command may leave an answer unread: it holds a lane meanwhile.
const UNREAD: Duration = Duration::from_secs(60);

/// Why there is no daemon.
#[derive(Debug, Error)]
pub enum ServerError {
    /// One is there.
    #[error("a daemon serves {0} already; stop it first, or pass --socket for another one")]
    Taken(PathBuf),
    /// The socket cannot be made.
    #[error("cannot serve {path}: {source}")]
    Socket {
        /// The socket's path.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
}

/// A daemon that listens. Dropping it removes its socket.
pub struct Server {
    listener: UnixListener,
    socket: PathBuf,
    /// Locked as long as the daemon lives, however it ends.
    _lock: File,
    shared: Arc<Shared>,
}

struct Shared {
    terms: Terms,
    lanes: Lanes,
    jobs: AtomicU64,
}

/// The right to serve a socket.
pub struct Claim {
    socket: PathBuf,
    lock: File,
}

impl Server {
    /// Makes sure that nobody else serves `socket`.
    ///
    /// # Errors
    /// Somebody does, or the folder cannot be used.
    pub fn claim(socket: &Path) -> Result<Claim, ServerError> {
        let failed = |source| ServerError::Socket { path: socket.to_owned(), source };
        if let Some(folder) = socket.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let lock = File::create(socket.with_extension("lock")).map_err(failed)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| ServerError::Taken(socket.to_owned()))?;
        Ok(Claim { socket: socket.to_owned(), lock })
    }

    /// Listens. From now on commands find the daemon.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn bind(claim: Claim, terms: Terms, lanes: Lanes) -> Result<Self, ServerError> {
        let Claim { socket, lock } = claim;
        let bound = || -> io::Result<UnixListener> {
            // Whoever made one that is there is dead, as the lock says.
            match fs::remove_file(&socket) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let listener = UnixListener::bind(&socket)?;
            fs::set_permissions(&socket, fs::Permissions::from_mode(0o600))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let listener = bound().map_err(|source| ServerError::Socket { path: socket.clone(), source })?;
        let shared = Arc::new(Shared { terms, lanes, jobs: AtomicU64::new(0) });
        Ok(Self { listener, socket, _lock: lock, shared })
    }

    /// Serves until `stop`, and then lets jobs that run go on for a few seconds; jobs answered in all. Lanes that have had no job
    /// for `rest` are emptied.
    pub fn serve(&self, stop: &Stop, rest: Duration) -> u64 {
        while !stop.requested() {
            let mut waited = [PollFd::new(&self.listener, PollFlags::IN)];
            let tick = Timespec { tv_sec: 0, tv_nsec: TICK.subsec_nanos().into() };
            if poll(&mut waited, Some(&tick)).is_ok_and(|ready| ready > 0)
                && let Ok((stream, _)) = self.listener.accept()
            {
                let shared = Arc::clone(&self.shared);
                thread::spawn(move || shared.converse(stream));
            }
            self.shared.lanes.rest(rest);
        }
        let until = Instant::now() + GRACE;
        while self.shared.lanes.idle() < self.shared.lanes.count() && Instant::now() < until {
            thread::sleep(TICK);
        }
        self.shared.jobs.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What stays is replaced by the next daemon.
        let _ = fs::remove_file(&self.socket);
    }
}

impl Shared {
    /// Speaks with one command until it has gone.
    fn converse(&self, stream: UnixStream) {
        let ours = socket_peercred(&stream).is_ok_and(|peer| peer.uid == geteuid() || peer.uid.is_root());
        if !ours {
            return;
        }
        // A command that breaks off, or says what no command says, is left alone.
        let _ = self.answer_all(&stream);
    }

    fn answer_all(&self, stream: &UnixStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(UNREAD))?;
        let mut from = BufReader::new(stream);
        let mut to = BufWriter::new(stream);
        let Some((Ask::Hello(terms), _)) = frame::read(&mut from)? else { return Ok(()) };
        if let Some(difference) = terms.difference(&self.terms) {
            frame::write(&mut to, &Say::Refused(difference), &[])?;
            return to.flush();
        }
        frame::write(&mut to, &Say::Welcome, &[])?;
        to.flush()?;
        while let Some((Ask::Run(header), lengths)) = frame::read(&mut from)? {
            let job = receive_job(&mut from, *header, &lengths)?;
            self.answer(&job, &mut to)?;
        }
        Ok(())
    }

    /// Runs a job in a lane and hands over what came of it.
    fn answer(&self, job: &Job, to: &mut impl Write) -> io::Result<()> {
        if self.terms.runtimes.get(&job.runtime) != Some(&job.image) {
            let fault = Fault::new(FaultKind::Start, format!("the daemon has no such runtime {}", job.runtime));
            frame::write(to, &Say::Fault(fault), &[])?;
            return to.flush();
        }
        let handed_over = self.lanes.with(&job.runtime, |lane| lane.answer(job, to));
        self.jobs.fetch_add(1, Ordering::Relaxed);
        handed_over.unwrap_or_else(|| Err(io::Error::other("a lane broke")))
    }
}

impl Lane {
    /// Hands over what comes of a job. Only then is anything cleared away or made ready: somebody waits.
    fn answer(&mut self, job: &Job, to: &mut impl Write) -> io::Result<()> {
        let (said, objects) = self.say(job);
        let sent = self.send(said, &objects, to).and_then(|()| to.flush());
        self.clear(&objects)?;
        self.executor.get_ready();
        sent
    }

    /// Removes artifacts that nobody waits for any more.
    pub(super) fn clear(&self, objects: &[Digest]) -> io::Result<()> {
        objects.iter().try_for_each(|object| self.store.remove(*object)).map_err(io::Error::other)
    }

    /// The answer to a job, and the artifacts that belong to it.
    pub(super) fn say(&mut self, job: &Job) -> (Say, Vec<Digest>) {
        let answer = match self.executor.answer(job) {
            Ok(answer) => answer,
            Err(fault) => return (Say::Fault(fault), Vec::new()),
        };
        let mut objects: Vec<Digest> = answer.artifacts.iter().filter_map(|artifact| artifact.hash).collect();
        objects.sort();
        objects.dedup();
        let answered = Answered {
            runtime: self.executor.runtime(job),
            backend: self.executor.backend(job),
            answer,
            objects: objects.clone(),
        };
        (Say::Answer(Box::new(answered)), objects)
    }

    fn send(&self, answer: Say, objects: &[Digest], to: &mut impl Write) -> io::Result<()> {
        let files = objects.iter().map(|object| self.store.open_object(*object)).collect::<io::Result<Vec<_>>>()?;
        let lengths = files.iter().map(|file| Ok(file.metadata()?.len())).collect::<io::Result<Vec<_>>>()?;
        frame::write(to, &answer, &lengths)?;
        for (file, length) in files.into_iter().zip(lengths) {
            io::copy(&mut file.take(length), to)?;
        }
        Ok(())
    }
}
