//! What went wrong on our side. Never data, never counted against a sample.

use serde::{Deserialize, Serialize};

/// One failed attempt to run a job, through no fault of the job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Where in our machinery it happened.
    pub kind: FaultKind,
    /// What happened, for people.
    pub message: String,
}

impl Fault {
    /// A fault from its kind and its message.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// The parts of ours that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// A sandbox could not be made.
    Start,
    /// A worker or one of its zygotes died or went silent.
    Worker,
    /// The protocol between supervisor and worker was broken.
    Protocol,
    /// A limit or counter of the kernel could not be set or read.
    Limit,
    /// Outputs could not be taken out of the sandbox.
    Harvest,
    /// The confined helper that checks pictures failed.
    Check,
    /// Something could not be written on the host.
    Storage,
}
