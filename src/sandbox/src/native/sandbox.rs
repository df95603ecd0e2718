//! The processes of one worker: its init, its zygotes, and the child that waits for the next job.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use glasshouse_model::Limits;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::cells::{Cell, Cells};
use super::channel::Channel;
use super::forest::{Choice, Forest};
use super::identity::Leased;
use super::launcher::{Anchor, Launched};
use super::leaves::LeasedLeaf;
use super::payload::in_memory;
use super::pool::{Recycling, Shared};
use super::stock::Underway;
use super::zygote::{Waiting, Zygote};

/// Building a root and starting an interpreter take well under a second; a loaded host may take longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The memory of a worker is looked at after every so many jobs.
const MEMORY_LOOK: u64 = 64;

/// What a worker's processes are; replaced as a whole when any part of it fails.
#[derive(Debug)]
pub(super) struct Sandbox {
    /// Dropped first: closing the sockets would do, but a stopped or broken init must go as well.
    anchor: Box<dyn Anchor>,
    init: Channel,
    pub(super) forest: Forest<Zygote>,
    cells: Cells,
    /// A child that was forked ahead for the next job.
    spare: Option<Berth>,
    spawned: u64,
    /// How many jobs have had a child of it.
    served: u64,
    since: Instant,
    /// Bytes of memory that it used before its first job, where somebody counts them.
    memory_at_start: Option<u64>,
    /// Given back last, when nothing has these users any more.
    _identity: Leased,
}

/// A child that waits for its job, in a cell and a leaf of its own.
#[derive(Debug)]
pub(super) struct Berth {
    pub(super) child: Waiting,
    pub(super) cell: Cell,
    pub(super) leaf: Option<LeasedLeaf>,
    /// The zygote that it was forked from.
    pub(super) zygote: usize,
    /// The limits that its disk and its leaf have.
    pub(super) limits: Limits,
}

impl Sandbox {
    /// Starts a worker's processes. While this waits for them, `underway` holds their socket.
    pub(super) fn start(shared: &Shared, underway: &Underway) -> io::Result<Self> {
        let leased = Leased::take();
        let identity = leased.identity();
        let Launched { init, pid, log, anchor } =
            shared.launcher.launch(&shared.ground, &shared.config, identity, underway)?;
        underway.begin(init.as_fd().try_clone_to_owned()?)?;
        let started = init.expect(Instant::now() + PATIENCE, "map ").and_then(|_| {
            identity.map(pid)?;
            let doors = shared.ground.home_doors()?;
            // A container's log comes first.
            let sent: Vec<_> = log.iter().chain(&doors).map(AsFd::as_fd).collect();
            init.send(b"mapped", &sent)
        });
        let started = started.and_then(|()| await_interpreter(&init, shared));
        underway.end();
        let (forest, cells) = started?;
        let memory_at_start = anchor.memory();
        let (spare, since) = (None, Instant::now());
        Ok(Self {
            anchor,
            init,
            forest,
            cells,
            spare,
            spawned: 0,
            served: 0,
            since,
            memory_at_start,
            _identity: leased,
        })
    }

    /// Whether its init is there: the other end of its socket is open.
    pub(super) fn is_alive(&self) -> bool {
        let mut watched = [PollFd::new(&self.init, PollFlags::empty())];
        matches!(poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(0))
    }

    /// Whether another one should take its place: for its age, the jobs that it has served, or the memory that it has
    /// come to use.
    pub(super) fn is_due(&self, recycling: &Recycling) -> bool {
        if self.since.elapsed() >= recycling.age || self.served >= recycling.jobs {
            return true;
        }
        // Asking takes milliseconds of the engine's time.
        self.served.is_multiple_of(MEMORY_LOOK)
            && self
                .memory_at_start
                .zip(self.anchor.memory())
                .is_some_and(|(then, now)| now.saturating_sub(then) > recycling.growth)
    }

