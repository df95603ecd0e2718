//! The path of a sample: row, job, run, captures, verdict, record. Only this joins the other crates.
//!
//! One thread reads rows, one thread per worker runs jobs and records their answers, and the calling
//! thread shows progress and watches for the user's wish to stop. No more than a few rows for each
//! worker are under way at one time, so memory does not depend on the dataset.

mod attempt;
mod compare;
mod drawings;
mod executor;
mod feed;
mod figures;
mod inflight;
mod pages;
mod stop;
mod stream;
mod tally;
mod vectors;
mod work;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use glasshouse_dataset::{Placed, RunFolder, Source};
use glasshouse_model::{Digest, Job, JobContext};

pub use attempt::{Collector, Interpreted, Runner};
pub use drawings::{DrawingRunner, Drawings};
pub use executor::{Answer, Executor};
pub use figures::{Browser, Figures, PageShower, Shown};
pub use inflight::Inflight;
pub use pages::{PageRunner, Pages, Taker};
pub use stop::{Halt, INTERRUPTED, Stop};
pub use tally::{Snapshot, Tally};
pub use vectors::{VectorDrawer, Vectors};

/// Rows under way for each worker: one that runs, and enough that it never waits for the reader.
const ROWS_PER_WORKER: usize = 8;
/// How often the calling thread looks after progress and signals.
const TICK: Duration = Duration::from_millis(100);
/// How long jobs that run may go on after the user asked to stop.
const GRACE: Duration = Duration::from_secs(5);

/// A row that became a job and has no record yet.
pub struct Task {
    /// The row and where it stands.
    pub placed: Placed,
    /// The row's id.
    pub id: String,
    /// What to run.
    pub job: Job,
    /// The job's id.
    pub job_id: Digest,
    /// When the row was read.
    pub since: Instant,
}

/// What all threads of a run share.
pub struct Shared {
    /// Where records go.
    pub folder: Arc<RunFolder>,
    /// What decides which job a row becomes.
    pub context: JobContext,
    /// Rows under way.
    pub inflight: Inflight,
    /// Counters.
    pub tally: Tally,
    /// Whether to end early.
    pub stop: Stop,
    /// Shows the user a line, such as a row that cannot be used.
    pub notice: Box<dyn Fn(&str) + Send + Sync>,
}

impl Shared {
    /// The bound for [`Inflight::new`] with so many workers.
    pub fn room(workers: usize) -> usize {
        workers * ROWS_PER_WORKER
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every row was read and is recorded.
    Complete,
    /// The user or [`Halt`] ended it; what was recorded is kept.
    Early,
}

/// Runs every row of `source`, with one thread for each executor. `tick` is called ten times a second.
///
/// When the user asks to stop, jobs that run get a few seconds; then this returns although their
/// threads still wait, and the command is expected to end soon, which ends their sandboxes.
pub fn drive(
    shared: &Arc<Shared>,
    source: Source,
    executors: Vec<Box<dyn Executor>>,
    mut tick: impl FnMut(&Tally),
) -> End {
    let (tasks, queue) = mpsc::sync_channel(executors.len().max(1));
    let queue = Arc::new(Mutex::new(queue));
    let (alive, over) = mpsc::channel::<()>();
    let feeder = Arc::clone(shared);
    thread::spawn(move || feed::feed(&feeder, source, &tasks));
    let mut workers = Vec::new();
    for mut executor in executors {
        let (shared, queue, alive) = (Arc::clone(shared), Arc::clone(&queue), alive.clone());
        workers.push(thread::spawn(move || {
            work::work(&shared, executor.as_mut(), &queue);
            drop(alive);
        }));
    }
    drop(alive);
    if !watch(shared, &over, &mut tick) {
        return End::Early;
    }
    for worker in workers {
        if worker.join().is_err() {
            shared.stop.halt(Halt::Storage("a thread of the pipeline ended unexpectedly; please report this".into()));
        }
    }
    if shared.stop.requested() { End::Early } else { End::Complete }
}

/// Waits for the worker threads; `false` if the user did not want to wait that long.
fn watch(shared: &Shared, over: &mpsc::Receiver<()>, tick: &mut impl FnMut(&Tally)) -> bool {
    let mut asked: Option<Instant> = None;
    loop {
        match over.recv_timeout(TICK) {
            Err(RecvTimeoutError::Timeout) => {}
            // No message is ever sent: the channel closes when the last worker thread is over.
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return true,
        }
        tick(&shared.tally);
        if shared.stop.interrupted() {
            let since = *asked.get_or_insert_with(|| {
                (shared.notice)("stopping: jobs that run get a few seconds; Ctrl-C again ends at once");
                Instant::now()
            });
            if since.elapsed() > GRACE {
                return false;
            }
        }
    }
}
