//! x
use super::{Found, Reader};
use super::input::Input;
use crate::DatasetError;
pub(crate) fn count_rows(_n: &str, _f: std::fs::File) -> Result<u64, DatasetError> { Ok(0) }
pub(crate) struct ParquetRows;
impl ParquetRows { pub(crate) fn open(_s: Input) -> Result<Self, DatasetError> { Ok(Self) } }
impl Reader for ParquetRows { fn next(&mut self) -> Option<Found> { None } }
