//! Records as Arrow columns.

use std::sync::Arc;

use arrow_array::types::{Int32Type, Int64Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, Float64Array, ListArray, PrimitiveArray,
    StringArray, StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, Field, Fields};
use glasshouse_model::{Cause, ErrorInfo, Fault, Outcome, Record};

use super::Item;
use super::pictures::{Picture, first};

/// The columns of all records, beside the user's own.
pub(crate) fn record_arrays(items: &[Item]) -> Result<Vec<(&'static str, ArrayRef)>, ArrowError> {
    let records: Vec<&Record> = items.iter().map(|item| &item.record).collect();
    let records = records.as_slice();
    let mut arrays = vec![
        ("id", text(records, |record| Some(&*record.id))),
        ("row", number::<UInt64Type>(records, |record| Some(record.row))),
        ("job", text(records, |record| Some(record.job.hex()))),
        ("verdict", text(records, |record| record.verdict().map(|verdict| verdict.name()))),
        ("cause", causes(records)?),
        ("fault", faults(records)?),
        ("image", images(&items.iter().map(|item| first(&item.pictures)).collect::<Vec<_>>())?),
        ("images", image_lists(items)?),
        ("exit_code", number::<Int32Type>(records, |record| record.exit_code)),
        ("signal", text(records, |record| record.signal.as_deref())),
        ("error", errors(records)?),
    ];
    arrays.extend(streams(records));
    arrays.extend([
        ("usage", usage(records)?),
        ("phases", phases(records)?),
        ("runtime", runtime(records)?),
        ("backend", backend(records)?),
        ("artifacts", text(records, |record| serde_json::to_string(&record.artifacts).ok())),
        ("console", text(records, |record| serde_json::to_string(&record.console).ok())),
        ("requests", text(records, |record| serde_json::to_string(&record.requests).ok())),
        ("refused", text(records, |record| serde_json::to_string(&record.refused).ok())),
        ("seed", number::<UInt64Type>(records, |record| Some(record.seed))),
    ]);
    Ok(arrays)
}

fn text<'r, T: AsRef<str>>(records: &[&'r Record], value: impl Fn(&'r Record) -> Option<T>) -> ArrayRef {
    Arc::new(records.iter().map(|record| value(record)).collect::<StringArray>())
}

fn number<T: ArrowPrimitiveType>(records: &[&Record], value: impl Fn(&Record) -> Option<T::Native>) -> ArrayRef {
    Arc::new(records.iter().map(|record| value(record)).collect::<PrimitiveArray<T>>())
}

fn float(records: &[&Record], value: impl Fn(&Record) -> f64) -> ArrayRef {
    Arc::new(records.iter().map(|record| Some(value(record))).collect::<Float64Array>())
}

fn truth(records: &[&Record], value: impl Fn(&Record) -> bool) -> ArrayRef {
    Arc::new(records.iter().map(|record| Some(value(record))).collect::<BooleanArray>())
}

fn structure(columns: Vec<(&str, ArrayRef)>, present: Option<Vec<bool>>) -> Result<ArrayRef, ArrowError> {
    let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let fields: Fields = columns.iter().map(field).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    Ok(Arc::new(StructArray::try_new(fields, arrays, present.map(NullBuffer::from))?))
}

fn list(items: ArrayRef, lengths: impl IntoIterator<Item = usize>) -> Result<ArrayRef, ArrowError> {
    // `item` is the name that pyarrow gives: with another one `datasets` would not know the pictures again.
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    Ok(Arc::new(ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), items, None)?))
}

fn present(array: &ArrayRef) -> Option<Vec<bool>> {
    Some((0..array.len()).map(|index| array.is_valid(index)).collect())
}

fn causes(records: &[&Record]) -> Result<ArrayRef, ArrowError> {
    fn cause(record: &Record) -> Option<&Cause> {
        match &record.outcome {
            Outcome::Verdict { cause, .. } => cause.as_ref(),
            Outcome::Fault(_) => None,
        }
    }
    let code = text(records, |record| Some(&*cause(record)?.code));
    let message = text(records, |record| Some(&*cause(record)?.message));
    let present = present(&code);
    structure(vec![("code", code), ("message", message)], present)
}

fn faults(records: &[&Record]) -> Result<ArrayRef, ArrowError> {
    fn fault(record: &Record) -> Option<&Fault> {
        match &record.outcome {
            Outcome::Fault(fault) => Some(fault),
            Outcome::Verdict { .. } => None,
        }
    }
    let kind = |record: &Record| serde_json::to_value(fault(record)?.kind).ok()?.as_str().map(str::to_owned);
    let kinds = text(records, kind);
    let message = text(records, |record| Some(&*fault(record)?.message));
    let present = present(&kinds);
    structure(vec![("kind", kinds), ("message", message)], present)
}

