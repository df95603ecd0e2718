//! What every sandbox of this backend stands on: the layers that the host gives, cgroups, the guest program.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use glasshouse_model::{BackendInfo, Fault, Requirement};
use thiserror::Error;

use super::cgroup::Tree;
use super::guest::GuestProgram;
use super::janitor::Janitor;
use super::leaves::{LeasedLeaf, Leaves};
use crate::docker::DockerError;
use crate::doctor::{self, Layer};
use crate::seccomp::Program;

/// What confines whatever runs, and what must.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The compiled seccomp profile.
    pub seccomp: Program,
    /// Layers without which the policy lets nothing run.
    pub require: Vec<Requirement>,
    /// Layers that the user allows by name to be missing.
    pub allow_missing: Vec<Requirement>,
    /// Whether what sandboxes say goes to this process's standard error.
    pub verbose: bool,
}

/// Why no sandbox can be started.
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
    /// Containers cannot be had.
    #[error(transparent)]
    Docker(#[from] DockerError),
    /// Something else failed.
    #[error("failed to prepare sandboxes: {0}")]
    Io(#[from] io::Error),
    /// The first worker could not be started.
    #[error("{}", .0.message)]
    Worker(Fault),
}

/// Shared by all sandboxes that were started on the same terms.
#[derive(Debug)]
pub(crate) struct Ground {
    program: GuestProgram,
    /// The seccomp filter as the kernel takes it; empty where there is no seccomp.
    pub(super) filter: Vec<u8>,
    leaves: Option<Arc<Leaves>>,
    verbose: bool,
}

impl Ground {
    /// Checks what the host gives against what the terms require, and prepares what sandboxes share.
    pub(super) fn lay(terms: &Terms) -> Result<(Self, BackendInfo), StartError> {
        let layers = doctor::layers();
        let missing = refuse_what_is_missing(&layers, terms)?;
        let in_force = |layer: Requirement| !missing.contains(&layer);
        let program = GuestProgram::load()?;
        let (leaves, cgroup) = if in_force(Requirement::Cgroup) {
            let tree = Arc::new(Tree::new()?);
            let janitor = Janitor::start(&program, tree.folders())?;
            let described = tree.describe();
            (Some(Arc::new(Leaves::new(tree, janitor)?)), described)
        } else {
            (None, "none")
        };
        let filter = if in_force(Requirement::Seccomp) { terms.seccomp.bytes() } else { Vec::new() };
        let backend = describe(&layers, &missing, cgroup);
        Ok((Self { program, filter, leaves, verbose: terms.verbose }, backend))
    }

    /// Whether what sandboxes say goes to this process's standard error.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Whether each job has a cgroup leaf of its own.
    pub(crate) fn has_leaves(&self) -> bool {
        self.leaves.is_some()
    }

    /// Starts the guest program with the arguments and the environment that `with` adds; `theirs` is its end of the
    /// socket to us.
    pub(super) fn guest(&self, theirs: OwnedFd, with: impl FnOnce(&mut Command)) -> io::Result<Child> {
        let mut command = Command::new(self.program.path());
        command.env_clear();
        with(&mut command);
        // What a sandbox itself says is a log for us.
        let log = if self.verbose { Stdio::inherit() } else { Stdio::null() };
        command.stdin(Stdio::from(theirs)).stdout(Stdio::null()).stderr(log).spawn()
    }

    /// The files through which a worker gets to where it may fork jobs into leaves from.
    pub(super) fn home_doors(&self) -> io::Result<Vec<OwnedFd>> {
        self.leaves.as_ref().map_or_else(|| Ok(Vec::new()), |leaves| leaves.home_doors())
    }

    /// A fresh cgroup leaf; `None` where there are none.
    pub(super) fn leaf(&self) -> io::Result<Option<LeasedLeaf>> {
        self.leaves.as_ref().map(Leaves::lease).transpose()
    }
}

fn refuse_what_is_missing(layers: &[Layer], terms: &Terms) -> Result<Vec<Requirement>, StartError> {
    let mut missing = Vec::new();
    for layer in layers.iter().filter(|layer| !layer.in_force) {
        // Without namespaces there is no sandbox to allow anything in.
        let can_be_allowed = layer.requirement != Requirement::Namespaces;
        let allowed = can_be_allowed && terms.allow_missing.contains(&layer.requirement);
        if !allowed && (terms.require.contains(&layer.requirement) || !can_be_allowed) {
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
