//! Parquet parts with the pictures inside, as Hugging Face `datasets` reads them.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use serde_json::json;

use super::arrays::record_arrays;
use super::columns::Columns;
use super::{Item, PartWriter};
use crate::DatasetError;

/// Items are turned into columns when there are so many,
const BATCH_ROWS: usize = 256;
/// or when they have so many bytes;
const BATCH_BYTES: u64 = 16 << 20;
/// and a row group is closed when it has so many.
const GROUP_BYTES: usize = 64 << 20;

struct Part {
    writer: ArrowWriter<File>,
    columns: Columns,
    items: Vec<Item>,
    bytes: u64,
    path: PathBuf,
}

/// Begins a part.
pub(crate) fn begin(path: &Path, columns: Columns) -> Result<Box<dyn PartWriter>, DatasetError> {
    let begun = || -> Result<ArrowWriter<File>, Box<dyn std::error::Error>> {
        let schema = batch(&[], &columns)?.schema();
        let file = File::create(path)?;
        Ok(ArrowWriter::try_new(file, schema, Some(properties()?))?)
    };
    let writer = begun().map_err(|error| DatasetError::convert(path, error))?;
    Ok(Box::new(Part { writer, columns, items: Vec::new(), bytes: 0, path: path.to_owned() }))
}

impl PartWriter for Part {
    fn add(&mut self, item: Item) -> Result<(), DatasetError> {
        self.bytes += item.bytes();
        self.items.push(item);
        if self.items.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
            self.write_items().map_err(|error| DatasetError::convert(&self.path, error))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), DatasetError> {
        let written = self.write_items();
        let Self { writer, path, .. } = *self;
        written.and_then(|()| writer.close()).map(drop).map_err(|error| DatasetError::convert(&path, error))
    }
}

impl Part {
    fn write_items(&mut self) -> Result<(), ::parquet::errors::ParquetError> {
        self.bytes = 0;
        let items = std::mem::take(&mut self.items);
        self.writer.write(&batch(&items, &self.columns)?)?;
        if self.writer.in_progress_size() >= GROUP_BYTES {
            self.writer.flush()?;
        }
        Ok(())
    }
}

fn batch(items: &[Item], columns: &Columns) -> Result<RecordBatch, ArrowError> {
    let records = record_arrays(items)?;
    let taken: Vec<&str> = records.iter().map(|(name, _)| *name).collect();
    let own = columns.arrays(items, &taken);
    let all = records.into_iter().map(|(name, array)| (name.to_owned(), array)).chain(own);
    let (fields, arrays): (Vec<_>, Vec<_>) =
        all.map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array)).unzip();
    let metadata = HashMap::from([("huggingface".to_owned(), features())]);
    RecordBatch::try_new(Arc::new(Schema::new_with_metadata(fields, metadata)), arrays)
}

/// Names the columns that are more than their Parquet type says; `datasets` finds out the rest itself.
fn features() -> String {
    let image = json!({"_type": "Image"});
    json!({"info": {"features": {"image": image, "images": [image]}}}).to_string()
}

fn properties() -> Result<WriterProperties, ::parquet::errors::ParquetError> {
    let compressed = Compression::ZSTD(ZstdLevel::try_new(3)?);
    let mut properties = WriterProperties::builder()
        .set_compression(compressed)
        .set_key_value_metadata(Some(vec![KeyValue::new("huggingface".to_owned(), features())]));
    // Pictures are compressed already, and no two are the same.
    for path in [["image", "bytes"].as_slice(), &["images", "list", "item", "bytes"]] {
        let column = ColumnPath::new(path.iter().map(|&part| part.to_owned()).collect());
        properties = properties
            .set_column_compression(column.clone(), Compression::UNCOMPRESSED)
            .set_column_dictionary_enabled(column, false);
    }
    Ok(properties.build())
}
