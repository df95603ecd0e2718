//! The attacks of `main.rs`, from workers in containers. Where there is no container engine, from the host's, which is said.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

#[path = "../common/mod.rs"]
mod common;

mod bombs;
mod disk;
mod kernel;
mod network;
mod output;
mod processes;
mod rights;
mod state;
mod sweep;
mod verdict;