fn errors(records: &[&Record]) -> Result<ArrayRef, ArrowError> {
    fn error(record: &Record) -> Option<&ErrorInfo> {
        record.error.as_ref()
    }
    let kind = text(records, |record| Some(&*error(record)?.kind));
    let message = text(records, |record| Some(&*error(record)?.message));
    let line = number::<Int64Type>(records, |record| error(record)?.line.map(u64::cast_signed));
    let traceback = text(records, |record| Some(&*error(record)?.traceback));
    let present = present(&kind);
    structure(vec![("type", kind), ("message", message), ("line", line), ("traceback", traceback)], present)
}

/// stdout and stderr are plain texts; what else is known of them lies beside.
fn streams(records: &[&Record]) -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("stdout", text(records, |record| Some(&*record.stdout.text))),
        ("stderr", text(records, |record| Some(&*record.stderr.text))),
        ("stdout_base64", text(records, |record| record.stdout.base64.as_deref())),
        ("stderr_base64", text(records, |record| record.stderr.base64.as_deref())),
        ("stdout_bytes", number::<UInt64Type>(records, |record| Some(record.stdout.bytes))),
        ("stderr_bytes", number::<UInt64Type>(records, |record| Some(record.stderr.bytes))),
        ("stdout_truncated", truth(records, |record| record.stdout.truncated)),
        ("stderr_truncated", truth(records, |record| record.stderr.truncated)),
    ]
}

fn usage(records: &[&Record]) -> Result<ArrayRef, ArrowError> {
    let columns = vec![
        ("wall", float(records, |record| record.usage.wall)),
        ("cpu", float(records, |record| record.usage.cpu)),
        ("memory_peak", number::<UInt64Type>(records, |record| Some(record.usage.memory_peak))),
        ("processes", number::<UInt64Type>(records, |record| Some(record.usage.processes))),
        ("bytes_written", number::<UInt64Type>(records, |record| Some(record.usage.bytes_written))),
    ];
    structure(columns, None)
}

fn phases(records: &[&Record]) -> Result<ArrayRef, ArrowError> {
    let columns = vec![
        ("queue", float(records, |record| record.phases.queue)),
        ("lease", float(records, |record| record.phases.lease)),
        ("start", float(records, |record| record.phases.start)),
        ("run", float(records, |record| record.phases.run)),
        ("harvest", float(records, |record| record.phases.harvest)),
        ("check", float(records, |record| record.phases.check)),
    ];
    structure(columns, None)
}

/// The versions have other names in each runtime, so they are JSON text.
fn runtime(records: &[&Record]) -> Result<ArrayRef, ArrowError> {
    let columns = vec![
        ("name", text(records, |record| Some(&*record.runtime.name))),
        ("image", text(records, |record| Some(&*record.runtime.image))),
        ("versions", text(records, |record| serde_json::to_string(&record.runtime.versions).ok())),
    ];
    structure(columns, None)
}

fn backend(records: &[&Record]) -> Result<ArrayRef, ArrowError> {
    let texts = |of: fn(&Record) -> &Vec<String>| {
        let items: StringArray = records.iter().flat_map(|record| of(record)).map(Some).collect();
        list(Arc::new(items), records.iter().map(|record| of(record).len()))
    };
    let columns = vec![
        ("name", text(records, |record| Some(&*record.backend.name))),
        ("layers", texts(|record| &record.backend.layers)?),
        ("missing", texts(|record| &record.backend.missing)?),
    ];
    structure(columns, None)
}

/// Pictures as `datasets` stores its Image feature.
fn images(pictures: &[Option<&Picture>]) -> Result<ArrayRef, ArrowError> {
    let bytes: BinaryArray = pictures.iter().map(|picture| Some(picture.as_ref()?.bytes.as_slice())).collect();
    let path: StringArray = pictures.iter().map(|picture| Some(picture.as_ref()?.name.as_str())).collect();
    let present = pictures.iter().map(Option::is_some).collect();
    structure(vec![("bytes", Arc::new(bytes) as ArrayRef), ("path", Arc::new(path) as ArrayRef)], Some(present))
}

fn image_lists(items: &[Item]) -> Result<ArrayRef, ArrowError> {
    let all: Vec<_> = items.iter().flat_map(|item| &item.pictures).map(Some).collect();
    list(images(&all)?, items.iter().map(|item| item.pictures.len()))
}
