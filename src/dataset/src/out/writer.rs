//! The writer: one thread that makes batches recorded, files first and journal last.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use super::journal::{Journal, write_failed};
use super::layout::GROWING;
use super::queue::{Entry, Queue};
use crate::DatasetError;
use crate::error::show;

/// Where each line of a batch lies (offset and length), and the new lengths of the files.
type Appended = (Vec<(u64, u64)>, [u64; 3]);

/// The growing files and the journal that says how far they are recorded.
pub(crate) struct Store {
    out: PathBuf,
    /// The folder itself, by which its file system is synced.
    folder: File,
    files: [Growing; 3],
    journal: Journal,
    kept: u64,
}

/// A file of which the journal knows the first `length` bytes.
struct Growing {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Growing {
    /// Opens the file and cuts off what the journal does not know.
    fn open(out: &Path, name: &str, length: u64, kept: u64) -> Result<Self, DatasetError> {
        let path = out.join(name);
        let storage = |error: io::Error| DatasetError::storage(&path, &error, kept);
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let file = file.map_err(storage)?;
        let found = file.metadata().map_err(storage)?.len();
        if found < length {
            let detail = format!("it has {found} bytes, and the journal knows {length}");
            return Err(DatasetError::Damaged { path: show(&path), detail });
        }
        if found > length {
            file.set_len(length).map_err(storage)?;
        }
        Ok(Self { path, file, length })
    }
}

impl Store {
    pub(crate) fn open(out: &Path, journal: Journal, kept: u64) -> Result<Self, DatasetError> {
        let mut files = Vec::with_capacity(GROWING.len());
        for name in GROWING {
            files.push(Growing::open(out, name, journal.length(name)?, kept)?);
        }
        let folder = File::open(out).map_err(|error| DatasetError::storage(out, &error, kept))?;
        let files = files.try_into().map_err(|_| DatasetError::journal(journal.path(), "files are missing"))?;
        Ok(Self { out: out.to_owned(), folder, files, journal, kept })
    }

    /// Makes a batch recorded: lines, then everything that the lines refer to, then the journal.
    fn commit(&mut self, batch: &[Entry]) -> Result<(), DatasetError> {
        let result = self.try_commit(batch);
        if result.is_err() {
            // The tail is cut off by the next open in any case; doing it now gives back the disk's last bytes.
            for growing in &self.files {
                let _ = growing.file.set_len(growing.length);
            }
        }
        result
    }

    fn try_commit(&mut self, batch: &[Entry]) -> Result<(), DatasetError> {
        let (spans, lengths) = self.append(batch)?;
        // Artifacts were written by others: syncing the file system once covers them and our own files.
        rustix::fs::syncfs(&self.folder).map_err(|error| DatasetError::storage(&self.out, &error.into(), self.kept))?;
        let committed = self.journal.commit(batch, &spans, &lengths);
        committed.map_err(|error| write_failed(self.journal.path(), error, self.kept))?;
        for (growing, length) in self.files.iter_mut().zip(lengths) {
            growing.length = length;
        }
        self.kept +=
            batch.iter().filter(|entry| matches!(entry, Entry::Record { .. } | Entry::Bad { .. })).count() as u64;
        Ok(())
    }

    /// Writes the lines behind what is recorded; gives each one's place and the new lengths.
    fn append(&mut self, batch: &[Entry]) -> Result<Appended, DatasetError> {
        let mut spans = vec![(0, 0); batch.len()];
        let mut lengths = [0; 3];
        for (which, growing) in self.files.iter_mut().enumerate() {
            let written = growing.append(batch, which, &mut spans);
            lengths[which] = written.map_err(|error| DatasetError::storage(&growing.path, &error, self.kept))?;
        }
        Ok((spans, lengths))
    }
}

impl Growing {
    fn append(&mut self, batch: &[Entry], which: usize, spans: &mut [(u64, u64)]) -> io::Result<u64> {
        self.file.seek(SeekFrom::Start(self.length))?;
        let mut buffered = BufWriter::with_capacity(256 << 10, &self.file);
        let mut end = self.length;
        for (entry, span) in batch.iter().zip(spans) {
            let Some((_, line)) = line(entry).filter(|(file, _)| *file == which) else { continue };
            buffered.write_all(line)?;
            buffered.write_all(b"\n")?;
            *span = (end, line.len() as u64);
            end += line.len() as u64 + 1;
        }
        buffered.flush()?;
        Ok(end)
    }
}

/// The line of an entry and which of [`GROWING`] it goes to.
fn line(entry: &Entry) -> Option<(usize, &[u8])> {
    match entry {
        Entry::Record { line, .. } => Some((0, line)),
        Entry::Fault { line, .. } => Some((1, line)),
        Entry::Bad { line, .. } => Some((2, line)),
        Entry::Note { .. } => None,
    }
}

/// Starts the writer; it gives its store back when the queue is closed.
pub(crate) fn start(mut store: Store, queue: Arc<Queue>) -> io::Result<JoinHandle<Store>> {
    std::thread::Builder::new().name("records".to_owned()).spawn(move || {
        let guard = FailOnPanic(Arc::clone(&queue), store.out.clone());
        while let Some(batch) = queue.take() {
            match store.commit(&batch) {
                Ok(()) => queue.committed(&batch),
                Err(failure) => {
                    queue.fail(failure);
                    break;
                }
            }
        }
        drop(guard);
        store
    })
}

/// Callers that wait for the writer must hear of its end, whatever ended it.
struct FailOnPanic(Arc<Queue>, PathBuf);

impl Drop for FailOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(DatasetError::storage(&self.1, &io::Error::other("the writer thread panicked"), 0));
        }
    }
}

impl Store {
    /// Leaves the journal as one plain file; a reader that is at work on it is no failure.
    pub(crate) fn settle(&self) {
        let _ = self.journal.settle();
    }
}
