//! Tensors by name, in single precision, each of the shape that it must have.

use candle_core::{DType, Device, Tensor};

use crate::EmbedError;
use crate::folder::Files;

/// The tensors of a model, under one prefix of their names.
pub(crate) struct Weights<'a> {
    files: &'a Files,
    prefix: String,
}

impl<'a> Weights<'a> {
    pub(crate) fn new(files: &'a Files) -> Self {
        Self { files, prefix: String::new() }
    }

    /// Those whose names begin so.
    pub(crate) fn under(&self, prefix: &str) -> Weights<'a> {
        Weights { files: self.files, prefix: format!("{}{prefix}.", self.prefix) }
    }

    /// Whether there is a tensor of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    /// The shape of a tensor; `None` if it is not there.
    pub(crate) fn shape(&self, name: &str) -> Option<Vec<usize>> {
        let name = format!("{}{name}", self.prefix);
        self.files.weights.iter().find_map(|file| Some(file.get(&name).ok()?.shape().to_vec()))
    }

    /// The sides of a tensor, as many as `N`.
    pub(crate) fn sides<const N: usize>(&self, name: &str) -> Result<[usize; N], EmbedError> {
        let shape = self.shape(name).ok_or_else(|| self.missing(name))?;
        shape
            .as_slice()
            .try_into()
            .map_err(|_| EmbedError::Weights(format!("{}{name} has the shape {shape:?}, not {N} sides", self.prefix)))
    }

    /// A tensor of this shape.
    pub(crate) fn get(&self, name: &str, shape: &[usize]) -> Result<Tensor, EmbedError> {
        let found = self.shape(name).ok_or_else(|| self.missing(name))?;
        let name = format!("{}{name}", self.prefix);
        if found != shape {
            return Err(EmbedError::Weights(format!("{name} has the shape {found:?}, not {shape:?}")));
        }
        let file = self.files.weights.iter().find(|file| file.get(&name).is_ok());
        let file = file.ok_or_else(|| self.missing(&name))?;
        Ok(file.load(&name, &Device::Cpu)?.to_dtype(DType::F32)?)
    }

    fn missing(&self, name: &str) -> EmbedError {
        EmbedError::Weights(format!(
            "{} has no {}{name}; a whole CLIP model, or its image tower with the projection, is needed",
            self.files.path.display(),
            self.prefix
        ))
    }
}
