//! CLIP's image tower on Candle: pictures to vectors, with weights from a folder that the user gives.
//!
//! [`Clip`] is the [`Embedding`](glasshouse_score::webcode2m::Embedding) that the CLIP parts of WebCode2M's scores need. It
//! reads checkpoints of Hugging Face's layout and of OpenAI's, computes in single precision on the processor, and shows
//! the model what OpenAI's `preprocess` shows it. Nothing is ever fetched.
//!
//! Candle is used here and in the judge and nowhere else, so that nobody else has to build it.

mod error;
mod folder;
mod pixels;
mod tower;
mod weights;

use std::path::Path;

use candle_core::Tensor;
use glasshouse_score::picture::Picture;
use glasshouse_score::webcode2m::Embedding;

pub use error::EmbedError;
pub use pixels::numbers;
pub use tower::Shape;

use tower::Tower;

/// Pictures that go through the model at one time; more wait, so that memory does not grow with their number.
const BATCH: usize = 16;

/// A CLIP model's image tower, ready. Threads may share it.
pub struct Clip {
    tower: Tower,
    digest: glasshouse_model::Digest,
}

impl Clip {
    /// Reads the model in `folder`: `config.json` with `model.safetensors` (or its shards and their index) as Hugging
    /// Face lays a CLIP model out, or one safetensors file with OpenAI's names (`visual.conv1.weight`, ...).
    ///
    /// # Errors
    /// What is missing or does not fit, with the next step.
    pub fn open(folder: &Path) -> Result<Self, EmbedError> {
        let files = folder::read(folder)?;
        let digest = files.digest();
        Ok(Self { tower: Tower::new(files)?, digest })
    }

    /// Sizes, and with them the model's usual name.
    pub fn shape(&self) -> Shape {
        self.tower.shape()
    }

    /// What tells these weights from others: a hash of the files' bytes.
    pub fn digest(&self) -> glasshouse_model::Digest {
        self.digest
    }

    /// The vectors of pictures, in their order, not normalised.
    ///
    /// # Errors
    /// [`EmbedError::Candle`]: none in practice, or a lack of memory.
    pub fn vectors(&self, pictures: &[&Picture]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut vectors = Vec::with_capacity(pictures.len());
        for some in pictures.chunks(BATCH) {
            let Shape { image, patch, .. } = self.shape();
            let patches: Vec<Tensor> =
                some.iter().map(|picture| pixels::patches(picture, image, patch)).collect::<Result<_, _>>()?;
            vectors.extend(self.tower.forward(&Tensor::stack(&patches, 0)?)?.to_vec2::<f32>()?);
        }
        Ok(vectors)
    }
}

impl Embedding for Clip {
    fn embed(&self, pictures: &[&Picture]) -> Result<Vec<Vec<f32>>, String> {
        self.vectors(pictures).map_err(|error| error.to_string())
    }
}
