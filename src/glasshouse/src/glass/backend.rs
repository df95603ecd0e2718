//! Where interpreters' workers live: on this host itself, or in containers.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use glasshouse_images::Image;
use glasshouse_sandbox::docker::{ContainerImage, Containers, DockerError, Engine};
use glasshouse_sandbox::{Backend, Recycling, Spares, seccomp};

use super::GlassError;
use super::terms::profile_text;
use crate::resources::POLICIES;

/// The system call profile of containers, below policies/.
const PROFILE: &str = "container/seccomp.toml";

/// Which backend a command was asked for. Clones share the connection to the engine.
#[derive(Clone, Debug, Default)]
pub enum BackendChoice {
    /// Namespaces that we make ourselves.
    #[default]
    Native,
    /// Containers of the engine on this machine.
    Docker(Docker),
}

/// The container engine, asked for when it is first needed.
#[derive(Clone, Debug, Default)]
pub struct Docker {
    /// The OCI runtime; `None`: the engine's default.
    pub runtime: Option<String>,
    engine: Arc<OnceLock<Engine>>,
}

impl Docker {
    /// Containers under an OCI runtime, `None` being the engine's default.
    pub fn new(runtime: Option<String>) -> Self {
        Self { runtime, engine: Arc::default() }
    }

    /// The engine.
    ///
    /// # Errors
    /// It does not answer.
    pub fn engine(&self) -> Result<Engine, DockerError> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine.clone());
        }
        let engine = Engine::connect()?;
        Ok(self.engine.get_or_init(|| engine).clone())
    }
}

impl BackendChoice {
    /// Whether programs run in containers.
    pub(super) fn is_docker(&self) -> bool {
        matches!(self, Self::Docker(_))
    }

    /// Where the workers of a runtime with this image live, and what records say of the engine's copy of it. The copy is
    /// made now if it is missing, which `say` tells.
    pub(super) fn of(
        &self,
        image: &Image,
        cache: &Path,
        say: &mut dyn FnMut(&str),
    ) -> Result<(Backend, Option<(String, String)>), GlassError> {
        let Self::Docker(docker) = self else { return Ok((Backend::Native, None)) };
        let engine = docker.engine()?;
        let copy = ContainerImage::of(image);
        let stored = copy.ensure(&engine, say)?;
        let containers = Containers {
            engine,
            image: copy,
            image_id: stored.id.clone(),
            runtime: docker.runtime.clone(),
            profile: profile()?,
            cache: cache.canonicalize().unwrap_or_else(|_| cache.to_owned()),
        };
        Ok((Backend::Docker(Box::new(containers)), Some(("container-image".to_owned(), stored.id))))
    }
}

/// How long the processes of a worker serve, and how many stand by.
pub(super) fn turnover(backend: &Backend, fresh: bool) -> (Recycling, Spares) {
    match (backend, fresh) {
        (_, true) => (Recycling::FRESH, Spares::SOME),
        (Backend::Docker(_), false) => (Recycling::USUAL, Spares::SOME),
        (Backend::Native, false) => (Recycling::NEVER, Spares::NONE),
    }
}

fn profile() -> Result<String, GlassError> {
    let text = POLICIES.get_file(PROFILE).and_then(|file| file.contents_utf8()).unwrap_or_default();
    Ok(seccomp::for_engine("container", text, profile_text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_of_containers_is_embedded() {
        assert!(profile().unwrap().contains("pivot_root"));
    }
}
