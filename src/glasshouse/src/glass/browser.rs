//! Browsers: each in a sandbox of its own, one for each lane, one page at a time in it.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use glasshouse_images::Image;
use glasshouse_model::{BackendInfo, Fault, FaultKind, Job, Policy, Requirement, Usage};
use glasshouse_sandbox::{Ended, ProgramConfig, Programs, RunningProgram};
use glasshouse_web::{
    Answers, BrowserProcess, ChromeSandbox, Death, Host, PageJob, PageReport, Pipes, Recycling, Renderer, WebError,
    switches,
};

use super::GlassError;
use super::terms::terms;
use crate::pipeline::PageRunner;

/// The seccomp profile of a browser: a policy's own is for programs of the sample, which a page is not.
const PROFILE: &str = "browser";
/// What the browser itself needs beside a page: its processes and their threads.
const OWN_PROCESSES: u64 = 448;
/// Its memory.
const OWN_MEMORY: u64 = 512 << 20;
/// Its profile folder.
const OWN_DISK: u64 = 256 << 20;
const OWN_FILES: u64 = 4096;
/// Where its profile lies, on the sandbox's own disk.
const PROFILE_FOLDER: &str = "/home/sample/profile";

/// What is fixed when a browser starts: layers, and the limits of its cgroup and its disk.
type Key = (Vec<Requirement>, [u64; 4]);

/// What shows the pages of one runtime.
#[derive(Clone)]
pub(super) struct Browsers {
    image: Image,
    program: String,
    page: String,
    answers: Arc<dyn Answers>,
    allow_missing: Vec<Requirement>,
    started: Arc<Mutex<BTreeMap<Key, Arc<Programs>>>>,
}

impl Browsers {
    /// Browsers of an image, whose requests `answers` answers.
    pub(super) fn new(
        image: Image,
        program: &str,
        page: &str,
        answers: Arc<dyn Answers>,
        allow_missing: &[Requirement],
    ) -> Self {
        let (program, page) = (program.to_owned(), page.to_owned());
        Self { image, program, page, answers, allow_missing: allow_missing.to_vec(), started: Arc::default() }
    }

    /// What starts browsers under a policy.
    pub(super) fn programs(&self, policy: &Policy) -> Result<Arc<Programs>, GlassError> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(programs) = started.get(&key(policy)) {
            return Ok(Arc::clone(programs));
        }
        let programs = Arc::new(Programs::new(self.config(policy)?)?);
        started.insert(key(policy), Arc::clone(&programs));
        Ok(programs)
    }

    fn config(&self, policy: &Policy) -> Result<ProgramConfig, GlassError> {
        let mut limits = policy.limits.clone();
        limits.processes += OWN_PROCESSES;
        limits.memory += OWN_MEMORY;
        limits.disk += OWN_DISK;
        limits.files += OWN_FILES;
        let mut command = vec![self.program.clone()];
        command.extend(switches(ChromeSandbox::On));
        command.push(format!("--user-data-dir={PROFILE_FOLDER}"));
        let policy = Policy { seccomp: PROFILE.to_owned(), ..policy.clone() };
        Ok(ProgramConfig {
            root: self.image.root.clone(),
            command,
            environment: self.image.spec.env.clone(),
            limits,
            terms: terms(&policy, &self.allow_missing)?,
        })
    }
}

fn key(policy: &Policy) -> Key {
    let limits = &policy.limits;
    (policy.require.clone(), [limits.memory, limits.processes, limits.disk, limits.files])
}

/// A renderer with one browser, which it changes for another when a job has other limits.
pub(super) struct BrowserRunner {
    browsers: Browsers,
    current: Option<(Key, Arc<Jail>, Renderer)>,
}

impl BrowserRunner {
    pub(super) fn new(browsers: Browsers) -> Self {
        Self { browsers, current: None }
    }

    fn renderer(&mut self, policy: &Policy) -> Result<(&Jail, &mut Renderer), Fault> {
        let key = key(policy);
        let current = match self.current.take() {
            Some(current) if current.0 == key => current,
            other => {
                drop(other);
                let start = |error: GlassError| Fault::new(FaultKind::Start, error.to_string());
                let programs = self.browsers.programs(policy).map_err(start)?;
                let jail = Arc::new(Jail { programs, current: Mutex::default() });
                let host: Arc<dyn Host> = Arc::clone(&jail) as Arc<dyn Host>;
                let renderer = Renderer::new(host, Arc::clone(&self.browsers.answers), Recycling::default());
                (key, jail, renderer)
            }
        };
        let (_, jail, renderer) = self.current.insert(current);
        Ok((jail, renderer))
    }
}

