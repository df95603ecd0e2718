//! What benchmarks and end-to-end tests need of the command's own set-up: the image, and workers of it.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use glasshouse_images::{Definition, Image, ensure};
use glasshouse_model::{Fault, Limits};
use glasshouse_sandbox::{Pool, Worker};

use crate::cli::{cache_folder, definitions};
use crate::glass::Glass;
use crate::policies;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The python image, built if it is missing, in the cache that the command would use.
pub fn image() -> Outcome<Image> {
    let definition = definitions()?
        .into_iter()
        .find(|definition: &Definition| definition.runtime.name == "python")
        .ok_or("no python runtime is embedded")?;
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
    /// Sets the image and the pool up.
    pub fn new() -> Outcome<Self> {
        let image = image()?;
        let policy = policies::load(None)?.get("default")?;
        let glass = Glass::new(definitions()?, Vec::new(), &cache()?, Arc::new(|line| eprintln!("{line}")));
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
