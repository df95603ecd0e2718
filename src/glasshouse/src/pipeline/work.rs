//! A worker's thread: takes tasks, runs each unless an identical one did, and records the answers.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use glasshouse_dataset::FaultLine;
use glasshouse_model::{Fault, FaultKind, Record};

use super::executor::{Answer, Executor};
use super::feed::storage;
use super::inflight::Turn;
use super::stop::Halt;
use super::{Shared, TICK, Task};

/// How often a job is tried before its record says that we failed.
const ATTEMPTS: u32 = 3;
/// The pause before another try, longer each time: what failed may need a moment to be replaced.
const PAUSE: Duration = Duration::from_millis(50);
/// If all of so many first jobs end in faults, so will the rest; and if no worker can be started for so many in a row.
const HOPELESS: u64 = 8;

/// Works until the queue is at its end or the run is to stop.
pub(super) fn work(shared: &Shared, executor: &mut dyn Executor, queue: &Mutex<Receiver<Task>>) {
    while !shared.stop.requested() {
        let received = queue.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(TICK);
        let task = match received {
            Ok(task) => task,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let Turn::Run(task) = shared.inflight.begin(task) else { continue };
        if let Err(halt) = settle(shared, executor, *task) {
            shared.stop.halt(halt);
            return;
        }
        executor.get_ready();
    }
}

/// Brings a task, and all that wait for the same answer, to their records.
fn settle(shared: &Shared, executor: &mut dyn Executor, task: Task) -> Result<(), Halt> {
    let job_id = task.job_id;
    let earlier = shared.folder.lookup_job(&job_id).map_err(storage)?;
    let record = match earlier {
        Some(earlier) => {
            shared.tally.copied();
            copy(&earlier, task)
        }
        None => match run(shared, executor, &task)? {
            Some(answer) => record(executor, task, answer),
            None => return Ok(()),
        },
    };
    write(shared, &record)?;
    for waiting in shared.inflight.end(&job_id) {
        shared.tally.copied();
        write(shared, &copy(&record, waiting))?;
    }
    Ok(())
}

fn write(shared: &Shared, record: &Record) -> Result<(), Halt> {
    shared.folder.record(record).map_err(storage)?;
    shared.tally.recorded(&record.outcome);
    shared.tally.requested(&record.requests);
    shared.inflight.leave();
    Ok(())
}

/// Tries until there is an answer; `None` if the run is to stop before there is one.
fn run(shared: &Shared, executor: &mut dyn Executor, task: &Task) -> Result<Option<Answer>, Halt> {
    let queue = task.since.elapsed().as_secs_f64();
    // Asked for only after a fault: it waits for the disk.
    let mut before = None;
    for attempt in 1.. {
        let fault = match executor.answer(&task.job) {
            Ok(mut answer) => {
                answer.phases.queue = queue;
                return Ok(Some(answer));
            }
            Err(fault) => fault,
        };
        if shared.stop.requested() {
            // A worker that the same Ctrl-C ended is no fault worth a line.
            return Ok(None);
        }
        let before = match before {
            Some(before) => before,
            None => *before.insert(shared.folder.attempts(task.placed.row.index).map_err(storage)?),
        };
        let line = FaultLine::now(task.placed.row.index, task.id.clone(), Some(task.job_id), before + attempt, &fault);
        shared.folder.fault(&line).map_err(storage)?;
        if attempt == ATTEMPTS {
            return given_up(shared, fault).map(Some);
        }
        wait(shared, PAUSE * attempt);
    }
    Ok(None)
}

/// The answer after the last try, unless going on makes no sense.
fn given_up(shared: &Shared, fault: Fault) -> Result<Answer, Halt> {
    if fault.kind == FaultKind::Storage {
        return Err(Halt::Storage(fault.message));
    }
    let now = shared.tally.now();
    let jobs = now.faults + 1;
    if now.judged() == 0 && jobs >= HOPELESS {
        return Err(Halt::Host { jobs, message: fault.message });
    }
    let jobs = shared.tally.in_vain() + 1;
    if fault.kind == FaultKind::Start && jobs >= HOPELESS {
        return Err(Halt::NoWorker { jobs, message: fault.message });
    }
    Ok(Answer::fault(fault))
}

fn wait(shared: &Shared, pause: Duration) {
    let until = Instant::now() + pause;
    while Instant::now() < until && !shared.stop.requested() {
        thread::sleep(Duration::from_millis(10));
    }
}

fn record(executor: &dyn Executor, task: Task, answer: Answer) -> Record {
    let mut runtime = executor.runtime(&task.job);
    runtime.versions.extend(answer.versions);
    Record {
        id: task.id,
        row: task.placed.row.index,
        job: task.job_id,
        outcome: answer.outcome,
        runtime,
        backend: executor.backend(&task.job),
        exit_code: answer.exit_code,
        signal: answer.signal,
        error: answer.error,
        stdout: answer.stdout,
        stderr: answer.stderr,
        usage: answer.usage,
        phases: answer.phases,
        artifacts: answer.artifacts,
        console: answer.console,
        requests: answer.requests,
        refused: answer.refused,
        seed: task.job.seed,
        columns: Record::columns_of_row(task.placed.row.columns),
    }
}

/// The record of a task whose job is that of `done`.
fn copy(done: &Record, task: Task) -> Record {
    Record {
        id: task.id,
        row: task.placed.row.index,
        columns: Record::columns_of_row(task.placed.row.columns),
        ..done.clone()
    }
}