    /// Where the zygote to fork from is; it is grown first where that is worth it.
    pub(super) fn place(&mut self, imports: &[String]) -> io::Result<usize> {
        let (parent, missing) = match self.forest.choose(imports) {
            Choice::Fork(place) => return Ok(place),
            Choice::Grow(parent, missing) => (parent, missing),
        };
        let (zygote, loaded) = self.forest.handle(parent).grow(&missing)?;
        let gone = self.forest.add(parent, &missing, loaded, zygote);
        if !gone.is_empty() {
            // Zygotes have changed places, and the spare child knows its own by place.
            self.spare = None;
        }
        // Those that are no longer kept end when their sockets close.
        drop(gone);
        match self.forest.choose(imports) {
            Choice::Fork(place) | Choice::Grow(place, _) => Ok(place),
        }
    }

    /// A child for a job: the one that waits, if it is of the right zygote and size, else a new one.
    pub(super) fn berth(&mut self, shared: &Arc<Shared>, zygote: usize, limits: &Limits) -> io::Result<Berth> {
        self.served += 1;
        match self.spare.take() {
            Some(mut spare) if spare.zygote == zygote && fits(&spare.limits, limits) => {
                spare.limit(limits)?;
                Ok(spare)
            }
            _ => self.spawn(shared, zygote, limits),
        }
    }

    /// Lets a child get ready for a job with these imports and the usual limits.
    pub(super) fn prepare(&mut self, shared: &Arc<Shared>, imports: &[String]) -> io::Result<()> {
        let (zygote, _) = self.forest.nearest(imports);
        self.spare = Some(self.spawn(shared, zygote, &shared.config.limits)?);
        self.cells.refill(&self.init)
    }

    fn spawn(&mut self, shared: &Arc<Shared>, zygote: usize, limits: &Limits) -> io::Result<Berth> {
        let cell = self.cells.take(&self.init, limits)?;
        let leaf = shared.ground.leaf()?;
        if let Some(leaf) = &leaf {
            leaf.limit(limits)?;
        }
        self.spawned += 1;
        let child = self.forest.handle(zygote).spawn(self.spawned, &cell, leaf.as_deref())?;
        Ok(Berth { child, cell, leaf, zygote, limits: limits.clone() })
    }
}

/// Whether a cell that was made for `made` will do for a job with the limits `wanted`.
fn fits(made: &Limits, wanted: &Limits) -> bool {
    (made.disk, made.files) == (wanted.disk, wanted.files)
}

impl Berth {
    /// Gives the leaf other limits than it was made with, if the job has others.
    fn limit(&mut self, limits: &Limits) -> io::Result<()> {
        if let Some(leaf) = self.leaf.as_deref().filter(|_| self.limits != *limits) {
            leaf.limit(limits)?;
        }
        self.limits = limits.clone();
        Ok(())
    }
}

type Parts = (Forest<Zygote>, Cells);

/// From the maps of its users to a base zygote and those that every pool wants.
fn await_interpreter(init: &Channel, shared: &Shared) -> io::Result<Parts> {
    let deadline = Instant::now() + PATIENCE;
    let ready = init.expect(deadline, "ready ")?;
    let mut descriptors = ready.descriptors.into_iter();
    let socket = descriptors.next().ok_or_else(|| io::Error::other("a worker came without its zygote"))?;
    let filter = in_memory("glasshouse-seccomp", &[], &[&shared.ground.filter])?;
    let mut cells = Cells::new(&shared.config.limits);
    cells.refill(init)?;
    let (base, loaded) = Zygote::configure(Channel::from(socket), &filter)?;
    let mut forest = Forest::new(base, loaded, &shared.config.warm, shared.config.worth_a_zygote);
    for modules in &shared.config.trunk {
        let (parent, missing) = forest.nearest(modules);
        if !missing.is_empty() {
            let (zygote, loaded) = forest.handle(parent).grow(&missing)?;
            drop(forest.add(parent, &missing, loaded, zygote));
        }
    }
    Ok((forest, cells))
}
