//! Why containers cannot be had.

use std::io;

use glasshouse_images::ImageError;
use thiserror::Error;

/// Why the container engine did not do what it was asked for.
#[derive(Debug, Error)]
pub enum DockerError {
    /// Nobody listens, or the answer never came.
    #[error(
        "the container engine at {socket} does not answer ({message}): start it, or name its socket in DOCKER_HOST \
         (unix://PATH); `--backend native` needs no engine"
    )]
    Away {
        /// Its socket.
        socket: String,
        /// What the system said.
        message: String,
    },
    /// The engine is on another machine.
    #[error(
        "DOCKER_HOST={host}: workers are spoken to through Unix sockets, so the engine must be on this machine: \
         name its socket as unix://PATH"
    )]
    Remote {
        /// What the variable says.
        host: String,
    },
    /// It has no such image, container or runtime.
    #[error("the container engine has no {what}: {message}")]
    Absent {
        /// What was asked for.
        what: String,
        /// What it said.
        message: String,
    },
    /// It answered with an error.
    #[error("the container engine failed to {doing}: {message}")]
    Refused {
        /// What it was asked to do.
        doing: String,
        /// What it said.
        message: String,
        /// Whether the same request may be answered otherwise in a moment: the fault was on the engine's side.
        passing: bool,
    },
    /// The root file system that the image is made from cannot be read or compared.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Something of ours failed.
    #[error("failed to prepare for containers: {0}")]
    Io(#[from] io::Error),
}

impl DockerError {
    /// Whether the engine is not there, or is only just starting.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::Refused { passing: true, .. })
    }
}
