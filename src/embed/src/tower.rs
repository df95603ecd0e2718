//! CLIP's image tower: a vision transformer with a layer norm before its blocks, whose class token's last state is
//! projected (Radford et al. 2021, section 2.4; Dosovitskiy et al. 2020).

use std::fmt;

use candle_core::{IndexOp, Tensor};
use candle_nn::ops::{sigmoid, softmax_last_dim};
use candle_nn::{LayerNorm, Linear, Module};

use crate::EmbedError;
use crate::folder::{Files, VisionConfig};
use crate::weights::Weights;

/// Width of a head in every model that OpenAI published; its checkpoints do not say.
const HEAD: usize = 64;
const EPSILON: f64 = 1e-5;

/// The sizes of a tower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Side of the picture that the model takes, in pixels.
    pub image: usize,
    /// Side of a patch, in pixels.
    pub patch: usize,
    /// Numbers that stand for a patch inside.
    pub width: usize,
    /// Transformer blocks.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Numbers in a picture's vector.
    pub vector: usize,
}

impl Shape {
    /// The usual name of models of this shape, where they have one.
    pub fn name(&self) -> Option<&'static str> {
        match (self.width, self.layers, self.patch, self.image, self.vector) {
            (768, 12, 32, 224, 512) => Some("ViT-B/32"),
            (768, 12, 16, 224, 512) => Some("ViT-B/16"),
            (1024, 24, 14, 224, 768) => Some("ViT-L/14"),
            (1024, 24, 14, 336, 768) => Some("ViT-L/14@336px"),
            _ => None,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape { image, patch, width, layers, vector, .. } = self;
        match self.name() {
            Some(name) => write!(out, "CLIP {name}"),
            None => write!(
                out,
                "CLIP of {layers} layers {width} wide, pictures of {image} and patches of {patch} pixels, vectors of {vector}"
            ),
        }
    }
}

#[derive(Clone, Copy)]
enum Activation {
    /// OpenAI's own approximation of GELU.
    QuickGelu,
    Gelu,
}

struct Block {
    norm1: LayerNorm,
    /// Queries, keys and values, one under the other.
    into: Linear,
    out: Linear,
    norm2: LayerNorm,
    first: Linear,
    second: Linear,
}

/// The tower.
pub(crate) struct Tower {
    shape: Shape,
    activation: Activation,
    patch: Linear,
    class: Tensor,
    position: Tensor,
    before: LayerNorm,
    blocks: Vec<Block>,
    after: LayerNorm,
    projection: Linear,
}

impl Tower {
    /// A tower from what a folder holds, in either layout.
    pub(crate) fn new(files: Files) -> Result<Self, EmbedError> {
        let weights = Weights::new(&files);
        if weights.has("visual.conv1.weight") {
            return Self::openai(&weights.under("visual"), files.quick_gelu.unwrap_or(true));
        }
        match &files.config {
            Some(config) => Self::hugging_face(&weights, config),
            None => Err(EmbedError::Weights(format!(
                "{} is not of OpenAI's layout, and Hugging Face's needs the config.json that comes with it",
                files.path.display()
            ))),
        }
    }

