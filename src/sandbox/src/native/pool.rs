//! Workers of one runtime and policy, and what they share.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use glasshouse_model::{BackendInfo, Fault, Limits, Requirement};
use thiserror::Error;

use super::cgroup::Tree;
use super::guest::{Driver, GuestProgram};
use super::janitor::Janitor;
use super::leaves::Leaves;
use super::worker::Worker;
use crate::doctor::{self, Layer};
use crate::seccomp::Program;

/// Everything that workers of a pool need.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// The image's root folder.
    pub root: PathBuf,
    /// The runtime's driver, laid out.
    pub driver: Driver,
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
    /// The compiled seccomp profile.
    pub seccomp: Program,
    /// The limits of most jobs, for which cells are made ahead.
    pub limits: Limits,
    /// Layers without which the policy lets nothing run.
    pub require: Vec<Requirement>,
    /// Layers that the user allows by name to be missing.
    pub allow_missing: Vec<Requirement>,
    /// Whether what workers say goes to this process's standard error.
    pub verbose: bool,
}

/// Why a pool cannot be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// The host does not give a layer that the policy requires.
    #[error(
        "this host does not give {layer}: {detail}\n{remedy}\nor allow it to be missing, at your risk: --allow-missing {layer}"
    )]
    Missing {
        /// The layer's name.
        layer: &'static str,
        /// What was found.
        detail: String,
        /// What an administrator can do.
        remedy: String,
    },
    /// Something else failed.
    #[error("failed to start the native backend: {0}")]
    Io(#[from] io::Error),
    /// The first worker could not be started.
    #[error("{}", .0.message)]
    Worker(Fault),
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
    pub(super) program: GuestProgram,
    pub(super) driver: Driver,
    pub(super) filter: Vec<u8>,
    pub(super) leaves: Option<Leaves>,
    /// Ends after the leaves, whose tree it would otherwise remove under them.
    _janitor: Option<Janitor>,
    secret: u64,
    counter: AtomicU64,
}

impl Shared {
    /// A number that no job can guess, another one each time.
    pub(super) fn nonce(&self) -> u64 {
        self.secret.rotate_left(17) ^ self.counter.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// Where a worker's own messages go.
    pub(super) fn log(&self) -> io::Result<Stdio> {
        Ok(if self.config.verbose { Stdio::inherit() } else { Stdio::null() })
    }
}

impl Pool {
    /// Checks what the host gives against what the policy requires, and prepares what workers share.
    pub fn new(mut config: PoolConfig) -> Result<Self, StartError> {
        // Descriptors: each worker holds a few dozen, cells and leaves ahead included.
        let layers = doctor::layers();
        let missing = refuse_what_is_missing(&layers, &config)?;
        let in_force = |layer: Requirement| !missing.contains(&layer);
        let program = GuestProgram::load()?;
        let (leaves, janitor, cgroup) = if in_force(Requirement::Cgroup) {
            let tree = Arc::new(Tree::new()?);
            let janitor = Janitor::start(&program, tree.folders())?;
            let described = tree.describe();
            (Some(Leaves::new(tree)?), Some(janitor), described)
        } else {
            (None, None, "none")
        };
        let filter = if in_force(Requirement::Seccomp) { config.seccomp.bytes() } else { Vec::new() };
        config.environment.insert("PWD".to_owned(), "/work".to_owned());
        let driver = config.driver.clone();
        let shared = Shared {
            program,
            driver,
            filter,
            leaves,
            _janitor: janitor,
            secret: random()?,
            counter: AtomicU64::new(0),
            config,
        };
        let backend = describe(&layers, &missing, cgroup);
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

fn refuse_what_is_missing(layers: &[Layer], config: &PoolConfig) -> Result<Vec<Requirement>, StartError> {
    let mut missing = Vec::new();
    for layer in layers.iter().filter(|layer| !layer.in_force) {
        // Without namespaces there is no sandbox to allow anything in.
        let can_be_allowed = layer.requirement != Requirement::Namespaces;
        let allowed = can_be_allowed && config.allow_missing.contains(&layer.requirement);
        if !allowed && (config.require.contains(&layer.requirement) || !can_be_allowed) {
            return Err(StartError::Missing {
                layer: layer.requirement.name(),
                detail: layer.detail.clone(),
                remedy: layer.remedy.clone(),
            });
        }
        missing.push(layer.requirement);
    }
    Ok(missing)
}

fn describe(layers: &[Layer], missing: &[Requirement], cgroup: &str) -> BackendInfo {
    let name = |layer: &Layer| match layer.requirement {
        Requirement::Cgroup => format!("cgroup:{cgroup}"),
        Requirement::Landlock => format!("landlock:{}", layer.version.unwrap_or(0)),
        other => other.name().to_owned(),
    };
    BackendInfo {
        name: "native".to_owned(),
        layers: layers.iter().filter(|layer| !missing.contains(&layer.requirement)).map(name).collect(),
        missing: missing.iter().map(|layer| layer.name().to_owned()).collect(),
    }
}

fn random() -> io::Result<u64> {
    let mut bytes = [0; 8];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}
