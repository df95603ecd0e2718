//! Parquet: rows in small batches, so that memory follows the pages and not the row groups.

use std::fs::File;

use arrow_array::RecordBatch;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::{Map, Value};

use super::input::{Input, Progress};
use super::values::json_value;
use super::{Found, Reader};
use crate::DatasetError;

/// Rows that are decoded at a time: few, since a row may hold pictures.
const BATCH: usize = 64;

const NEXT: &str = "the file is cut off, damaged or no Parquet: fetch it again";

/// Rows as the file's footer counts them.
pub(crate) fn count_rows(name: &str, file: File) -> Result<u64, DatasetError> {
    let reader = SerializedFileReader::new(file).map_err(|error| DatasetError::input(name, error, NEXT))?;
    Ok(reader.metadata().file_metadata().num_rows().max(0).cast_unsigned())
}

/// Rows of one file.
pub(crate) struct ParquetRows {
    batches: ParquetRecordBatchReader,
    batch: Option<RecordBatch>,
    next: usize,
    line: u64,
    progress: Progress,
    bytes_per_row: f64,
}

impl ParquetRows {
    pub(crate) fn open(input: Input) -> Result<Self, DatasetError> {
        let unreadable = |error| DatasetError::input(input.name(), error, NEXT);
        let builder = ParquetRecordBatchReaderBuilder::try_new(input.open_file()?).map_err(unreadable)?;
        let batches = builder.with_batch_size(BATCH).build().map_err(unreadable)?;
        let (size, rows) = (input.size().unwrap_or(0), input.rows().unwrap_or(0));
        let bytes_per_row = size as f64 / rows.max(1) as f64;
        Ok(Self { batches, batch: None, next: 0, line: 0, progress: input.progress().clone(), bytes_per_row })
    }

    fn row(&self, batch: &RecordBatch) -> Result<Map<String, Value>, String> {
        let schema = batch.schema_ref();
        let cell = |(field, column)| -> Result<(String, Value), String> {
            let field: &arrow_schema::FieldRef = field;
            let value = json_value(column, self.next).map_err(|error| format!("column {:?}: {error}", field.name()))?;
            Ok((field.name().clone(), value))
        };
        schema.fields().iter().zip(batch.columns()).map(cell).collect()
    }
}

impl Reader for ParquetRows {
    fn next(&mut self) -> Option<Found> {
        loop {
            if let Some(batch) = self.batch.take_if(|batch| self.next < batch.num_rows()) {
                self.line += 1;
                let row = self.row(&batch);
                self.next += 1;
                self.batch = Some(batch);
                return Some(match row {
                    Ok(columns) => Found::Row(self.line, columns),
                    Err(message) => Found::Bad(self.line, message, "store the column in another type"),
                });
            }
            self.next = 0;
            match self.batches.next()? {
                Ok(batch) => {
                    self.progress.advance((batch.num_rows() as f64 * self.bytes_per_row) as u64);
                    self.batch = Some(batch);
                }
                Err(error) => return Some(Found::Cut(self.line, error.to_string(), NEXT)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, StringArray};
    use parquet::arrow::ArrowWriter;

    use super::*;
    use crate::{RowProblem, Source, SourceOptions};

    fn write(path: &std::path::Path, rows: i64) {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        let code: ArrayRef =
            Arc::new(StringArray::from_iter((0..rows).map(|row| (row % 3 > 0).then(|| format!("x = {row}")))));
        let batch = RecordBatch::try_from_iter_with_nullable([("id", ids, false), ("code", code, true)]).unwrap();
        let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
        for start in (0..rows as usize).step_by(100) {
            writer.write(&batch.slice(start, 100.min(rows as usize - start))).unwrap();
            writer.flush().unwrap();
        }
        writer.close().unwrap();
    }

    #[test]
    fn rows_go_over_batches_and_row_groups() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        write(&path, 250);
        let mut source = Source::open(&[path], SourceOptions::default()).unwrap();
        assert_eq!(source.size_hint_rows(), Some(250));
        let rows: Vec<_> = source.by_ref().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 250);
        for (index, placed) in rows.iter().enumerate() {
            let expected = if index % 3 > 0 { Value::from(format!("x = {index}")) } else { Value::Null };
            assert_eq!(placed.row.columns["code"], expected);
            assert_eq!((placed.row.id(), placed.place.line), (index.to_string(), index as u64 + 1));
        }
        assert!(source.progress().fraction().unwrap() > 0.99);
    }

    #[test]
    fn a_cut_or_damaged_file_is_refused_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        write(&path, 200);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = Source::open(std::slice::from_ref(&path), SourceOptions::default()).err().unwrap().to_string();
        assert!(error.contains("a.parquet") && error.contains("fetch it again"), "{error}");

        let mut bytes = bytes;
        bytes[4..400].fill(0xff);
        std::fs::write(&path, bytes).unwrap();
        let last = Source::open(&[path], SourceOptions::default()).unwrap().last();
        assert!(matches!(last, Some(Err(RowProblem::Fatal(DatasetError::Cut { .. })))), "{last:?}");
    }
}
