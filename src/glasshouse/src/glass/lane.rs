//! One worker's place: what it has running, whatever the runtime of the next job.

use std::collections::BTreeMap;
use std::sync::Arc;

use glasshouse_capture::Harvester;
use glasshouse_model::{BackendInfo, Fault, FaultKind, Job, RuntimeInfo};

use super::browser::BrowserRunner;
use super::drawings::DrawerRunner;
use super::interpreter::PoolRunner;
use super::{Glass, Kind};
use crate::pipeline::{Answer, Drawings, Executor, Interpreted, Pages};

/// Runs one job after another, each in its runtime.
pub(super) struct Lane {
    glass: Glass,
    harvester: Arc<Harvester>,
    runtimes: BTreeMap<String, (RuntimeInfo, Box<dyn Executor>)>,
    /// The runtime of the last job, whose next job is got ready for.
    last: Option<String>,
}

impl Lane {
    pub(super) fn new(glass: Glass, harvester: Arc<Harvester>) -> Self {
        Self { glass, harvester, runtimes: BTreeMap::new(), last: None }
    }

    fn executor(&mut self, name: &str) -> Result<&mut Box<dyn Executor>, Fault> {
        if !self.runtimes.contains_key(name) {
            let runtime = self.glass.runtime(name).map_err(|error| Fault::new(FaultKind::Start, error.to_string()))?;
            let harvester = Arc::clone(&self.harvester);
            let executor: Box<dyn Executor> = match &runtime.kind {
                Kind::Interpreter(interpreter) => {
                    Box::new(Interpreted::new(PoolRunner::new(interpreter.clone()), harvester))
                }
                Kind::Browser(browsers) => Box::new(Pages::new(BrowserRunner::new(browsers.clone()), harvester)),
                Kind::Drawing(drawers) => Box::new(Drawings::new(DrawerRunner::new(drawers), harvester)),
            };
            self.runtimes.insert(name.to_owned(), (runtime.info.clone(), executor));
        }
        let found = self.runtimes.get_mut(name).map(|(_, executor)| executor);
        found.ok_or_else(|| Fault::new(FaultKind::Start, format!("runtime {name:?} is not set up")))
    }
}

impl Executor for Lane {
    fn answer(&mut self, job: &Job) -> Result<Answer, Fault> {
        self.last = Some(job.runtime.clone());
        self.executor(&job.runtime)?.answer(job)
    }

    fn get_ready(&mut self) {
        if let Some((_, executor)) = self.last.as_ref().and_then(|name| self.runtimes.get_mut(name)) {
            executor.get_ready();
        }
    }

    fn runtime(&self, job: &Job) -> RuntimeInfo {
        self.runtimes.get(&job.runtime).map(|(info, _)| info.clone()).unwrap_or_default()
    }

    fn backend(&self, job: &Job) -> BackendInfo {
        self.runtimes.get(&job.runtime).map(|(_, executor)| executor.backend(job)).unwrap_or_default()
    }
}
