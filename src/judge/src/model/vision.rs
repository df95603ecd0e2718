//! The vision tower: patches of pictures to tokens (Qwen2.5-VL, section 2.1). Blocks attend within windows, a few within
//! the whole picture; four patches that lie together become a token. Pictures of all sizes go through it in one packed
//! batch, and windows, however many, through one product for each kind of window.

use candle_core::{DType, Device, Module, Result, Tensor};
use candle_nn::{Linear, RmsNorm};

use super::attention::{Plan, Segment, split};
use super::checkpoint::{Checkpoint, Weights};
use super::config::VisionShape;
use super::decoder::Gated;
use super::picture::{Grid, Pixels};
use super::rope::{Rope, turn};
use crate::ModelError;

/// The published configurations do not name it; the reference has it fixed.
const EPSILON: f64 = 1e-6;

pub(crate) struct Tower {
    patches: Linear,
    blocks: Vec<Block>,
    merger_norm: RmsNorm,
    merger: [Linear; 2],
    rope: Rope,
    shape: VisionShape,
    dtype: DType,
    device: Device,
}

struct Block {
    norm: RmsNorm,
    into: Linear,
    out: Linear,
    norm_inner: RmsNorm,
    gated: Gated,
}

/// The order in which patches go through the tower, and who sees whom.
struct Layout {
    /// Tokens in the order of windows, as places in the order of pictures.
    tokens: Vec<u32>,
    /// Patches in each window.
    windows: Vec<usize>,
    /// Patches in each frame.
    frames: Vec<usize>,
    /// Row and column of each patch, in the order of windows.
    positions: Vec<[f32; 2]>,
}

impl Tower {
    pub(crate) fn new(
        checkpoint: &Checkpoint,
        shape: &VisionShape,
        dtype: DType,
        device: &Device,
    ) -> std::result::Result<Self, ModelError> {
        let tower = match checkpoint.has("model.visual.patch_embed.proj.weight") {
            true => checkpoint.under("model.visual"),
            false => checkpoint.under("visual"),
        };
        let VisionShape { width, channels, frames, patch, .. } = *shape;
        // A convolution whose windows do not overlap is a linear layer on patches.
        let patches = tower.get("patch_embed.proj.weight", &[width, channels, frames, patch, patch])?;
        let blocks = tower.under("blocks");
        let merger = tower.under("merger");
        let merged = width * shape.unit();
        Ok(Self {
            patches: Linear::new(patches.reshape((width, ()))?, None),
            blocks: (0..shape.layers)
                .map(|at| Block::new(&blocks.under(&at.to_string()), shape))
                .collect::<std::result::Result<_, _>>()?,
            merger_norm: merger.under("ln_q").norm(width, EPSILON)?,
            merger: [
                merger.under("mlp.0").linear(merged, merged, true)?,
                merger.under("mlp.2").linear(merged, shape.out, true)?,
            ],
            rope: Rope::vision(width / shape.heads, shape.theta, device)?,
            shape: shape.clone(),
            dtype,
            device: device.clone(),
        })
    }

    /// The tokens of pictures, (token, number) for each.
    pub(crate) fn forward(&self, pictures: &[&Pixels]) -> Result<Vec<Tensor>> {
        let grids: Vec<Grid> = pictures.iter().map(|picture| picture.grid()).collect();
        let layout = Layout::new(&grids, &self.shape);
        let (unit, device) = (self.shape.unit(), &self.device);
        let rows = layout.tokens.len() * unit;
        let numbers: Vec<f32> = pictures.iter().flat_map(|picture| picture.numbers()).copied().collect();
        let numbers = Tensor::from_vec(numbers, (rows, ()), device)?.to_dtype(self.dtype)?;
        let order: Vec<u32> =
            layout.tokens.iter().flat_map(|token| (0..unit).map(move |at| token * unit as u32 + at as u32)).collect();
        let order = Tensor::from_vec(order, rows, device)?;
        let mut states = self.patches.forward(&numbers.index_select(&order, 0)?)?;
        let positions: Vec<f32> = layout.positions.iter().flatten().copied().collect();
        let (cos, sin) = self.rope.angles(&Tensor::from_vec(positions, (rows, 2), device)?)?;
        let windows = self.plan(&layout.windows)?;
        let frames = self.plan(&layout.frames)?;
        for (at, block) in self.blocks.iter().enumerate() {
            let plan = if self.shape.whole.contains(&at) { &frames } else { &windows };
            states = block.forward(states, plan, (&cos, &sin), &self.shape)?;
        }
        let merged = self.merger_norm.forward(&states)?.reshape((layout.tokens.len(), ()))?;
        let [first, second] = &self.merger;
        let tokens = second.forward(&first.forward(&merged)?.gelu_erf()?)?;
        let mut back = vec![0_u32; layout.tokens.len()];
        for (at, token) in layout.tokens.iter().enumerate() {
            back[*token as usize] = at as u32;
        }
        let tokens = tokens.index_select(&Tensor::new(back, device)?, 0)?;
        let mut at = 0;
        let one = |grid: &Grid| {
            let count = grid.patches() / unit;
            at += count;
            tokens.narrow(0, at - count, count)
        };
        grids.iter().map(one).collect()
    }

