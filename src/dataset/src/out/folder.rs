//! The OUT folder while a run works on it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use glasshouse_model::{Digest, Record};

use super::bitmap::Bitmap;
use super::journal::Journal;
use super::layout::{ARTIFACTS, JOURNAL, LOCK, OURS, RECORDS};
use super::lock::Lock;
use super::queue::{Entry, Queue};
use super::reader::{RunReader, read_record};
use super::writer::{self, Store};
use super::{BadRowLine, Counts, FaultLine};
use crate::error::show;
use crate::{BadRow, DatasetError};

/// What tells one run from another: the same dataset with the same options goes on where it stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunIdentity {
    /// [`crate::Source::fingerprint`].
    pub fingerprint: String,
    /// The inputs as they were named, for messages.
    pub dataset: String,
    /// Options that change results, by name as the user types it, such as `--policy`.
    pub options: BTreeMap<String, String>,
}

/// What to do with what OUT holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Go on with a run of the same identity, or begin one.
    Resume,
    /// Delete the run that is there, whatever its dataset, and begin anew.
    Fresh,
}

/// Whether a row may have its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// No earlier row has it.
    Ours,
    /// An earlier row has it.
    Duplicate {
        /// That row's place in the dataset.
        first: u64,
    },
}

/// An OUT folder that is ours alone until it is dropped.
///
/// All methods take `&self`: share it between threads. What was given is recorded in groups; a
/// group is on the disk before the journal names it. Dropping records what is left, without a
/// word on failure: use [`RunFolder::finish`].
pub struct RunFolder {
    out: PathBuf,
    queue: Arc<Queue>,
    writer: Option<JoinHandle<Store>>,
    lookup: Option<Mutex<Lookup>>,
    ledger: Mutex<Ledger>,
    resumed: u64,
    // Last: the lock goes after the writer has ended.
    _lock: Lock,
}

/// For questions to what is recorded.
struct Lookup {
    journal: Journal,
    records: fs::File,
}

struct Ledger {
    done: Bitmap,
    counts: Counts,
}

