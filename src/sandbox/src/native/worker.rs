//! One sandbox with a runtime started in it, and the running of one job after another in it.

use std::io;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use glasshouse_model::{Fault, FaultKind, Usage};
use rustix::fs::{Mode, OFlags, ResolveFlags};

use super::cells::{Cell, Cells};
use super::cgroup::Leaf;
use super::channel::{Channel, channel};
use super::forest::{Choice, Forest};
use super::payload::{in_memory, payload};
use super::pool::Shared;
use super::supervise::{Seen, Watch, output_pipe};
use super::zygote::{Inputs, Zygote, no_input};
use crate::imports::imports;
use crate::run::{Disk, RunReport, RunRequest, Stop, Timing};

/// Building a root and starting an interpreter take well under a second; a loaded host may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker: dropping it ends every process in it.
#[derive(Debug)]
pub struct Worker {
    shared: Arc<Shared>,
    number: u64,
    sandbox: Option<Sandbox>,
    jobs: u64,
}

/// What a worker's processes are; replaced as a whole when any part of it fails.
#[derive(Debug)]
struct Sandbox {
    guest: Child,
    init: Channel,
    forest: Forest<Zygote>,
    cells: Cells,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, number: u64) -> Result<Self, Fault> {
        let mut worker = Self { shared, number, sandbox: None, jobs: 0 };
        worker.sandbox()?;
        Ok(worker)
    }

    /// Runs one job to its end. A fault says that we failed; the worker has then replaced what broke.
    pub fn run(&mut self, request: &RunRequest) -> Result<RunReport, Fault> {
        let leased = Instant::now();
        let shared = Arc::clone(&self.shared);
        let mut leaf = match &shared.leaves {
            Some(leaves) => Some(leaves.take().map_err(|error| fault(FaultKind::Limit, "make a cgroup", &error))?),
            None => None,
        };
        let limited = leaf.as_ref().map_or(Ok(()), |leaf| leaf.limit(&request.limits));
        let result = limited
            .map_err(|error| fault(FaultKind::Limit, "set the limits", &error))
            .and_then(|()| self.attempt(request, leaf.as_mut(), leased));
        if result.is_err() {
            self.sandbox = None;
        }
        if let (Some(leaf), Some(leaves)) = (leaf, &shared.leaves) {
            leaves.give_back(leaf);
        }
        self.jobs += 1;
        result
    }

    fn attempt(
        &mut self,
        request: &RunRequest,
        mut leaf: Option<&mut Leaf>,
        leased: Instant,
    ) -> Result<RunReport, Fault> {
        let shared = Arc::clone(&self.shared);
        let jobs = self.jobs;
        let number = self.number;
        let broken = |doing: &'static str| move |error: io::Error| fault(FaultKind::Worker, doing, &error);
        let sandbox = self.sandbox()?;
        let cell = sandbox.cells.take(&sandbox.init, &request.limits).map_err(broken("get a cell"))?;
        let zygote = sandbox.zygote(&imports(&request.code)).map_err(broken("get a zygote"))?;
        let before = disk(&cell, 0).map_err(broken("look at the disk"))?;
        let asked = Instant::now();

        let nonce = format!("{:016x}{:08x}{:08x}", shared.nonce(), number, jobs);
        let ((stdout, stdout_end), (stderr, stderr_end)) = output_pipe()
            .and_then(|first| output_pipe().map(|second| (first, second)))
            .map_err(broken("make pipes"))?;
        let inputs = Inputs {
            payload: payload(request, &shared.config.script, &nonce).map_err(broken("write the payload"))?,
            stdin: stdin(&request.stdin).map_err(broken("write the input"))?,
            stdout: stdout_end,
            stderr: stderr_end,
            birthplace: leaf.as_ref().and_then(|leaf| leaf.birthplace()),
            tasks: leaf.as_ref().map(|leaf| leaf.tasks()).unwrap_or_default(),
        };
        zygote.run(&cell, &inputs, &request.limits, leaf.is_some()).map_err(broken("ask for a job"))?;
        // The job's end of the pipes is the job's alone, so that they end with it.
        drop(inputs);
        let watch = Watch { zygote, cell: &cell, leaf: leaf.as_deref_mut(), limits: &request.limits, asked };
        let seen = watch.watch(stdout, stderr).map_err(broken("run a job"))?;
        let stopped = Instant::now();
        // The next cell is made while this job's outputs are looked at.
        sandbox.cells.refill(&sandbox.init).map_err(broken("ask for a cell"))?;
        let lease = asked.duration_since(leased).as_secs_f64();
        let end = End { cell: &cell, seen, before, nonce: &nonce, lease, stopped };
        end.report(request, leaf, &shared.config.script)
            .map_err(|error| fault(FaultKind::Harvest, "read what the run left", &error))
    }

    fn sandbox(&mut self) -> Result<&mut Sandbox, Fault> {
        let sandbox = match self.sandbox.take() {
            Some(sandbox) => sandbox,
            None => Sandbox::start(&self.shared, self.number)
                .map_err(|error| fault(FaultKind::Start, "start a worker", &error))?,
        };
        Ok(self.sandbox.insert(sandbox))
    }
}

