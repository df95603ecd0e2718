//! Why there is no model, or no vector.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a model cannot be used. Messages name the file and the next step.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// A file or the folder cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder holds no weights that are read.
    #[error("{}: {found}; it must hold model.safetensors (with its config.json), or one safetensors file of OpenAI's \
        layout{}", folder.display(), if *convert { CONVERT } else { "" })]
    NoWeights {
        /// The folder.
        folder: PathBuf,
        /// What is there in place of them.
        found: String,
        /// Whether that can be converted.
        convert: bool,
    },
    /// A file is not what its name says.
    #[error("{}: {why}", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The weights are not those of a CLIP model's image tower.
    #[error("the weights do not make a CLIP image tower: {0}")]
    Weights(String),
    /// Candle failed at computing.
    #[error("candle: {0}")]
    Candle(#[from] candle_core::Error),
}

const CONVERT: &str = ". In Python, `safetensors.torch.save_file({k: v.contiguous() for k, v in state.items()}, \
    \"model.safetensors\")` converts a state dictionary: `torch.load(FILE, weights_only=True)` of a .bin, \
    `torch.jit.load(FILE).state_dict()` of OpenAI's .pt";
