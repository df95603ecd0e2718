//! Rows in, records out: formats, shards, journal, resume.
//!
//! Three parts that know nothing of each other and nothing of how a row is run:
//! - [`Source`] reads datasets (JSONL, Parquet, WebDataset) row by row in flat memory;
//! - [`RunFolder`] is the OUT folder of a run: what it says is recorded stays recorded, once,
//!   whatever is killed; [`RunReader`] reads it back;
//! - [`convert`] turns a finished OUT into Parquet parts or WebDataset shards.

mod convert;
mod error;
mod out;
mod source;

pub use convert::{ConvertFormat, ConvertOptions, Converted, convert};
pub use error::DatasetError;
pub use out::{
    BadRowLine, Claim, Counts, FaultLine, Lines, OpenMode, Records, RunFolder, RunIdentity, RunReader, artifact_path,
};
pub use source::{BadRow, Place, Placed, Progress, RowProblem, Shard, Source, SourceOptions};
