//! Backends, workers and pools: the only crate that asks the kernel for isolation.

mod run;

pub use run::{Disk, Exit, Output, RunReport, RunRequest, Stop, Timing};
