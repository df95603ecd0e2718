//! The daemon's lanes: executors that are kept warm, and given to one job at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use glasshouse_capture::{Store, StoreError};
use glasshouse_model::{Fault, FaultKind, Job};

use super::message::Say;
use crate::pipeline::Executor;

/// Makes an executor whose artifacts go into a store.
type Make = dyn Fn(Store) -> Box<dyn Executor> + Send + Sync;

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
    /// The runtime of its last job; `None`: nothing runs in it.
    last: Option<String>,
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
        make: impl Fn(Store) -> Box<dyn Executor> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let lane = |number: usize| {
            let store = Store::open(spool.join(number.to_string()))?;
            Ok(Lane { executor: make(store.clone()), store, last: None, since: Instant::now() })
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
            let answered = match lane.say(job) {
                (Say::Fault(fault), _) => Err(fault),
                (_, objects) => lane.clear(&objects).map_err(|error| Fault::new(FaultKind::Storage, error.to_string())),
            };
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

    /// Has a lane do something for a job of `runtime`, and get ready for the next. A lane whose work panics starts anew; `None` then.
    pub(super) fn with<T>(&self, runtime: &str, work: impl FnOnce(&mut Lane) -> T) -> Option<T> {
        let mut lane = self.take(runtime);
        let done = catch_unwind(AssertUnwindSafe(|| work(&mut lane))).ok();
        if done.is_none() {
            self.empty(&mut lane);
        }
        self.put(lane);
        done
    }

    /// A lane for a job of `runtime`: one that ran such a job last, if it is free; waits until any is.
    fn take(&self, runtime: &str) -> Lane {
        let (idle, freed) = &*self.idle;
        let lanes = idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lanes = freed.wait_while(lanes, |lanes| lanes.is_empty()).unwrap_or_else(PoisonError::into_inner);
        let warm = lanes.iter().rposition(|lane| lane.last.as_deref() == Some(runtime));
        let unused = || lanes.iter().position(|lane| lane.last.is_none());
        let place = warm.or_else(unused).unwrap_or(0);
        let mut lane = lanes.remove(place);
        lane.last = Some(runtime.to_owned());
        lane
    }

    /// Takes a lane back.
    fn put(&self, mut lane: Lane) {
        lane.since = Instant::now();
        let (idle, freed) = &*self.idle;
        idle.lock().unwrap_or_else(PoisonError::into_inner).push(lane);
        freed.notify_one();
    }

    /// Ends what runs in a lane; its next job starts it again.
    fn empty(&self, lane: &mut Lane) {
        lane.executor = (self.make)(lane.store.clone());
        lane.last = None;
    }

    /// Ends what runs in lanes that had no job for so long; the next job starts it again.
    pub fn rest(&self, after: Duration) {
        let due = |lane: &Lane| lane.last.is_some() && lane.since.elapsed() >= after;
        let mut lanes = self.idle.0.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.iter_mut().filter(|lane| due(lane)).for_each(|lane| self.empty(lane));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use glasshouse_model::BackendInfo;

    use super::*;
    use crate::pipeline::Answer;
    use crate::pipeline::fake;

    /// Panics at its first job if it is the first that was made.
    struct Fragile(usize);

    impl Executor for Fragile {
        fn answer(&mut self, _: &Job) -> Result<Answer, Fault> {
            assert!(self.0 > 0, "the first one breaks");
            Err(Fault::new(FaultKind::Worker, "whole"))
        }

        fn backend(&self, _: &Job) -> BackendInfo {
            BackendInfo::default()
        }
    }

    #[test]
    fn a_lane_whose_work_panics_starts_anew() {
        let folder = tempfile::tempdir().unwrap();
        let made = AtomicUsize::new(0);
        let make = move |_| Box::new(Fragile(made.fetch_add(1, Ordering::Relaxed))) as Box<dyn Executor>;
        let lanes = Lanes::new(1, folder.path(), make).unwrap();
        let answer = |lanes: &Lanes| lanes.with("python", |lane| lane.executor.answer(&fake::job()));
        assert!(answer(&lanes).is_none());
        assert_eq!(lanes.idle(), 1);
        assert_eq!(answer(&lanes).unwrap().unwrap_err().message, "whole");
    }
}
