//! Keys and values of what has been computed, in pages.

use candle_core::{DType, Device, Result, Tensor};

use super::config::TextShape;
use super::pages::{PAGE, Pages};

/// The store of keys and values of all blocks, and the books of its pages.
pub struct Cache {
    /// Which page holds what.
    pub pages: Pages,
    /// For each block, keys and values as (head, place, number).
    blocks: Vec<(Tensor, Tensor)>,
    device: Device,
}

/// Where the rows of a batch are put.
pub(crate) struct Places {
    /// Runs of rows whose places follow each other: first row, first place, rows.
    runs: Vec<(usize, usize, usize)>,
    /// The other rows, and their places spread over heads and numbers.
    rest: Option<(Tensor, Tensor)>,
}

/// Rows that are worth a copy of their own.
const RUN: usize = 16;

impl Cache {
    /// An empty cache of `pages` pages for models of this shape.
    ///
    /// # Errors
    /// Where there is no memory for it.
    pub fn new(shape: &TextShape, pages: usize, dtype: DType, device: &Device) -> Result<Self> {
        let one = || Tensor::zeros((shape.kv_heads, pages * PAGE, shape.head), dtype, device);
        let blocks = (0..shape.layers).map(|_| Ok((one()?, one()?))).collect::<Result<_>>()?;
        Ok(Self { pages: Pages::new(pages), blocks, device: device.clone() })
    }

    /// Bytes that a page takes, all blocks taken together.
    pub fn page_bytes(shape: &TextShape, dtype: DType) -> usize {
        2 * shape.layers * shape.kv_heads * shape.head * PAGE * dtype.size_in_bytes()
    }

    /// How to put rows into `places` of the store.
    pub(crate) fn places(&self, places: &[u32]) -> Result<Places> {
        let mut runs: Vec<(usize, usize, usize)> = Vec::new();
        for (row, place) in places.iter().enumerate() {
            let place = *place as usize;
            match runs.last_mut() {
                Some((_, first, count)) if *first + *count == place => *count += 1,
                _ => runs.push((row, place, 1)),
            }
        }
        let (runs, short): (Vec<_>, Vec<_>) = runs.into_iter().partition(|(_, _, count)| *count >= RUN);
        let mut rest = None;
        if !short.is_empty() {
            let rows: Vec<u32> =
                short.iter().flat_map(|(row, _, count)| (*row..row + count).map(|row| row as u32)).collect();
            let to: Vec<u32> = rows.iter().map(|row| places[*row as usize]).collect();
            let count = rows.len();
            let (heads, _, width) = self.blocks[0].0.dims3()?;
            let to = Tensor::from_vec(to, (1, count, 1), &self.device)?.broadcast_as((heads, count, width))?;
            rest = Some((Tensor::from_vec(rows, count, &self.device)?, to.contiguous()?));
        }
        Ok(Places { runs, rest })
    }

    /// Puts keys and values (row, head, number) of a block into the store.
    pub(crate) fn put(&self, block: usize, places: &Places, keys: &Tensor, values: &Tensor) -> Result<()> {
        let (into_keys, into_values) = &self.blocks[block];
        for (from, into) in [(keys, into_keys), (values, into_values)] {
            let from = from.transpose(0, 1)?;
            for (row, place, count) in &places.runs {
                into.slice_set(&from.narrow(1, *row, *count)?.contiguous()?, 1, *place)?;
            }
            if let Some((rows, to)) = &places.rest {
                into.scatter_set(to, &from.contiguous()?.index_select(rows, 1)?, 1)?;
            }
        }
        Ok(())
    }

    /// The keys and values of a block.
    pub(crate) fn block(&self, block: usize) -> (&Tensor, &Tensor) {
        let (keys, values) = &self.blocks[block];
        (keys, values)
    }
}
