//! What runs jobs: for each runtime its image, built when it is first needed, and its pools.

mod backend;
mod browser;
mod drawings;
mod error;
mod interpreter;
mod lane;
mod terms;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use glasshouse_capture::Harvester;
use glasshouse_images::mirror::{MirrorPlan, ensure_mirror};
use glasshouse_images::{Definition, Drive, ensure};
use glasshouse_model::{Policy, Requirement, RuntimeInfo};
use glasshouse_sandbox::PoolConfig;
use glasshouse_web::mirror::Mirror;
use glasshouse_web::{Answers, NoAnswers};

use crate::pipeline::{Executor, PageRunner};
use browser::{BrowserRunner, Browsers};
use drawings::Drawers;
use interpreter::Interpreter;
use lane::Lane;

pub use backend::{BackendChoice, Docker};
pub use error::GlassError;

/// Shows the user a line.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// All runtimes. Clones share everything.
#[derive(Clone)]
pub struct Glass {
    runtimes: Arc<BTreeMap<String, Mutex<State>>>,
    allow_missing: Vec<Requirement>,
    cache: PathBuf,
    say: Say,
    backend: BackendChoice,
    jobs: Jobs,
}

/// How many jobs are to come, which decides what interpreters load before them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jobs {
    /// Many: what nearly all of them load is loaded before the first.
    #[default]
    Many,
    /// One: nothing is loaded but what it loads itself.
    One,
}

/// A runtime before and after it is first needed.
enum State {
    Defined(Box<Definition>),
    Ready(Arc<Runtime>),
}

/// A runtime that can run jobs.
struct Runtime {
    /// What records say of it.
    info: RuntimeInfo,
    kind: Kind,
}

/// The ways in which runtimes run code.
enum Kind {
    Interpreter(Interpreter),
    Browser(Browsers),
    Drawing(Drawers),
}

impl Glass {
    /// Runtimes whose images are in `cache`, or will be when they are first needed, which `say` then tells.
    pub fn new(definitions: Vec<Definition>, allow_missing: Vec<Requirement>, cache: &Path, say: Say) -> Self {
        let defined = |definition: Definition| {
            (definition.runtime.name.clone(), Mutex::new(State::Defined(Box::new(definition))))
        };
        let runtimes = Arc::new(definitions.into_iter().map(defined).collect());
        Self { runtimes, allow_missing, cache: cache.to_owned(), say, backend: BackendChoice::Native, jobs: Jobs::Many }
    }

    /// For so many jobs.
    pub fn expecting(self, jobs: Jobs) -> Self {
        Self { jobs, ..self }
    }

    /// With interpreters' workers where `backend` says. Browsers and drawers are on this host itself with any.
    pub fn on(self, backend: BackendChoice) -> Self {
        Self { backend, ..self }
    }

    /// Makes a runtime ready under a policy: its image is there, and the host gives what the policy requires.
    pub fn prepare(&self, runtime: &str, policy: &Policy) -> Result<(), GlassError> {
        match &self.runtime(runtime)?.kind {
            Kind::Interpreter(interpreter) => interpreter.pool(policy).map(drop),
            Kind::Browser(browsers) => browsers.programs(policy).map(drop),
            // A helper needs nothing that a host could lack and this command does not refuse to do without.
            Kind::Drawing(_) => Ok(()),
        }
    }

    /// So many executors, each with workers of its own, whose captures `harvester` takes.
    pub fn executors(&self, count: usize, harvester: &Arc<Harvester>) -> Vec<Box<dyn Executor>> {
        (0..count).map(|_| self.executor(harvester)).collect()
    }

    /// An executor with workers of its own, whose captures `harvester` takes.
    pub fn executor(&self, harvester: &Arc<Harvester>) -> Box<dyn Executor> {
        Box::new(Lane::new(self.clone(), Arc::clone(harvester)))
    }

    /// What renders pages of a runtime outside of any run, with a browser of its own. `None`: the runtime is no browser.
    ///
    /// # Errors
    /// As for a job.
    pub fn pages(&self, runtime: &str) -> Result<Option<Box<dyn PageRunner>>, GlassError> {
        Ok(match &self.runtime(runtime)?.kind {
            Kind::Interpreter(_) | Kind::Drawing(_) => None,
            Kind::Browser(browsers) => Some(Box::new(BrowserRunner::new(browsers.clone()))),
        })
    }

    /// The runtime of this name. The first who asks for it waits until its image is built, and so does everyone
    /// who asks meanwhile.
    fn runtime(&self, name: &str) -> Result<Arc<Runtime>, GlassError> {
        let absent = || GlassError::NoRuntime { runtime: name.to_owned() };
        let mut state = self.runtimes.get(name).ok_or_else(absent)?.lock().unwrap_or_else(PoisonError::into_inner);
        let definition = match &*state {
            State::Ready(runtime) => return Ok(Arc::clone(runtime)),
            State::Defined(definition) => definition,
        };
        let image = ensure(definition, &self.cache, &mut |line| (self.say)(line))?;
        if !matches!(image.spec.drive, Drive::Interpreter { .. }) && self.backend.is_docker() {
            (self.say)(&format!("{name} rows run natively: containers are for runtimes of programs"));
        }
        let mut info =
            RuntimeInfo { name: image.name.clone(), image: image.digest.hex(), versions: image.versions.clone() };
        let kind = match image.spec.drive.clone() {
            Drive::Interpreter { program, script } => {
                let (backend, copy) = self.backend.of(&image, &self.cache, &mut |line| (self.say)(line))?;
                info.versions.extend(copy);
                let (missing, cache) = (&self.allow_missing, &self.cache);
                Kind::Interpreter(Interpreter::new(image, &program, &script, missing, cache, backend, self.jobs)?)
            }
            Drive::Drawer { fonts } => Kind::Drawing(Drawers::new(&image, &fonts)?),
            Drive::Browser { program, page, .. } => {
                let (answers, digest) = self.mirror(definition)?;
                info.versions.extend(digest.map(|digest| ("mirror".to_owned(), digest)));
                Kind::Browser(Browsers::new(image, &program, &page, answers, &self.allow_missing))
            }
        };
        let runtime = Arc::new(Runtime { info, kind });
        *state = State::Ready(Arc::clone(&runtime));
        Ok(runtime)
    }

    /// What answers a runtime's pages in place of the network, made if it is missing, and its address.
    fn mirror(&self, definition: &Definition) -> Result<(Arc<dyn Answers>, Option<String>), GlassError> {
        let Some(plan) = MirrorPlan::of(definition, &self.cache)? else { return Ok((Arc::new(NoAnswers), None)) };
        let stored = ensure_mirror(&plan, &self.cache, &mut |line| (self.say)(line))?;
        let mirror = Mirror::open(&stored.folder)?;
        let digest = mirror.digest();
        Ok((Arc::new(mirror), Some(digest)))
    }

    /// The configuration of an interpreter's pool, for benchmarks and tests that start workers themselves.
    ///
    /// # Errors
    /// As for a job; [`GlassError::NoRuntime`] where the runtime is no interpreter.
    pub fn pool_config(&self, runtime: &str, policy: &Policy) -> Result<PoolConfig, GlassError> {
        match &self.runtime(runtime)?.kind {
            Kind::Interpreter(interpreter) => interpreter.config(policy),
            Kind::Browser(_) | Kind::Drawing(_) => Err(GlassError::NoRuntime { runtime: runtime.to_owned() }),
        }
    }
}
