//! What `config.json` says, in both dialects: flat, as checkpoints on the hub have it (`rope_theta`, `rope_scaling`), and
//! nested, as transformers 5 writes it (`text_config`, `rope_parameters`).

use std::path::Path;

use serde_json::Value;

use super::dialect::{Generation, Text, Vision, json, part};
use crate::ModelError;

/// The usual token for a place of a picture, where config.json does not say.
const PICTURE_TOKEN: u32 = 151_655;

/// The architectures that are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Qwen2.5-VL: text and pictures (Bai et al. 2025, arXiv 2502.13923).
    Qwen25Vl,
    /// Qwen3, dense: text alone (Yang et al. 2025, arXiv 2505.09388).
    Qwen3,
}

/// All that is known of a model before its weights are read.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Which model it is.
    pub architecture: Architecture,
    /// The decoder.
    pub text: TextShape,
    /// The vision tower, and the tokens that stand for pictures; none in text models.
    pub vision: Option<VisionShape>,
    /// Tokens that end an answer.
    pub end: Vec<u32>,
}

/// Sizes of the decoder.
#[derive(Clone, Debug)]
pub struct TextShape {
    /// Tokens that there are.
    pub vocabulary: usize,
    /// Numbers that stand for a token inside.
    pub width: usize,
    /// Width of the gated layer between.
    pub inner: usize,
    /// Blocks.
    pub layers: usize,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values; each serves `heads / kv_heads` heads of queries.
    pub kv_heads: usize,
    /// Width of a head.
    pub head: usize,
    /// Added to the mean square in norms.
    pub epsilon: f64,
    /// Base of the rotary frequencies.
    pub theta: f64,
    /// How many of a head's frequencies turn with the temporal, vertical and horizontal position (M-RoPE). Without
    /// sections, all turn with one position.
    pub sections: Option<Vec<usize>>,
    /// Tokens in the longest prompt with its answer.
    pub context: usize,
    /// Whether queries, keys and values have a bias.
    pub bias: bool,
    /// Whether the projection after attention has one.
    pub out_bias: bool,
    /// Whether queries and keys are normed, head by head.
    pub head_norms: bool,
    /// Whether the head is the embedding.
    pub tied: bool,
}

/// Sizes of the vision tower.
#[derive(Clone, Debug)]
pub struct VisionShape {
    /// Numbers that stand for a patch inside.
    pub width: usize,
    /// Width of the gated layer between.
    pub inner: usize,
    /// Blocks.
    pub layers: usize,
    /// Heads.
    pub heads: usize,
    /// Colour channels.
    pub channels: usize,
    /// Side of a patch, in pixels.
    pub patch: usize,
    /// Pictures that a patch spans; a still picture is repeated.
    pub frames: usize,
    /// Patches along a side that one token stands for.
    pub merge: usize,
    /// Side of a window of attention, in pixels.
    pub window: usize,
    /// Blocks whose attention spans the whole picture.
    pub whole: Vec<usize>,
    /// Base of the rotary frequencies.
    pub theta: f64,
    /// Width of the decoder that reads the tokens.
    pub out: usize,
    /// The token that a prompt has in each place of a picture.
    pub picture_token: u32,
}

impl VisionShape {
    /// Patches that one token stands for.
    pub fn unit(&self) -> usize {
        self.merge * self.merge
    }
}

impl Configuration {
    /// Reads `config.json`, and `generation_config.json` where there is one, in a model's folder.
    ///
    /// # Errors
    /// [`ModelError::UnknownArchitecture`], [`ModelError::Unsupported`], or what is wrong with the files.
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        let all: Value = json(&path)?;
        let malformed = |why: String| ModelError::Malformed { path: path.clone(), why };
        let architecture = match all.get("model_type").and_then(Value::as_str) {
            Some("qwen2_5_vl") => Architecture::Qwen25Vl,
            Some("qwen3") => Architecture::Qwen3,
            found => return Err(ModelError::UnknownArchitecture { path, found: found.unwrap_or("").to_owned() }),
        };
        let inside = all.get("text_config").filter(|text| text.is_object()).unwrap_or(&all);
        // Flat configurations of the vision model have a model_type of the whole; the text's keys are beside it.
        let text: Text = part(inside).map_err(malformed)?;
        // The key has been at the top and inside.
        let tied = all.get("tie_word_embeddings").and_then(Value::as_bool).unwrap_or(false) || text.tied();
        let vision = match architecture {
            Architecture::Qwen3 => None,
            Architecture::Qwen25Vl => {
                let vision = all.get("vision_config").ok_or_else(|| malformed("it has no vision_config".to_owned()))?;
                let token =
                    all.get("image_token_id").and_then(Value::as_u64).and_then(|token| u32::try_from(token).ok());
                let vision: Vision = part(vision).map_err(malformed)?;
                Some(vision.shape(token.unwrap_or(PICTURE_TOKEN), &path)?)
            }
        };
        let mut end = text.end();
        let generation = folder.join("generation_config.json");
        if generation.exists() {
            let more = json::<Generation>(&generation)?.end();
            end.extend(more.into_iter().filter(|token| !end.contains(token)).collect::<Vec<_>>());
        }
        let text = text.shape(architecture, tied, &path)?;
        if let Some(vision) = vision.as_ref().filter(|vision| vision.out != text.width) {
            return Err(malformed(format!("vision tokens are {} wide and the decoder {}", vision.out, text.width)));
        }
        Ok(Self { architecture, text, vision, end })
    }
}
