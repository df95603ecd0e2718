//! The daemon's lanes: executors that are kept warm, and given to one job at a time.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use glasshouse_capture::{Store, StoreError};
use glasshouse_model::{Fault, Job};

use crate::pipeline::Executor;

/// Makes an executor whose artifacts go into a folder.
type Make = dyn Fn(&Path) -> Result<Box<dyn Executor>, StoreError> + Send + Sync;

/// A fixed number of lanes. Clones share them.
#[derive(Clone)]
pub struct Lanes {
    make: Arc<Make>,
    all: usize,
    idle: Arc<(Mutex<Vec<Lane>>, Condvar)>,
}

/// What answers one job after another.
pub(super) struct Lane {
    pub(super) executor: Box<dyn Executor>,
    /// Where its artifacts are until they are handed over.
    pub(super) store: Store,
    folder: std::path::PathBuf,
    /// The runtime of its last job; `None`: nothing runs in it.
    pub(super) last: Option<String>,
    since: Instant,
}

impl Lanes {
    /// `count` lanes, whose artifacts lie below `spool` until they are handed over.
    ///
    /// # Errors
    /// If that folder cannot be used.
    pub fn new(
        count: usize,
        spool: &Path,
        make: impl Fn(&Path) -> Result<Box<dyn Executor>, StoreError> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let lane = |number: usize| {
            let folder = spool.join(number.to_string());
            let (executor, store) = (make(&folder)?, Store::open(&folder)?);
            Ok(Lane { executor, store, folder, last: None, since: Instant::now() })
        };
        let idle = (0..count).map(lane).collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Self { make: Arc::new(make), all: count, idle: Arc::new((Mutex::new(idle), Condvar::new())) })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all
    }

    /// Has every lane answer a job, all at one time, so that what such jobs need is started.
    ///
    /// # Errors
    /// The first fault.
    pub fn warm(&self, job: &Job) -> Result<(), Fault> {
        let one = || {
            let mut lane = self.take(&job.runtime);
            let answered = lane.executor.answer(job).map(drop);
            lane.last = Some(job.runtime.clone());
            (lane, answered)
        };
        // Each is given back when all were taken, or one would be warmed twice.
        let warmed: Vec<_> = thread::scope(|scope| {
            let lanes: Vec<_> = (0..self.all).map(|_| scope.spawn(one)).collect();
            lanes.into_iter().filter_map(|lane| lane.join().ok()).collect()
        });
        let mut outcome = Ok(());
        for (mut lane, answered) in warmed {
            lane.executor.get_ready();
            self.put(lane);
            outcome = outcome.and(answered);
        }
        outcome
    }

    /// How many have no job.
    pub fn idle(&self) -> usize {
        self.idle.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// A lane for a job of `runtime`: one that ran such a job last, if it is free; waits until any is.
    pub(super) fn take(&self, runtime: &str) -> Lane {
        let (idle, freed) = &*self.idle;
        let lanes = idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lanes = freed.wait_while(lanes, |lanes| lanes.is_empty()).unwrap_or_else(PoisonError::into_inner);
        let warm = lanes.iter().rposition(|lane| lane.last.as_deref() == Some(runtime));
        let unused = || lanes.iter().position(|lane| lane.last.is_none());
        let place = warm.or_else(unused).unwrap_or(0);
        lanes.remove(place)
    }

    /// Takes a lane back.
    pub(super) fn put(&self, mut lane: Lane) {
        lane.since = Instant::now();
        let (idle, freed) = &*self.idle;
        idle.lock().unwrap_or_else(PoisonError::into_inner).push(lane);
        freed.notify_one();
    }

    /// Ends what runs in lanes that had no job for so long; the next job starts it again.
    ///
    /// # Errors
    /// If a folder for artifacts cannot be used.
    pub fn rest(&self, after: Duration) -> Result<(), StoreError> {
        let due = |lane: &Lane| lane.last.is_some() && lane.since.elapsed() >= after;
        let mut lanes = self.idle.0.lock().unwrap_or_else(PoisonError::into_inner);
        for lane in lanes.iter_mut().filter(|lane| due(lane)) {
            lane.executor = (self.make)(&lane.folder)?;
            lane.last = None;
        }
        Ok(())
    }
}
