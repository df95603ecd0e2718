//! Attacks on the glass, each after a positive control that shows what it would do without the wall.
//! docs/threat-model.md says which row of the attack catalogue each test attempts.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

#[path = "../common/mod.rs"]
mod common;

mod bombs;
mod disk;
mod kernel;
mod network;
mod output;
mod processes;
mod program;
mod rights;
mod state;
mod sweep;
mod verdict;
