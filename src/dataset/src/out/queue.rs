//! What waits to be recorded: a bounded batch that callers fill and the writer takes whole.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use glasshouse_model::{Digest, Verdict};

use crate::DatasetError;

/// One thing to record. Lines have no line end yet.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A line of `records.jsonl`; no verdict: a fault.
    Record { row: u64, id: String, job: Digest, verdict: Option<Verdict>, line: Vec<u8> },
    /// A line of `bad_rows.jsonl`; `holds_id`: later rows with the same id are duplicates.
    Bad { row: u64, id: Option<String>, holds_id: bool, line: Vec<u8> },
    /// A line of `faults.jsonl`.
    Fault { row: u64, line: Vec<u8> },
    /// A key and a value of the journal.
    Note { key: String, value: String },
}

impl Entry {
    fn bytes(&self) -> usize {
        match self {
            Self::Record { line, .. } | Self::Bad { line, .. } | Self::Fault { line, .. } => line.len() + 256,
            Self::Note { key, value } => key.len() + value.len(),
        }
    }

    /// The id that is free of its claim once this is recorded, since the journal then holds it.
    fn id(&self) -> Option<&str> {
        match self {
            Self::Record { id, .. } => Some(id),
            Self::Bad { id, holds_id: true, .. } => id.as_deref(),
            _ => None,
        }
    }
}

/// A batch is committed when it has this many entries,
const COMMIT_COUNT: usize = 256;
/// or this many bytes,
const COMMIT_BYTES: usize = 4 << 20;
/// or when its first entry is this old.
const COMMIT_AGE: Duration = Duration::from_millis(200);
/// Callers wait while the batch that the writer has not taken yet is so long,
const FULL_COUNT: usize = 512;
/// or so big: memory stays bounded by twice this when the disk is slow.
const FULL_BYTES: usize = 16 << 20;

/// Shared by the callers and the writer.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    for_writer: Condvar,
    for_callers: Condvar,
}

#[derive(Debug, Default)]
struct State {
    batch: Vec<Entry>,
    bytes: usize,
    since: Option<Instant>,
    /// Batches taken by the writer, and of these recorded.
    taken: u64,
    committed: u64,
    flush: bool,
    closing: bool,
    failure: Option<DatasetError>,
    /// Judged jobs of the batch being filled, and of the one being written.
    jobs: HashSet<Digest>,
    writing_jobs: HashSet<Digest>,
    /// Ids of rows in flight: those that the journal does not hold yet.
    claims: HashMap<String, u64>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an entry; waits while the writer is far behind.
    pub(crate) fn put(&self, entry: Entry) -> Result<(), DatasetError> {
        let mut state = self.lock();
        while state.failure.is_none() && (state.batch.len() >= FULL_COUNT || state.bytes >= FULL_BYTES) {
            state = self.for_callers.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        if let Entry::Record { job, verdict: Some(_), .. } = &entry {
            state.jobs.insert(*job);
        }
        state.bytes += entry.bytes();
        state.batch.push(entry);
        if state.batch.len() == 1 {
            state.since = Some(Instant::now());
            self.for_writer.notify_one();
        } else if state.is_due() {
            self.for_writer.notify_one();
        }
        Ok(())
    }

    /// The next batch for the writer, when it is due; `None`: closed, and nothing is left.
    pub(crate) fn take(&self) -> Option<Vec<Entry>> {
        let mut state = self.lock();
        loop {
            if state.batch.is_empty() {
                state.flush = false;
                if state.closing {
                    return None;
                }
                state = self.for_writer.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let age = state.since.map_or(COMMIT_AGE, |since| since.elapsed());
            if state.flush || state.closing || state.is_due() || age >= COMMIT_AGE {
                return Some(state.hand_over());
            }
            let waited = self.for_writer.wait_timeout(state, COMMIT_AGE - age);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The writer has recorded the batch that it took last.
    pub(crate) fn committed(&self, batch: &[Entry]) {
        let mut state = self.lock();
        state.committed = state.taken;
        state.writing_jobs.clear();
        for id in batch.iter().filter_map(Entry::id) {
            state.claims.remove(id);
        }
        self.for_callers.notify_all();
    }

    /// The writer cannot go on; every caller is told from now on.
    pub(crate) fn fail(&self, failure: DatasetError) {
        self.lock().failure.get_or_insert(failure);
        self.for_callers.notify_all();
    }

    /// Waits until all that was put before is recorded.
    pub(crate) fn flush(&self) -> Result<(), DatasetError> {
        let mut state = self.lock();
        let target = state.taken + u64::from(!state.batch.is_empty());
        state.flush |= !state.batch.is_empty();
        self.for_writer.notify_one();
        loop {
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            if state.committed >= target {
                return Ok(());
            }
            state = self.for_callers.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets the writer end after what is left.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.for_writer.notify_one();
    }

    /// Whether a record of this job waits to be recorded, and how many batches are recorded so far.
    pub(crate) fn pending(&self, job: &Digest) -> (bool, u64) {
        let state = self.lock();
        (state.jobs.contains(job) || state.writing_jobs.contains(job), state.committed)
    }

    /// Notes that a row in flight has this id; the row that has it already, if there is one.
    pub(crate) fn claim(&self, id: &str, row: u64) -> Option<u64> {
        let mut state = self.lock();
        match state.claims.get(id) {
            Some(&first) => Some(first),
            None => {
                state.claims.insert(id.to_owned(), row);
                None
            }
        }
    }

    /// The row in flight that has this id.
    pub(crate) fn claimed(&self, id: &str) -> Option<u64> {
        self.lock().claims.get(id).copied()
    }
}

impl State {
    fn is_due(&self) -> bool {
        self.batch.len() >= COMMIT_COUNT || self.bytes >= COMMIT_BYTES
    }

    fn hand_over(&mut self) -> Vec<Entry> {
        self.taken += 1;
        self.flush = false;
        self.bytes = 0;
        self.since = None;
        self.writing_jobs = mem::take(&mut self.jobs);
        mem::take(&mut self.batch)
    }
}
