//! The two dialects of `config.json`, as they are written, and how each becomes the sizes of a model.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::config::{Architecture, TextShape, VisionShape};
use crate::ModelError;

/// A JSON file of a model's folder.
pub(crate) fn json<T: DeserializeOwned>(path: &Path) -> Result<T, ModelError> {
    let bytes = fs::read(path).map_err(|source| ModelError::Read { path: path.to_owned(), source })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| ModelError::Malformed { path: path.to_owned(), why: error.to_string() })
}

/// A part of a file that is read already.
pub(super) fn part<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

/// The decoder's keys.
#[derive(Deserialize)]
pub(super) struct Text {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    rms_norm_eps: f64,
    rope_theta: Option<f64>,
    rope_scaling: Option<Rope>,
    rope_parameters: Option<Rope>,
    #[serde(default = "context")]
    max_position_embeddings: usize,
    #[serde(default = "silu")]
    hidden_act: String,
    attention_bias: Option<bool>,
    #[serde(default)]
    use_sliding_window: bool,
    tie_word_embeddings: Option<bool>,
    eos_token_id: Option<Tokens>,
}

#[derive(Deserialize)]
struct Rope {
    rope_type: Option<String>,
    /// The older name of the same; some files have both.
    #[serde(rename = "type")]
    kind: Option<String>,
    rope_theta: Option<f64>,
    mrope_section: Option<Vec<usize>>,
}

/// The vision tower's keys.
#[derive(Deserialize)]
pub(super) struct Vision {
    hidden_size: usize,
    intermediate_size: usize,
    depth: usize,
    num_heads: usize,
    #[serde(alias = "in_chans", default = "channels")]
    in_channels: usize,
    patch_size: usize,
    temporal_patch_size: usize,
    spatial_merge_size: usize,
    window_size: usize,
    fullatt_block_indexes: Vec<usize>,
    out_hidden_size: usize,
    #[serde(default = "silu")]
    hidden_act: String,
    rope_parameters: Option<Rope>,
}

/// The keys of `generation_config.json` that count here.
#[derive(Deserialize)]
pub(super) struct Generation {
    eos_token_id: Option<Tokens>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Tokens {
    One(u32),
    Several(Vec<u32>),
}

fn tokens(tokens: Option<&Tokens>) -> Vec<u32> {
    match tokens {
        None => Vec::new(),
        Some(Tokens::One(token)) => vec![*token],
        Some(Tokens::Several(tokens)) => tokens.clone(),
    }
}

fn silu() -> String {
    "silu".to_owned()
}

fn channels() -> usize {
    3
}

fn context() -> usize {
    32_768
}

impl Generation {
    pub(super) fn end(&self) -> Vec<u32> {
        tokens(self.eos_token_id.as_ref())
    }
}

impl Text {
    pub(super) fn end(&self) -> Vec<u32> {
        tokens(self.eos_token_id.as_ref())
    }

    pub(super) fn tied(&self) -> bool {
        self.tie_word_embeddings.unwrap_or(false)
    }

