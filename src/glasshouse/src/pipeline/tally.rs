//! Counters that all threads of a run add to and the progress line reads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use glasshouse_model::page::Request;
use glasshouse_model::{Outcome, Verdict};

use crate::lacking::LackingPackages;

/// What came of the rows of this command so far.
#[derive(Default)]
pub struct Tally {
    verdicts: Mutex<BTreeMap<Verdict, u64>>,
    taken: AtomicU64,
    faults: AtomicU64,
    in_vain: AtomicU64,
    bad_rows: AtomicU64,
    skipped: AtomicU64,
    copied: AtomicU64,
    lacking: Mutex<LackingPackages>,
}

impl Tally {
    /// A row got its record.
    pub fn recorded(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Verdict { verdict, .. } => {
                *self.verdicts.lock().unwrap_or_else(PoisonError::into_inner).entry(*verdict).or_default() += 1;
                self.in_vain.store(0, Ordering::Relaxed);
            }
            Outcome::Fault(_) => {
                add(&self.faults);
                add(&self.in_vain);
            }
        }
    }

    /// Rows that ended in a fault since the last one that got a verdict.
    pub fn in_vain(&self) -> u64 {
        self.in_vain.load(Ordering::Relaxed)
    }

    /// A row was read.
    pub fn taken(&self) {
        add(&self.taken);
    }

    /// A row could not be used.
    pub fn bad_row(&self) {
        add(&self.bad_rows);
    }

    /// A row had its record from an earlier command.
    pub fn skipped(&self) {
        add(&self.skipped);
    }

    /// A row got the answer of an identical job.
    pub fn copied(&self) {
        add(&self.copied);
    }

    /// A page made these requests.
    pub fn requested(&self, requests: &[Request]) {
        if requests.iter().any(|request| !request.lacking.is_empty()) {
            self.lacking.lock().unwrap_or_else(PoisonError::into_inner).add(requests);
        }
    }

    /// The packages that pages asked for in vain.
    pub fn lacking(&self) -> LackingPackages {
        self.lacking.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The counters as they are now.
    pub fn now(&self) -> Snapshot {
        Snapshot {
            verdicts: self.verdicts.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            taken: self.taken.load(Ordering::Relaxed),
            faults: self.faults.load(Ordering::Relaxed),
            bad_rows: self.bad_rows.load(Ordering::Relaxed),
            skipped: self.skipped.load(Ordering::Relaxed),
            copied: self.copied.load(Ordering::Relaxed),
        }
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Rows by verdict.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// Rows that were read, whatever became of them.
    pub taken: u64,
    /// Rows that ended in a fault.
    pub faults: u64,
    /// Rows that could not be used.
    pub bad_rows: u64,
    /// Rows that an earlier command had recorded.
    pub skipped: u64,
    /// Rows, among those with a verdict, that share an identical job's run.
    pub copied: u64,
}

impl Snapshot {
    /// Rows with a verdict.
    pub fn judged(&self) -> u64 {
        self.verdicts.values().sum()
    }

    /// Rows that are over, in whatever way, by this command.
    pub fn over(&self) -> u64 {
        self.judged() + self.faults + self.bad_rows
    }

    /// Which part of so many rows is over.
    pub fn part_of(&self, rows: u64) -> f64 {
        ((self.over() + self.skipped) as f64 / rows.max(1) as f64).min(1.0)
    }

    /// Which part of all rows is over, given the part of the input that was read.
    pub fn part(&self, read: f64) -> f64 {
        read * (self.over() + self.skipped) as f64 / self.taken.max(1) as f64
    }
}
