//! The supervisor's side of one zygote.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use glasshouse_model::Limits;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use super::cells::Cell;
use super::cgroup::Leaf;
use super::channel::{Channel, channel};
use super::identity::JOB_USER;

/// Importing everything cold from a slow disk takes this long at the very most.
const PATIENCE: Duration = Duration::from_secs(120);

/// A zygote of this worker.
#[derive(Debug)]
pub(crate) struct Zygote {
    channel: Channel,
}

/// What a zygote says.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    /// It has loaded these modules and waits.
    Ready { ready: Vec<String> },
    /// The child of this number has ended.
    Ended { ended: u64, status: i32, cpu: f64, peak: u64 },
    /// Something of ours did not work.
    Failed { failed: String, number: Option<u64> },
}

/// A request for a child; the descriptors go beside it in the order that the driver's zygote.py states.
#[derive(Serialize)]
struct Spawn<'a> {
    op: &'static str,
    number: u64,
    user: u32,
    has: &'a [&'static str],
}

/// What a child is told when its job is there; the descriptors are payload and streams.
#[derive(Serialize)]
struct Go {
    limits: Vec<(u32, u64)>,
}

/// What a job's child is given.
pub(crate) struct Inputs {
    pub(crate) payload: OwnedFd,
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// A child that was forked into a cell and a leaf, and waits there for its job.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// By which its zygote reports its end.
    pub(crate) number: u64,
    channel: Channel,
}

impl Waiting {
    /// Gives it its job.
    pub(crate) fn go(&self, inputs: &Inputs, limits: &Limits, cgroup: bool) -> io::Result<()> {
        let message = serde_json::to_vec(&Go { limits: resource_limits(limits, cgroup) })?;
        let descriptors = [&inputs.payload, &inputs.stdin, &inputs.stdout, &inputs.stderr].map(AsFd::as_fd);
        self.channel.send(&message, &descriptors)
    }

    /// Waits until the job's own time has begun; since when it runs.
    pub(crate) fn started(&self, deadline: Instant) -> io::Result<Instant> {
        let message = self.channel.receive_until(deadline)?.text();
        let at = message.strip_prefix("started ").and_then(|at| at.parse::<u64>().ok());
        let at = at.ok_or_else(|| io::Error::other(message.clone()))?;
        // The child's clock is the host's: time namespaces are not used.
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let now = now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64;
        Ok(Instant::now() - Duration::from_nanos(now.saturating_sub(at)))
    }
}

impl Zygote {
    /// The base zygote behind `channel`; `filter` is the seccomp program for its jobs.
    pub(crate) fn configure(channel: Channel, filter: &OwnedFd) -> io::Result<(Self, Vec<String>)> {
        channel.send(br#"{"op":"configure"}"#, &[filter.as_fd()])?;
        Self { channel }.ready()
    }

    /// Lets it fork a zygote that loads `modules` too; the new one and all that it has loaded.
    pub(crate) fn grow(&self, modules: &[String]) -> io::Result<(Self, Vec<String>)> {
        let (ours, theirs) = channel()?;
        let request = serde_json::json!({"op": "grow", "modules": modules}).to_string();
        self.channel.send(request.as_bytes(), &[theirs.as_fd()])?;
        drop(theirs);
        Self { channel: ours }.ready()
    }

    fn ready(self) -> io::Result<(Self, Vec<String>)> {
        match self.answer(Instant::now() + PATIENCE)? {
            Answer::Ready { ready } => Ok((self, ready)),
            other => Err(io::Error::other(format!("expected a zygote to be ready, it says {other:?}"))),
        }
    }

    /// Asks for a child in `cell` and `leaf`, which then waits for its job. Does not wait for it.
    pub(crate) fn spawn(&self, number: u64, cell: &Cell, leaf: Option<&Leaf>) -> io::Result<Waiting> {
        let (ours, theirs) = channel()?;
        let mut has = Vec::new();
        let mut descriptors = vec![theirs.as_fd()];
        descriptors.extend(cell.namespaces.iter().map(AsFd::as_fd));
        if let Some(ruleset) = &cell.ruleset {
            has.push("ruleset");
            descriptors.push(ruleset.as_fd());
        }
        if let Some(birthplace) = leaf.and_then(Leaf::birthplace) {
            has.push("cgroup");
            descriptors.push(birthplace);
        }
        descriptors.extend(leaf.map(Leaf::tasks).unwrap_or_default());
        let request = Spawn { op: "spawn", number, user: JOB_USER, has: &has };
        self.channel.send(&serde_json::to_vec(&request)?, &descriptors)?;
        Ok(Waiting { number, channel: ours })
    }

    /// The next answer.
    pub(crate) fn answer(&self, deadline: Instant) -> io::Result<Answer> {
        let message = self.channel.receive_until(deadline)?;
        serde_json::from_slice(&message.bytes)
            .map_err(|error| io::Error::other(format!("a zygote says {:?}: {error}", message.text())))
    }
}

impl AsFd for Zygote {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

/// Per-process limits. They back the cgroup up, and stand in for it where the user allowed that.
fn resource_limits(limits: &Limits, cgroup: bool) -> Vec<(u32, u64)> {
    let cpu = limits.cpu.as_secs() + 2;
    let mut list = vec![
        // 1, not 0: no dump to a file either way, but 0 still starts a core_pattern program, on the host.
        (libc::RLIMIT_CORE, 1),
        (libc::RLIMIT_CPU, cpu),
        (libc::RLIMIT_FSIZE, limits.disk),
        (libc::RLIMIT_NOFILE, 1024),
        (libc::RLIMIT_MEMLOCK, 64 << 10),
        (libc::RLIMIT_MSGQUEUE, 800 << 10),
        (libc::RLIMIT_NICE, 0),
        (libc::RLIMIT_RTPRIO, 0),
        (libc::RLIMIT_SIGPENDING, 1024),
    ];
    if !cgroup {
        list.push((libc::RLIMIT_DATA, limits.memory));
        list.push((libc::RLIMIT_NPROC, limits.processes + 8));
    }
    list
}

/// Standard input that is empty from the start.
pub(crate) fn no_input() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}
