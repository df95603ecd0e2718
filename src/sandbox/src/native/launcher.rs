//! How a worker's init is started and ended: all in which backends differ.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;

use glasshouse_model::BackendInfo;

use super::channel::{Channel, channel};
use super::ground::Ground;
use super::identity::Identity;
use super::pool::PoolConfig;
use super::stock::Underway;

/// What starts workers of one pool.
pub(crate) trait Launcher: fmt::Debug + Send + Sync {
    /// Starts a worker's init, up to the moment at which it has made its user namespace. One that takes its time asks
    /// `underway` now and then whether anybody still wants it.
    fn launch(
        &self,
        ground: &Ground,
        config: &PoolConfig,
        identity: Identity,
        underway: &Underway,
    ) -> io::Result<Launched>;

    /// Adds to what records say: the backend's name, and what it puts around a worker beside the worker's own layers.
    fn describe(&self, backend: &mut BackendInfo);
}

/// A worker's init that waits for the maps of its user namespace.
#[derive(Debug)]
pub(crate) struct Launched {
    /// The socket to it.
    pub(crate) init: Channel,
    /// Its number on this host.
    pub(crate) pid: u32,
    /// Where it writes what it has to say, if that is not its standard error already.
    pub(crate) log: Option<OwnedFd>,
    /// What ends it.
    pub(crate) anchor: Box<dyn Anchor>,
}

/// What a worker hangs on: dropping it kills every process of the worker.
pub(crate) trait Anchor: fmt::Debug + Send {
    /// Bytes of memory that the worker uses, without its jobs; `None` where nobody counts them.
    fn memory(&self) -> Option<u64>;
}

/// Starts workers on this host itself.
#[derive(Debug)]
pub(crate) struct Native;

impl Launcher for Native {
    fn launch(&self, ground: &Ground, config: &PoolConfig, identity: Identity, _: &Underway) -> io::Result<Launched> {
        let (init, theirs) = channel()?;
        let guest = ground.guest(theirs, |command| {
            command
                .arg("worker")
                .args([config.root.as_os_str(), config.driver.folder().as_os_str()])
                .arg(identity.worker_user().to_string())
                .args(config.program())
                .envs(&config.environment);
        })?;
        Ok(Launched { init, pid: guest.id(), log: None, anchor: Box::new(Guest(guest)) })
    }

    fn describe(&self, _backend: &mut BackendInfo) {}
}

/// The process outside of a worker's namespaces.
#[derive(Debug)]
struct Guest(Child);

impl Anchor for Guest {
    fn memory(&self) -> Option<u64> {
        None
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // The end of its socket would do, but a stopped or broken init must go as well; it may have gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
