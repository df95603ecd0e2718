//! One worker's place: what it has running, whatever the runtime of the next job.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use glasshouse_capture::Harvester;
use glasshouse_model::{BackendInfo, Fault, FaultKind, Job, RuntimeInfo};

use super::browser::BrowserRunner;
use super::drawings::DrawerRunner;
use super::interpreter::PoolRunner;
use super::{Glass, GlassError, Kind};
use crate::pipeline::{Answer, Browser, Drawings, Executor, Figures, Interpreted, Pages, Vectors};
use crate::resources::leaves_pages;

/// Runs one job after another, each in its runtime.
pub(super) struct Lane {
    glass: Glass,
    harvester: Arc<Harvester>,
    runtimes: BTreeMap<String, (RuntimeInfo, Box<dyn Executor>)>,
    seats: Seats,
    /// The runtime of the last job, whose next job is got ready for.
    last: Option<String>,
}

/// The lane's browsers by runtime: one for pages of rows and for figures of programs alike.
#[derive(Clone, Default)]
struct Seats(Arc<Mutex<BTreeMap<String, Arc<Mutex<BrowserRunner>>>>>);

/// A browser, and what records say of its runtime.
type Seat = (RuntimeInfo, Arc<Mutex<BrowserRunner>>);

impl Seats {
    /// The runtime's browser, which starts with its first page. `None`: the runtime has none.
    fn browser(&self, glass: &Glass, name: &str) -> Result<Option<Seat>, GlassError> {
        let runtime = glass.runtime(name)?;
        let Kind::Browser(browsers) = &runtime.kind else { return Ok(None) };
        let mut seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Arc::new(Mutex::new(BrowserRunner::new(browsers.clone())));
        let browser = Arc::clone(seats.entry(name.to_owned()).or_insert_with(make));
        Ok(Some((runtime.info.clone(), browser)))
    }

    /// A browser for figures of programs of `runtime`. The image of what shows them is built when this is first asked for.
    fn for_figures(&self, glass: &Glass, runtime: &str) -> Result<Browser, GlassError> {
        let wrong = |message: String| GlassError::Figures { runtime: runtime.to_owned(), message };
        let pages = leaves_pages(runtime).map_err(wrong)?;
        let pages = pages.ok_or_else(|| wrong(format!("images/{runtime}/figures.toml does not say by what")))?;
        let found = self.browser(glass, &pages.runtime)?;
        let (info, browser) = found.ok_or_else(|| wrong(format!("runtime {:?} has no browser", pages.runtime)))?;
        Ok((info, Box::new(browser)))
    }
}

impl Lane {
    pub(super) fn new(glass: Glass, harvester: Arc<Harvester>) -> Self {
        Self { glass, harvester, runtimes: BTreeMap::new(), seats: Seats::default(), last: None }
    }

    fn executor(&mut self, name: &str) -> Result<&mut Box<dyn Executor>, Fault> {
        if !self.runtimes.contains_key(name) {
            let made = self.make(name).map_err(start)?;
            self.runtimes.insert(name.to_owned(), made);
        }
        let found = self.runtimes.get_mut(name).map(|(_, executor)| executor);
        found.ok_or_else(|| Fault::new(FaultKind::Start, format!("runtime {name:?} is not set up")))
    }

    fn make(&self, name: &str) -> Result<(RuntimeInfo, Box<dyn Executor>), GlassError> {
        let harvester = Arc::clone(&self.harvester);
        if let Some((info, browser)) = self.seats.browser(&self.glass, name)? {
            return Ok((info, Box::new(Pages::new(browser, harvester))));
        }
        let runtime = self.glass.runtime(name)?;
        let info = runtime.info.clone();
        let interpreter = match &runtime.kind {
            Kind::Interpreter(interpreter) => interpreter,
            Kind::Drawing(drawers) => {
                return Ok((info, Box::new(Drawings::new(DrawerRunner::new(drawers), harvester))));
            }
            Kind::Browser(_) => return Err(GlassError::NoRuntime { runtime: name.to_owned() }),
        };
        let (seats, glass, of) = (self.seats.clone(), self.glass.clone(), name.to_owned());
        let find = move || seats.for_figures(&glass, &of).map_err(start);
        let figures = Figures::new(find, Arc::clone(&harvester));
        let runner = PoolRunner::new(interpreter.clone());
        let interpreted = Interpreted::new(runner, Arc::clone(&harvester), figures);
        Ok((
            info,
            match interpreter.drawers() {
                Some(drawers) => {
                    let vectors = Vectors::new(DrawerRunner::new(drawers), harvester);
                    Box::new(interpreted.drawing_documents(Box::new(vectors)))
                }
                None => Box::new(interpreted),
            },
        ))
    }
}

fn start(error: GlassError) -> Fault {
    Fault::new(FaultKind::Start, error.to_string())
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
