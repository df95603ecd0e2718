//! Records out: the OUT folder of a run.
//!
//! | file | holds |
//! |---|---|
//! | `records.jsonl` | one line per judged (or finally faulted) row, in order of completion |
//! | `faults.jsonl` | one line per failed attempt of ours |
//! | `bad_rows.jsonl` | one line per row that could not be used |
//! | `journal.sqlite` | which rows are done, and where each file's recorded part ends |
//! | `artifacts/` | what the runs showed, by content hash |
//! | `.glasshouse.lock` | the lock of the command that works here |
//!
//! What the journal says is recorded lies on the disk before the journal says so: a kill at any
//! moment leaves files with a longer tail than the journal knows, which the next open cuts off.

mod bitmap;
mod folder;
mod journal;
mod layout;
mod lines;
mod lock;
mod queue;
mod reader;
mod writer;

pub use folder::{Claim, OpenMode, RunFolder, RunIdentity};
pub use layout::artifact_path;
pub use lines::{BadRowLine, Counts, FaultLine};
pub use reader::{Lines, Records, RunReader};
