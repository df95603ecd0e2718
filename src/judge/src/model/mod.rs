//! Models on Candle: Qwen2.5-VL and dense Qwen3, from a folder as Hugging Face lays checkpoints out.

mod attention;
mod cache;
mod checkpoint;
mod config;
mod decoder;
mod dialect;
mod pages;
mod picture;
mod rope;
mod sequence;
mod vision;

use std::path::Path;

use candle_core::{DType, Device, Tensor};

pub use cache::Cache;
pub use checkpoint::digest;
pub use config::{Architecture, Configuration, TextShape, VisionShape};
pub(crate) use dialect::json;
pub use pages::{PAGE, Pages};
pub use picture::{Grid, Pixels, Preparation};
pub use sequence::{Position, Prompt, Sequence};

use crate::ModelError;
use attention::{Plan, Segment};
use checkpoint::Checkpoint;
use decoder::{Decoder, Step};
use vision::Tower;

/// A model with its weights, ready. It holds no state of prompts: that is in a [`Cache`] and in [`Sequence`]s.
pub struct Model {
    configuration: Configuration,
    decoder: Decoder,
    tower: Option<Tower>,
    device: Device,
    dtype: DType,
}

/// What a forward is to compute of one sequence.
pub struct Work<'a> {
    /// The sequence; what it has been computed of is counted on.
    pub sequence: &'a mut Sequence,
    /// Tokens to compute, from the first that is pending.
    pub tokens: usize,
    /// What [`Model::see`] makes of the prompt's pictures, all of them in order; not read where no picture is pending.
    pub pictures: &'a [Tensor],
    /// Whether the scores after every token are wanted, rather than after the last alone.
    pub every: bool,
}

impl Model {
    /// Reads the model in `folder`: `config.json` and safetensors, single or in shards. `dtype` is what is computed in,
    /// whatever the file has.
    ///
    /// # Errors
    /// What is missing, does not fit or is not implemented, with the next step.
    pub fn open(folder: &Path, device: &Device, dtype: DType) -> Result<Self, ModelError> {
        let configuration = Configuration::read(folder)?;
        let checkpoint = Checkpoint::open(folder, device, dtype)?;
        let vision = configuration.vision.as_ref();
        Ok(Self {
            tower: vision.map(|vision| Tower::new(&checkpoint, vision, dtype, device)).transpose()?,
            decoder: Decoder::new(&checkpoint, &configuration.text, dtype, device)?,
            configuration,
            device: device.clone(),
            dtype,
        })
    }

    /// What the model is.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// An empty cache of `pages` pages of [`PAGE`] tokens for this model.
    ///
    /// # Errors
    /// Where there is no memory for it.
    pub fn cache(&self, pages: usize) -> Result<Cache, ModelError> {
        Ok(Cache::new(&self.configuration.text, pages, self.dtype, &self.device)?)
    }

    /// The tokens that stand for pictures, (token, number) for each; all pictures go through the tower at one time.
    ///
    /// # Errors
    /// [`ModelError::Prompt`] where the model reads no pictures; [`ModelError::Picture`] where one is not what it takes.
    pub fn see(&self, pictures: &[&Pixels]) -> Result<Vec<Tensor>, ModelError> {
        if pictures.is_empty() {
            return Ok(Vec::new());
        }
        let (Some(tower), Some(shape)) = (&self.tower, &self.configuration.vision) else {
            return Err(ModelError::Prompt("this model reads text alone".to_owned()));
        };
        for picture in pictures {
            let grid = picture.grid();
            let row = shape.channels * shape.frames * shape.patch * shape.patch;
            let whole = grid.height.is_multiple_of(shape.merge) && grid.width.is_multiple_of(shape.merge);
            if !whole || grid.patches() == 0 || picture.numbers().len() != grid.patches() * row {
                let count = picture.numbers().len();
                return Err(ModelError::Picture(format!("{count} numbers do not make {grid:?} of {row} numbers each")));
            }
        }
        Ok(tower.forward(pictures)?)
    }

