//! `journal.sqlite`: which rows are done, and how far the growing files are recorded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use glasshouse_model::{Digest, Verdict};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::layout::{GROWING, JOURNAL};
use super::queue::Entry;
use super::{Counts, RunIdentity};
use crate::DatasetError;

/// Marks the file as ours: `glas`.
const APPLICATION: i64 = 0x676c_6173;

/// Raised with every change of the tables.
const VERSION: i64 = 1;

/// The comments stay in the file: `sqlite3 journal.sqlite .schema` shows them.
const SCHEMA: &str = "
CREATE TABLE meta (    -- dataset, fingerprint, option.NAME, note.NAME
    key TEXT PRIMARY KEY, value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE files (   -- the recorded part of each file; what lies behind it is cut off by the next command
    name TEXT PRIMARY KEY, length INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE rows (    -- the rows that are done
    row INTEGER PRIMARY KEY,  -- place in the dataset, from 0
    id TEXT,
    job BLOB,                 -- 32 bytes: select hex(job)
    state TEXT NOT NULL,      -- judged, fault (both in records.jsonl), bad (in bad_rows.jsonl)
    verdict TEXT,             -- of judged rows
    offset INTEGER NOT NULL,  -- where the row's line starts in its file
    length INTEGER NOT NULL   -- its bytes without the line's end
);
CREATE TABLE ids (     -- finds duplicate ids: the first 8 bytes of the id's BLAKE3
    key INTEGER PRIMARY KEY, row INTEGER NOT NULL
);
CREATE TABLE jobs (    -- finds identical jobs: the first 8 bytes of the job
    key INTEGER PRIMARY KEY, row INTEGER NOT NULL
);
CREATE TABLE attempts ( -- attempts that failed through a fault of ours: faults.jsonl
    row INTEGER PRIMARY KEY, failed INTEGER NOT NULL
);
";

/// A connection to the journal, with its path for messages.
pub(crate) struct Journal {
    db: Connection,
    path: PathBuf,
}

/// Where a row's line lies in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) row: u64,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

type Result<T> = std::result::Result<T, DatasetError>;

impl Journal {
    /// Opens the journal of an OUT for writing; creates it when absent.
    pub(crate) fn open(out: &Path) -> Result<Self> {
        let path = out.join(JOURNAL);
        let db = Connection::open(&path).map_err(|error| DatasetError::journal(&path, error))?;
        let journal = Self { db, path };
        journal.run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-512; PRAGMA mmap_size=0;")?;
        journal.check(journal.db.busy_timeout(Duration::from_secs(10)))?;
        Ok(journal)
    }

    /// Opens it for reading, also on a file system that cannot be written.
    pub(crate) fn open_to_read(out: &Path) -> Result<Self> {
        let path = out.join(JOURNAL);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let usable = |db: Connection| -> rusqlite::Result<Connection> {
            db.busy_timeout(Duration::from_secs(10))?;
            db.execute_batch("PRAGMA cache_size=-256; PRAGMA mmap_size=0;")?;
            db.query_row("SELECT count(*) FROM files", [], |_| Ok(()))?;
            Ok(db)
        };
        let opened = Connection::open_with_flags(&path, flags).and_then(usable).or_else(|first| {
            let unfinished = out.join(format!("{JOURNAL}-wal")).metadata().is_ok_and(|wal| wal.len() > 0);
            if unfinished {
                return Err(first);
            }
            let name = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(format!("file:{name}?immutable=1"), flags).and_then(usable).map_err(|_| first)
        });
        let db = opened.map_err(|error| DatasetError::journal(&path, error))?;
        Ok(Self { db, path })
    }

    /// Whether the tables are there; an error if the file is another program's.
    pub(crate) fn is_begun(&self) -> Result<bool> {
        let application: i64 = self.check(self.db.query_row("PRAGMA application_id", [], |row| row.get(0)))?;
        let version: i64 = self.check(self.db.query_row("PRAGMA user_version", [], |row| row.get(0)))?;
        let tables: i64 = self.check(self.db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)))?;
        match (application, version) {
            (APPLICATION, VERSION) => Ok(true),
            (0, 0) if tables == 0 => Ok(false),
            (APPLICATION, other) => {
                let cause = format!("it has version {other}, this program knows version {VERSION}");
                Err(DatasetError::journal(&self.path, cause))
            }
            _ => Err(DatasetError::journal(&self.path, "it is the database of another program")),
        }
    }

    /// Writes the tables and what run this is, all or nothing.
    pub(crate) fn begin(&mut self, identity: &RunIdentity) -> Result<()> {
        let path = self.path.clone();
        let begun = (|| -> rusqlite::Result<()> {
            let transaction = self.db.transaction()?;
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            let mut meta = transaction.prepare("INSERT INTO meta VALUES (?, ?)")?;
            meta.execute(["fingerprint", &identity.fingerprint])?;
            meta.execute(["dataset", &identity.dataset])?;
            for (name, value) in &identity.options {
                meta.execute([&format!("option.{name}"), value])?;
            }
            drop(meta);
            for name in GROWING {
                transaction.execute("INSERT INTO files VALUES (?, 0)", [name])?;
            }
            transaction.commit()
        })();
        begun.map_err(|error| write_failed(&path, error, 0))
    }

    /// What run this is.
    pub(crate) fn identity(&self) -> Result<RunIdentity> {
        let mut meta = self.pairs("SELECT key, value FROM meta WHERE key NOT LIKE 'note.%'")?;
        let fingerprint = meta.remove("fingerprint").unwrap_or_default();
        let dataset = meta.remove("dataset").unwrap_or_default();
        let option = |(key, value): (String, String)| Some((key.strip_prefix("option.")?.to_owned(), value));
        Ok(RunIdentity { fingerprint, dataset, options: meta.into_iter().filter_map(option).collect() })
    }

    fn pairs(&self, sql: &str) -> Result<BTreeMap<String, String>> {
        let read = || {
            let mut statement = self.db.prepare(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<_>>()
        };
        self.check(read())
    }

    pub(crate) fn note(&self, key: &str) -> Result<Option<String>> {
        let sql = "SELECT value FROM meta WHERE key = 'note.' || ?";
        self.check(self.db.query_row(sql, [key], |row| row.get(0)).optional())
    }

    /// The recorded length of a growing file.
    pub(crate) fn length(&self, name: &str) -> Result<u64> {
        let sql = "SELECT length FROM files WHERE name = ?";
        self.check(self.db.query_row(sql, [name], |row| row.get::<_, i64>(0))).map(from_sql)
    }

    /// All done rows go through `see`; what they add up to comes back. A row that ended in a fault of ours is
    /// counted and not done: the next command tries it again.
    pub(crate) fn scan(&self, mut see: impl FnMut(u64)) -> Result<Counts> {
        let mut counts = Counts::default();
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = self.db.prepare("SELECT row, state, verdict FROM rows")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                if row.get_ref(1)?.as_str()? != "fault" {
                    see(from_sql(row.get(0)?));
                }
                let verdict = row.get_ref(2)?.as_str_or_null()?.and_then(Verdict::from_name);
                match (row.get_ref(1)?.as_str()?, verdict) {
                    (_, Some(verdict)) => *counts.verdicts.entry(verdict).or_default() += 1,
                    ("bad", None) => counts.bad_rows += 1,
                    (_, None) => counts.faults += 1,
                }
            }
            let sum = "SELECT coalesce(sum(failed), 0) FROM attempts";
            counts.failed_attempts = from_sql(self.db.query_row(sum, [], |row| row.get(0))?);
            Ok(())
        };
        let done = read();
        self.check(done)?;
        Ok(counts)
    }

    /// The row that has this id, if one is recorded.
    pub(crate) fn row_of_id(&self, id: &str) -> Result<Option<u64>> {
        let sql = "SELECT rows.row FROM ids JOIN rows ON rows.row = ids.row WHERE ids.key = ? AND rows.id = ?";
        let find = || {
            let mut statement = self.db.prepare_cached(sql)?;
            statement.query_row(params![id_key(id), id], |row| row.get::<_, i64>(0)).optional()
        };
        Ok(self.check(find())?.map(from_sql))
    }

    /// Where the first record of a job lies.
    pub(crate) fn span_of_job(&self, job: &Digest) -> Result<Option<Span>> {
        let sql = "SELECT rows.row, offset, length FROM jobs JOIN rows ON rows.row = jobs.row \
                   WHERE jobs.key = ? AND rows.job = ?";
        let find = || {
            let mut statement = self.db.prepare_cached(sql)?;
            statement.query_row(params![job_key(job), job.as_bytes().as_slice()], span).optional()
        };
        self.check(find())
    }

    /// The next lines of `records.jsonl` in the order of the dataset, from row `from` on.
    pub(crate) fn spans(&self, from: u64, limit: u32) -> Result<Vec<Span>> {
        let sql = "SELECT row, offset, length FROM rows WHERE row >= ? AND state <> 'bad' ORDER BY row LIMIT ?";
        let find = || {
            let mut statement = self.db.prepare_cached(sql)?;
            statement.query_map(params![to_sql(from), limit], span)?.collect::<rusqlite::Result<Vec<_>>>()
        };
        self.check(find())
    }

    pub(crate) fn attempts(&self, row: u64) -> Result<u32> {
        let sql = "SELECT failed FROM attempts WHERE row = ?";
        let found = self.db.query_row(sql, [to_sql(row)], |row| row.get(0)).optional();
        Ok(self.check(found)?.unwrap_or(0))
    }

    /// Makes a batch recorded, all or nothing. `spans` are the places of the entries' lines.
    pub(crate) fn commit(&mut self, batch: &[Entry], spans: &[(u64, u64)], lengths: &[u64; 3]) -> rusqlite::Result<()> {
        let transaction = self.db.transaction()?;
        for (entry, &(offset, length)) in batch.iter().zip(spans) {
            insert(&transaction, entry, offset, length)?;
        }
        for (name, &length) in GROWING.iter().zip(lengths) {
            let mut files = transaction.prepare_cached("UPDATE files SET length = ? WHERE name = ?")?;
            files.execute(params![to_sql(length), name])?;
        }
        transaction.commit()
    }

    /// Leaves one plain file: no `-wal` beside it, so that OUT can be copied and read anywhere.
    pub(crate) fn settle(&self) -> rusqlite::Result<()> {
        self.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE;")
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn run(&self, sql: &str) -> Result<()> {
        self.check(self.db.execute_batch(sql))
    }

    fn check<T>(&self, result: rusqlite::Result<T>) -> Result<T> {
        result.map_err(|error| DatasetError::journal(&self.path, error))
    }
}

