//! Tensors by name from safetensors files, one or many, each read when it is asked for and only if its shape is right.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use glasshouse_model::Digest;
use serde::Deserialize;

use super::dialect::json;
use crate::ModelError;

const INDEX: &str = "model.safetensors.index.json";
const SINGLE: &str = "model.safetensors";
/// What else makes a model say what it says.
const BESIDE: [&str; 8] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "processor_config.json",
    "preprocessor_config.json",
];
/// Bytes that are hashed at a time.
const PIECE: u64 = 16 << 20;
/// The longest header that is believed; that of a 72B model is 0.2 MB.
const HEADER: u64 = 100 << 20;

/// A model's weights, known by their headers; the numbers stay on the disk until they are asked for.
pub(crate) struct Checkpoint {
    folder: PathBuf,
    files: Vec<(PathBuf, File)>,
    tensors: HashMap<String, Place>,
    device: Device,
    dtype: DType,
}

struct Place {
    file: usize,
    dtype: DType,
    shape: Vec<usize>,
    /// From the start of the file, in bytes.
    start: u64,
    length: usize,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

impl Checkpoint {
    /// Reads what `folder` holds: `model.safetensors`, or an index and all the shards that it names. Tensors will be put
    /// on `device` as `dtype`.
    pub(crate) fn open(folder: &Path, device: &Device, dtype: DType) -> Result<Self, ModelError> {
        let mut checkpoint = Self {
            folder: folder.to_owned(),
            files: Vec::new(),
            tensors: HashMap::new(),
            device: device.clone(),
            dtype,
        };
        for path in paths(folder)? {
            checkpoint.add(path)?;
        }
        Ok(checkpoint)
    }

    fn add(&mut self, path: PathBuf) -> Result<(), ModelError> {
        let failed = |source| ModelError::Read { path: path.clone(), source };
        let malformed = |why: String| ModelError::Malformed {
            path: path.clone(),
            why: format!("not a whole safetensors file: {why}; fetch it again"),
        };
        let mut file = File::open(&path).map_err(failed)?;
        let all = file.metadata().map_err(failed)?.len();
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(|error| malformed(error.to_string()))?;
        let length = u64::from_le_bytes(length);
        if length > HEADER || length + 8 > all {
            return Err(malformed(format!("its header would be {length} bytes long, and it has {all}")));
        }
        let mut header = vec![0; usize::try_from(length).unwrap_or_default()];
        file.read_exact(&mut header).map_err(failed)?;
        let entries: HashMap<String, serde_json::Value> =
            serde_json::from_slice(&header).map_err(|error| malformed(error.to_string()))?;
        for (name, entry) in entries {
            if name == "__metadata__" {
                continue;
            }
            let entry = Entry::deserialize(entry).map_err(|error| malformed(format!("{name}: {error}")))?;
            let dtype = match entry.dtype.as_str() {
                "F32" => DType::F32,
                "F16" => DType::F16,
                "BF16" => DType::BF16,
                // Such tensors are of quantised checkpoints; what needs them says that they are missing.
                _ => continue,
            };
            let [from, to] = entry.data_offsets;
            let wanted = entry.shape.iter().try_fold(dtype.size_in_bytes(), |bytes, side| bytes.checked_mul(*side));
            let held = to.checked_sub(from).and_then(|held| usize::try_from(held).ok());
            let end = to.checked_add(8 + length);
            if held.is_none() || wanted != held || end.is_none_or(|end| end > all) {
                return Err(malformed(format!("{name} should lie at {from} to {to}, and the file has {all} bytes")));
            }
            let start = 8 + length + from;
            let place =
                Place { file: self.files.len(), dtype, shape: entry.shape, start, length: held.unwrap_or_default() };
            self.tensors.insert(name, place);
        }
        self.files.push((path, file));
        Ok(())
    }

    /// The tensors whose names begin with `prefix` and a dot.
    pub(crate) fn under(&self, prefix: &str) -> Weights<'_> {
        Weights { checkpoint: self, prefix: format!("{prefix}.") }
    }

    /// Whether there is a tensor of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn get(&self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        let place = self
            .tensors
            .get(name)
            .ok_or_else(|| ModelError::MissingTensor { folder: self.folder.clone(), name: name.to_owned() })?;
        let (path, file) = &self.files[place.file];
        if place.shape != shape {
            return Err(ModelError::WrongShape {
                path: path.clone(),
                name: name.to_owned(),
                found: place.shape.clone(),
                wanted: shape.to_owned(),
            });
        }
        let mut bytes = vec![0; place.length];
        file.read_exact_at(&mut bytes, place.start)
            .map_err(|source| ModelError::Read { path: path.clone(), source })?;
        Ok(Tensor::from_raw_buffer(&bytes, place.dtype, shape, &self.device)?.to_dtype(self.dtype)?)
    }
}

