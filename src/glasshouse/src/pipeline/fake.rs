//! A runner and a collector that answer as a test wants.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Mutex;

use glasshouse_capture::{Collected, FigurePage, Inputs};
use glasshouse_model::{Artifact, BackendInfo, Digest, Fault, Job, Limits, PolicySet, Usage};
use glasshouse_sandbox::{Disk, Exit, Output, RunReport, RunRequest, Timing};

use super::attempt::{Collector, Runner};
use super::figures::{PageShower, Shown};

/// A small program under the default policy.
pub(crate) fn job() -> Job {
    let mut policies = PolicySet::default();
    policies.add("default", "").unwrap();
    Job {
        runtime: "python".into(),
        image: Digest::of(b"image"),
        code: "print(6)".into(),
        files: BTreeMap::new(),
        stdin: Vec::new(),
        args: Vec::new(),
        tests: Vec::new(),
        capture: Vec::new(),
        policy: policies.get("default").unwrap(),
        seed: 1,
        page: Default::default(),
        drawing: Default::default(),
        scenes: Default::default(),
    }
}

/// A report of a run that printed `stdout` and left with status 0.
pub(crate) fn report(stdout: &str) -> RunReport {
    let output = |text: &str| Output { kept: text.as_bytes().to_vec(), total: text.len() as u64 };
    let folder = || OwnedFd::from(std::fs::File::open("/").unwrap());
    RunReport {
        exit: Exit::Code(0),
        stop: None,
        oom_kills: 0,
        refused_forks: 0,
        disk: Disk::default(),
        stdout: output(stdout),
        stderr: output(""),
        usage: Usage { wall: 1.0, cpu: 0.5, memory_peak: 100, processes: 1, bytes_written: 0 },
        timing: Timing { lease: 0.1, start: 0.2, run: 1.0, stop: 0.3 },
        test_passed: None,
        work: folder(),
        captures: folder(),
        script: "main.py".to_owned(),
    }
}

/// Answers with a function of the request.
pub(crate) struct FakeRunner<F>(pub(crate) F);

impl<F: FnMut(&RunRequest) -> Result<RunReport, Fault> + Send> Runner for FakeRunner<F> {
    fn run(&mut self, _job: &Job, request: &RunRequest) -> Result<RunReport, Fault> {
        (self.0)(request)
    }

    fn backend(&self, _job: &Job) -> BackendInfo {
        BackendInfo { name: "fake".to_owned(), ..BackendInfo::default() }
    }
}

/// Gives what it was told to give, once, then nothing.
#[derive(Default)]
pub(crate) struct FakeCollector(pub(crate) Mutex<Option<Collected>>);

impl Collector for FakeCollector {
    fn collect(&self, _: OwnedFd, _: OwnedFd, _: &Inputs<'_>, _: &Limits) -> Result<Collected, Fault> {
        Ok(self.0.lock().unwrap().take().unwrap_or_else(nothing))
    }
}

/// Nothing was taken out.
pub(crate) fn nothing() -> Collected {
    Collected { harvest_seconds: 0.01, check_seconds: 0.02, ..Collected::default() }
}

/// Is never given a page.
pub(crate) struct NoPages;

impl PageShower for NoPages {
    fn show(&mut self, _: &Job, pages: Vec<FigurePage>, _: &mut [Artifact]) -> Result<Shown, Fault> {
        panic!("nobody left a page: {pages:?}");
    }
}
