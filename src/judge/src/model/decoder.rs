//! The decoder of Qwen2.5-VL and Qwen3: blocks of grouped-query attention and a gated layer, each behind a norm.

use candle_core::{D, DType, Device, Module, Result, Tensor};
use candle_nn::{Linear, RmsNorm};

use super::attention::{Plan, split};
use super::cache::{Cache, Places};
use super::checkpoint::{Checkpoint, Weights};
use super::config::TextShape;
use super::rope::{Rope, turn};
use crate::ModelError;

pub(crate) struct Decoder {
    embedding: Tensor,
    blocks: Vec<Block>,
    norm: RmsNorm,
    head: Linear,
    rope: Rope,
    shape: TextShape,
}

struct Block {
    norm: RmsNorm,
    /// Queries, keys and values, side by side.
    into: Linear,
    head_norms: Option<(RmsNorm, RmsNorm)>,
    out: Linear,
    norm_inner: RmsNorm,
    gated: Gated,
}

/// A gated layer: SiLU of one projection times another, projected back (Shazeer 2020).
pub(crate) struct Gated {
    /// Gate and value, side by side.
    into: Linear,
    out: Linear,
    inner: usize,
}

impl Gated {
    /// From `gate_proj`, `up_proj` and `down_proj`.
    pub(crate) fn new(
        weights: &Weights<'_>,
        width: usize,
        inner: usize,
        bias: bool,
    ) -> std::result::Result<Self, ModelError> {
        let into = weights.fused(width, &[("gate_proj", inner), ("up_proj", inner)], bias)?;
        Ok(Self { into, out: weights.under("down_proj").linear(inner, width, bias)?, inner })
    }

    pub(crate) fn forward(&self, states: &Tensor) -> Result<Tensor> {
        let both = self.into.forward(states)?;
        let gate = both.narrow(D::Minus1, 0, self.inner)?.contiguous()?.silu()?;
        self.out.forward(&(gate * both.narrow(D::Minus1, self.inner, self.inner)?.contiguous()?)?)
    }
}

/// What all blocks of a forward share.
pub(crate) struct Step<'a> {
    /// Positions (row, axis) in single precision.
    pub(crate) positions: Tensor,
    /// Who attends to what.
    pub(crate) plan: Plan,
    /// The store of keys and values.
    pub(crate) cache: &'a Cache,
    /// Where the rows' keys and values go.
    pub(crate) places: Places,
}

impl Decoder {
    pub(crate) fn new(
        checkpoint: &Checkpoint,
        shape: &TextShape,
        dtype: DType,
        device: &Device,
    ) -> std::result::Result<Self, ModelError> {
        // transformers 5 keeps the names of the hub for both families when it saves; some tools write the newer ones.
        let model = match checkpoint.has("model.language_model.embed_tokens.weight") {
            true => checkpoint.under("model.language_model"),
            false => checkpoint.under("model"),
        };
        let embedding = model.get("embed_tokens.weight", &[shape.vocabulary, shape.width])?;
        let head = match shape.tied {
            true => Linear::new(embedding.clone(), None),
            false => checkpoint.under("lm_head").linear(shape.width, shape.vocabulary, false)?,
        };
        let layers = model.under("layers");
        let blocks = (0..shape.layers).map(|at| Block::new(&layers.under(&at.to_string()), shape));
        Ok(Self {
            embedding,
            blocks: blocks.collect::<std::result::Result<_, _>>()?,
            norm: model.under("norm").norm(shape.width, shape.epsilon)?,
            head,
            rope: Rope::text(shape.head, shape.theta, shape.sections.as_deref(), dtype, device)?,
            shape: shape.clone(),
        })
    }

    /// Axes of a position.
    pub(crate) fn axes(&self) -> Result<usize> {
        self.rope.axes()
    }

    /// What stands for tokens: (token, number).
    pub(crate) fn embed(&self, tokens: &Tensor) -> Result<Tensor> {
        self.embedding.index_select(tokens, 0)
    }

    /// The scores of all tokens (wanted row, token) after the rows in `wanted`, and the cache filled for all rows.
    pub(crate) fn forward(&self, states: Tensor, step: &Step<'_>, wanted: &Tensor) -> Result<Tensor> {
        let (cos, sin) = self.rope.angles(&step.positions)?;
        let mut states = states;
        for (at, block) in self.blocks.iter().enumerate() {
            let attended = block.attend(&block.norm.forward(&states)?, at, step, (&cos, &sin), &self.shape)?;
            states = (states + attended)?;
            let inner = block.gated.forward(&block.norm_inner.forward(&states)?)?;
            states = (states + inner)?;
        }
        self.head.forward(&self.norm.forward(&states.index_select(wanted, 0)?)?)
    }
}

impl Block {
    fn new(weights: &Weights<'_>, shape: &TextShape) -> std::result::Result<Self, ModelError> {
        let attention = weights.under("self_attn");
        let (queries, keys) = (shape.heads * shape.head, shape.kv_heads * shape.head);
        let parts = [("q_proj", queries), ("k_proj", keys), ("v_proj", keys)];
        let head_norms = match shape.head_norms {
            false => None,
            true => Some((
                attention.under("q_norm").norm(shape.head, shape.epsilon)?,
                attention.under("k_norm").norm(shape.head, shape.epsilon)?,
            )),
        };
        Ok(Self {
            norm: weights.under("input_layernorm").norm(shape.width, shape.epsilon)?,
            into: attention.fused(shape.width, &parts, shape.bias)?,
            head_norms,
            out: attention.under("o_proj").linear(queries, shape.width, shape.out_bias)?,
            norm_inner: weights.under("post_attention_layernorm").norm(shape.width, shape.epsilon)?,
            gated: Gated::new(&weights.under("mlp"), shape.width, shape.inner, false)?,
        })
    }

    fn attend(
        &self,
        states: &Tensor,
        at: usize,
        step: &Step<'_>,
        angles: (&Tensor, &Tensor),
        shape: &TextShape,
    ) -> Result<Tensor> {
        let heads = [shape.heads, shape.kv_heads, shape.kv_heads];
        let [mut queries, mut keys, values] = split(&self.into.forward(states)?, heads, shape.head)?;
        if let Some((of_queries, of_keys)) = &self.head_norms {
            queries = of_queries.forward(&queries)?;
            keys = of_keys.forward(&keys)?;
        }
        let (queries, keys) = (turn(&queries, angles)?, turn(&keys, angles)?);
        step.cache.put(at, &step.places, &keys, &values)?;
        let (keys, values) = step.cache.block(at);
        self.out.forward(&step.plan.attend(&queries, keys, values)?)
    }
}
