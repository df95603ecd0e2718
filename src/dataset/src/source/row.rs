//! What comes out of a source: rows with their place, and rows that cannot be used.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use glasshouse_model::Row;

use crate::DatasetError;

/// Which rows to give out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceOptions {
    /// Only the rows of this shard; `None`: all.
    pub shard: Option<Shard>,
    /// At most this many rows (of the shard, bad ones included); `None`: all.
    pub limit: Option<u64>,
}

/// One of several equal parts of a dataset: the rows whose index leaves `index` when divided by `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which part, counted from 0.
    pub index: u64,
    /// How many parts there are.
    pub of: u64,
}

impl Shard {
    /// Whether a row belongs to this part.
    pub fn holds(self, row: u64) -> bool {
        row % self.of == self.index
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((index, of)) if index < of => Ok(Self { index, of }),
            _ => Err(format!("expected i/n with i from 0 to n-1, such as 0/4, not {text:?}")),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// Where a row stands, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The input as it was named.
    pub file: Arc<str>,
    /// Counted from 1: the line of JSONL, the row of Parquet, the sample of a tar.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A row and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// The row; its index counts over all inputs.
    pub row: Row,
    /// Where it stands.
    pub place: Place,
}

/// A row that cannot be used. The rest of the dataset goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The row's place in the dataset, counted from 0 over all inputs.
    pub index: u64,
    /// Its id, where one could be read.
    pub id: Option<String>,
    /// Where it stands.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub next: String,
}

impl BadRow {
    /// A row that was read well but cannot be used: an unknown runtime, a duplicate id.
    pub fn of(placed: &Placed, message: impl fmt::Display, next: impl Into<String>) -> Self {
        Self {
            index: placed.row.index,
            id: Some(placed.row.id()),
            place: placed.place.clone(),
            message: message.to_string(),
            next: next.into(),
        }
    }
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: row {}", self.place, self.index)?;
        if let Some(id) = &self.id {
            write!(f, " ({id})")?;
        }
        write!(f, ": {}; {}", self.message, self.next)
    }
}

/// Why the source gave no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowProblem {
    /// This row cannot be used; go on with the next.
    Bad(BadRow),
    /// The input cannot be read further; the iterator ends here.
    Fatal(DatasetError),
}

impl fmt::Display for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(bad) => bad.fmt(f),
            Self::Fatal(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RowProblem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_read_and_checked() {
        let shard: Shard = "1/3".parse().unwrap();
        assert_eq!((0..7).filter(|&row| shard.holds(row)).collect::<Vec<_>>(), [1, 4]);
        for wrong in ["3/3", "0/0", "1", "a/b", "-1/2", ""] {
            assert!(wrong.parse::<Shard>().unwrap_err().contains("such as 0/4"), "{wrong}");
        }
    }
}
