//! Lines of `faults.jsonl` and `bad_rows.jsonl`, and the counts of a run.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use glasshouse_model::{Digest, Fault, FaultKind, Verdict};
use serde::{Deserialize, Serialize};

use crate::BadRow;

/// One failed attempt of ours: one line of `faults.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultLine {
    /// The row's place in the dataset.
    pub row: u64,
    /// The row's id.
    pub id: String,
    /// The job that was tried.
    pub job: Option<Digest>,
    /// Which attempt it was, counted from 1.
    pub attempt: u32,
    /// Where in our machinery it happened.
    pub kind: FaultKind,
    /// What happened, for people.
    pub message: String,
    /// When, in seconds since 1970.
    pub time: f64,
}

impl FaultLine {
    /// The line of a fault that happened now.
    pub fn now(row: u64, id: impl Into<String>, job: Option<Digest>, attempt: u32, fault: &Fault) -> Self {
        // A clock before 1970 is no reason to lose the fault.
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        Self { row, id: id.into(), job, attempt, kind: fault.kind, message: fault.message.clone(), time }
    }
}

/// One line of `bad_rows.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRowLine {
    /// The row's place in the dataset.
    pub row: u64,
    /// The row's id, where one could be read.
    pub id: Option<String>,
    /// The input as it was named.
    pub file: String,
    /// Line, row or sample in it, counted from 1.
    pub line: u64,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub next: String,
}

impl From<&BadRow> for BadRowLine {
    fn from(bad: &BadRow) -> Self {
        Self {
            row: bad.index,
            id: bad.id.clone(),
            file: bad.place.file.to_string(),
            line: bad.place.line,
            message: bad.message.clone(),
            next: bad.next.clone(),
        }
    }
}

/// What is recorded so far, over all commands that worked on the OUT.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Judged rows.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// Rows that were given up after faults of ours.
    pub faults: u64,
    /// Rows that could not be used.
    pub bad_rows: u64,
    /// Attempts that failed through a fault of ours, also of rows that were judged later.
    pub failed_attempts: u64,
}

impl Counts {
    /// Rows with a line in `records.jsonl`.
    pub fn records(&self) -> u64 {
        self.verdicts.values().sum::<u64>() + self.faults
    }

    /// Rows that are done, bad ones included.
    pub fn rows(&self) -> u64 {
        self.records() + self.bad_rows
    }
}