    /// Attention of every patch to all of its own run of patches.
    fn plan(&self, lengths: &[usize]) -> Result<Plan> {
        let mut first = 0;
        let segment = |rows: &usize| {
            let keys = (first as u32..(first + rows) as u32).collect();
            first += rows;
            Segment { first: first - rows, rows: *rows, keys, causal: false }
        };
        let segments: Vec<Segment> = lengths.iter().map(segment).collect();
        Plan::new(&segments, self.shape.heads, &self.device)
    }
}

impl Layout {
    fn new(grids: &[Grid], shape: &VisionShape) -> Self {
        let (merge, side) = (shape.merge, shape.window / shape.merge / shape.patch);
        let mut layout = Self { tokens: Vec::new(), windows: Vec::new(), frames: Vec::new(), positions: Vec::new() };
        let mut before = 0;
        for grid in grids {
            // In tokens, not patches.
            let (height, width) = (grid.height / merge, grid.width / merge);
            for _ in 0..grid.frames {
                for top in (0..height).step_by(side) {
                    for left in (0..width).step_by(side) {
                        let (bottom, right) = ((top + side).min(height), (left + side).min(width));
                        for (y, x) in (top..bottom).flat_map(|y| (left..right).map(move |x| (y, x))) {
                            layout.tokens.push((before + y * width + x) as u32);
                            let inside = (0..merge).flat_map(|dy| (0..merge).map(move |dx| (dy, dx)));
                            layout
                                .positions
                                .extend(inside.map(|(dy, dx)| [(y * merge + dy) as f32, (x * merge + dx) as f32]));
                        }
                        layout.windows.push((bottom - top) * (right - left) * shape.unit());
                    }
                }
                layout.frames.push(grid.height * grid.width);
                before += height * width;
            }
        }
        layout
    }
}

impl Block {
    fn new(weights: &Weights<'_>, shape: &VisionShape) -> std::result::Result<Self, ModelError> {
        let attention = weights.under("attn");
        Ok(Self {
            norm: weights.under("norm1").norm(shape.width, EPSILON)?,
            into: attention.under("qkv").linear(shape.width, 3 * shape.width, true)?,
            out: attention.under("proj").linear(shape.width, shape.width, true)?,
            norm_inner: weights.under("norm2").norm(shape.width, EPSILON)?,
            gated: Gated::new(&weights.under("mlp"), shape.width, shape.inner, true)?,
        })
    }

    fn forward(&self, states: Tensor, plan: &Plan, angles: (&Tensor, &Tensor), shape: &VisionShape) -> Result<Tensor> {
        let head = shape.width / shape.heads;
        let [queries, keys, values] = split(&self.into.forward(&self.norm.forward(&states)?)?, [shape.heads; 3], head)?;
        // Turned in single precision whatever the model's is, as the reference does.
        let turned = |heads: Tensor| turn(&heads.to_dtype(DType::F32)?, angles)?.to_dtype(heads.dtype());
        let keys = turned(keys)?.transpose(0, 1)?.contiguous()?;
        let values = values.transpose(0, 1)?.contiguous()?;
        let mixed = plan.attend(&turned(queries)?, &keys, &values)?;
        let states = (states + self.out.forward(&mixed)?)?;
        let inner = self.gated.forward(&self.norm_inner.forward(&states)?)?;
        states + inner
    }
}
