//! The user's own columns: each gets the one Parquet type that all of its values fit.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use glasshouse_model::Record;
use serde_json::Value;

use super::Item;
use crate::DatasetError;

/// What the values of a column have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Only nulls so far.
    Nothing,
    Bool,
    Int,
    Float,
    Text,
    /// Lists, objects or a mixture: each value is written as JSON text.
    Json,
}

impl Kind {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Nothing,
            Value::Bool(_) => Self::Bool,
            Value::Number(number) if number.is_i64() => Self::Int,
            Value::Number(number) if number.is_f64() => Self::Float,
            Value::String(_) => Self::Text,
            // Whole numbers from 2^63 on fit neither 64-bit integers nor, exactly, floats.
            Value::Number(_) | Value::Array(_) | Value::Object(_) => Self::Json,
        }
    }

    fn with(self, other: Self) -> Self {
        match (self, other) {
            (same, other) if same == other => same,
            (Self::Nothing, kind) | (kind, Self::Nothing) => kind,
            (Self::Int, Self::Float) | (Self::Float, Self::Int) => Self::Float,
            _ => Self::Json,
        }
    }
}

/// Names and types of the user's columns, in order of appearance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    order: Vec<String>,
    kinds: BTreeMap<String, Kind>,
}

impl Columns {
    /// Looks at all records once.
    pub(crate) fn of(records: impl Iterator<Item = Result<Record, DatasetError>>) -> Result<Self, DatasetError> {
        let mut columns = Self::default();
        for record in records {
            columns.see(&record?);
        }
        Ok(columns)
    }

    fn see(&mut self, record: &Record) {
        for (name, value) in &record.columns {
            let kind = Kind::of(value);
            match self.kinds.get_mut(name) {
                Some(known) => *known = known.with(kind),
                None => {
                    self.order.push(name.clone());
                    self.kinds.insert(name.clone(), kind);
                }
            }
        }
    }

    /// The columns as arrays, under names that are not `taken`.
    pub(crate) fn arrays(&self, items: &[Item], taken: &[&str]) -> Vec<(String, ArrayRef)> {
        let free = |name: &str| {
            let mut free = name.to_owned();
            while taken.contains(&free.as_str()) || (free != name && self.kinds.contains_key(&free)) {
                free.insert_str(0, "input_");
            }
            free
        };
        self.order.iter().map(|name| (free(name), array(items, name, self.kinds[name]))).collect()
    }
}

fn array(items: &[Item], name: &str, kind: Kind) -> ArrayRef {
    let values = items.iter().map(|item| item.record.columns.get(name).filter(|value| !value.is_null()));
    match kind {
        Kind::Bool => Arc::new(values.map(|value| value?.as_bool()).collect::<BooleanArray>()),
        Kind::Int => Arc::new(values.map(|value| value?.as_i64()).collect::<Int64Array>()),
        Kind::Float => Arc::new(values.map(|value| value?.as_f64()).collect::<Float64Array>()),
        Kind::Nothing | Kind::Text => Arc::new(values.map(|value| value?.as_str()).collect::<StringArray>()),
        Kind::Json => Arc::new(values.map(|value| value.map(Value::to_string)).collect::<StringArray>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_has_the_type_that_all_its_values_fit() {
        let kind = |values: &str| {
            let values: Vec<Value> = serde_json::from_str(values).unwrap();
            values.iter().map(Kind::of).fold(Kind::Nothing, Kind::with)
        };
        assert_eq!(kind("[null, null]"), Kind::Nothing);
        assert_eq!(kind("[null, 1, -3]"), Kind::Int);
        assert_eq!(kind("[1, 0.5, null]"), Kind::Float);
        assert_eq!(kind(r#"["a", null]"#), Kind::Text);
        assert_eq!(kind("[true, false]"), Kind::Bool);
        for mixed in [r#"["a", 1]"#, "[true, 1]", "[[1]]", "[{}, null]", "[18446744073709551615]"] {
            assert_eq!(kind(mixed), Kind::Json, "{mixed}");
        }
    }
}
