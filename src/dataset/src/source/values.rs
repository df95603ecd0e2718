//! A cell of an Arrow column as JSON.

use arrow_array::cast::AsArray;
use arrow_array::temporal_conversions::as_datetime;
use arrow_array::types::{
    ArrowTemporalType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_schema::{ArrowError, DataType, TimeUnit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

/// The value at `index`: numbers, texts, lists and structs as themselves, binary as `{"base64": ..}`, and dates,
/// times and decimals, for which JSON has no word, as text.
pub(crate) fn json_value(array: &ArrayRef, index: usize) -> Result<Value, ArrowError> {
    if array.is_null(index) {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => array.as_boolean().value(index).into(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(index).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(index).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(index).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(index).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(index).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(index).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(index).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(index).into(),
        // NaN and infinities become null: JSON has no word for them.
        DataType::Float16 => f64::from(array.as_primitive::<Float16Type>().value(index)).into(),
        DataType::Float32 => f64::from(array.as_primitive::<Float32Type>().value(index)).into(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(index).into(),
        DataType::Utf8 => array.as_string::<i32>().value(index).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(index).into(),
        DataType::Utf8View => array.as_string_view().value(index).into(),
        DataType::Binary => base64(array.as_binary::<i32>().value(index)),
        DataType::LargeBinary => base64(array.as_binary::<i64>().value(index)),
        DataType::BinaryView => base64(array.as_binary_view().value(index)),
        DataType::FixedSizeBinary(_) => base64(array.as_fixed_size_binary().value(index)),
        DataType::List(_) => list(&array.as_list::<i32>().value(index))?,
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(index))?,
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(index))?,
        DataType::Struct(fields) => {
            let names = fields.iter().map(|field| field.name().as_str());
            object(names, array.as_struct().columns(), index)?
        }
        DataType::Map(..) => map(&array.as_map().value(index))?,
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            json_value(dictionary.values(), dictionary.normalized_keys()[index])?
        }
        _ => as_text(array, index)?.into(),
    })
}

/// Dates and times as ISO 8601 writes them, decimals with all their digits.
fn as_text(array: &ArrayRef, index: usize) -> Result<String, ArrowError> {
    Ok(match array.data_type() {
        DataType::Decimal32(..) => array.as_primitive::<Decimal32Type>().value_as_string(index),
        DataType::Decimal64(..) => array.as_primitive::<Decimal64Type>().value_as_string(index),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(index),
        DataType::Decimal256(..) => array.as_primitive::<Decimal256Type>().value_as_string(index),
        DataType::Date32 => date::<Date32Type>(array, index),
        DataType::Date64 => date::<Date64Type>(array, index),
        DataType::Time32(TimeUnit::Second) => time::<Time32SecondType>(array, index),
        DataType::Time32(_) => time::<Time32MillisecondType>(array, index),
        DataType::Time64(TimeUnit::Microsecond) => time::<Time64MicrosecondType>(array, index),
        DataType::Time64(_) => time::<Time64NanosecondType>(array, index),
        DataType::Timestamp(unit, zone) => {
            let text = match unit {
                TimeUnit::Second => moment::<TimestampSecondType>(array, index),
                TimeUnit::Millisecond => moment::<TimestampMillisecondType>(array, index),
                TimeUnit::Microsecond => moment::<TimestampMicrosecondType>(array, index),
                TimeUnit::Nanosecond => moment::<TimestampNanosecondType>(array, index),
            };
            // With a zone, what is stored is UTC.
            if zone.is_some() { text + "Z" } else { text }
        }
        other => return Err(ArrowError::NotYetImplemented(format!("type {other} has no form in JSON"))),
    })
}

fn date<T: ArrowTemporalType>(array: &ArrayRef, index: usize) -> String
where
    i64: From<T::Native>,
{
    moment::<T>(array, index).split('T').next().unwrap_or_default().to_owned()
}

fn time<T: ArrowTemporalType>(array: &ArrayRef, index: usize) -> String
where
    i64: From<T::Native>,
{
    let cell = array.as_primitive::<T>();
    cell.value_as_time(index).map_or_else(|| i64::from(cell.value(index)).to_string(), |time| format!("{time:?}"))
}