fn insert(db: &Connection, entry: &Entry, offset: u64, length: u64) -> rusqlite::Result<()> {
    // A row has one answer. Only a fault is ever replaced, by what a later command made of the row.
    let row_sql = "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (row) DO UPDATE SET id = excluded.id, \
                   job = excluded.job, state = excluded.state, verdict = excluded.verdict, offset = excluded.offset, \
                   length = excluded.length WHERE rows.state = 'fault'";
    let (offset, length) = (to_sql(offset), to_sql(length));
    match entry {
        Entry::Record { row, id, job, verdict, .. } => {
            let state = if verdict.is_some() { "judged" } else { "fault" };
            let job_bytes = job.as_bytes().as_slice();
            let values = params![to_sql(*row), id, job_bytes, state, verdict.map(Verdict::name), offset, length];
            db.prepare_cached(row_sql)?.execute(values)?;
            insert_id(db, id, *row)?;
            if verdict.is_some() {
                let mut jobs = db.prepare_cached("INSERT OR IGNORE INTO jobs VALUES (?, ?)")?;
                jobs.execute(params![job_key(job), to_sql(*row)])?;
            }
        }
        Entry::Bad { row, id, holds_id, .. } => {
            let none = rusqlite::types::Null;
            db.prepare_cached(row_sql)?.execute(params![to_sql(*row), id, none, "bad", none, offset, length])?;
            if let Some(id) = id.as_ref().filter(|_| *holds_id) {
                insert_id(db, id, *row)?;
            }
        }
        Entry::Fault { row, .. } => {
            let sql = "INSERT INTO attempts VALUES (?, 1) ON CONFLICT (row) DO UPDATE SET failed = failed + 1";
            db.prepare_cached(sql)?.execute([to_sql(*row)])?;
        }
        Entry::Note { key, value } => {
            let sql = "INSERT OR REPLACE INTO meta VALUES ('note.' || ?, ?)";
            db.prepare_cached(sql)?.execute([key, value])?;
        }
    }
    Ok(())
}

