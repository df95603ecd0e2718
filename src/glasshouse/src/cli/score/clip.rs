//! The model of the CLIP parts, from a folder that the user names.

use std::path::Path;

use glasshouse_score::webcode2m::Embedding;

use super::Failure;

/// A model, ready; threads share it.
pub(super) struct Model {
    embedding: Box<dyn Embedding + Send + Sync>,
    name: String,
    digest: String,
}

/// What the published evaluation takes.
#[cfg(feature = "clip")]
const PUBLISHED: &str = "ViT-B/32";

impl Model {
    /// Reads the model in `folder`, and says so where its numbers cannot be those of published tables.
    ///
    /// # Errors
    /// When there is none in it.
    #[cfg(feature = "clip")]
    pub(super) fn open(folder: &Path) -> Result<Self, Failure> {
        let clip = glasshouse_embed::Clip::open(folder).map_err(|error| Failure::Input(format!("--clip: {error}")))?;
        let shape = clip.shape();
        if shape.name() != Some(PUBLISHED) {
            eprintln!(
                "glasshouse: {shape}; the published evaluation takes {PUBLISHED}, so CLIP and visual do not compare"
            );
        }
        let digest = clip.digest().hex();
        let name = format!("{shape}, {}", &digest[..16]);
        Ok(Self { embedding: Box::new(clip), name, digest })
    }

    /// This command was built without.
    #[cfg(not(feature = "clip"))]
    pub(super) fn open(_: &Path) -> Result<Self, Failure> {
        let next =
            "`cargo install --path src/glasshouse --features clip` (or `cargo run --release --features clip -- ...`)";
        Err(Failure::Usage(format!("--clip: this command was built without CLIP; {next} builds one with it")))
    }

    /// What makes vectors.
    pub(super) fn embedding(&self) -> &dyn Embedding {
        self.embedding.as_ref()
    }

    /// Its usual name or its shape, and the first digits of the hash of its files.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The hash of its files.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }
}