    fn hugging_face(weights: &Weights<'_>, config: &VisionConfig) -> Result<Self, EmbedError> {
        let model = weights.under("vision_model");
        let embeddings = model.under("embeddings");
        let layers = model.under("encoder").under("layers");
        let first = "patch_embedding.weight";
        let [width, 3, patch, _] = embeddings.sides::<4>(first)? else { return Err(odd(first)) };
        let [places, _] = embeddings.sides::<2>("position_embedding.weight")?;
        let [vector, _] = weights.sides::<2>("visual_projection.weight")?;
        let shape = Shape {
            image: side(places)? * patch,
            patch,
            width,
            layers: count(|at| layers.under(&at.to_string()).has("layer_norm1.weight")),
            heads: config.num_attention_heads,
            vector,
        };
        agree(config, &shape)?;
        let epsilon = config.layer_norm_eps;
        let activation = match config.hidden_act.as_str() {
            "quick_gelu" => Activation::QuickGelu,
            "gelu" => Activation::Gelu,
            other => return Err(EmbedError::Weights(format!("config.json: hidden_act {other:?} is not known"))),
        };
        let block = |at: usize| {
            let layer = layers.under(&at.to_string());
            let attention = layer.under("self_attn");
            let parts = ["q_proj", "k_proj", "v_proj"].map(|name| attention.under(name));
            let rows: Vec<Tensor> =
                parts.iter().map(|part| part.get("weight", &[width, width])).collect::<Result<_, _>>()?;
            let bias: Vec<Tensor> = parts.iter().map(|part| part.get("bias", &[width])).collect::<Result<_, _>>()?;
            let inner = layer.sides::<2>("mlp.fc1.weight")?[0];
            Ok(Block {
                norm1: norm(&layer.under("layer_norm1"), width, epsilon)?,
                into: Linear::new(Tensor::cat(&rows, 0)?, Some(Tensor::cat(&bias, 0)?)),
                out: linear(&attention.under("out_proj"), width, width)?,
                norm2: norm(&layer.under("layer_norm2"), width, epsilon)?,
                first: linear(&layer.under("mlp.fc1"), width, inner)?,
                second: linear(&layer.under("mlp.fc2"), inner, width)?,
            })
        };
        Ok(Self {
            activation,
            patch: convolution(&embeddings, first, &shape)?,
            class: embeddings.get("class_embedding", &[width])?,
            position: embeddings.get("position_embedding.weight", &[places, width])?,
            before: norm(&model.under("pre_layrnorm"), width, epsilon)?,
            blocks: (0..shape.layers).map(block).collect::<Result<_, EmbedError>>()?,
            after: norm(&model.under("post_layernorm"), width, epsilon)?,
            projection: Linear::new(weights.get("visual_projection.weight", &[vector, width])?, None),
            shape,
        })
    }

    fn openai(visual: &Weights<'_>, quick_gelu: bool) -> Result<Self, EmbedError> {
        let [width, 3, patch, _] = visual.sides::<4>("conv1.weight")? else { return Err(odd("visual.conv1.weight")) };
        let [places, _] = visual.sides::<2>("positional_embedding")?;
        let [_, vector] = visual.sides::<2>("proj")?;
        let blocks = visual.under("transformer").under("resblocks");
        let shape = Shape {
            image: side(places)? * patch,
            patch,
            width,
            layers: count(|at| blocks.under(&at.to_string()).has("ln_1.weight")),
            heads: width / HEAD,
            vector,
        };
        check(&shape)?;
        let block = |at: usize| {
            let layer = blocks.under(&at.to_string());
            let inner = layer.sides::<2>("mlp.c_fc.weight")?[0];
            let rows = layer.get("attn.in_proj_weight", &[3 * width, width])?;
            Ok(Block {
                norm1: norm(&layer.under("ln_1"), width, EPSILON)?,
                into: Linear::new(rows, Some(layer.get("attn.in_proj_bias", &[3 * width])?)),
                out: linear(&layer.under("attn.out_proj"), width, width)?,
                norm2: norm(&layer.under("ln_2"), width, EPSILON)?,
                first: linear(&layer.under("mlp.c_fc"), width, inner)?,
                second: linear(&layer.under("mlp.c_proj"), inner, width)?,
            })
        };
        let projection = visual.get("proj", &[width, vector])?.t()?.contiguous()?;
        Ok(Self {
            activation: if quick_gelu { Activation::QuickGelu } else { Activation::Gelu },
            patch: convolution(visual, "conv1.weight", &shape)?,
            class: visual.get("class_embedding", &[width])?,
            position: visual.get("positional_embedding", &[places, width])?,
            before: norm(&visual.under("ln_pre"), width, EPSILON)?,
            blocks: (0..shape.layers).map(block).collect::<Result<_, EmbedError>>()?,
            after: norm(&visual.under("ln_post"), width, EPSILON)?,
            projection: Linear::new(projection, None),
            shape,
        })
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// The vectors (picture, number) of pictures as patches (picture, patch, number).
    pub(crate) fn forward(&self, patches: &Tensor) -> candle_core::Result<Tensor> {
        let (pictures, _, _) = patches.dims3()?;
        let class = self.class.expand((pictures, 1, self.shape.width))?;
        let places = Tensor::cat(&[class, self.patch.forward(patches)?], 1)?.broadcast_add(&self.position)?;
        let mut state = self.before.forward(&places)?;
        for block in &self.blocks {
            state = (&state + self.attend(block, &block.norm1.forward(&state)?)?)?;
            let inner = block.first.forward(&block.norm2.forward(&state)?)?;
            state = (&state + block.second.forward(&self.activation.of(&inner)?)?)?;
        }
        let class = state.i((.., 0))?.contiguous()?;
        self.projection.forward(&self.after.forward(&class)?)
    }

    fn attend(&self, block: &Block, state: &Tensor) -> candle_core::Result<Tensor> {
        let (pictures, places, width) = state.dims3()?;
        let (heads, size) = (self.shape.heads, width / self.shape.heads);
        let all = block.into.forward(state)?.reshape((pictures, places, 3, heads, size))?;
        let all = all.permute((2, 0, 3, 1, 4))?.contiguous()?;
        let (queries, keys, values) = (all.i(0)?, all.i(1)?, all.i(2)?);
        let scores = (queries.matmul(&keys.t()?)? * (size as f64).sqrt().recip())?;
        let mixed = softmax_last_dim(&scores)?.matmul(&values)?;
        block.out.forward(&mixed.transpose(1, 2)?.reshape((pictures, places, width))?)
    }
}

impl Activation {
    fn of(self, x: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Activation::QuickGelu => x * sigmoid(&(x * 1.702)?)?,
            Activation::Gelu => x.gelu_erf(),
        }
    }
}

