//! Rotary positions (Su et al. 2021): along one axis for text models, along time, height and width for M-RoPE
//! (Wang et al. 2024, arXiv 2409.12191, section 2.1), along height and width in the vision tower.

use candle_core::{DType, Device, Result, Tensor};

/// Frequencies by axis: `table[axis][pair]` is the frequency of a pair of a head's numbers where it turns with that
/// axis, and 0 elsewhere.
pub(crate) struct Rope {
    table: Tensor,
    dtype: DType,
}

impl Rope {
    /// For a decoder with heads of `head` numbers. With `sections`, runs of frequencies turn in turn with the first,
    /// second and third axis. Cosines and sines will come as `dtype`.
    pub(crate) fn text(
        head: usize,
        theta: f64,
        sections: Option<&[usize]>,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let frequencies = frequencies(head, theta);
        let axes: Vec<usize> = match sections {
            None => vec![0; frequencies.len()],
            Some(sections) => sections.iter().enumerate().flat_map(|(at, count)| vec![at % 3; *count]).collect(),
        };
        Self::new(&frequencies, &axes, if sections.is_some() { 3 } else { 1 }, dtype, device)
    }

    /// For a vision tower: the first half of the frequencies turns with the row, the second with the column; both
    /// halves are the same. Cosines and sines come in single precision.
    pub(crate) fn vision(head: usize, theta: f64, device: &Device) -> Result<Self> {
        let half = frequencies(head / 2, theta);
        let axes: Vec<usize> = [0, 1].into_iter().flat_map(|axis| vec![axis; half.len()]).collect();
        Self::new(&[half.clone(), half].concat(), &axes, 2, DType::F32, device)
    }

    fn new(frequencies: &[f32], axes: &[usize], count: usize, dtype: DType, device: &Device) -> Result<Self> {
        let row = |axis: usize| {
            let turns = frequencies.iter().zip(axes);
            turns.map(move |(frequency, at)| if *at == axis { *frequency } else { 0.0 })
        };
        let table: Vec<f32> = (0..count).flat_map(row).collect();
        Ok(Self { table: Tensor::from_vec(table, (count, frequencies.len()), device)?, dtype })
    }

    /// How many axes a position has.
    pub(crate) fn axes(&self) -> Result<usize> {
        self.table.dim(0)
    }

    /// Cosines and sines (row, pair) for positions (row, axis) in single precision. An angle is a sum in which all
    /// terms but one are zero, so the product of matrices is exact.
    pub(crate) fn angles(&self, positions: &Tensor) -> Result<(Tensor, Tensor)> {
        let angles = positions.matmul(&self.table)?;
        Ok((angles.cos()?.to_dtype(self.dtype)?, angles.sin()?.to_dtype(self.dtype)?))
    }
}

/// `theta` to the power of -2i/`width` for each pair i, in single precision as the reference has it.
fn frequencies(width: usize, theta: f64) -> Vec<f32> {
    let pair = |at: usize| 1.0 / (theta as f32).powf((2 * at) as f32 / width as f32);
    (0..width / 2).map(pair).collect()
}

/// Turns heads (row, head, number) by angles; the first half of a head's numbers is paired with the second.
pub(crate) fn turn(heads: &Tensor, (cos, sin): (&Tensor, &Tensor)) -> Result<Tensor> {
    candle_nn::rotary_emb::rope_thd(&heads.unsqueeze(0)?.contiguous()?, cos, sin)?.squeeze(0)
}
