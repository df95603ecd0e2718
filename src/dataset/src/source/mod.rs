//! Rows in: datasets of any known format as one stream of rows, in flat memory.

mod fingerprint;
mod input;
mod jsonl;
#[cfg(feature = "parquet")]
mod parquet;
mod row;
#[cfg(feature = "parquet")]
mod values;
mod webdataset;

use std::path::PathBuf;
use std::sync::Arc;

use glasshouse_model::Row;
use serde_json::{Map, Value};

pub use input::Progress;
pub use row::{BadRow, Place, Placed, RowProblem, Shard, SourceOptions};

use crate::DatasetError;
use input::{Format, Input};

/// The rows of one or several inputs, in order, as an iterator.
///
/// The iterator ends after a [`RowProblem::Fatal`]; a [`RowProblem::Bad`] concerns one row and the next call goes on.
pub struct Source {
    inputs: std::vec::IntoIter<Input>,
    current: Option<Box<dyn Reader>>,
    file: Arc<str>,
    next_index: u64,
    given: u64,
    options: SourceOptions,
    fingerprint: String,
    rows: Option<u64>,
    progress: Progress,
    ended: bool,
    /// The next row, where somebody looked at it already.
    peeked: Option<Box<Result<Placed, RowProblem>>>,
}

/// What a format's reader gives for each row it finds.
pub(crate) enum Found {
    /// A row's columns, with its line (row, sample) counted from 1.
    Row(u64, Map<String, Value>),
    /// A row that cannot be used: its line, what is wrong, what to do.
    Bad(u64, String, &'static str),
    /// The input cannot be read further: the last line that was read, what is wrong, what to do.
    Cut(u64, String, &'static str),
}

/// One input of one format.
pub(crate) trait Reader: Send {
    /// The next row, or `None` at the end.
    fn next(&mut self) -> Option<Found>;
}

impl Source {
    /// Opens all inputs, so that an absent one is known before any row runs; `-` is JSONL from standard input.
    pub fn open(paths: &[PathBuf], options: SourceOptions) -> Result<Self, DatasetError> {
        if paths.is_empty() {
            return Err(DatasetError::input(
                "the dataset",
                "no file is given",
                "name a dataset, or - for standard input",
            ));
        }
        let progress = Progress::default();
        let inputs = paths.iter().map(|path| Input::open(path, &progress)).collect::<Result<Vec<_>, _>>()?;
        let fingerprint = fingerprint::of_inputs(&inputs, options.shard)?;
        let rows = inputs.iter().map(Input::rows).sum();
        Ok(Self {
            inputs: inputs.into_iter(),
            current: None,
            file: Arc::from(""),
            next_index: 0,
            given: 0,
            options,
            fingerprint,
            rows,
            progress,
            ended: false,
            peeked: None,
        })
    }

    /// What tells this dataset (and shard) from another: of length, format and the first and last MiB of each input.
    ///
    /// A pipe cannot be looked at twice, so every pipe has the same one.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// All rows before sharding and limit, where the format tells (Parquet).
    pub fn size_hint_rows(&self) -> Option<u64> {
        self.rows
    }

    /// The next row, which stays the next one.
    pub fn peek(&mut self) -> Option<&Result<Placed, RowProblem>> {
        if self.peeked.is_none() {
            self.peeked = self.read().map(Box::new);
        }
        self.peeked.as_deref()
    }

    /// A handle that tells how far the inputs are read.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    fn next_found(&mut self) -> Result<Option<Found>, DatasetError> {
        loop {
            if let Some(reader) = &mut self.current {
                match reader.next() {
                    Some(found) => return Ok(Some(found)),
                    None => self.current = None,
                }
            }
            let Some(input) = self.inputs.next() else { return Ok(None) };
            self.file = Arc::from(input.name());
            self.current = Some(reader(input)?);
        }
    }

    fn wanted(&self, index: u64) -> bool {
        self.options.shard.is_none_or(|shard| shard.holds(index))
    }

    fn fatal(&mut self, error: DatasetError) -> Option<Result<Placed, RowProblem>> {
        self.ended = true;
        Some(Err(RowProblem::Fatal(error)))
    }
}

impl Iterator for Source {
    type Item = Result<Placed, RowProblem>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.peeked.take() {
            Some(peeked) => Some(*peeked),
            None => self.read(),
        }
    }
}

impl Source {
    fn read(&mut self) -> Option<Result<Placed, RowProblem>> {
        while !self.ended && self.options.limit.is_none_or(|limit| self.given < limit) {
            let found = match self.next_found() {
                Ok(found) => found?,
                Err(error) => return self.fatal(error),
            };
            if let Found::Cut(line, cause, next) = found {
                let path = self.file.to_string();
                return self.fatal(DatasetError::Cut { path, line, cause, next: next.to_owned() });
            }
            let index = self.next_index;
            self.next_index += 1;
            if !self.wanted(index) {
                continue;
            }
            self.given += 1;
            let place = |line| Place { file: Arc::clone(&self.file), line };
            return Some(match found {
                Found::Row(line, columns) => Ok(Placed { row: Row { index, columns }, place: place(line) }),
                Found::Bad(line, message, next) | Found::Cut(line, message, next) => {
                    Err(RowProblem::Bad(BadRow { index, id: None, place: place(line), message, next: next.to_owned() }))
                }
            });
        }
        None
    }
}

fn reader(input: Input) -> Result<Box<dyn Reader>, DatasetError> {
    Ok(match input.format() {
        Format::Jsonl => Box::new(jsonl::Jsonl::new(input.into_stream()?)),
        Format::Tar => {
            let name = input.name().to_owned();
            let opened = webdataset::WebDataset::new(input.into_stream()?);
            Box::new(opened.map_err(|error| DatasetError::input(&name, error, "free some memory or processes"))?)
        }
        #[cfg(feature = "parquet")]
        Format::Parquet => Box::new(parquet::ParquetRows::open(input)?),
    })
}