fn odd(name: &str) -> EmbedError {
    EmbedError::Weights(format!("{name} is no convolution of three channels"))
}

/// How many follow each other from 0 on.
fn count(there: impl Fn(usize) -> bool) -> usize {
    (0..).take_while(|at| there(*at)).count()
}

/// Patches along one side of the picture, given the places of all and the class token.
fn side(places: usize) -> Result<usize, EmbedError> {
    let patches = places.saturating_sub(1);
    let side = patches.isqrt();
    if side > 0 && side * side == patches {
        Ok(side)
    } else {
        Err(EmbedError::Weights(format!("{places} places are not those of a square and a class token")))
    }
}

/// Whether a model of this shape makes sense.
fn check(shape: &Shape) -> Result<(), EmbedError> {
    if shape.heads == 0 || !shape.width.is_multiple_of(shape.heads) || shape.layers == 0 {
        let Shape { width, heads, layers, .. } = shape;
        return Err(EmbedError::Weights(format!("{layers} layers of {heads} heads, {width} wide, are no model")));
    }
    Ok(())
}

/// Whether the configuration is that of these weights.
fn agree(config: &VisionConfig, shape: &Shape) -> Result<(), EmbedError> {
    let said = [
        ("hidden_size", config.hidden_size, shape.width),
        ("num_hidden_layers", config.num_hidden_layers, shape.layers),
        ("image_size", config.image_size, shape.image),
        ("patch_size", config.patch_size, shape.patch),
    ];
    for (name, said, found) in said {
        if let Some(said) = said.filter(|said| *said != found) {
            return Err(EmbedError::Weights(format!(
                "config.json says {name} {said}, the weights {found}: they are not of one model"
            )));
        }
    }
    check(shape)
}

fn norm(weights: &Weights<'_>, width: usize, epsilon: f64) -> Result<LayerNorm, EmbedError> {
    Ok(LayerNorm::new(weights.get("weight", &[width])?, weights.get("bias", &[width])?, epsilon))
}

fn linear(weights: &Weights<'_>, from: usize, to: usize) -> Result<Linear, EmbedError> {
    Ok(Linear::new(weights.get("weight", &[to, from])?, Some(weights.get("bias", &[to])?)))
}

/// The first convolution, whose windows do not overlap: a linear layer on patches.
fn convolution(weights: &Weights<'_>, name: &str, shape: &Shape) -> Result<Linear, EmbedError> {
    let Shape { width, patch, .. } = *shape;
    let windows = weights.get(name, &[width, 3, patch, patch])?;
    Ok(Linear::new(windows.reshape((width, 3 * patch * patch))?, None))
}