/// A hash of all files of a model that can change what it says: weights, configuration, tokenizer, template.
///
/// # Errors
/// Where a file cannot be read, or there are no weights.
pub fn digest(folder: &Path) -> Result<Digest, ModelError> {
    let mut files = paths(folder)?;
    files.extend(BESIDE.iter().map(|name| folder.join(name)).filter(|path| path.exists()));
    let mut parts = Vec::new();
    for path in files {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes().to_vec();
        let failed = |source| ModelError::Read { path: path.clone(), source };
        let mut file = File::open(&path).map_err(failed)?;
        let mut pieces = Vec::new();
        loop {
            let mut piece = Vec::new();
            if file.by_ref().take(PIECE).read_to_end(&mut piece).map_err(failed)? == 0 {
                break;
            }
            pieces.push(Digest::of(&piece));
        }
        parts.push((name, Digest::of_parts(pieces.iter().map(|piece| piece.as_bytes().as_slice()))));
    }
    let parts = parts.iter().flat_map(|(name, digest)| [name.as_slice(), digest.as_bytes().as_slice()]);
    Ok(Digest::of_parts(parts))
}

/// The files that hold the weights, each of which is there.
fn paths(folder: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let index = folder.join(INDEX);
    if !index.exists() {
        let single = folder.join(SINGLE);
        return if single.exists() { Ok(vec![single]) } else { Err(ModelError::NoWeights(folder.to_owned())) };
    }
    let Index { weight_map } = json(&index)?;
    if weight_map.is_empty() {
        return Err(ModelError::Malformed { path: index, why: "it lists no weights".to_owned() });
    }
    let mut shards = BTreeMap::new();
    for (tensor, shard) in weight_map {
        shards.entry(shard).or_insert(tensor);
    }
    let mut paths = Vec::new();
    for (shard, tensor) in shards {
        if shard.contains('/') || shard == ".." {
            let why = format!("it names {shard}, which is not in its folder");
            return Err(ModelError::Malformed { path: index, why });
        }
        let path = folder.join(&shard);
        if !path.exists() {
            return Err(ModelError::MissingShard { index, shard, tensor });
        }
        paths.push(path);
    }
    Ok(paths)
}

/// The tensors under one prefix of their names.
pub(crate) struct Weights<'a> {
    checkpoint: &'a Checkpoint,
    prefix: String,
}

impl<'a> Weights<'a> {
    /// Those whose names go on so.
    pub(crate) fn under(&self, prefix: &str) -> Weights<'a> {
        Weights { checkpoint: self.checkpoint, prefix: format!("{}{prefix}.", self.prefix) }
    }

    /// A tensor of this shape.
    pub(crate) fn get(&self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        self.checkpoint.get(&format!("{}{name}", self.prefix), shape)
    }

    /// A linear layer with a bias if `bias`.
    pub(crate) fn linear(&self, from: usize, to: usize, bias: bool) -> Result<candle_nn::Linear, ModelError> {
        let bias = if bias { Some(self.get("bias", &[to])?) } else { None };
        Ok(candle_nn::Linear::new(self.get("weight", &[to, from])?, bias))
    }

    /// Several linear layers of one input as one, their outputs side by side: fewer launches for the same numbers.
    pub(crate) fn fused(
        &self,
        from: usize,
        parts: &[(&str, usize)],
        bias: bool,
    ) -> Result<candle_nn::Linear, ModelError> {
        let get = |suffix: &str, inner: Option<usize>| -> Result<Tensor, ModelError> {
            let read = |(name, to): &(&str, usize)| {
                let shape: Vec<usize> = [*to].into_iter().chain(inner).collect();
                self.get(&format!("{name}.{suffix}"), &shape)
            };
            let parts: Vec<Tensor> = parts.iter().map(read).collect::<Result<_, _>>()?;
            Ok(Tensor::cat(&parts, 0)?)
        };
        let bias = if bias { Some(get("bias", None)?) } else { None };
        Ok(candle_nn::Linear::new(get("weight", Some(from))?, bias))
    }

    /// A norm by the root of the mean square.
    pub(crate) fn norm(&self, width: usize, epsilon: f64) -> Result<candle_nn::RmsNorm, ModelError> {
        Ok(candle_nn::RmsNorm::new(self.get("weight", &[width])?, epsilon))
    }
}
