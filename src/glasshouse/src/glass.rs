//! Pools of workers for the policies that rows name, and the runners that use them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use glasshouse_images::{Drive, Image};
use glasshouse_model::{BackendInfo, Fault, FaultKind, Job, Policy, Requirement};
use glasshouse_sandbox::seccomp::{self, ProfileError};
use glasshouse_sandbox::{Driver, Pool, PoolConfig, RunReport, RunRequest, StartError, Terms, Worker};
use serde::Deserialize;
use thiserror::Error;

use crate::pipeline::Runner;
use crate::resources::{IMAGES, POLICIES, driver};

/// Set to see what workers say on the standard error.
const VERBOSE: &str = "GLASSHOUSE_VERBOSE";

/// Why nothing can be run under a policy.
#[derive(Debug, Error)]
pub enum GlassError {
    /// The host lacks something, or a worker cannot be started.
    #[error("{0}\n`glasshouse doctor` lists what this host gives")]
    Start(#[from] StartError),
    /// The seccomp profile that the policy names is wrong.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// There is no such profile.
    #[error("policy {policy:?}: there is no seccomp profile {profile:?}; there are: {known}")]
    NoProfile {
        /// The policy.
        policy: String,
        /// The name that it gives.
        profile: String,
        /// The profiles that exist.
        known: String,
    },
    /// The driver cannot be written to the cache.
    #[error("cannot write the runtime's driver below {path}: {source}; pass --cache DIR", path = path.display())]
    Driver {
        /// The cache folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The runtime has no interpreter that could be started ahead of a job.
    #[error("runtime {runtime}: it has no interpreter, and its image's `runtime.toml` names none")]
    NoInterpreter {
        /// The runtime.
        runtime: String,
    },
    /// The runtime's `zygotes.toml` is wrong.
    #[error("images/{runtime}/zygotes.toml: {message}")]
    Zygotes {
        /// The runtime.
        runtime: String,
        /// The key and what is wrong with it.
        message: String,
    },
}

/// What a runtime's zygotes load; `zygotes.toml` beside its definition.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Zygotes {
    warm: Vec<String>,
    trunk: Vec<Vec<String>>,
}

/// What decides which pool a job needs: limits go with each run, the rest is fixed when a worker starts.
type Key = (String, Vec<Requirement>);

/// The pools of every runtime.
#[derive(Default)]
pub struct Glass {
    runtimes: BTreeMap<String, Arc<Pools>>,
}

/// The pools of one runtime.
struct Pools {
    image: Image,
    driver: Driver,
    zygotes: Zygotes,
    allow_missing: Vec<Requirement>,
    started: Mutex<BTreeMap<Key, Arc<Pool>>>,
}

impl Glass {
    /// Lays out the driver of the image's runtime in `cache` and starts the pool of `policy`, so that a host
    /// which cannot isolate is known at once.
    pub fn add(
        &mut self,
        image: Image,
        policy: &Policy,
        allow_missing: &[Requirement],
        cache: &Path,
    ) -> Result<(), GlassError> {
        let driver = Driver::lay_out(&driver(&image.name), cache)
            .map_err(|source| GlassError::Driver { path: cache.to_owned(), source })?;
        let zygotes = zygotes(&image.name)?;
        let name = image.name.clone();
        let pools = Pools { image, driver, zygotes, allow_missing: allow_missing.to_vec(), started: Mutex::default() };
        pools.get(policy)?;
        self.runtimes.insert(name, Arc::new(pools));
        Ok(())
    }

    /// So many runners, each with a worker of its own.
    pub fn runners(&self, count: usize) -> Vec<Box<dyn Runner>> {
        let runner = |_| Box::new(PoolRunner { runtimes: self.runtimes.clone(), worker: None }) as Box<dyn Runner>;
        (0..count).map(runner).collect()
    }
}

impl Pools {
    /// The pool for a policy, started when it is first asked for.
    fn get(&self, policy: &Policy) -> Result<Arc<Pool>, GlassError> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = started.get(&key(policy)) {
            return Ok(Arc::clone(pool));
        }
        let pool = Arc::new(Pool::new(self.config(policy)?)?);
        started.insert(key(policy), Arc::clone(&pool));
        Ok(pool)
    }

    fn config(&self, policy: &Policy) -> Result<PoolConfig, GlassError> {
        pool_config(&self.image, &self.driver, &self.zygotes, policy, &self.allow_missing)
    }
}

