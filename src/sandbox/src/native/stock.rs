//! Sandboxes that are started ahead, off the path of jobs, for workers that need another one.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::pool::Shared;
use super::sandbox::Sandbox;

/// How many sandboxes wait for a worker that needs one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spares {
    /// So many are always kept, from the first job on. 0: none is ever made ahead.
    pub least: usize,
    /// So many are kept at most: each time a worker has to wait, one more is kept from then on.
    pub most: usize,
    /// One above the least that nobody has needed for so long is ended.
    pub idle: Duration,
}

impl Spares {
    /// None: a worker that needs another sandbox starts it itself.
    pub const NONE: Self = Self { least: 0, most: 0, idle: Duration::ZERO };
    /// One, and up to eight where they are used up.
    pub const SOME: Self = Self { least: 1, most: 8, idle: Duration::from_secs(60) };
}

/// After a start that failed, the next is tried no sooner.
const PAUSE: Duration = Duration::from_millis(500);
/// How often a worker that waits for a sandbox tries to start one: what broke a start may be over at the next.
const ATTEMPTS: u32 = 4;

/// The spare sandboxes of a pool.
#[derive(Debug)]
pub(super) struct Stock {
    shared: Arc<Shared>,
    shelf: Arc<Shelf>,
    maker: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shelf {
    state: Mutex<State>,
    changed: Condvar,
    /// The start of the next spare, which the end of the stock breaks off.
    underway: Underway,
}

/// A start of a sandbox, which can be broken off: by the socket to its init, once that is there.
#[derive(Debug, Default)]
pub(crate) struct Underway(Mutex<Start>);

#[derive(Debug, Default)]
struct Start {
    init: Option<OwnedFd>,
    broken_off: bool,
}

impl Start {
    fn check(&self) -> io::Result<()> {
        match self.broken_off {
            true => Err(io::Error::new(io::ErrorKind::Interrupted, "nobody needs it any more")),
            false => Ok(()),
        }
    }
}

impl Underway {
    /// From here on a start can be broken off by this socket; an error if it has been.
    pub(super) fn begin(&self, init: OwnedFd) -> io::Result<()> {
        let mut start = self.start();
        start.check()?;
        start.init = Some(init);
        Ok(())
    }

    /// An error if the start has been broken off.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.start().check()
    }

    /// The start is over.
    pub(super) fn end(&self) {
        self.start().init = None;
    }

    fn break_off(&self) {
        let mut start = self.start();
        start.broken_off = true;
        if let Some(init) = start.init.take() {
            // The init ends, and whoever waits for its words is told so. An error: it has ended already.
            let _ = rustix::net::shutdown(&init, rustix::net::Shutdown::Both);
        }
    }

    fn start(&self) -> MutexGuard<'_, Start> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<(Sandbox, Instant)>,
    /// How many are to be ready.
    target: usize,
    closing: bool,
}

impl Shelf {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stock {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, shelf: Arc::default(), maker: Mutex::default() }
    }

    /// A sandbox for a worker that cannot go on without one.
    pub(super) fn take(&self) -> io::Result<Sandbox> {
        if let Some(ready) = self.ready() {
            return Ok(ready);
        }
        {
            let mut state = self.shelf.state();
            state.target = (state.target + 1).min(self.shared.config.spares.most);
        }
        let mut result = Sandbox::start(&self.shared, &Underway::default());
        for attempt in 1..ATTEMPTS {
            if result.is_ok() || self.shared.config.spares.most == 0 {
                break;
            }
            thread::sleep(PAUSE * attempt);
            result = match self.ready() {
                Some(ready) => Ok(ready),
                None => Sandbox::start(&self.shared, &Underway::default()),
            };
        }
        result
    }

    /// A sandbox that is ready now and alive, if there is one.
    pub(super) fn ready(&self) -> Option<Sandbox> {
        let mut state = self.shelf.state();
        let mut found = None;
        while let Some((sandbox, _)) = state.ready.pop_front() {
            if sandbox.is_alive() {
                found = Some(sandbox);
                break;
            }
        }
        drop(state);
        self.shelf.changed.notify_all();
        found
    }

    /// Sees to it that spares are made from now on. Called when a job is over, so that no spare is made for a command
    /// that never runs one.
    pub(super) fn replenish(&self) {
        let spares = self.shared.config.spares;
        if spares.most == 0 {
            return;
        }
        let mut maker = self.maker.lock().unwrap_or_else(PoisonError::into_inner);
        if maker.is_some() {
            return;
        }
        {
            let mut state = self.shelf.state();
            state.target = state.target.min(spares.least);
        }
        let (shared, shelf) = (Arc::clone(&self.shared), Arc::clone(&self.shelf));
        // Without the thread there are no spares, and workers start what they need.
        *maker = thread::Builder::new().name("spare-sandboxes".into()).spawn(move || make(&shared, &shelf)).ok();
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        self.shelf.state().closing = true;
        self.shelf.changed.notify_all();
        self.shelf.underway.break_off();
        if let Some(maker) = self.maker.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A panic there has been reported by the thread itself.
            let _ = maker.join();
        }
        self.shelf.state().ready.clear();
    }
}

/// Keeps as many sandboxes ready as are wanted, until the stock is closed.
fn make(shared: &Shared, shelf: &Shelf) {
    let spares = shared.config.spares;
    while await_need(shelf, &spares) {
        let started = Sandbox::start(shared, &shelf.underway);
        let mut state = shelf.state();
        match started {
            Ok(sandbox) if !state.closing => state.ready.push_back((sandbox, Instant::now())),
            Ok(_) => {}
            Err(_) if state.closing => {}
            // The worker that needs one next will be told why there is none.
            Err(_) => drop(shelf.changed.wait_timeout(state, PAUSE)),
        }
    }
}

/// Waits until another one is wanted; `false` when none will be any more.
fn await_need(shelf: &Shelf, spares: &Spares) -> bool {
    let mut state = shelf.state();
    loop {
        if state.closing {
            return false;
        }
        let target = state.target.clamp(spares.least, spares.most);
        state.target = target;
        state.ready.retain(|(sandbox, _)| sandbox.is_alive());
        if state.ready.len() < target {
            return true;
        }
        if target > spares.least && state.ready.front().is_some_and(|(_, since)| since.elapsed() > spares.idle) {
            state.target -= 1;
            let gone = state.ready.pop_front();
            drop(state);
            drop(gone);
            state = shelf.state();
            continue;
        }
        // Now and then even if nobody calls: a spare may have died.
        let look = Duration::from_secs(1);
        state =
            shelf.changed.wait_timeout(state, look).map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
    }
}
