//! Finding and reading the files of a model.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::safetensors::BufferedSafetensors;
use glasshouse_model::Digest;
use serde::Deserialize;

use crate::EmbedError;

/// Names of weights that are looked for, the first that is there counts.
const INDEX: &str = "model.safetensors.index.json";
const USUAL: [&str; 2] = ["model.safetensors", "open_clip_model.safetensors"];
/// Ends of names of weights that are not read.
const OTHERS: [&str; 4] = ["bin", "pt", "pth", "ckpt"];

/// What a model's folder holds.
pub(crate) struct Files {
    /// Where the weights come from, for messages.
    pub(crate) path: PathBuf,
    /// The weights, perhaps in several parts.
    pub(crate) weights: Vec<BufferedSafetensors>,
    /// Hugging Face's description of the image tower.
    pub(crate) config: Option<VisionConfig>,
    /// What open_clip says of the activation.
    pub(crate) quick_gelu: Option<bool>,
    digests: Vec<Digest>,
}

impl Files {
    /// A hash of all that was read.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of_parts(self.digests.iter().map(|digest| digest.as_bytes().as_slice()))
    }
}

/// The part of Hugging Face's `config.json` that counts here. What a file leaves out has the value that
/// `CLIPVisionConfig` gives it.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct VisionConfig {
    pub(crate) num_attention_heads: usize,
    pub(crate) hidden_act: String,
    pub(crate) layer_norm_eps: f64,
    /// These the weights tell as well; they must agree.
    pub(crate) hidden_size: Option<usize>,
    pub(crate) num_hidden_layers: Option<usize>,
    pub(crate) image_size: Option<usize>,
    pub(crate) patch_size: Option<usize>,
}

impl Default for VisionConfig {
    fn default() -> Self {
        Self {
            num_attention_heads: 12,
            hidden_act: "quick_gelu".to_owned(),
            layer_norm_eps: 1e-5,
            hidden_size: None,
            num_hidden_layers: None,
            image_size: None,
            patch_size: None,
        }
    }
}

#[derive(Deserialize)]
struct Config {
    /// Absent in the configuration of an image tower alone, which then is the configuration itself.
    vision_config: Option<VisionConfig>,
}

#[derive(Deserialize)]
struct OpenClipConfig {
    model_cfg: OpenClipModel,
}

#[derive(Deserialize)]
struct OpenClipModel {
    #[serde(default)]
    quick_gelu: bool,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Reads all that is needed of the model in `folder`.
pub(crate) fn read(folder: &Path) -> Result<Files, EmbedError> {
    let paths = weights(folder)?;
    let mut files = Files {
        path: if let [path] = paths.as_slice() { path.clone() } else { folder.to_owned() },
        weights: Vec::new(),
        config: None,
        quick_gelu: None,
        digests: Vec::new(),
    };
    for path in paths {
        let bytes = bytes(&path)?;
        files.digests.push(Digest::of(&bytes));
        let why = |error: candle_core::Error| {
            let why = format!("not a whole safetensors file: {error}; fetch it again");
            EmbedError::Malformed { path: path.clone(), why }
        };
        files.weights.push(BufferedSafetensors::new(bytes).map_err(why)?);
    }
    let config = folder.join("config.json");
    if config.exists() {
        files.config = Some(vision_config(&config, &mut files.digests)?);
    }
    let config = folder.join("open_clip_config.json");
    if config.exists() {
        files.quick_gelu = Some(json::<OpenClipConfig>(&config, &mut files.digests)?.model_cfg.quick_gelu);
    }
    Ok(files)
}

fn vision_config(path: &Path, digests: &mut Vec<Digest>) -> Result<VisionConfig, EmbedError> {
    match json::<Config>(path, digests)?.vision_config {
        Some(config) => Ok(config),
        None => json(path, digests),
    }
}

fn json<T: for<'de> Deserialize<'de>>(path: &Path, digests: &mut Vec<Digest>) -> Result<T, EmbedError> {
    let bytes = bytes(path)?;
    digests.push(Digest::of(&bytes));
    serde_json::from_slice(&bytes)
        .map_err(|error| EmbedError::Malformed { path: path.to_owned(), why: error.to_string() })
}

fn bytes(path: &Path) -> Result<Vec<u8>, EmbedError> {
    fs::read(path).map_err(|source| EmbedError::Read { path: path.to_owned(), source })
}

/// The files that hold the weights.
fn weights(folder: &Path) -> Result<Vec<PathBuf>, EmbedError> {
    let index = folder.join(INDEX);
    if index.exists() {
        let Index { weight_map } = json(&index, &mut Vec::new())?;
        let names: BTreeSet<String> = weight_map.into_values().collect();
        let malformed = |why: &str| Err(EmbedError::Malformed { path: index.clone(), why: why.to_owned() });
        return match names.iter().all(|name| !name.contains('/') && name != "..") {
            _ if names.is_empty() => malformed("it lists no weights"),
            true => Ok(names.into_iter().map(|name| folder.join(name)).collect()),
            false => malformed("it names files outside of its folder"),
        };
    }
    if let Some(path) = USUAL.iter().map(|name| folder.join(name)).find(|path| path.exists()) {
        return Ok(vec![path]);
    }
    let failed = |source| EmbedError::Read { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        found.push(entry.map_err(failed)?.path());
    }
    found.sort();
    let ending = |path: &Path, end: &str| path.extension().is_some_and(|extension| extension == end);
    let (own, rest): (Vec<PathBuf>, Vec<PathBuf>) = found.into_iter().partition(|path| ending(path, "safetensors"));
    let other = rest.iter().find(|path| OTHERS.iter().any(|end| ending(path, end)));
    let absent = |found: String, convert| EmbedError::NoWeights { folder: folder.to_owned(), found, convert };
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match (own.as_slice(), other) {
        ([path], _) => Ok(vec![path.clone()]),
        ([], Some(other)) => Err(absent(format!("it has weights in {}, a format that is not read", name(other)), true)),
        ([], None) => Err(absent("there are no weights in it".to_owned(), false)),
        (several, _) => Err(absent(format!("it has {} safetensors files and no index of them", several.len()), false)),
    }
}
