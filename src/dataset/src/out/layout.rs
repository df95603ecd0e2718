//! The names in an OUT folder.

use std::path::{Path, PathBuf};

use glasshouse_model::Digest;

pub(crate) const RECORDS: &str = "records.jsonl";
pub(crate) const FAULTS: &str = "faults.jsonl";
pub(crate) const BAD_ROWS: &str = "bad_rows.jsonl";
pub(crate) const JOURNAL: &str = "journal.sqlite";
pub(crate) const LOCK: &str = ".glasshouse.lock";
pub(crate) const ARTIFACTS: &str = "artifacts";

/// The files that only ever grow, with the end of their recorded part in the journal.
pub(crate) const GROWING: [&str; 3] = [RECORDS, FAULTS, BAD_ROWS];

/// What `--fresh` deletes: all that a run and its report leave, and nothing else.
pub(crate) const OURS: [&str; 9] = [
    RECORDS,
    FAULTS,
    BAD_ROWS,
    ARTIFACTS,
    "summary.json",
    "report.html",
    "journal.sqlite-wal",
    "journal.sqlite-shm",
    // Last, so that a kill in between leaves a folder that is still known as ours.
    JOURNAL,
];

/// Where the bytes of a hash lie in an artifacts folder: `ab/cdef..`.
pub fn artifact_path(artifacts: &Path, hash: &Digest) -> PathBuf {
    let hex = hash.hex();
    artifacts.join(&hex[..2]).join(&hex[2..])
}