/// Everything that the workers of an image under a policy need.
fn pool_config(
    image: &Image,
    driver: &Driver,
    zygotes: &Zygotes,
    policy: &Policy,
    allow_missing: &[Requirement],
) -> Result<PoolConfig, GlassError> {
    let Drive::Interpreter { program, script } = &image.spec.drive else {
        return Err(GlassError::NoInterpreter { runtime: image.name.clone() });
    };
    Ok(PoolConfig {
        root: image.root.clone(),
        driver: driver.clone(),
        interpreter: program.clone(),
        script: script.clone(),
        environment: image.spec.env.clone(),
        warm: zygotes.warm.clone(),
        trunk: zygotes.trunk.clone(),
        terms: terms(policy, allow_missing)?,
        limits: policy.limits.clone(),
    })
}

/// The configuration of one image's pool, for benchmarks and tests that start workers themselves.
pub fn configuration(image: &Image, policy: &Policy, cache: &Path) -> Result<PoolConfig, GlassError> {
    let driver = Driver::lay_out(&driver(&image.name), cache)
        .map_err(|source| GlassError::Driver { path: cache.to_owned(), source })?;
    pool_config(image, &driver, &zygotes(&image.name)?, policy, &[])
}

fn key(policy: &Policy) -> Key {
    (policy.seccomp.clone(), policy.require.clone())
}

/// What confines the jobs of a policy, and what must.
fn terms(policy: &Policy, allow_missing: &[Requirement]) -> Result<Terms, GlassError> {
    Ok(Terms {
        seccomp: seccomp::compile(&policy.seccomp, profile(policy)?, profile_text)?,
        require: policy.require.clone(),
        allow_missing: allow_missing.to_vec(),
        verbose: std::env::var_os(VERBOSE).is_some(),
    })
}

fn profile_text(name: &str) -> Option<&'static str> {
    POLICIES.get_file(format!("seccomp/{name}.toml")).and_then(|file| file.contents_utf8())
}

fn profile(policy: &Policy) -> Result<&'static str, GlassError> {
    profile_text(&policy.seccomp).ok_or_else(|| {
        let files = POLICIES.get_dir("seccomp").map(|folder| folder.files()).into_iter().flatten();
        let names = files.filter_map(|file| Some(file.path().file_stem()?.to_string_lossy().into_owned()));
        GlassError::NoProfile {
            policy: policy.name.clone(),
            profile: policy.seccomp.clone(),
            known: names.collect::<Vec<_>>().join(", "),
        }
    })
}

fn zygotes(runtime: &str) -> Result<Zygotes, GlassError> {
    let text = IMAGES.get_file(format!("{runtime}/zygotes.toml")).and_then(|file| file.contents_utf8());
    toml::from_str(text.unwrap_or_default())
        .map_err(|error| GlassError::Zygotes { runtime: runtime.to_owned(), message: error.to_string() })
}

/// A runner with one worker, which it changes for another when a job needs another pool.
struct PoolRunner {
    runtimes: BTreeMap<String, Arc<Pools>>,
    worker: Option<(String, Key, Worker)>,
}

impl PoolRunner {
    fn worker(&mut self, runtime: &str, policy: &Policy) -> Result<&mut Worker, Fault> {
        let key = key(policy);
        let worker = match self.worker.take() {
            Some((name, of, worker)) if name == runtime && of == key => worker,
            other => {
                drop(other);
                self.pool(runtime, policy)?.worker()?
            }
        };
        Ok(&mut self.worker.insert((runtime.to_owned(), key, worker)).2)
    }

    fn pool(&self, runtime: &str, policy: &Policy) -> Result<Arc<Pool>, Fault> {
        let start = |message: String| Fault::new(FaultKind::Start, message);
        let pools = self.runtimes.get(runtime).ok_or_else(|| start(format!("runtime {runtime:?} is not set up")))?;
        pools.get(policy).map_err(|error| start(error.to_string()))
    }
}

impl Runner for PoolRunner {
    fn run(&mut self, job: &Job, request: &RunRequest) -> Result<RunReport, Fault> {
        Ok(self.worker(&job.runtime, &job.policy)?.run(request)?)
    }

    fn get_ready(&mut self) {
        if let Some((_, _, worker)) = &mut self.worker {
            worker.get_ready();
        }
    }

    fn backend(&self, job: &Job) -> BackendInfo {
        self.pool(&job.runtime, &job.policy).map(|pool| pool.backend().clone()).unwrap_or_default()
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

    #[test]
    fn an_absent_profile_is_named_with_those_that_exist() {
        let mut policies = glasshouse_model::PolicySet::default();
        policies.add("p", "seccomp = \"lax\"").unwrap();
        let error = profile(&policies.get("p").unwrap()).unwrap_err().to_string();
        assert!(error.contains("\"lax\"") && error.contains("default"), "{error}");
    }
}