fn fault(kind: FaultKind, doing: &str, error: &io::Error) -> Fault {
    Fault::new(kind, format!("failed to {doing}: {error}"))
}

impl Sandbox {
    fn start(shared: &Shared, number: u64) -> io::Result<Self> {
        let identity = super::identity::Identity::of_worker(number);
        let (init, theirs) = channel()?;
        let config = &shared.config;
        let mut guest = Command::new(shared.program.path())
            .arg("worker")
            .args([config.root.as_os_str(), shared.driver.folder().as_os_str()])
            .arg(identity.worker_user().to_string())
            .arg(&config.interpreter)
            .arg("/opt/glasshouse/driver/start.py")
            .env_clear()
            .envs(&config.environment)
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(shared.log()?)
            .spawn()?;
        let started = handshake(&init, &mut guest, identity, shared);
        let (forest, cells) = match started {
            Ok(parts) => parts,
            Err(error) => {
                // The socket's end makes the guest go; it may have gone already.
                let _ = guest.kill();
                let _ = guest.wait();
                return Err(error);
            }
        };
        Ok(Self { guest, init, forest, cells })
    }

    /// The zygote to fork from, grown first where that is worth it.
    fn zygote(&mut self, imports: &[String]) -> io::Result<&Zygote> {
        let place = match self.forest.choose(imports) {
            Choice::Fork(place) => place,
            Choice::Grow(parent, missing) => {
                let (zygote, loaded) = self.forest.handle(parent).grow(&missing)?;
                // Those that are no longer kept end when their sockets close.
                drop(self.forest.add(parent, &missing, loaded, zygote));
                match self.forest.choose(imports) {
                    Choice::Fork(place) | Choice::Grow(place, _) => place,
                }
            }
        };
        Ok(self.forest.handle(place))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Closing the socket would do, but a stopped or broken init must go as well.
        let _ = self.guest.kill();
        let _ = self.guest.wait();
    }
}

type Parts = (Forest<Zygote>, Cells);

fn handshake(
    init: &Channel,
    guest: &mut Child,
    identity: super::identity::Identity,
    shared: &Shared,
) -> io::Result<Parts> {
    let deadline = Instant::now() + PATIENCE;
    expect(init, deadline, "map ")?;
    identity.map(guest.id())?;
    init.send(b"mapped", &[])?;
    let ready = expect(init, deadline, "ready ")?;
    let mut descriptors = ready.descriptors.into_iter();
    let socket = descriptors.next().ok_or_else(|| io::Error::other("a worker came without its zygote"))?;
    let filter = in_memory("glasshouse-seccomp", &[], &[&shared.filter])?;
    let mut cells = Cells::new(&shared.config.limits);
    cells.refill(init)?;
    let (base, loaded) = Zygote::configure(Channel::from(socket), &filter)?;
    let mut forest = Forest::new(base, loaded, &shared.config.warm);
    for modules in &shared.config.trunk {
        // Choose twice, since a set of imports gets its zygote when it comes for the second time.
        forest.choose(modules);
        if let Choice::Grow(parent, missing) = forest.choose(modules) {
            let (zygote, loaded) = forest.handle(parent).grow(&missing)?;
            drop(forest.add(parent, &missing, loaded, zygote));
        }
    }
    Ok((forest, cells))
}

