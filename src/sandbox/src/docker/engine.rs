//! The container engine, spoken to in blocking calls: the only place that knows bollard and tokio.

use std::collections::HashMap;
use std::env;
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, ContainerSummary, ImageInspect, SystemInfo};
use bollard::query_parameters::{ListContainersOptions, RemoveContainerOptions, StatsOptions};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::StreamExt as _;
use tokio::runtime::{Builder, Runtime};

use super::DockerError;

/// Where the engine listens unless DOCKER_HOST says otherwise.
const SOCKET: &str = "/var/run/docker.sock";
/// For one answer. Removing many containers at once may take the engine a while.
const PATIENCE_SECONDS: u64 = 120;

/// A connection to the engine on this machine. Clones share it.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    runtime: Runtime,
    client: Docker,
    socket: PathBuf,
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Engine").field("socket", &self.inner.socket).finish()
    }
}

impl Engine {
    /// Connects to the engine that DOCKER_HOST names, or to the usual one, and agrees on a version with it.
    ///
    /// # Errors
    /// It is not there, or not on this machine.
    pub fn connect() -> Result<Self, DockerError> {
        Self::at(socket()?)
    }

    /// Connects to the engine that listens at this socket.
    ///
    /// # Errors
    /// It is not there.
    pub fn at(socket: PathBuf) -> Result<Self, DockerError> {
        // One thread: whoever asks drives it. The engine is asked a few times a minute.
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let path = socket.to_string_lossy();
        let away = |error: Error| failure(&socket, "answer", error);
        let client = Docker::connect_with_unix(&path, PATIENCE_SECONDS, API_DEFAULT_VERSION).map_err(away)?;
        let client = runtime.block_on(client.negotiate_version()).map_err(away)?;
        Ok(Self { inner: Arc::new(Inner { runtime, client, socket }) })
    }

    /// Its socket.
    pub fn socket(&self) -> &Path {
        &self.inner.socket
    }

    /// Waits for the answer to a request; `doing` completes "failed to".
    pub(super) fn ask<T>(
        &self,
        doing: &str,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, DockerError> {
        self.inner.runtime.block_on(request).map_err(|error| failure(&self.inner.socket, doing, error))
    }

    /// The client, to make requests for [`Engine::ask`] with.
    pub(super) fn client(&self) -> &Docker {
        &self.inner.client
    }

    /// What it says of itself.
    pub(super) fn info(&self) -> Result<SystemInfo, DockerError> {
        self.ask("describe itself", self.client().info())
    }

    /// What it says of an image, by name or id. `None`: it has none such.
    pub(super) fn image(&self, name: &str) -> Result<Option<ImageInspect>, DockerError> {
        match self.ask("look up an image", self.client().inspect_image(name)) {
            Ok(found) => Ok(Some(found)),
            Err(DockerError::Absent { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a container; its id.
    pub(super) fn create(&self, body: ContainerCreateBody) -> Result<String, DockerError> {
        self.ask("make a container", self.client().create_container(None, body)).map(|made| made.id)
    }

    /// Starts a container.
    pub(super) fn start(&self, id: &str) -> Result<(), DockerError> {
        self.ask("start a container", self.client().start_container(id, None))
    }

    /// Kills a container if it runs, and removes it. One that is gone, or going, is no error.
    pub(super) fn remove(&self, id: &str) -> Result<(), DockerError> {
        let options = RemoveContainerOptions { force: true, v: true, ..RemoveContainerOptions::default() };
        match self.ask("remove a container", self.client().remove_container(id, Some(options))) {
            // 409: its removal is in progress.
            Err(DockerError::Absent { .. }) => Ok(()),
            Err(DockerError::Refused { message, .. }) if message.contains("already in progress") => Ok(()),
            other => other,
        }
    }

    /// Whether a container runs or is about to.
    pub(super) fn is_up(&self, id: &str) -> Result<bool, DockerError> {
        match self.ask("look at a container", self.client().inspect_container(id, None)) {
            Ok(found) => Ok(found.state.and_then(|state| state.running).unwrap_or(false)),
            Err(DockerError::Absent { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// All containers, running or not, that have this label (`KEY` or `KEY=VALUE`).
    pub(super) fn labelled(&self, label: &str) -> Result<Vec<ContainerSummary>, DockerError> {
        let filters = HashMap::from([("label".to_owned(), vec![label.to_owned()])]);
        let options = ListContainersOptions { all: true, filters: Some(filters), ..ListContainersOptions::default() };
        self.ask("list containers", self.client().list_containers(Some(options)))
    }

    /// Bytes of memory that a container uses now.
    pub(super) fn memory(&self, id: &str) -> Option<u64> {
        let options = StatsOptions { stream: false, one_shot: true };
        let mut stats = Box::pin(self.client().stats(id, Some(options)));
        let first = self.inner.runtime.block_on(stats.next())?.ok()?;
        first.memory_stats?.usage
    }
}

/// The engine's socket, as the environment names it.
fn socket() -> Result<PathBuf, DockerError> {
    match env::var("DOCKER_HOST") {
        Ok(host) if !host.is_empty() => {
            let path = host.strip_prefix("unix://").filter(|path| path.starts_with('/'));
            path.map(PathBuf::from).ok_or(DockerError::Remote { host: host.clone() })
        }
        _ => Ok(SOCKET.into()),
    }
}

/// What an error of bollard's means to us.
fn failure(socket: &Path, doing: &str, error: Error) -> DockerError {
    match error {
        Error::DockerResponseServerError { status_code: 404, message } => {
            DockerError::Absent { what: format!("such thing, asked to {doing}"), message }
        }
        Error::DockerResponseServerError { status_code, message } => {
            DockerError::Refused { doing: doing.to_owned(), message, passing: status_code >= 500 }
        }
        Error::DockerStreamError { error } => {
            DockerError::Refused { doing: doing.to_owned(), message: error, passing: false }
        }
        other => DockerError::Away { socket: socket.display().to_string(), message: other.to_string() },
    }
}
