//! Workers of one runtime and policy, and what they share.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use glasshouse_model::{BackendInfo, Fault, Limits};

use crate::Language;

use super::ground::{Ground, StartError, Terms};
use super::guest::Driver;
use super::worker::Worker;

/// Everything that workers of a pool need.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// The image's root folder.
    pub root: PathBuf,
    /// The runtime's driver, laid out.
    pub driver: Driver,
    /// What the interpreter reads.
    pub language: Language,
    /// The interpreter, as a path in the image.
    pub interpreter: String,
    /// The program's name in the work folder.
    pub script: String,
    /// The whole environment of jobs.
    pub environment: BTreeMap<String, String>,
    /// Top-level modules that zygotes may load ahead.
    pub warm: Vec<String>,
    /// Sets of modules that zygotes load at the start, before any job asks.
    pub trunk: Vec<Vec<String>>,
    /// The limits of most jobs, for which cells are made ahead.
    pub limits: Limits,
    /// What confines them, and what must.
    pub terms: Terms,
}

/// Makes workers that share cgroups, the guest program and a configuration.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    backend: BackendInfo,
    next: AtomicU64,
}

/// What all workers of a pool share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: PoolConfig,
    pub(super) driver: Driver,
    pub(super) ground: Ground,
    secret: u64,
    counter: AtomicU64,
}

impl Shared {
    /// A number that no job can guess, another one each time.
    pub(super) fn nonce(&self) -> u64 {
        self.secret.rotate_left(17) ^ self.counter.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

impl Pool {
    /// Checks what the host gives against what the policy requires, and prepares what workers share.
    pub fn new(mut config: PoolConfig) -> Result<Self, StartError> {
        let (ground, backend) = Ground::lay(&config.terms)?;
        config.environment.insert("PWD".to_owned(), "/work".to_owned());
        let driver = config.driver.clone();
        let shared = Shared { ground, driver, secret: random()?, counter: AtomicU64::new(0), config };
        Ok(Self { shared: Arc::new(shared), backend, next: AtomicU64::new(0) })
    }

    /// The layers in force and those that are missing, for records.
    pub fn backend(&self) -> &BackendInfo {
        &self.backend
    }

    /// Starts a worker.
    pub fn worker(&self) -> Result<Worker, Fault> {
        Worker::new(Arc::clone(&self.shared), self.next.fetch_add(1, Ordering::Relaxed))
    }
}

fn random() -> io::Result<u64> {
    let mut bytes = [0; 8];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}
