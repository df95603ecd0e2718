//! From a finished (or partial) OUT to what trainers load: Parquet parts or WebDataset shards.

#[cfg(feature = "parquet")]
mod arrays;
#[cfg(feature = "parquet")]
mod columns;
#[cfg(feature = "parquet")]
mod parquet;
mod part;
mod pictures;
mod webdataset;

use std::fs;
use std::path::{Path, PathBuf};

use glasshouse_model::Record;

use crate::{DatasetError, RunReader};
use part::Parts;
use pictures::{Picture, pictures_of};

/// What to convert to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvertFormat {
    /// `records-00000.parquet` and on, with pictures inside that Hugging Face `datasets` reads as Image.
    Parquet,
    /// `records-00000.tar` and on: `KEY.json` and the row's pictures.
    WebDataset,
}

impl ConvertFormat {
    fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::WebDataset => "tar",
        }
    }
}

/// How to convert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvertOptions {
    /// What to convert to.
    pub format: ConvertFormat,
    /// A part has at most so many rows.
    pub rows_per_part: u64,
    /// A part ends with the row by which its contents, before compression, reach so many bytes.
    pub bytes_per_part: u64,
}

impl ConvertOptions {
    /// 10,000 rows or 1 GB a part.
    pub fn new(format: ConvertFormat) -> Self {
        Self { format, rows_per_part: 10_000, bytes_per_part: 1_000_000_000 }
    }
}

/// What a conversion wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// The parts in order.
    pub parts: Vec<PathBuf>,
    /// The rows in all parts.
    pub rows: u64,
}

/// A record with the bytes of its pictures.
struct Item {
    record: Record,
    pictures: Vec<Picture>,
}

impl Item {
    fn load(out: &RunReader, record: Record) -> Result<Self, DatasetError> {
        Ok(Self { pictures: pictures_of(out, &record)?, record })
    }

    /// About what it takes in memory and in a part.
    fn bytes(&self) -> u64 {
        let pictures: usize = self.pictures.iter().map(|picture| picture.bytes.len()).sum();
        let columns: usize = self.record.columns.values().map(value_bytes).sum();
        (pictures + columns + self.record.stdout.text.len() + self.record.stderr.text.len() + 1000) as u64
    }
}

fn value_bytes(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::String(text) => text.len(),
        serde_json::Value::Array(items) => items.iter().map(value_bytes).sum(),
        serde_json::Value::Object(fields) => fields.values().map(value_bytes).sum(),
        _ => 8,
    }
}

/// What a format does with the items of one part.
trait PartWriter {
    /// Takes an item in.
    fn add(&mut self, item: Item) -> Result<(), DatasetError>;
    /// Writes what is left and the end of the file.
    fn finish(self: Box<Self>) -> Result<(), DatasetError>;
}

/// Writes the records of a run, in the order of the dataset, in another format into the folder `to`.
///
/// A part appears under its name only when it is whole; parts of an earlier conversion to the same format
/// that this one does not replace are deleted at its end. There is always one part, if need be without rows.
pub fn convert(out: &RunReader, to: &Path, options: &ConvertOptions) -> Result<Converted, DatasetError> {
    fs::create_dir_all(to).map_err(|error| DatasetError::convert(to, error))?;
    let begin = beginner(out, options.format)?;
    let mut parts = Parts::new(to, options.format.extension());
    let mut writer = begin(&parts.temporary())?;
    let (mut rows, mut rows_here, mut bytes_here) = (0, 0, 0);
    for record in out.records()? {
        if rows_here >= options.rows_per_part.max(1) || bytes_here >= options.bytes_per_part {
            writer.finish()?;
            parts.keep()?;
            writer = begin(&parts.temporary())?;
            (rows_here, bytes_here) = (0, 0);
        }
        let item = Item::load(out, record?)?;
        (rows, rows_here, bytes_here) = (rows + 1, rows_here + 1, bytes_here + item.bytes());
        writer.add(item)?;
    }
    writer.finish()?;
    parts.keep()?;
    Ok(Converted { parts: parts.finish()?, rows })
}

/// Begins a part of a format at a path.
type Begin = Box<dyn Fn(&Path) -> Result<Box<dyn PartWriter>, DatasetError>>;

#[cfg(feature = "parquet")]
fn beginner(out: &RunReader, format: ConvertFormat) -> Result<Begin, DatasetError> {
    Ok(match format {
        ConvertFormat::WebDataset => Box::new(webdataset::begin),
        ConvertFormat::Parquet => {
            // All parts must have one schema, so the columns' types are found before the first part is begun.
            let columns = columns::Columns::of(out.records()?)?;
            Box::new(move |path| parquet::begin(path, columns.clone()))
        }
    })
}

#[cfg(not(feature = "parquet"))]
fn beginner(out: &RunReader, format: ConvertFormat) -> Result<Begin, DatasetError> {
    match format {
        ConvertFormat::WebDataset => Ok(Box::new(webdataset::begin)),
        ConvertFormat::Parquet => Err(DatasetError::convert(out.path(), "built without the cargo feature `parquet`")),
    }
}
