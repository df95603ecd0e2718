//! CLIP image towers that are small and always the same, as the files of either layout: weights for tests, which learned
//! nothing. Spread as wide as trained ones, norms included, so that no error hides in small numbers.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

/// The layouts that checkpoints come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `config.json` and `model.safetensors`.
    HuggingFace,
    /// One safetensors file with OpenAI's names, in half precision as OpenAI's own are.
    OpenAi,
}

/// The sizes of a tower, and what it is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiny {
    pub(crate) layout: Layout,
    pub(crate) image: usize,
    pub(crate) patch: usize,
    pub(crate) width: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) vector: usize,
    /// `quick_gelu` or `gelu`.
    pub(crate) activation: &'static str,
    pub(crate) seed: u64,
}

impl Default for Tiny {
    fn default() -> Self {
        Self {
            layout: Layout::HuggingFace,
            image: 64,
            patch: 16,
            width: 48,
            layers: 3,
            heads: 4,
            vector: 24,
            activation: "quick_gelu",
            seed: 1,
        }
    }
}

/// Names, shapes and values.
pub(crate) type Tensors = Vec<(String, Vec<usize>, Vec<f32>)>;

impl Tiny {
    /// Writes the files into `folder`.
    pub(crate) fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let half = self.layout == Layout::OpenAi;
        fs::write(folder.join("model.safetensors"), safetensors(&self.tensors(), half)).unwrap();
        if self.layout == Layout::HuggingFace {
            fs::write(folder.join("config.json"), self.config().to_string()).unwrap();
        }
    }

    /// Hugging Face's description.
    pub(crate) fn config(&self) -> Value {
        json!({"model_type": "clip", "projection_dim": self.vector, "vision_config": {
            "hidden_size": self.width, "intermediate_size": self.width * 4, "num_attention_heads": self.heads,
            "num_hidden_layers": self.layers, "image_size": self.image, "patch_size": self.patch,
            "hidden_act": self.activation, "layer_norm_eps": 1e-5,
        }})
    }

    /// All tensors, and one that is no part of the image tower.
    pub(crate) fn tensors(&self) -> Tensors {
        let Tiny { width, patch, vector, .. } = *self;
        let places = (self.image / patch).pow(2) + 1;
        let mut maker = Maker { seed: self.seed, made: Vec::new() };
        maker.add("logit_scale", &[1], 1.0, 4.6);
        let inner = width * 4;
        match self.layout {
            Layout::HuggingFace => {
                let embeddings = "vision_model.embeddings";
                maker.add(&format!("{embeddings}.class_embedding"), &[width], 1.0, 0.0);
                maker.matrix(&format!("{embeddings}.patch_embedding.weight"), &[width, 3, patch, patch]);
                maker.add(&format!("{embeddings}.position_embedding.weight"), &[places, width], 0.5, 0.0);
                maker.norm("vision_model.pre_layrnorm", width);
                for layer in 0..self.layers {
                    let layer = format!("vision_model.encoder.layers.{layer}");
                    maker.norm(&format!("{layer}.layer_norm1"), width);
                    for part in ["k_proj", "v_proj", "q_proj", "out_proj"] {
                        maker.linear(&format!("{layer}.self_attn.{part}"), width, width);
                    }
                    maker.norm(&format!("{layer}.layer_norm2"), width);
                    maker.linear(&format!("{layer}.mlp.fc1"), width, inner);
                    maker.linear(&format!("{layer}.mlp.fc2"), inner, width);
                }
                maker.norm("vision_model.post_layernorm", width);
                maker.matrix("visual_projection.weight", &[vector, width]);
            }
            Layout::OpenAi => {
                maker.add("visual.class_embedding", &[width], 1.0, 0.0);
                maker.add("visual.positional_embedding", &[places, width], 0.5, 0.0);
                maker.add("visual.proj", &[width, vector], (width as f32).sqrt().recip(), 0.0);
                maker.matrix("visual.conv1.weight", &[width, 3, patch, patch]);
                maker.norm("visual.ln_pre", width);
                for layer in 0..self.layers {
                    let layer = format!("visual.transformer.resblocks.{layer}");
                    maker.matrix(&format!("{layer}.attn.in_proj_weight"), &[3 * width, width]);
                    maker.add(&format!("{layer}.attn.in_proj_bias"), &[3 * width], 0.2, 0.0);
                    maker.linear(&format!("{layer}.attn.out_proj"), width, width);
                    maker.norm(&format!("{layer}.ln_1"), width);
                    maker.linear(&format!("{layer}.mlp.c_fc"), width, inner);
                    maker.linear(&format!("{layer}.mlp.c_proj"), inner, width);
                    maker.norm(&format!("{layer}.ln_2"), width);
                }
                maker.norm("visual.ln_post", width);
            }
        }
        maker.made
    }
}

struct Maker {
    seed: u64,
    made: Tensors,
}

impl Maker {
    /// Between -1 and 1 (SplitMix64).
    fn next(&mut self) -> f32 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }

    fn add(&mut self, name: &str, shape: &[usize], spread: f32, middle: f32) {
        let values = (0..shape.iter().product::<usize>()).map(|_| self.next() * spread + middle).collect();
        self.made.push((name.to_owned(), shape.to_vec(), values));
    }

    /// A matrix that keeps the size of what it is applied to.
    fn matrix(&mut self, name: &str, shape: &[usize]) {
        let from: usize = shape[1..].iter().product();
        self.add(name, shape, (3.0 / from as f32).sqrt(), 0.0);
    }

    fn linear(&mut self, name: &str, from: usize, to: usize) {
        self.matrix(&format!("{name}.weight"), &[to, from]);
        self.add(&format!("{name}.bias"), &[to], 0.2, 0.0);
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.add(&format!("{name}.weight"), &[width], 0.4, 1.0);
        self.add(&format!("{name}.bias"), &[width], 0.3, 0.0);
    }
}

/// Tensors as a safetensors file, in single or half precision.
pub(crate) fn safetensors(tensors: &Tensors, half: bool) -> Vec<u8> {
    let (mut head, mut body) = (Map::new(), Vec::new());
    for (name, shape, values) in tensors {
        let start = body.len();
        match half {
            true => values.iter().for_each(|value| body.extend(to_half(*value).to_le_bytes())),
            false => values.iter().for_each(|value| body.extend(value.to_le_bytes())),
        }
        let kind = if half { "F16" } else { "F32" };
        head.insert(name.clone(), json!({"dtype": kind, "shape": shape, "data_offsets": [start, body.len()]}));
    }
    let mut head = Value::Object(head).to_string();
    // As the format's own writers do, so that the numbers lie at multiples of eight.
    head.push_str(&" ".repeat((8 - head.len() % 8) % 8));
    [(head.len() as u64).to_le_bytes().as_slice(), head.as_bytes(), &body].concat()
}

/// A number of ordinary size in half precision, the last digits cut off.
fn to_half(value: f32) -> u16 {
    let bits = value.to_bits();
    let exponent = ((bits >> 23) & 0xff) as i32 - 127 + 15;
    let sign = (bits >> 16) as u16 & 0x8000;
    if exponent <= 0 { sign } else { sign | (exponent as u16) << 10 | ((bits >> 13) & 0x3ff) as u16 }
}