impl PageRunner for BrowserRunner {
    fn page(&self) -> String {
        self.browsers.page.clone()
    }

    fn render(&mut self, job: &Job, page: &PageJob) -> Result<(PageReport, Usage), Fault> {
        let (jail, renderer) = self.renderer(&job.policy)?;
        let before = jail.cpu();
        let report = renderer.render(page).map_err(fault)?;
        let usage = jail.usage_since(before);
        Ok((report, usage))
    }

    fn get_ready(&mut self) {
        if let Some((_, _, renderer)) = &mut self.current {
            // No page is lost: the next one waits for a browser, or gets the fault that keeps it from one.
            let _ = renderer.get_ready();
        }
    }

    fn backend(&self, job: &Job) -> BackendInfo {
        self.browsers.programs(&job.policy).map(|programs| programs.backend().clone()).unwrap_or_default()
    }
}

fn fault(error: WebError) -> Fault {
    let kind = if matches!(error, WebError::Launch(_)) { FaultKind::Start } else { FaultKind::Worker };
    Fault::new(kind, error.to_string())
}

/// Starts browsers behind glass.
struct Jail {
    programs: Arc<Programs>,
    /// The browser that was started last.
    current: Mutex<Weak<RunningProgram>>,
}

impl Jail {
    fn running(&self) -> Option<Arc<RunningProgram>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    /// The browser that runs now, and the processor time that it has used.
    fn cpu(&self) -> Option<(Arc<RunningProgram>, f64)> {
        let running = self.running()?;
        let cpu = running.usage().cpu;
        Some((running, cpu))
    }

    /// What one page used: of the browser that was there before it, or else of the one that was started for it.
    fn usage_since(&self, before: Option<(Arc<RunningProgram>, f64)>) -> Usage {
        let Some((running, cpu)) = before.or_else(|| self.running().map(|running| (running, 0.0))) else {
            return Usage::default();
        };
        let mut usage = running.usage();
        usage.cpu -= cpu;
        // The peak is of the browser's whole life. What it holds now is closer to this page, unless it is dead.
        if running.ended().is_none() {
            usage.memory_peak = running.memory();
        }
        usage
    }
}

impl Host for Jail {
    fn launch(&self) -> Result<Box<dyn BrowserProcess>, WebError> {
        let running = self.programs.start().map_err(|fault| WebError::Launch(fault.message))?;
        let running = Arc::new(running);
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&running);
        Ok(Box::new(Jailed { running, ended: None }))
    }
}

/// A browser behind glass.
struct Jailed {
    running: Arc<RunningProgram>,
    ended: Option<Ended>,
}

impl BrowserProcess for Jailed {
    fn pipes(&mut self) -> Option<Pipes> {
        let (commands, messages) = self.running.take_pipes()?;
        Some(Pipes { commands: OwnedFd::from(commands), messages: OwnedFd::from(messages) })
    }

    fn kill(&mut self) {
        self.running.kill();
    }

    fn memory(&self) -> Option<u64> {
        Some(self.running.memory()).filter(|bytes| *bytes > 0)
    }

    fn cpu(&self) -> Option<f64> {
        Some(self.running.usage().cpu).filter(|seconds| *seconds > 0.0)
    }

    fn memory_kills(&self) -> u64 {
        self.running.oom_kills()
    }

    fn death(&mut self) -> Option<Death> {
        self.ended = self.ended.or_else(|| self.running.ended());
        let how = match self.ended? {
            Ended::Code(code) => format!("exit status {code}"),
            Ended::Signal(signal) => format!("signal {signal}"),
            Ended::Killed => "its sandbox killed".to_owned(),
        };
        Some(Death { how, last_words: "set GLASSHOUSE_VERBOSE=1 to see what it says".to_owned() })
    }
}

impl Drop for Jailed {
    fn drop(&mut self) {
        // Whoever looks at its usage may hold it a moment longer.
        self.running.kill();
    }
}
