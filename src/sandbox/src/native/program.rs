//! One long-lived program in a sandbox of its own, spoken to through two pipes: a browser.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use glasshouse_model::{BackendInfo, Fault, FaultKind, Limits, Usage};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Signal, pidfd_send_signal};

use super::channel::{Channel, channel, timespec};
use super::ground::{Ground, StartError, Terms};
use super::identity::{Identity, JOB_USER, Leased};
use super::leaves::LeasedLeaf;
use super::payload::in_memory;

/// Building a root takes milliseconds; a loaded host may take longer.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// A killed process ends at once, unless the kernel is stuck.
const KILL_PATIENCE: Duration = Duration::from_secs(10);
/// Beside the program itself: the sandbox's two inits.
const INITS: u64 = 2;

/// What to run and within which bounds.
#[derive(Clone, Debug)]
pub struct ProgramConfig {
    /// The image's root folder.
    pub root: PathBuf,
    /// The program, as a path in the image, and its arguments. It finds its input at descriptor 3 and its output at 4.
    pub command: Vec<String>,
    /// Its whole environment.
    pub environment: BTreeMap<String, String>,
    /// Of these, `memory`, `processes`, `disk` and `files` bind the program for its whole life.
    pub limits: Limits,
    /// What confines it, and what must.
    pub terms: Terms,
}

/// Starts one program after another on the same terms.
#[derive(Debug)]
pub struct Programs {
    ground: Ground,
    config: ProgramConfig,
    backend: BackendInfo,
}

impl Programs {
    /// Checks what the host gives against what the terms require.
    pub fn new(config: ProgramConfig) -> Result<Self, StartError> {
        let (ground, backend) = Ground::lay(&config.terms)?;
        Ok(Self { ground, config, backend })
    }

    /// The layers in force and those that are missing, for records.
    pub fn backend(&self) -> &BackendInfo {
        &self.backend
    }

    /// Starts the program in a fresh sandbox.
    pub fn start(&self) -> Result<RunningProgram, Fault> {
        self.launch().map_err(|error| Fault::new(FaultKind::Start, format!("failed to start a sandbox: {error}")))
    }

    fn launch(&self) -> io::Result<RunningProgram> {
        let leased = Leased::take();
        let identity = leased.identity();
        let leaf = self.ground.leaf()?;
        let mut entrances = Vec::new();
        if let Some(leaf) = &leaf {
            let mut limits = self.config.limits.clone();
            limits.processes += INITS;
            leaf.limit(&limits)?;
            entrances = leaf.doors()?;
        }
        let (input, ours_in) = pipe_with(PipeFlags::CLOEXEC)?;
        let (ours_out, output) = pipe_with(PipeFlags::CLOEXEC)?;
        let filter = in_memory("glasshouse-seccomp", &[], &[&self.ground.filter])?;
        let (socket, theirs) = channel()?;
        let guest = self.ground.guest(theirs, |command| {
            let limits = &self.config.limits;
            let numbers = [u64::from(identity.worker_user()), u64::from(JOB_USER), limits.disk, limits.files];
            command
                .arg("program")
                .arg(&self.config.root)
                .args(numbers.map(|number| number.to_string()))
                .args(&self.config.command)
                .envs(&self.config.environment);
        })?;
        let mut guest = Guest(guest);
        let mut given = vec![input.as_fd(), output.as_fd(), filter.as_fd()];
        given.extend(entrances.iter().map(AsFd::as_fd));
        let init = handshake(&socket, &mut guest, identity, &given)?;
        let pipes = Some((File::from(ours_in), File::from(ours_out)));
        let leaf = leaf.map(Mutex::new);
        Ok(RunningProgram { pipes: Mutex::new(pipes), init, socket, _guest: guest, leaf, _identity: leased })
    }
}

/// The process outside of the sandbox that waits for its init; it ends with it, and is reaped here.
#[derive(Debug)]
struct Guest(Child);

