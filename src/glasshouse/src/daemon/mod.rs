//! Warm pools that outlive a command: a daemon answers jobs over a Unix socket, and commands of the same user ask it.
//!
//! ```text
//! run, exec, render ── client.rs: an Executor ──── message.rs over frame.rs ────► server.rs ── lanes.rs: Executors ── glass
//! ```
//!
//! Both ends are [`Executor`](crate::pipeline::Executor)s of the same pipeline, so a command reads rows, keeps its journal and writes
//! records as it always does, and only the running of jobs is elsewhere. A daemon speaks with commands of its own user
//! alone, and only if both would run a job alike ([`Terms`]). An HTTP API would be another server of the same lanes.

mod client;
mod frame;
mod lanes;
mod message;
mod server;
mod terms;

pub use client::{Daemon, Search};
pub use lanes::Lanes;
pub use server::{Claim, Server, ServerError};
pub use terms::Terms;
