//! What benchmarks and end-to-end tests need of the command's own set-up: the image, and workers of it.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use glasshouse_capture::{Harvester, HelperCommand, Store};
use glasshouse_images::{Definition, Image, ensure};
use glasshouse_model::drawing::DrawingRequest;
use glasshouse_model::page::PageRequest;
use glasshouse_model::scenes::SceneRequest;
use glasshouse_model::{Digest, Fault, Job, Limits, Policy};
use glasshouse_sandbox::{Pool, Worker};
use tempfile::TempDir;

use crate::cli::{cache_folder, definitions};
use crate::glass::{BackendChoice, Glass};
use crate::pipeline::Executor;
use crate::policies;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The python image, built if it is missing, in the cache that the command would use.
pub fn image() -> Outcome<Image> {
    image_of("python")
}

/// The image of a runtime, likewise.
pub fn image_of(runtime: &str) -> Outcome<Image> {
    let definition = definitions()?
        .into_iter()
        .find(|definition: &Definition| definition.runtime.name == runtime)
        .ok_or_else(|| format!("no runtime {runtime} is embedded"))?;
    Ok(ensure(&definition, &cache()?, &mut |line| eprintln!("{line}"))?)
}

fn cache() -> Outcome<PathBuf> {
    Ok(cache_folder(env::var_os("GLASSHOUSE_CACHE").map(PathBuf::from).as_deref())?)
}

/// A pool of python workers under the default policy.
pub struct Bench {
    image: Image,
    pool: Pool,
    driver: PathBuf,
    limits: Limits,
    warm: Vec<String>,
}

impl Bench {
    /// Sets the image and the pool up, with workers where `backend` says.
    pub fn new(backend: BackendChoice) -> Outcome<Self> {
        let image = image()?;
        let policy = policies::load(None)?.get("default")?;
        let glass = Glass::new(definitions()?, Vec::new(), &cache()?, Arc::new(|line| eprintln!("{line}"))).on(backend);
        let config = glass.pool_config("python", &policy)?;
        let (driver, warm) = (config.driver.folder().to_owned(), config.warm.clone());
        let pool = Pool::new(config)?;
        Ok(Self { image, pool, driver, limits: policy.limits, warm })
    }

    /// Starts a worker.
    pub fn worker(&self) -> Result<Worker, Fault> {
        self.pool.worker()
    }

    /// The image's root folder.
    pub fn root(&self) -> &Path {
        &self.image.root
    }

    /// The driver's folder on the host.
    pub fn driver(&self) -> &Path {
        &self.driver
    }

    /// The environment of jobs.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.image.spec.env
    }

    /// The limits of jobs.
    pub fn limits(&self) -> Limits {
        self.limits.clone()
    }

    /// Top-level modules that zygotes may load.
    pub fn warm(&self) -> Vec<String> {
        self.warm.clone()
    }
}

/// The whole way of a program's job, from the request to its answer with everything taken out, checked and stored.
pub struct Whole {
    glass: Glass,
    harvester: Arc<Harvester>,
    policy: Policy,
    store: TempDir,
}

impl Whole {
    /// Workers under the default policy; `command` is the program whose `check-helper` checks what comes out.
    pub fn new(command: &Path) -> Outcome<Self> {
        let store = tempfile::tempdir()?;
        let helper = HelperCommand { program: command.to_owned(), args: vec!["check-helper".into()] };
        let harvester = Arc::new(Harvester::new(Store::open(store.path())?, helper));
        let policy = policies::load(None)?.get("default")?;
        let glass = Glass::new(definitions()?, Vec::new(), &cache()?, Arc::new(|line| eprintln!("{line}")));
        Ok(Self { glass, harvester, policy, store })
    }

    /// What answers jobs, one after the other.
    pub fn executor(&self) -> Option<Box<dyn Executor>> {
        self.glass.executors(1, &self.harvester).pop()
    }

    /// A program as a job.
    pub fn job(&self, runtime: &str, code: &str, seed: u64) -> Job {
        Job {
            runtime: runtime.to_owned(),
            image: Digest::of_parts([b"bench".as_slice()]),
            code: code.to_owned(),
            files: BTreeMap::new(),
            stdin: Vec::new(),
            args: Vec::new(),
            tests: Vec::new(),
            capture: Vec::new(),
            policy: self.policy.clone(),
            seed,
            page: PageRequest::default(),
            drawing: DrawingRequest::default(),
            scenes: SceneRequest::default(),
        }
    }

    /// The bytes of an artifact of an answer.
    pub fn bytes(&self, hash: &Digest) -> Outcome<Vec<u8>> {
        let hex = hash.hex();
        Ok(std::fs::read(self.store.path().join(&hex[..2]).join(&hex[2..]))?)
    }
}
