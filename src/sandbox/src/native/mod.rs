//! The native backend: Linux namespaces, cgroups, Landlock and seccomp, no daemon needed.
//!
//! One [`Worker`] is one sandbox with a runtime started in it. For each job it takes a cell that was
//! made ahead, a cgroup leaf that was made ahead, and a zygote that has loaded what the job imports,
//! and supervises one child from its fork until nothing of it is left.
//!
//! All but the start and the end of a worker's init is the same in containers: `launcher` is where they differ, and
//! [`crate::docker`] the other side of it.
//!
//! A [`RunningProgram`] is a sandbox around one long-lived program, such as a browser.

mod cells;
mod cgroup;
mod channel;
mod evidence;
mod forest;
mod ground;
mod guest;
mod identity;
mod janitor;
mod launcher;
mod leaves;
mod payload;
mod pool;
mod program;
mod sandbox;
mod stock;
mod supervise;
mod worker;
mod zygote;

pub use ground::{StartError, Terms};
pub use guest::Driver;
pub use pool::{Backend, Pool, PoolConfig, Recycling};
pub use program::{Ended, ProgramConfig, Programs, RunningProgram};
pub use stock::Spares;
pub use worker::Worker;

pub(crate) use cgroup::{Layout, Tree, start_time};
pub(crate) use channel::Channel;
pub(crate) use ground::Ground;
pub(crate) use guest::lay_out_guest;
pub(crate) use identity::Identity;
pub(crate) use launcher::{Anchor, Launched, Launcher};
pub(crate) use stock::Underway;
