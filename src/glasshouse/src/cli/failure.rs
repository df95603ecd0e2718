//! Why a command could not do its work, and the exit code for it.

use glasshouse_capture::StoreError;
use glasshouse_dataset::DatasetError;
use glasshouse_images::ImageError;
use glasshouse_model::Fault;
use glasshouse_sandbox::docker::DockerError;
use thiserror::Error;

use crate::glass::GlassError;
use crate::pipeline::Halt;
use crate::policies::PoliciesError;
use crate::report::ReportError;

/// What ends a command; its message says what to do next.
#[derive(Debug, Error)]
pub enum Failure {
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// An input or the folder for results cannot be used.
    #[error("{0}")]
    Input(String),
    /// This host cannot isolate or run.
    #[error("{0}")]
    Host(String),
    /// Results cannot be written.
    #[error("{0}")]
    Storage(String),
}

impl Failure {
    /// The command's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Input(_) => 3,
            Self::Host(_) => 4,
            Self::Storage(_) => 5,
        }
    }
}

impl From<DatasetError> for Failure {
    fn from(error: DatasetError) -> Self {
        if error.is_usage() { Self::Input(error.to_string()) } else { Self::Storage(error.to_string()) }
    }
}

impl From<PoliciesError> for Failure {
    fn from(error: PoliciesError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        Self::Host(error.to_string())
    }
}

impl From<DockerError> for Failure {
    fn from(error: DockerError) -> Self {
        Self::Host(error.to_string())
    }
}

impl From<GlassError> for Failure {
    fn from(error: GlassError) -> Self {
        match error {
            GlassError::NoProfile { .. } => Self::Usage(error.to_string()),
            _ => Self::Host(error.to_string()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Storage(error.to_string())
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Host(format!("a fault of ours, not of the program ({:?}): {}", fault.kind, fault.message))
    }
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Read(error) => error.into(),
            ReportError::Write { .. } => Self::Storage(error.to_string()),
        }
    }
}

impl From<Halt> for Failure {
    fn from(halt: Halt) -> Self {
        let message = halt.to_string();
        match halt {
            Halt::Host { .. } | Halt::NoWorker { .. } => Self::Host(message),
            Halt::Storage(_) => Self::Storage(message),
            Halt::Input(_) => Self::Input(message),
        }
    }
}