fn expect(init: &Channel, deadline: Instant, start: &str) -> io::Result<super::channel::Message> {
    let message = init.receive_until(deadline)?;
    let text = message.text();
    if text.starts_with(start) { Ok(message) } else { Err(io::Error::other(format!("the worker's init says: {text}"))) }
}

fn stdin(content: &[u8]) -> io::Result<std::os::fd::OwnedFd> {
    if content.is_empty() { no_input() } else { in_memory("glasshouse-stdin", &[], &[content]) }
}

/// The state of a cell's disk, less what was on it before.
fn disk(cell: &Cell, bytes_before: u64) -> io::Result<Disk> {
    let facts = rustix::fs::fstatvfs(cell.work.as_fd())?;
    let used = (facts.f_blocks - facts.f_bfree) * facts.f_frsize;
    Ok(Disk {
        bytes: used.saturating_sub(bytes_before),
        files: facts.f_files - facts.f_ffree,
        full: facts.f_bfree == 0 || facts.f_ffree == 0,
    })
}

/// A program can close its folders even to its own user, who may be the supervisor's.
fn open_doors(cell: &Cell) -> io::Result<()> {
    for folder in [&cell.work, &cell.captures] {
        rustix::fs::fchmod(folder, Mode::RWXU)?;
    }
    Ok(())
}

/// A run that has ended, with all that is needed to report it.
struct End<'a> {
    cell: &'a Cell,
    seen: Seen,
    /// The disk before the job was there.
    before: Disk,
    nonce: &'a str,
    /// Seconds until cell and zygote were there.
    lease: f64,
    /// When the last process was seen to be dead.
    stopped: Instant,
}

impl End<'_> {
    fn report(self, request: &RunRequest, leaf: Option<&mut Leaf>, script: &str) -> io::Result<RunReport> {
        let Self { cell, seen, .. } = self;
        open_doors(cell)?;
        let counters = leaf.map(Leaf::counters).transpose()?;
        let disk = disk(cell, self.before.bytes)?;
        let counted = counters.unwrap_or_default();
        let usage = Usage {
            wall: seen.run,
            cpu: counters.map_or(seen.main_cpu, |counters| counters.cpu),
            memory_peak: counters.map_or(seen.main_peak, |counters| counters.memory_peak),
            processes: counted.processes,
            bytes_written: disk.bytes,
        };
        let over_cpu = usage.cpu > request.limits.cpu.as_secs_f64();
        Ok(RunReport {
            exit: seen.exit,
            stop: seen.stop.or(over_cpu.then_some(Stop::Cpu)),
            oom_kills: counted.oom_kills,
            refused_forks: counted.refused_forks,
            disk,
            stdout: seen.stdout,
            stderr: seen.stderr,
            usage,
            timing: Timing {
                lease: self.lease,
                start: seen.start,
                run: seen.run,
                stop: self.stopped.elapsed().as_secs_f64(),
            },
            test_passed: request.test_code.as_ref().map(|_| test_passed(cell, self.nonce)),
            work: cell.work.as_fd().try_clone_to_owned()?,
            captures: cell.captures.as_fd().try_clone_to_owned()?,
            script: script.to_owned(),
        })
    }
}

/// Whether the driver left the word that it writes when the test code has run to its end. A program
/// that leaves early, by whatever door, does not leave it.
fn test_passed(cell: &Cell, nonce: &str) -> bool {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let Ok(file) = rustix::fs::openat2(cell.captures.as_fd(), "tests.json", flags, Mode::empty(), resolve) else {
        return false;
    };
    let regular = rustix::fs::fstat(&file).is_ok_and(|facts| facts.st_mode & libc::S_IFMT == libc::S_IFREG);
    let mut text = [0_u8; 256];
    let length = if regular { rustix::io::read(&file, &mut text).unwrap_or(0) } else { 0 };
    let said: Option<serde_json::Value> = serde_json::from_slice(&text[..length]).ok();
    said.is_some_and(|said| said["nonce"] == nonce)
}
