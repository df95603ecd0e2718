//! Joins what was found, what was recorded and what was checked into a run's artifacts.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use glasshouse_model::{Artifact, ErrorInfo, Fault, FaultKind, Limits};

use crate::contract::ErrorLink;
use crate::evidence;
use crate::helper::{Client, HelperCommand};
use crate::joining::{Joined, Joining, Seen};
use crate::pages::FigurePage;
use crate::store::Store;
use crate::taking::{Given, Taking};
use crate::walk::{WalkLimits, walk};

/// What was in the work folder before the run, which is no artifact unless it was changed.
#[derive(Clone, Debug, Default)]
pub struct Inputs<'a> {
    /// The absolute path of the work folder as the program saw it, such as `/work`.
    pub folder: &'a str,
    /// Contents by path in the work folder; the program itself is one of them.
    pub files: BTreeMap<&'a str, &'a [u8]>,
    /// Whether documents and pictures that are no PNG are drawn, page by page: where no hook draws what a program saves.
    pub drawn: bool,
}

/// A figure that is an SVG document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorFigure {
    /// The document.
    pub document: String,
    /// The place of the artifact that waits for the picture.
    pub figure: usize,
}

/// What came out of a run.
#[derive(Debug, Default)]
pub struct Collected {
    /// Figures and buffers in the order in which they came about, then files by path.
    pub artifacts: Vec<Artifact>,
    /// Figures that are pages. Until they are shown, the artifacts that come of them have a problem that says so.
    pub pages: Vec<FigurePage>,
    /// Figures that are SVG documents. Until they are drawn, the artifacts that come of them have a problem that says so.
    pub vectors: Vec<VectorFigure>,
    /// The uncaught exception, as the driver told it.
    pub error: Option<ErrorInfo>,
    /// That exception and what it was raised from, outermost first.
    pub error_chain: Vec<ErrorLink>,
    /// Figures and files that were counted and not taken.
    pub overflow: u64,
    /// Why the work folder was not listed to its end, if it was not.
    pub cut: Option<String>,
    /// What the row asks for and the program left nothing of, such as a frame later than a film's end.
    pub missing: Option<String>,
    /// What the hooks say went wrong in them; no fact about the sample.
    pub hooks: Option<String>,
    /// Seconds for finding, reading and storing.
    pub harvest_seconds: f64,
    /// Seconds of waiting for the helper.
    pub check_seconds: f64,
}

/// What became of [`Given`] things.
#[derive(Debug, Default)]
pub struct Taken {
    /// In the same order.
    pub artifacts: Vec<Artifact>,
    /// Seconds of waiting for the helper.
    pub check_seconds: f64,
}

/// Takes outputs out of finished runs. One is shared by all threads of the pipeline.
#[derive(Debug)]
pub struct Harvester {
    store: Store,
    command: HelperCommand,
    idle: Mutex<Vec<Client>>,
}

impl Harvester {
    /// A harvester that stores into `store` and checks with helpers started by `command`.
    pub fn new(store: Store, command: HelperCommand) -> Self {
        Self { store, command, idle: Mutex::default() }
    }

    /// Starts helpers ahead of need, as many as threads will collect at one time, and tells their layers.
    ///
    /// # Errors
    /// A fault if one cannot be started.
    pub fn warm(&self, helpers: usize) -> Result<Vec<String>, Fault> {
        let mut clients: Vec<Client> = (0..helpers).map(|_| self.lend()).collect();
        let mut layers = Vec::new();
        for client in &mut clients {
            layers = client.start()?.to_vec();
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).append(&mut clients);
        Ok(layers)
    }

    /// Takes everything out of one run. Its processes must be dead; `work` and `captures` are its folders.
    ///
    /// # Errors
    /// A fault if something on our side failed; nothing that the run left is a reason.
    pub fn collect(
        &self,
        work: OwnedFd,
        captures: OwnedFd,
        inputs: &Inputs<'_>,
        limits: &Limits,
    ) -> Result<Collected, Fault> {
        let started = Instant::now();
        let unlisted =
            |error: std::io::Error| Fault::new(FaultKind::Harvest, format!("cannot list a run's folder: {error}"));
        let evidence = evidence::read(&captures, limits.artifacts).map_err(unlisted)?;
        let walk = walk(&work, WalkLimits::for_artifacts(limits.artifacts)).map_err(unlisted)?;

        let mut client = self.lend();
        let seen = Seen { work: work.as_fd(), captures: captures.as_fd(), found: &walk.found, inputs };
        let mut joining = Joining::new(seen, Taking::new(&self.store, &mut client), limits);
        joining.figures(evidence.records)?;
        joining.files()?;
        let Joined { artifacts, pages, vectors, overflow, checking } = joining.finish();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);

        let (error, error_chain) = evidence.failure.map(|failure| (failure.error, failure.chain)).unzip();
        Ok(Collected {
            artifacts,
            pages,
            vectors,
            error,
            error_chain: error_chain.unwrap_or_default(),
            overflow: overflow.saturating_add(evidence.overflow),
            cut: walk.cut,
            missing: evidence.missing,
            hooks: evidence.hooks,
            harvest_seconds: started.elapsed().saturating_sub(checking).as_secs_f64(),
            check_seconds: checking.as_secs_f64(),
        })
    }

    /// Takes what was captured outside of any folder, such as the pictures of a page.
    ///
    /// # Errors
    /// A fault if something on our side failed; nothing in the bytes is a reason.
    pub fn take(&self, given: Vec<Given>, limits: &Limits) -> Result<Taken, Fault> {
        let mut client = self.lend();
        let mut taking = Taking::new(&self.store, &mut client);
        let artifacts =
            given.into_iter().map(|one| taking.given(one, limits.artifact_size)).collect::<Result<_, _>>()?;
        let check_seconds = taking.checking.as_secs_f64();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        Ok(Taken { artifacts, check_seconds })
    }

    fn lend(&self) -> Client {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| Client::new(self.command.clone()))
    }
}
