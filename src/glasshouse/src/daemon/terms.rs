//! What two ends must agree on before one runs jobs for the other.

use std::collections::BTreeMap;

use glasshouse_model::{Digest, Requirement};
use serde::{Deserialize, Serialize};

/// Everything outside of a job that decides how it is run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Tells builds of the command apart.
    pub build: String,
    /// Where programs run, as `--backend` has it, with the containers' runtime if one is named.
    pub backend: String,
    /// Layers of the glass that may be missing.
    pub allow_missing: Vec<Requirement>,
    /// Hash of image, driver and mirror of each runtime.
    pub runtimes: BTreeMap<String, Digest>,
}

impl Terms {
    /// In what `other`, the daemon's, is unlike these, the command's, in words for the user.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.build != other.build {
            return Some("it is another build of glasshouse; start it again".to_owned());
        }
        if self.backend != other.backend {
            return Some(format!("its backend is {}, not {}", other.backend, self.backend));
        }
        if self.allow_missing != other.allow_missing {
            return Some(format!(
                "it lets {} be missing, not {}",
                names(&other.allow_missing),
                names(&self.allow_missing)
            ));
        }
        let unlike = self.runtimes.iter().find(|(name, digest)| other.runtimes.get(*name) != Some(digest));
        unlike.map(|(name, _)| format!("its runtime {name} is another one; start it again"))
    }
}

fn names(layers: &[Requirement]) -> String {
    let names: Vec<_> = layers.iter().map(|layer| layer.name()).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