impl Drop for Guest {
    fn drop(&mut self) {
        // Where the start went wrong, its end of the socket is all that holds the sandbox; else it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn handshake(socket: &Channel, guest: &mut Guest, identity: Identity, given: &[BorrowedFd<'_>]) -> io::Result<OwnedFd> {
    let deadline = Instant::now() + START_PATIENCE;
    socket.expect(deadline, "map ")?;
    identity.map(guest.0.id())?;
    socket.send(b"mapped", given)?;
    let ready = socket.expect(deadline, "ready")?;
    ready.descriptors.into_iter().next().ok_or_else(|| io::Error::other("a sandbox came without its init"))
}

/// How the program itself ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It left with this status.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// The sandbox's init is gone, and what became of the program is not known: somebody killed it, or the kernel
    /// did for memory.
    Killed,
}

/// A program that runs. Dropping it kills everything in its sandbox and waits until it is dead.
#[derive(Debug)]
pub struct RunningProgram {
    pipes: Mutex<Option<(File, File)>>,
    /// pidfd of the sandbox's init.
    init: OwnedFd,
    socket: Channel,
    _guest: Guest,
    leaf: Option<Mutex<LeasedLeaf>>,
    _identity: Leased,
}

impl RunningProgram {
    /// The pipe that the program reads and the one that it writes. They are given away once.
    pub fn take_pipes(&self) -> Option<(File, File)> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Kills every process in the sandbox; all of them are dead when this returns, unless the kernel is stuck.
    pub fn kill(&self) {
        // An error means that it is dead already.
        let _ = pidfd_send_signal(&self.init, Signal::KILL);
        self.wait(KILL_PATIENCE);
    }

    /// Waits until every process in the sandbox is dead; `false` if they are not in time.
    pub fn wait(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut watched = [PollFd::new(&self.init, PollFlags::IN)];
            match poll(&mut watched, Some(&timespec(left))) {
                Ok(count) => return count > 0,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }

    /// How the program ended, if it has.
    pub fn ended(&self) -> Option<Ended> {
        match self.socket.expect(Instant::now(), "ended ") {
            Ok(message) => Some(status(&message.text())),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => None,
            Err(_) => Some(Ended::Killed),
        }
    }

    /// Bytes of memory that the sandbox uses now; 0 where nothing counts them.
    pub fn memory(&self) -> u64 {
        let leaf = self.leaf.as_ref().map(|leaf| leaf.lock().unwrap_or_else(PoisonError::into_inner));
        leaf.and_then(|leaf| leaf.memory().ok()).unwrap_or(0)
    }

    /// How often the kernel had to kill in the sandbox for memory.
    pub fn oom_kills(&self) -> u64 {
        let leaf = self.leaf.as_ref().map(|leaf| leaf.lock().unwrap_or_else(PoisonError::into_inner));
        leaf.and_then(|mut leaf| leaf.oom_kills().ok()).unwrap_or(0)
    }

    /// What all processes of the sandbox used since it was started; `wall` and `bytes_written` are not counted here.
    pub fn usage(&self) -> Usage {
        let leaf = self.leaf.as_ref().map(|leaf| leaf.lock().unwrap_or_else(PoisonError::into_inner));
        let counters = leaf.and_then(|mut leaf| leaf.counters().ok()).unwrap_or_default();
        Usage {
            cpu: counters.cpu,
            memory_peak: counters.memory_peak,
            processes: counters.processes.saturating_sub(INITS),
            ..Usage::default()
        }
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A wait status as text, as the init reports it.
fn status(text: &str) -> Ended {
    let status: i32 = text.strip_prefix("ended ").and_then(|rest| rest.trim().parse().ok()).unwrap_or(0);
    match (libc::WIFSIGNALED(status), libc::WTERMSIG(status)) {
        (true, signal) => Ended::Signal(signal),
        (false, _) => Ended::Code(libc::WEXITSTATUS(status)),
    }
}
