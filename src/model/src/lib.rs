//! Glasshouse's words as types: what a job is, what it may use, what came of it.
//!
//! This is the lowest floor: types and pure functions only, no I/O, no async. Everything that
//! two other crates must agree on lives here and nowhere else.

mod digest;
pub mod drawing;
mod fault;
mod job;
mod limits;
pub mod page;
mod policy;
mod quantity;
mod record;
mod row;
pub mod scenes;
mod verdict;

pub use digest::Digest;
pub use fault::{Fault, FaultKind};
pub use job::{CaptureKind, Job, Test};
pub use policy::{Limits, Network, Policy, PolicyError, PolicyFile, PolicySet, Requirement};
pub use record::{
    Artifact, ArtifactKind, BackendInfo, ErrorInfo, Origin, Outcome, Phases, Record, RuntimeInfo, Stream, Usage,
};
pub use row::{CodeKind, JobContext, Row, RowError, RuntimeInfoForRows, ShownBy};
pub use verdict::{Cause, Verdict};
