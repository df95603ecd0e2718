//! Why nothing can be run.

use std::io;
use std::path::PathBuf;

use glasshouse_images::ImageError;
use glasshouse_sandbox::StartError;
use glasshouse_sandbox::docker::DockerError;
use glasshouse_sandbox::seccomp::ProfileError;
use glasshouse_web::mirror::MirrorError;
use thiserror::Error;

/// Why nothing can be run under a policy.
#[derive(Debug, Error)]
pub enum GlassError {
    /// The host lacks something, or a worker cannot be started.
    #[error("{0}\n`glasshouse doctor` lists what this host gives")]
    Start(#[from] StartError),
    /// The container engine does not answer, or does not take the image.
    #[error(transparent)]
    Container(#[from] DockerError),
    /// The seccomp profile that the policy names is wrong.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// There is no such profile.
    #[error("policy {policy:?}: there is no seccomp profile {profile:?}; there are: {known}")]
    NoProfile {
        /// The policy.
        policy: String,
        /// The name that it gives.
        profile: String,
        /// The profiles that exist.
        known: String,
    },
    /// The runtime's image cannot be built or read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The runtime's mirror of public packages cannot be used.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// There is no such runtime.
    #[error("runtime {runtime:?} is not set up")]
    NoRuntime {
        /// The name.
        runtime: String,
    },
    /// The runtime's programs leave pages, and what is to show them is none that could.
    #[error("figures of runtime {runtime:?} cannot be shown: {message}")]
    Figures {
        /// The runtime.
        runtime: String,
        /// What is wrong.
        message: String,
    },
    /// The driver cannot be written to the cache.
    #[error("cannot write the runtime's driver below {path}: {source}; pass --cache DIR", path = path.display())]
    Driver {
        /// The cache folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// This command cannot find itself, to start itself as a helper.
    #[error("cannot find this command: {0}")]
    Command(io::Error),
    /// The runtime's `zygotes.toml` is wrong.
    #[error("images/{runtime}/zygotes.toml: {message}")]
    Zygotes {
        /// The runtime.
        runtime: String,
        /// The key and what is wrong with it.
        message: String,
    },
}
