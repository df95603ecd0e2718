//! `report.html` and `summary.json`: what came of a run, on one page that needs nothing else.
//!
//! One pass over the records gathers figures of fixed size and a sample of rows; the page is then
//! written piece by piece, one thumbnail at a time. Memory does not depend on the number of records.

mod escape;
mod gather;
mod histogram;
mod page;
mod sample;
mod summary;
mod thumbs;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use glasshouse_dataset::{DatasetError, RunReader};
use thiserror::Error;

use gather::Gathered;
use summary::Summary;

pub(crate) use thumbs::{SUBCOMMAND as THUMBNAIL_HELPER, serve as thumbnail_helper};

/// The note of a run folder that holds the seconds which all commands together spent running jobs.
pub const SECONDS_NOTE: &str = "seconds";
/// The note that holds the number of workers of the last command.
pub const WORKERS_NOTE: &str = "workers";

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The run cannot be read.
    #[error(transparent)]
    Read(#[from] DatasetError),
    /// A file of the report cannot be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Writes both files into the folder of the run and gives the page's path.
pub fn write(out: &Path) -> Result<PathBuf, ReportError> {
    let reader = RunReader::open(out)?;
    let mut gathered = Gathered::default();
    for record in reader.records()? {
        gathered.add(&record?);
    }
    let summary = Summary::new(&reader, &gathered)?;
    let cards = gathered.take_cards();
    save(&out.join("summary.json"), |file| {
        serde_json::to_writer_pretty(&mut *file, &summary)?;
        file.write_all(b"\n")
    })?;
    let path = out.join("report.html");
    let shown: Vec<_> = cards.iter().map(|card| card.hash.map(|hash| reader.artifact_path(&hash))).collect();
    let pictures = thumbs::thumbnails(&shown);
    save(&path, |file| page::write(file, &summary, &gathered, &cards, &pictures))?;
    Ok(path)
}

/// Writes a file whole or not at all: under another name first.
fn save(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<(), ReportError> {
    let unfinished = path.with_extension("part");
    let written = (|| {
        let mut file = BufWriter::new(File::create(&unfinished)?);
        fill(&mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&unfinished, path)
    })();
    written.map_err(|source| ReportError::Write { path: path.to_owned(), source })
}
