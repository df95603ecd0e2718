//! Interpreters: pools of workers whose zygotes fork one child for each job.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use glasshouse_images::Image;
use glasshouse_model::{BackendInfo, Fault, FaultKind, Job, Policy, Requirement};
use glasshouse_sandbox::{Backend, Driver, Language, Pool, PoolConfig, RunReport, RunRequest, Worker};
use serde::Deserialize;

use super::backend::turnover;
use super::drawings::Drawers;
use super::terms::terms;
use super::{GlassError, Jobs};
use crate::pipeline::Runner;
use crate::resources::{IMAGES, driver, leaves_documents};

/// Where the fonts are in an image whose programs leave their figures as documents.
const FONTS: &str = "/usr/share/fonts";

/// What a runtime's zygotes load; `zygotes.toml` beside its definition.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Zygotes {
    /// How programs say what they load.
    imports: Language,
    warm: Vec<String>,
    trunk: Vec<Vec<String>>,
    /// Read where drivers are put together.
    #[serde(rename = "driver")]
    _driver: Option<String>,
}

/// What decides which pool a job needs: limits go with each run, the rest is fixed when a worker starts.
type Key = (String, Vec<Requirement>, bool);

/// What runs the jobs of one runtime.
#[derive(Clone)]
pub(super) struct Interpreter {
    image: Image,
    /// The interpreter, as a path in the image, and the name that a job's code is stored under.
    program: String,
    script: String,
    driver: Driver,
    zygotes: Zygotes,
    /// What draws SVG documents that programs leave as figures, with the image's fonts.
    drawers: Option<Drawers>,
    allow_missing: Vec<Requirement>,
    backend: Backend,
    jobs: Jobs,
    started: Arc<Mutex<BTreeMap<Key, Arc<Pool>>>>,
}

impl Interpreter {
    /// Lays out the driver of the image's runtime in `cache`, for workers that live there.
    pub(super) fn new(
        image: Image,
        program: &str,
        script: &str,
        allow_missing: &[Requirement],
        cache: &Path,
        backend: Backend,
        jobs: Jobs,
    ) -> Result<Self, GlassError> {
        let zygotes = zygotes(&image.name)?;
        let driver = Driver::lay_out(&driver(&image.name), zygotes.imports, cache)
            .map_err(|source| GlassError::Driver { path: cache.to_owned(), source })?;
        let (program, script) = (program.to_owned(), script.to_owned());
        let allow_missing = allow_missing.to_vec();
        let wrong = |message| GlassError::Figures { runtime: image.name.clone(), message };
        let drawers = match leaves_documents(&image.name).map_err(wrong)? {
            true => Some(Drawers::new(&image, FONTS)?),
            false => None,
        };
        let started = Arc::default();
        Ok(Self { image, program, script, driver, zygotes, drawers, allow_missing, backend, jobs, started })
    }

    /// What draws SVG documents, where programs leave their figures as documents.
    pub(super) fn drawers(&self) -> Option<&Drawers> {
        self.drawers.as_ref()
    }

    /// The pool for a policy, started when it is first asked for.
    pub(super) fn pool(&self, policy: &Policy) -> Result<Arc<Pool>, GlassError> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = started.get(&key(policy)) {
            return Ok(Arc::clone(pool));
        }
        let pool = Arc::new(Pool::new(self.config(policy)?)?);
        started.insert(key(policy), Arc::clone(&pool));
        Ok(pool)
    }

    /// Everything that workers under a policy need.
    pub(super) fn config(&self, policy: &Policy) -> Result<PoolConfig, GlassError> {
        let (recycling, spares) = turnover(&self.backend, policy.fresh);
        let (trunk, worth_a_zygote) = match self.jobs {
            Jobs::Many => (self.zygotes.trunk.clone(), 2),
            Jobs::One => (Vec::new(), 1),
        };
        Ok(PoolConfig {
            root: self.image.root.clone(),
            driver: self.driver.clone(),
            language: self.zygotes.imports,
            interpreter: self.program.clone(),
            script: self.script.clone(),
            environment: self.image.spec.env.clone(),
            warm: self.zygotes.warm.clone(),
            trunk,
            worth_a_zygote,
            terms: terms(policy, &self.allow_missing)?,
            limits: policy.limits.clone(),
            backend: self.backend.clone(),
            recycling,
            spares,
        })
    }
}

fn key(policy: &Policy) -> Key {
    (policy.seccomp.clone(), policy.require.clone(), policy.fresh)
}

fn zygotes(runtime: &str) -> Result<Zygotes, GlassError> {
    let text = IMAGES.get_file(format!("{runtime}/zygotes.toml")).and_then(|file| file.contents_utf8());
    toml::from_str(text.unwrap_or_default())
        .map_err(|error| GlassError::Zygotes { runtime: runtime.to_owned(), message: error.to_string() })
}

/// Pools of which a runner keeps a worker; a job that needs one more takes the place of all others.
const MOST_WORKERS: usize = 3;

/// A runner with one worker of each pool that its jobs need, as long as these are few.
pub(super) struct PoolRunner {
    interpreter: Interpreter,
    workers: BTreeMap<Key, Worker>,
    /// The pool of the last job, whose worker gets ready for the next.
    last: Option<Key>,
}

impl PoolRunner {
    pub(super) fn new(interpreter: Interpreter) -> Self {
        Self { interpreter, workers: BTreeMap::new(), last: None }
    }

    fn worker(&mut self, policy: &Policy) -> Result<&mut Worker, Fault> {
        let key = key(policy);
        let worker = match self.workers.remove(&key) {
            Some(worker) => worker,
            None => {
                if self.workers.len() >= MOST_WORKERS {
                    self.workers.clear();
                }
                self.pool(policy)?.worker()?
            }
        };
        self.last = Some(key.clone());
        Ok(self.workers.entry(key).or_insert(worker))
    }

    fn pool(&self, policy: &Policy) -> Result<Arc<Pool>, Fault> {
        self.interpreter.pool(policy).map_err(|error| Fault::new(FaultKind::Start, error.to_string()))
    }
}

impl Runner for PoolRunner {
    fn run(&mut self, job: &Job, request: &RunRequest) -> Result<RunReport, Fault> {
        self.worker(&job.policy)?.run(request)
    }

    fn get_ready(&mut self) {
        if let Some(worker) = self.last.as_ref().and_then(|key| self.workers.get_mut(key)) {
            worker.get_ready();
        }
    }

    fn backend(&self, job: &Job) -> BackendInfo {
        self.pool(&job.policy).map(|pool| pool.backend().clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_zygotes_load_is_stated() {
        let python = zygotes("python").unwrap();
        assert!(python.trunk.iter().flatten().all(|name| {
            let top = name.split('.').next().unwrap();
            python.warm.iter().any(|warm| warm == top)
        }));
        assert!(zygotes("cobol").unwrap().warm.is_empty());
    }
}
