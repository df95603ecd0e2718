//! Backends, workers and pools: the only crate that asks the kernel for isolation.
//!
//! [`native`] is the backend without a daemon, [`docker`] the one with workers in containers. [`run`] is what a worker is asked and what it saw;
//! [`doctor`] is what this host can give; [`seccomp`] turns profiles into programs.

pub mod docker;
pub mod doctor;
mod imports;
mod language;
pub mod native;
mod run;
pub mod seccomp;
mod sys;

pub use imports::imports;
pub use language::Language;
pub use native::{
    Backend, Driver, Ended, Pool, PoolConfig, ProgramConfig, Programs, Recycling, RunningProgram, Spares, StartError,
    Terms, Worker,
};
pub use run::{Disk, Exit, Output, RunReport, RunRequest, Stop, Timing};
