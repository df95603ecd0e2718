//! Why there is no model, or no answer of one.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a checkpoint cannot be used, or a prompt cannot be shown to a model. Messages name the file, the cause and the
/// next step; they are to be read after "failed to open the model" and the like.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file or the folder cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what its name says.
    #[error("{}: {why}", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The folder holds no weights that are read.
    #[error("{}: no weights are in it; it must hold model.safetensors, or its shards with model.safetensors.index.json", .0.display())]
    NoWeights(PathBuf),
    /// The index names a shard that is not there.
    #[error("{}: {tensor} should be in {shard}, which is not there; fetch that file again", index.display())]
    MissingShard {
        /// The index.
        index: PathBuf,
        /// The shard's file name.
        shard: String,
        /// One of the tensors that it should hold.
        tensor: String,
    },
    /// A tensor of the architecture is in none of the files.
    #[error("{}: the weights have no {name}; is this the whole model that config.json describes?", folder.display())]
    MissingTensor {
        /// The model's folder.
        folder: PathBuf,
        /// The tensor's name.
        name: String,
    },
    /// A tensor is of another shape than config.json makes it.
    #[error("{}: {name} has the shape {found:?}, and config.json makes it {wanted:?}: they are not of one model", path.display())]
    WrongShape {
        /// The file with the tensor.
        path: PathBuf,
        /// The tensor's name.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that config.json asks for.
        wanted: Vec<usize>,
    },
    /// An architecture that is not here.
    #[error("{}: model_type {found:?} is not known here; qwen2_5_vl and qwen3 are. Judge with a server that runs this model instead", path.display())]
    UnknownArchitecture {
        /// The configuration.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// A setting that would change the numbers and is not implemented.
    #[error("{}: {key} is {found}, which is not implemented here: {known}", path.display())]
    Unsupported {
        /// The configuration.
        path: PathBuf,
        /// The setting.
        key: String,
        /// Its value.
        found: String,
        /// What would do.
        known: String,
    },
    /// A prompt does not fit the model.
    #[error("the prompt cannot be shown to the model: {0}")]
    Prompt(String),
    /// A picture cannot be shown to the model.
    #[error("the picture cannot be shown to the model: {0}")]
    Picture(String),
    /// What was computed is no number: a reward of it would be made up.
    #[error("the model's scores are not numbers; are the weights damaged, or do they need another precision?")]
    NotNumbers,
    /// The cache has no room for what is computed.
    #[error(
        "the key-value cache is full: {wanted} pages are wanted and {free} are free; judge fewer samples at a time"
    )]
    CacheFull {
        /// Pages that are wanted.
        wanted: usize,
        /// Pages that are free.
        free: usize,
    },
    /// Candle failed at computing: a lack of memory, most often.
    #[error("candle: {}", first_line(.0))]
    Candle(#[from] candle_core::Error),
}

/// What Candle says, without the backtrace that it adds where RUST_BACKTRACE is set.
fn first_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