impl RunFolder {
    /// Begins a run in a new or empty folder, or goes on with the run that it holds.
    pub fn open(out: &Path, identity: &RunIdentity, mode: OpenMode) -> Result<Self, DatasetError> {
        let storage = |error: io::Error| DatasetError::storage(out, &error, 0);
        fs::create_dir_all(out).map_err(|error| not_a_folder(out, &error))?;
        refuse_strangers(out)?;
        let lock = Lock::take(out)?;
        if mode == OpenMode::Fresh && out.join(JOURNAL).exists() {
            Journal::open(out)?.is_begun()?;
            delete_run(out).map_err(storage)?;
        }
        let mut journal = Journal::open(out)?;
        if journal.is_begun()? {
            refuse_others(out, &journal.identity()?, identity)?;
        } else {
            journal.begin(identity)?;
        }
        let mut done = Bitmap::default();
        let mut counts = journal.scan(|row| {
            done.insert(row);
        })?;
        // They are tried again, and count again if that ends as before.
        counts.faults = 0;
        let resumed = counts.rows();
        let store = Store::open(out, journal, resumed)?;
        fs::create_dir_all(out.join(ARTIFACTS)).map_err(storage)?;
        let records = fs::File::open(out.join(RECORDS)).map_err(storage)?;
        let lookup = Lookup { journal: Journal::open_to_read(out)?, records };
        let queue = Arc::new(Queue::default());
        let writer = writer::start(store, Arc::clone(&queue)).map_err(storage)?;
        Ok(Self {
            out: out.to_owned(),
            queue,
            writer: Some(writer),
            lookup: Some(Mutex::new(lookup)),
            ledger: Mutex::new(Ledger { done, counts }),
            resumed,
            _lock: lock,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.out
    }

    /// Where captures lie by their hash; exists. See [`crate::artifact_path`].
    pub fn artifacts(&self) -> PathBuf {
        self.out.join(ARTIFACTS)
    }

    /// Rows that were done when the folder was opened.
    pub fn resumed(&self) -> u64 {
        self.resumed
    }

    /// Whether a row is recorded (or is a known bad row) and must not run again.
    pub fn is_done(&self, row: u64) -> bool {
        lock(&self.ledger).done.contains(row)
    }

    /// Takes an id for a row that is about to run. The first row of the dataset with an id has it, so
    /// call this in reading order, for each row that is not done.
    pub fn claim_id(&self, row: u64, id: &str) -> Result<Claim, DatasetError> {
        // Held over all three steps: two rows must not both find the id free.
        let lookup = self.lookup();
        let known = match self.queue.claimed(id) {
            Some(first) => Some(first),
            None => lookup.journal.row_of_id(id)?,
        };
        Ok(match known.or_else(|| self.queue.claim(id, row)) {
            Some(first) if first != row => Claim::Duplicate { first },
            _ => Claim::Ours,
        })
    }

    /// The first record of an identical job; never one that ended in a fault.
    ///
    /// A record that is on its way to the disk is waited for.
    pub fn lookup_job(&self, job: &Digest) -> Result<Option<Record>, DatasetError> {
        let (_, before) = self.queue.pending(job);
        if let Some(record) = self.find_job(job)? {
            return Ok(Some(record));
        }
        let (pending, after) = self.queue.pending(job);
        if pending {
            self.queue.flush()?;
        }
        if pending || after != before { self.find_job(job) } else { Ok(None) }
    }

    fn find_job(&self, job: &Digest) -> Result<Option<Record>, DatasetError> {
        let lookup = self.lookup();
        let span = lookup.journal.span_of_job(job)?;
        span.map(|span| read_record(&lookup.records, &self.out.join(RECORDS), span)).transpose()
    }

    /// Records a row's answer, once. Waits when the writer is far behind; an error means that
    /// an earlier write failed and the run must stop.
    pub fn record(&self, record: &Record) -> Result<(), DatasetError> {
        let line = self.line(record)?;
        self.note_done(record.row, |counts| match record.verdict() {
            Some(verdict) => *counts.verdicts.entry(verdict).or_default() += 1,
            None => counts.faults += 1,
        })?;
        let (row, id, job, verdict) = (record.row, record.id.clone(), record.job, record.verdict());
        self.queue.put(Entry::Record { row, id, job, verdict, line })
    }

    /// Records a failed attempt of ours; the row is not done by it.
    pub fn fault(&self, fault: &FaultLine) -> Result<(), DatasetError> {
        let line = self.line(fault)?;
        lock(&self.ledger).counts.failed_attempts += 1;
        self.queue.put(Entry::Fault { row: fault.row, line })
    }

    /// Failed attempts at a row, of this and of earlier commands.
    pub fn attempts(&self, row: u64) -> Result<u32, DatasetError> {
        self.queue.flush()?;
        self.lookup().journal.attempts(row)
    }

    /// Records a row that cannot be used; a resumed run does not report it again.
    pub fn bad_row(&self, bad: &BadRow) -> Result<(), DatasetError> {
        let line = self.line(&BadRowLine::from(bad))?;
        self.note_done(bad.index, |counts| counts.bad_rows += 1)?;
        let holds_id = bad.id.as_ref().is_some_and(|id| self.queue.claimed(id) == Some(bad.index));
        self.queue.put(Entry::Bad { row: bad.index, id: bad.id.clone(), holds_id, line })
    }

    /// Waits until everything given so far is on the disk and in the journal.
    pub fn flush(&self) -> Result<(), DatasetError> {
        self.queue.flush()
    }

    /// What is recorded, over all commands that worked on this OUT.
    pub fn counts(&self) -> Counts {
        lock(&self.ledger).counts.clone()
    }

    /// Keeps a text in the journal, such as the rows of the dataset once they are known.
    pub fn set_note(&self, key: &str, value: &str) -> Result<(), DatasetError> {
        self.queue.put(Entry::Note { key: key.to_owned(), value: value.to_owned() })
    }

    /// A text that was kept by [`RunFolder::set_note`].
    pub fn note(&self, key: &str) -> Result<Option<String>, DatasetError> {
        self.queue.flush()?;
        self.lookup().journal.note(key)
    }

    /// Reads back what is recorded so far.
    pub fn reader(&self) -> Result<RunReader, DatasetError> {
        self.queue.flush()?;
        RunReader::open(&self.out)
    }

    /// Records what is left, leaves the journal as one plain file and lets the folder go.
    pub fn finish(mut self) -> Result<Counts, DatasetError> {
        let flushed = self.queue.flush();
        self.close();
        flushed.map(|()| self.counts())
    }

    fn close(&mut self) {
        self.queue.close();
        // SQLite leaves write-ahead mode only when nobody else has the file open.
        self.lookup = None;
        if let Some(Ok(store)) = self.writer.take().map(JoinHandle::join) {
            store.settle();
        }
    }

    fn note_done(&self, row: u64, count: impl FnOnce(&mut Counts)) -> Result<(), DatasetError> {
        let mut ledger = lock(&self.ledger);
        if !ledger.done.insert(row) {
            return Err(DatasetError::Repeated { row });
        }
        count(&mut ledger.counts);
        Ok(())
    }

    fn line(&self, value: &impl serde::Serialize) -> Result<Vec<u8>, DatasetError> {
        serde_json::to_vec(value).map_err(|error| DatasetError::storage(&self.out, &error.into(), self.counts().rows()))
    }

    fn lookup(&self) -> MutexGuard<'_, Lookup> {
        match &self.lookup {
            Some(lookup) => lock(lookup),
            // Only `close` takes it, and `close` is called by what consumes the folder.
            None => unreachable!("the folder is closed"),
        }
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_a_folder(out: &Path, error: &io::Error) -> DatasetError {
    match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            DatasetError::NotOurs { out: show(out), cause: "is not a folder".to_owned() }
        }
        _ => DatasetError::storage(out, error, 0),
    }
}

/// Only an empty folder or one with a journal is used: nobody's files are mixed with ours.
fn refuse_strangers(out: &Path) -> Result<(), DatasetError> {
    if out.join(JOURNAL).exists() {
        return Ok(());
    }
    let entries = fs::read_dir(out).map_err(|error| DatasetError::storage(out, &error, 0))?;
    for entry in entries {
        let name = entry.map_err(|error| DatasetError::storage(out, &error, 0))?.file_name();
        if name != LOCK {
            let cause = format!("holds {} and no glasshouse run", Path::new(&name).display());
            return Err(DatasetError::NotOurs { out: show(out), cause });
        }
    }
    Ok(())
}

fn refuse_others(out: &Path, theirs: &RunIdentity, ours: &RunIdentity) -> Result<(), DatasetError> {
    if theirs.fingerprint != ours.fingerprint {
        let (theirs, ours) = (theirs.dataset.clone(), ours.dataset.clone());
        return Err(DatasetError::ForeignRun { out: show(out), theirs, ours });
    }
    let names: std::collections::BTreeSet<&String> = theirs.options.keys().chain(ours.options.keys()).collect();
    let shown = |value: Option<&String>| value.map_or_else(|| "not given".to_owned(), Clone::clone);
    let difference: Vec<String> = names
        .into_iter()
        .map(|name| (name, theirs.options.get(name), ours.options.get(name)))
        .filter(|(_, was, is)| was != is)
        .map(|(name, was, is)| format!("{name}: was {}, now {}", shown(was), shown(is)))
        .collect();
    if difference.is_empty() {
        return Ok(());
    }
    Err(DatasetError::OtherOptions { out: show(out), difference: difference.join("; ") })
}

fn delete_run(out: &Path) -> io::Result<()> {
    for name in OURS {
        let path = out.join(name);
        let deleted = if name == ARTIFACTS { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match deleted {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