    /// The decoder's sizes, if it is one that is implemented.
    pub(super) fn shape(self, architecture: Architecture, tied: bool, path: &Path) -> Result<TextShape, ModelError> {
        silu_only(&self.hidden_act, path)?;
        if self.use_sliding_window {
            return Err(unsupported(path, "use_sliding_window", "true", "attention is over the whole prompt"));
        }
        let rope = self.rope_parameters.or(self.rope_scaling);
        if let Some(rope) = &rope {
            rope.plain(&["default", "mrope"], path)?;
        }
        let theta = rope.as_ref().and_then(|rope| rope.rope_theta).or(self.rope_theta).unwrap_or(1e6);
        let (heads, kv_heads) =
            (self.num_attention_heads, self.num_key_value_heads.unwrap_or(self.num_attention_heads));
        let malformed = |why: String| Err(ModelError::Malformed { path: path.to_owned(), why });
        if heads == 0 || kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
            return malformed(format!("{heads} heads of queries cannot share {kv_heads} of keys"));
        }
        let head = match architecture {
            Architecture::Qwen25Vl => self.hidden_size / heads,
            Architecture::Qwen3 => self.head_dim.unwrap_or(128),
        };
        if head == 0 || !head.is_multiple_of(2) {
            return malformed(format!("heads that are {head} wide cannot be turned in pairs"));
        }
        let sections = match architecture {
            Architecture::Qwen3 => None,
            Architecture::Qwen25Vl => {
                let sections = rope.and_then(|rope| rope.mrope_section).unwrap_or_else(|| vec![16, 24, 24]);
                if sections.iter().sum::<usize>() != head / 2 {
                    return malformed(format!("mrope_section {sections:?} does not add up to {}", head / 2));
                }
                Some(sections)
            }
        };
        let qwen3 = architecture == Architecture::Qwen3;
        let bias = if qwen3 { self.attention_bias.unwrap_or(false) } else { true };
        Ok(TextShape {
            vocabulary: self.vocab_size,
            width: self.hidden_size,
            inner: self.intermediate_size,
            layers: self.num_hidden_layers,
            heads,
            kv_heads,
            head,
            epsilon: self.rms_norm_eps,
            theta,
            sections,
            context: self.max_position_embeddings,
            bias,
            out_bias: qwen3 && bias,
            head_norms: qwen3,
            tied,
        })
    }
}

impl Vision {
    /// The tower's sizes, if it is one that is implemented.
    pub(super) fn shape(self, picture_token: u32, path: &Path) -> Result<VisionShape, ModelError> {
        silu_only(&self.hidden_act, path)?;
        if let Some(rope) = &self.rope_parameters {
            rope.plain(&["axial", "default"], path)?;
        }
        let malformed = |why: String| Err(ModelError::Malformed { path: path.to_owned(), why });
        let Vision { hidden_size: width, num_heads: heads, patch_size: patch, spatial_merge_size: merge, .. } = self;
        if heads == 0 || !width.is_multiple_of(heads) || !(width / heads).is_multiple_of(4) {
            return malformed(format!("{heads} heads cannot share a vision tower that is {width} wide"));
        }
        if patch == 0 || merge == 0 || self.window_size / patch / merge == 0 || self.temporal_patch_size == 0 {
            let window = self.window_size;
            return malformed(format!(
                "windows of {window} pixels hold no {merge} x {merge} patches of {patch} pixels"
            ));
        }
        Ok(VisionShape {
            width,
            inner: self.intermediate_size,
            layers: self.depth,
            heads,
            channels: self.in_channels,
            patch,
            frames: self.temporal_patch_size,
            merge,
            window: self.window_size,
            whole: self.fullatt_block_indexes,
            theta: self.rope_parameters.and_then(|rope| rope.rope_theta).unwrap_or(1e4),
            out: self.out_hidden_size,
            picture_token,
        })
    }
}

impl Rope {
    /// Whether frequencies are as they come: longer contexts by changed frequencies are not implemented.
    fn plain(&self, known: &[&str], path: &Path) -> Result<(), ModelError> {
        match self.rope_type.as_deref().or(self.kind.as_deref()) {
            Some(kind) if !known.contains(&kind) => {
                Err(unsupported(path, "rope_type", kind, "take the checkpoint's own config.json without rope scaling"))
            }
            _ => Ok(()),
        }
    }
}

fn silu_only(activation: &str, path: &Path) -> Result<(), ModelError> {
    match activation {
        "silu" => Ok(()),
        other => Err(unsupported(path, "hidden_act", other, "models of this family have silu")),
    }
}

fn unsupported(path: &Path, key: &str, found: &str, known: &str) -> ModelError {
    ModelError::Unsupported {
        path: path.to_owned(),
        key: key.to_owned(),
        found: found.to_owned(),
        known: known.to_owned(),
    }
}