    /// Computes tokens of several sequences in one packed forward, prompts and answers in any mixture, and gives the
    /// scores of all tokens in single precision: for each sequence in turn a row after its last token, or after every one.
    ///
    /// # Errors
    /// [`ModelError::CacheFull`], and then nothing is computed and nothing lost; or what Candle fails at.
    ///
    /// # Panics
    /// Where no token is asked for, or more than a sequence has pending.
    pub fn forward(&self, cache: &mut Cache, work: &mut [Work<'_>]) -> Result<Tensor, ModelError> {
        let mut batch = Batch::default();
        for one in work.iter_mut() {
            assert!((1..=one.sequence.pending()).contains(&one.tokens), "there are not so many tokens");
            one.sequence.reserve(one.tokens, &mut cache.pages)?;
            batch.add(one);
        }
        let rows = batch.tokens.len();
        let axes = self.decoder.axes()?;
        let positions: Vec<f32> =
            batch.positions.iter().flat_map(|position| position[..axes].iter().map(|at| *at as f32)).collect();
        let step = Step {
            positions: Tensor::from_vec(positions, (rows, axes), &self.device)?,
            plan: Plan::new(&batch.segments, self.configuration.text.heads, &self.device)?,
            places: cache.places(&batch.places)?,
            cache,
        };
        let mut states = self.decoder.embed(&Tensor::from_vec(batch.tokens, rows, &self.device)?)?;
        if !batch.seen.is_empty() {
            let heap: Vec<&Tensor> = [&states].into_iter().chain(&batch.seen).collect();
            let from = (0_u32..).zip(&batch.seen_at).map(|(row, seen)| seen.map_or(row, |seen| rows as u32 + seen));
            let from = Tensor::from_iter(from, &self.device)?;
            states = Tensor::cat(&heap, 0)?.index_select(&from, 0)?;
        }
        let count = batch.wanted.len();
        let wanted = Tensor::from_vec(batch.wanted, count, &self.device)?;
        let scores = self.decoder.forward(states, &step, &wanted)?.to_dtype(DType::F32)?;
        for one in work.iter_mut() {
            one.sequence.advance(one.tokens, &mut cache.pages);
        }
        Ok(scores)
    }
}

/// The rows of a packed forward.
#[derive(Default)]
struct Batch {
    tokens: Vec<u32>,
    positions: Vec<Position>,
    /// Where each row's key and value go.
    places: Vec<u32>,
    segments: Vec<Segment>,
    /// Rows after which scores are wanted.
    wanted: Vec<u32>,
    /// Tokens of pictures, one heap of rows.
    seen: Vec<Tensor>,
    seen_rows: usize,
    /// For each row that is a picture's, its place in that heap.
    seen_at: Vec<Option<u32>>,
}

impl Batch {
    fn add(&mut self, work: &Work<'_>) {
        let Work { sequence, tokens: count, pictures, every } = work;
        let (start, first) = (sequence.computed(), self.tokens.len());
        let range = start..start + count;
        self.tokens.extend(range.clone().map(|at| sequence.token(at)));
        self.positions.extend(range.clone().map(|at| sequence.prompt().position(at)));
        let keys: Vec<u32> = sequence.places(range.end).collect();
        self.places.extend_from_slice(&keys[start..]);
        self.segments.push(Segment { first, rows: *count, keys, causal: true });
        self.wanted.extend((first + if *every { 0 } else { count - 1 }..first + count).map(|row| row as u32));
        self.seen_at.resize(self.tokens.len(), None);
        for (from, picture) in sequence.prompt().starts().iter().zip(*pictures) {
            let rows = picture.dims().first().copied().unwrap_or_default();
            let inside = range.start.max(*from)..range.end.min(from + rows);
            if inside.is_empty() {
                continue;
            }
            for at in inside {
                self.seen_at[first + at - start] = Some((self.seen_rows + at - from) as u32);
            }
            self.seen.push(picture.clone());
            self.seen_rows += rows;
        }
    }
}
