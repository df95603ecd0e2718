//! The processes of one worker: its init, its zygotes, and the child that waits for the next job.

use std::io;
use std::os::fd::AsFd;
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use glasshouse_model::Limits;

use super::cells::{Cell, Cells};
use super::channel::{Channel, channel};
use super::forest::{Choice, Forest};
use super::identity::Identity;
use super::leaves::LeasedLeaf;
use super::payload::in_memory;
use super::pool::Shared;
use super::zygote::{Waiting, Zygote};

/// Building a root and starting an interpreter take well under a second; a loaded host may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a worker's processes are; replaced as a whole when any part of it fails.
#[derive(Debug)]
pub(super) struct Sandbox {
    guest: Child,
    init: Channel,
    pub(super) forest: Forest<Zygote>,
    cells: Cells,
    /// A child that was forked ahead for the next job.
    spare: Option<Berth>,
    spawned: u64,
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
    pub(super) fn start(shared: &Shared, number: u64) -> io::Result<Self> {
        let identity = Identity::of_worker(number);
        let (init, theirs) = channel()?;
        let config = &shared.config;
        let mut guest = shared.ground.guest(theirs, |command| {
            command
                .arg("worker")
                .args([config.root.as_os_str(), shared.driver.folder().as_os_str()])
                .arg(identity.worker_user().to_string())
                .arg(&config.interpreter)
                .arg(format!("/opt/glasshouse/driver/{}", config.language.entry()))
                .envs(&config.environment);
        })?;
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
        Ok(Self { guest, init, forest, cells, spare: None, spawned: 0 })
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
        match self.spare.take() {
            Some(mut spare) if spare.zygote == zygote && fits(&spare.limits, limits) => {
                spare.limit(limits)?;
                Ok(spare)
            }
            _ => self.spawn(shared, zygote, limits),
        }
    }

    /// Lets a child get ready for a job with the usual limits.
    pub(super) fn prepare(&mut self, shared: &Arc<Shared>, zygote: usize) -> io::Result<()> {
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

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Closing the socket would do, but a stopped or broken init must go as well.
        let _ = self.guest.kill();
        let _ = self.guest.wait();
    }
}

type Parts = (Forest<Zygote>, Cells);

fn handshake(init: &Channel, guest: &mut Child, identity: Identity, shared: &Shared) -> io::Result<Parts> {
    let deadline = Instant::now() + PATIENCE;
    init.expect(deadline, "map ")?;
    identity.map(guest.id())?;
    let doors = shared.ground.home_doors()?;
    init.send(b"mapped", &doors.iter().map(AsFd::as_fd).collect::<Vec<_>>())?;
    let ready = init.expect(deadline, "ready ")?;
    let mut descriptors = ready.descriptors.into_iter();
    let socket = descriptors.next().ok_or_else(|| io::Error::other("a worker came without its zygote"))?;
    let filter = in_memory("glasshouse-seccomp", &[], &[&shared.ground.filter])?;
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
