//! Reads an OUT folder back: for reports, summaries and conversions, also while a run is under way.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Take};
use std::marker::PhantomData;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use glasshouse_model::{Digest, Record};
use serde::de::DeserializeOwned;

use super::journal::{Journal, Span};
use super::layout::{ARTIFACTS, BAD_ROWS, FAULTS, JOURNAL, RECORDS, artifact_path};
use super::{BadRowLine, Counts, FaultLine, RunIdentity};
use crate::DatasetError;
use crate::error::show;

/// What an OUT folder has recorded. Takes no lock: what is recorded never changes.
pub struct RunReader {
    out: PathBuf,
    journal: Journal,
    identity: RunIdentity,
    counts: Counts,
}

impl RunReader {
    /// Opens the folder of a run, finished or not.
    pub fn open(out: &Path) -> Result<Self, DatasetError> {
        let no_run = |cause: &str| DatasetError::NoRun { out: show(out), cause: cause.to_owned() };
        if !out.is_dir() {
            return Err(no_run("it is no folder"));
        }
        if !out.join(JOURNAL).is_file() {
            return Err(no_run("journal.sqlite is missing"));
        }
        let journal = Journal::open_to_read(out)?;
        if !journal.is_begun()? {
            return Err(no_run("the run was stopped before it began"));
        }
        let (identity, counts) = (journal.identity()?, journal.scan(|_| ())?);
        Ok(Self { out: out.to_owned(), journal, identity, counts })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.out
    }

    /// Which dataset with which options.
    pub fn identity(&self) -> &RunIdentity {
        &self.identity
    }

    /// What was recorded when this reader was opened.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// A text that the run kept.
    pub fn note(&self, key: &str) -> Result<Option<String>, DatasetError> {
        self.journal.note(key)
    }

    /// Where captures lie by their hash.
    pub fn artifacts(&self) -> PathBuf {
        self.out.join(ARTIFACTS)
    }

    /// Where the bytes of a hash lie.
    pub fn artifact_path(&self, hash: &Digest) -> PathBuf {
        artifact_path(&self.artifacts(), hash)
    }

    /// All recorded records in the order of the dataset.
    pub fn records(&self) -> Result<Records, DatasetError> {
        let path = self.out.join(RECORDS);
        let file = open(&path)?;
        let journal = Journal::open_to_read(&self.out)?;
        Ok(Records { journal, file, path, ahead: VecDeque::new(), from: 0, ended: false })
    }

    /// The failed attempts, in order of time.
    pub fn faults(&self) -> Result<Lines<FaultLine>, DatasetError> {
        self.lines(FAULTS)
    }

    /// The rows that could not be used, in the order in which they were found.
    pub fn bad_rows(&self) -> Result<Lines<BadRowLine>, DatasetError> {
        self.lines(BAD_ROWS)
    }

    fn lines<T>(&self, name: &str) -> Result<Lines<T>, DatasetError> {
        let path = self.out.join(name);
        let length = self.journal.length(name)?;
        let lines = BufReader::new(open(&path)?.take(length));
        Ok(Lines { lines, path, kind: PhantomData })
    }
}

fn open(path: &Path) -> Result<File, DatasetError> {
    File::open(path).map_err(|error| damaged(path, error))
}

fn damaged(path: &Path, detail: impl ToString) -> DatasetError {
    DatasetError::Damaged { path: show(path), detail: detail.to_string() }
}

/// How many places of lines are fetched at a time.
const AHEAD: u32 = 1024;

/// Records in the order of the dataset, one at a time.
pub struct Records {
    journal: Journal,
    file: File,
    path: PathBuf,
    ahead: VecDeque<Span>,
    from: u64,
    ended: bool,
}

impl Records {
    fn next_span(&mut self) -> Result<Option<Span>, DatasetError> {
        if self.ahead.is_empty() {
            self.ahead = self.journal.spans(self.from, AHEAD)?.into();
        }
        let span = self.ahead.pop_front();
        if let Some(span) = span {
            self.from = span.row + 1;
        }
        Ok(span)
    }
}

impl Iterator for Records {
    type Item = Result<Record, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_span().transpose()?;
        let record = next.and_then(|span| read_record(&self.file, &self.path, span));
        self.ended = record.is_err();
        Some(record)
    }
}

/// Reads the record whose line lies at `span`.
pub(crate) fn read_record(file: &File, path: &Path, span: Span) -> Result<Record, DatasetError> {
    let mut line = vec![0; span.length as usize];
    let at = |detail: String| damaged(path, format!("row {} at byte {}: {detail}", span.row, span.offset));
    file.read_exact_at(&mut line, span.offset).map_err(|error| at(error.to_string()))?;
    let record: Record = serde_json::from_slice(&line).map_err(|error| at(error.to_string()))?;
    if record.row != span.row {
        return Err(at(format!("it holds row {}", record.row)));
    }
    Ok(record)
}

/// The recorded lines of a file, one at a time.
pub struct Lines<T> {
    lines: BufReader<Take<File>>,
    path: PathBuf,
    kind: PhantomData<T>,
}

impl<T: DeserializeOwned> Iterator for Lines<T> {
    type Item = Result<T, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        match self.lines.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => Some(serde_json::from_slice(&line).map_err(|error| damaged(&self.path, error))),
            Err(error) => Some(Err(damaged(&self.path, error))),
        }
    }
}
