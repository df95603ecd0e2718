//! Workers of one runtime and policy, and what they share.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use glasshouse_model::{BackendInfo, Fault, Limits};

use crate::Language;

use super::ground::{Ground, StartError, Terms};
use super::guest::Driver;
use super::launcher::{Launcher, Native};
use super::stock::{Spares, Stock};
use super::worker::Worker;
use crate::docker::Containers;

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
    /// A set of imports gets a zygote of its own when it comes for this time. The second time pays where many jobs come;
    /// for a single job the first does, which loads for it what it will load, and warms it.
    pub worth_a_zygote: u32,
    /// The limits of most jobs, for which cells are made ahead.
    pub limits: Limits,
    /// What confines them, and what must.
    pub terms: Terms,
    /// Where they live.
    pub backend: Backend,
    /// When a worker's processes are replaced by fresh ones; only spares replace them.
    pub recycling: Recycling,
    /// How many are started ahead.
    pub spares: Spares,
}

/// Where workers live.
#[derive(Clone, Debug)]
pub enum Backend {
    /// On this host, in namespaces that we make ourselves.
    Native,
    /// In containers, one each.
    Docker(Box<Containers>),
}

/// How long the processes of one worker serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recycling {
    /// For so long.
    pub age: Duration,
    /// For so many jobs. One: nothing that a job may have touched, other than by way of the image, is there for the next.
    pub jobs: u64,
    /// Until they use so many bytes of memory more than at their start.
    pub growth: u64,
}

impl Recycling {
    /// Only when they fail.
    pub const NEVER: Self = Self { age: Duration::MAX, jobs: u64::MAX, growth: u64::MAX };
    /// Often enough that what a long-lived process gathers does not matter, and rarely enough that a start costs nothing.
    pub const USUAL: Self = Self { age: Duration::from_secs(3600), jobs: 2000, growth: 1 << 30 };
    /// After each job.
    pub const FRESH: Self = Self { jobs: 1, ..Self::NEVER };
}

impl PoolConfig {
    /// The interpreter and what it runs.
    pub(crate) fn program(&self) -> [String; 2] {
        [self.interpreter.clone(), format!("/opt/glasshouse/driver/{}", self.language.entry())]
    }
}

/// Makes workers that share cgroups, the guest program and a configuration.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    stock: Arc<Stock>,
    backend: BackendInfo,
    next: AtomicU64,
}

/// What all workers of a pool share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: PoolConfig,
    pub(super) ground: Ground,
    pub(super) launcher: Box<dyn Launcher>,
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
        let (ground, mut backend) = Ground::lay(&config.terms)?;
        config.environment.insert("PWD".to_owned(), "/work".to_owned());
        let launcher: Box<dyn Launcher> = match &config.backend {
            Backend::Native => Box::new(Native),
            Backend::Docker(containers) => containers.launcher()?,
        };
        launcher.describe(&mut backend);
        let shared = Arc::new(Shared { ground, launcher, secret: random()?, counter: AtomicU64::new(0), config });
        let stock = Arc::new(Stock::new(Arc::clone(&shared)));
        Ok(Self { shared, stock, backend, next: AtomicU64::new(0) })
    }

    /// The layers in force and those that are missing, for records.
    pub fn backend(&self) -> &BackendInfo {
        &self.backend
    }

    /// Starts a worker.
    pub fn worker(&self) -> Result<Worker, Fault> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Worker::new(Arc::clone(&self.shared), Arc::clone(&self.stock), number)
    }
}

fn random() -> io::Result<u64> {
    let mut bytes = [0; 8];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}
