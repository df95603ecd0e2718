//! The native backend: Linux namespaces, cgroups, Landlock and seccomp, no daemon needed.
//!
//! One [`Worker`] is one sandbox with a runtime started in it. For each job it takes a cell that was
//! made ahead, a cgroup leaf that was made ahead, and a zygote that has loaded what the job imports,
//! and supervises one child from its fork until nothing of it is left.

mod cells;
mod cgroup;
mod channel;
mod evidence;
mod forest;
mod guest;
mod identity;
mod janitor;
mod leaves;
mod payload;
mod pool;
mod sandbox;
mod supervise;
mod worker;
mod zygote;

pub use guest::Driver;
pub use pool::{Pool, PoolConfig, StartError};
pub use worker::Worker;

pub(crate) use cgroup::{Layout, Tree};