/// A number that is no moment on the calendar stays the number that it is.
fn moment<T: ArrowTemporalType>(array: &ArrayRef, index: usize) -> String
where
    i64: From<T::Native>,
{
    let number = i64::from(array.as_primitive::<T>().value(index));
    as_datetime::<T>(number).map_or_else(|| number.to_string(), |moment| format!("{moment:?}"))
}

fn base64(bytes: &[u8]) -> Value {
    json!({"base64": BASE64.encode(bytes)})
}

fn list(items: &ArrayRef) -> Result<Value, ArrowError> {
    (0..items.len()).map(|index| json_value(items, index)).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

fn object<'n>(names: impl Iterator<Item = &'n str>, columns: &[ArrayRef], index: usize) -> Result<Value, ArrowError> {
    let cell = |(name, column): (&str, &ArrayRef)| Ok((name.to_owned(), json_value(column, index)?));
    names.zip(columns).map(cell).collect::<Result<Map<_, _>, _>>().map(Value::Object)
}

/// A map with text keys is an object; any other one is a list of its pairs.
fn map(entries: &StructArray) -> Result<Value, ArrowError> {
    let columns = entries.columns();
    let pairs = (0..entries.len())
        .map(|index| Ok((json_value(&columns[0], index)?, json_value(&columns[1], index)?)))
        .collect::<Result<Vec<_>, ArrowError>>()?;
    let named = |(key, value): &(Value, Value)| Some((key.as_str()?.to_owned(), value.clone()));
    Ok(match pairs.iter().map(named).collect::<Option<Map<_, _>>>() {
        Some(object) => Value::Object(object),
        None => pairs.into_iter().map(|(key, value)| json!([key, value])).collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder};
    use arrow_array::types::Int32Type;
    use arrow_array::{
        BinaryArray, Date32Array, Decimal128Array, DictionaryArray, DurationSecondArray, Float64Array, StringArray,
        Time64MicrosecondArray, TimestampMicrosecondArray, TimestampSecondArray, UInt64Array,
    };
    use arrow_schema::Field;

    use super::*;

    fn first(array: impl Array + 'static) -> Value {
        json_value(&(Arc::new(array) as ArrayRef), 0).unwrap()
    }

    #[test]
    fn every_kind_of_cell_has_its_json() {
        assert_eq!(first(UInt64Array::from(vec![u64::MAX])), json!(u64::MAX));
        assert_eq!(first(Float64Array::from(vec![f64::NAN])), Value::Null);
        assert_eq!(first(StringArray::from(vec![None::<&str>])), Value::Null);
        assert_eq!(first(Date32Array::from(vec![19_723])), json!("2024-01-01"));
        assert_eq!(first(TimestampMicrosecondArray::from(vec![1_500_000])), json!("1970-01-01T00:00:01.500"));
        let decimal = Decimal128Array::from(vec![12_345]).with_precision_and_scale(9, 2).unwrap();
        assert_eq!(first(decimal), json!("123.45"));
        assert_eq!(first(TimestampSecondArray::from(vec![0]).with_timezone("+02:00")), json!("1970-01-01T00:00:00Z"));
        assert_eq!(first(TimestampSecondArray::from(vec![i64::MAX])), json!(i64::MAX.to_string()));
        assert_eq!(first(Time64MicrosecondArray::from(vec![3_600_000_000])), json!("01:00:00"));
        let span: ArrayRef = Arc::new(DurationSecondArray::from(vec![1]));
        assert!(json_value(&span, 0).unwrap_err().to_string().contains("Duration"));
        let dictionary: DictionaryArray<Int32Type> = ["b", "a"].into_iter().collect();
        assert_eq!(first(dictionary), json!("b"));
    }

    #[test]
    fn nested_cells_keep_their_shape() {
        let mut list = ListBuilder::new(Int32Builder::new());
        list.append_value([Some(1), None]);
        assert_eq!(first(list.finish()), json!([1, null]));
        let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        map.keys().append_value("a.py");
        map.values().append_value(3);
        map.append(true).unwrap();
        assert_eq!(first(map.finish()), json!({"a.py": 3}));
        let bytes: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"\x89PNG"]));
        let path: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>]));
        let image = StructArray::from(vec![
            (Arc::new(Field::new("bytes", DataType::Binary, true)), bytes),
            (Arc::new(Field::new("path", DataType::Utf8, true)), path),
        ]);
        assert_eq!(first(image), json!({"bytes": {"base64": "iVBORw=="}, "path": null}));
    }
}