fn insert_id(db: &Connection, id: &str, row: u64) -> rusqlite::Result<()> {
    let mut ids = db.prepare_cached("INSERT OR IGNORE INTO ids VALUES (?, ?)")?;
    ids.execute(params![id_key(id), to_sql(row)]).map(drop)
}

fn span(row: &rusqlite::Row<'_>) -> rusqlite::Result<Span> {
    Ok(Span { row: from_sql(row.get(0)?), offset: from_sql(row.get(1)?), length: from_sql(row.get(2)?) })
}

/// A failed write, in the words of a failed write to a plain file.
pub(crate) fn write_failed(path: &Path, error: rusqlite::Error, kept: u64) -> DatasetError {
    use std::io::{Error, ErrorKind};
    let kind = match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => ErrorKind::StorageFull,
        Some(rusqlite::ErrorCode::ReadOnly) => ErrorKind::ReadOnlyFilesystem,
        Some(rusqlite::ErrorCode::PermissionDenied) => ErrorKind::PermissionDenied,
        _ => ErrorKind::Other,
    };
    DatasetError::storage(path, &Error::new(kind, error), kept)
}

/// Short enough to index by the million; a hit is confirmed by the whole id.
fn id_key(id: &str) -> i64 {
    first_eight(Digest::of(id.as_bytes()).as_bytes())
}

fn job_key(job: &Digest) -> i64 {
    first_eight(job.as_bytes())
}

fn first_eight(bytes: &[u8; 32]) -> i64 {
    let mut first = [0; 8];
    first.copy_from_slice(&bytes[..8]);
    i64::from_le_bytes(first)
}

// SQLite has signed numbers only; rows and lengths beyond 2^63 do not exist.
fn to_sql(number: u64) -> i64 {
    number.cast_signed()
}

fn from_sql(number: i64) -> u64 {
    number.cast_unsigned()
}
