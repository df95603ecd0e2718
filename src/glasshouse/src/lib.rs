//! The command `glasshouse`: pipeline, report, command line.
//!
//! Everything that it does to a sample happens in [`pipeline`]; [`verdict`] is the one place where
//! verdicts are made; [`cli`] is the surface.

pub mod bench;
pub mod cli;
pub mod daemon;
pub mod glass;
pub mod lacking;
pub mod pipeline;
pub mod policies;
pub mod progress;
pub mod report;
pub mod resources;
pub mod text;
pub mod verdict;
