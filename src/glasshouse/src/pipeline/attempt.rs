//! One job, from its runs to its answer: run, take out, judge.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use glasshouse_capture::{Collected, Harvester, Inputs};
use glasshouse_model::scenes::SceneRequest;
use glasshouse_model::{BackendInfo, ErrorInfo, Fault, Job, Limits, Outcome, Phases, Test, Usage, Verdict};
use glasshouse_sandbox::{Exit, RunReport, RunRequest};
use serde_json::{Value, json};

use super::compare;
use super::executor::{Answer, Executor};
use super::figures::{PageShower, Shown};
use super::stream::stream;
use super::vectors::VectorDrawer;
use crate::verdict::{Evidence, TestOutcome, is_unread, judge, signal_name};

/// What executes one run behind glass.
pub trait Runner: Send {
    /// Runs `request`, which is one run of `job`, to the end; every process of the run is dead when this returns.
    fn run(&mut self, job: &Job, request: &RunRequest) -> Result<RunReport, Fault>;

    /// Makes the next run's start ready. Called when the answer is handed on and nobody waits; a run does without it,
    /// later by what this takes.
    fn get_ready(&mut self) {}

    /// What confines the runs of this job.
    fn backend(&self, job: &Job) -> BackendInfo;
}

/// What takes captures and files out of a run that is over.
pub trait Collector: Send + Sync {
    /// Reads both folders, checks and stores what is in them.
    fn collect(
        &self,
        work: OwnedFd,
        captures: OwnedFd,
        inputs: &Inputs<'_>,
        limits: &Limits,
    ) -> Result<Collected, Fault>;
}

impl Collector for Arc<Harvester> {
    fn collect(
        &self,
        work: OwnedFd,
        captures: OwnedFd,
        inputs: &Inputs<'_>,
        limits: &Limits,
    ) -> Result<Collected, Fault> {
        Harvester::collect(self, work, captures, inputs, limits)
    }
}

/// Answers the jobs of an interpreter.
pub struct Interpreted<R, C, S> {
    runner: R,
    collector: C,
    shower: S,
    documents: Option<Box<dyn VectorDrawer>>,
}

impl<R: Runner, C: Collector, S: PageShower> Interpreted<R, C, S> {
    /// An executor that runs by `runner`, takes out by `collector`, and shows figures that are pages by `shower`.
    pub fn new(runner: R, collector: C, shower: S) -> Self {
        Self { runner, collector, shower, documents: None }
    }

    /// The same, and documents that programs write are drawn page by page: by the collector, or by `drawer` if they are SVG.
    pub fn drawing_documents(self, drawer: Box<dyn VectorDrawer>) -> Self {
        Self { documents: Some(drawer), ..self }
    }
}

impl<R: Runner, C: Collector, S: PageShower> Executor for Interpreted<R, C, S> {
    fn answer(&mut self, job: &Job) -> Result<Answer, Fault> {
        let Self { runner, collector, shower, documents } = self;
        answer(job, &mut Parts { runner, collector, shower, documents: documents.as_mut() })
    }

    fn get_ready(&mut self) {
        self.runner.get_ready();
        self.shower.get_ready();
    }

    fn backend(&self, job: &Job) -> BackendInfo {
        self.runner.backend(job)
    }
}

/// What has a part in a run.
struct Parts<'a> {
    runner: &'a mut dyn Runner,
    collector: &'a dyn Collector,
    shower: &'a mut dyn PageShower,
    documents: Option<&'a mut Box<dyn VectorDrawer>>,
}

/// The work folder as a program sees it.
const WORK: &str = "/work";
/// How tracebacks name the code of a test: Python's compiler is given this name, R's driver writes it.
const TEST_FRAME: &str = "\"<tests>\"";

/// Runs a job, once for each of its tests, until one run gives another verdict than `ok`.
fn answer(job: &Job, parts: &mut Parts<'_>) -> Result<Answer, Fault> {
    let mut whole = one_run(job, 0, parts)?;
    for index in 1..job.tests.len() {
        if !matches!(whole.outcome, Outcome::Verdict { verdict: Verdict::Ok, .. }) {
            break;
        }
        whole = joined(whole, one_run(job, index, parts)?);
    }
    Ok(whole)
}

/// One run: with the test of that index, if the job has tests.
fn one_run(job: &Job, index: usize, parts: &mut Parts<'_>) -> Result<Answer, Fault> {
    let report = parts.runner.run(job, &request(job, job.tests.get(index)))?;
    let inputs = inputs(job, &report.script, parts.documents.is_some());
    let collected = parts.collector.collect(report.work, report.captures, &inputs, &job.policy.limits)?;
    let tests = job.tests.get(index).map_or(TestOutcome::NotJudged, |test| {
        let ended = Ended { exit: report.exit, test_passed: report.test_passed, printed: &report.stdout.kept };
        outcome_of_test(test, (index, job.tests.len()), &ended, collected.error.as_ref())
    });
    // Later runs of the same program show the same pictures: those of the first are the row's.
    let first = index == 0;
    let mut artifacts = if first { collected.artifacts } else { Vec::new() };
    let shown = match collected.pages {
        pages if first && !pages.is_empty() => parts.shower.show(job, pages, &mut artifacts)?,
        _ => Shown::default(),
    };
    let drawn = match &mut parts.documents {
        Some(drawer) if first && !collected.vectors.is_empty() => {
            drawer.draw(job, collected.vectors, &mut artifacts)?
        }
        _ => Shown::default(),
    };
    let (verdict, cause) = judge(&Evidence {
        exit: report.exit,
        stop: report.stop,
        oom_kills: report.oom_kills,
        refused_forks: report.refused_forks,
        disk: report.disk,
        usage: report.usage,
        limits: &job.policy.limits,
        stdout_bytes: report.stdout.total,
        output_bytes: report.stdout.total + report.stderr.total,
        error: collected.error.as_ref(),
        chain: &collected.error_chain,
        artifacts: &artifacts,
        missing: collected.missing.as_deref().filter(|_| first),
        capture: if first { &job.capture } else { &[] },
        tests: &tests,
    });
    let kept = job.policy.limits.output_kept;
    let (exit_code, signal) = match report.exit {
        Exit::Code(code) => (Some(code), None),
        Exit::Signal(number) => (None, Some(signal_name(number))),
    };
    let timing = report.timing;
    let harvest = timing.stop + collected.harvest_seconds + shown.seconds + drawn.seconds;
    let check = collected.check_seconds + shown.check_seconds + drawn.check_seconds;
    Ok(Answer {
        outcome: Outcome::Verdict { verdict, cause },
        exit_code,
        signal,
        error: collected.error,
        stdout: stream(&report.stdout, kept),
        stderr: stream(&report.stderr, kept),
        usage: report.usage,
        phases: Phases { queue: 0.0, lease: timing.lease, start: timing.start, run: timing.run, harvest, check },
        artifacts,
        console: Vec::new(),
        requests: Vec::new(),
        refused: Vec::new(),
        versions: shown.versions,
    })
}

/// What lies in the work folder before the program runs, which is no artifact while it stays as it is.
fn inputs<'a>(job: &'a Job, script: &'a str, drawn: bool) -> Inputs<'a> {
    let files = job.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
    Inputs { folder: WORK, files: files.chain([(script, job.code.as_bytes())]).collect(), drawn }
}

fn request(job: &Job, test: Option<&Test>) -> RunRequest {
    let mut limits = job.policy.limits.clone();
    let (stdin, test_code) = match test {
        Some(Test::Output { stdin, .. }) => {
            // The comparison needs all that was printed; the record is cut later.
            limits.output_kept = limits.output_kept.max(limits.output);
            (stdin.clone().into_bytes(), None)
        }
        Some(Test::Code { code }) => (job.stdin.clone(), Some(code.clone())),
        None => (job.stdin.clone(), None),
    };
    RunRequest {
        code: job.code.clone(),
        files: job.files.clone(),
        stdin,
        args: job.args.clone(),
        test_code,
        seed: job.seed,
        options: if job.scenes == SceneRequest::default() { Value::Null } else { json!(job.scenes) },
        limits,
    }
}

/// What of a run's end matters to its test.
struct Ended<'a> {
    exit: Exit,
    test_passed: Option<bool>,
    printed: &'a [u8],
}

/// What came of the test at `place` (its index, and how many there are).
fn outcome_of_test(test: &Test, place: (usize, usize), ended: &Ended<'_>, error: Option<&ErrorInfo>) -> TestOutcome {
    let failed = |code: &str, why: &str| TestOutcome::Failed(compare::cause(place.0, place.1, code, why));
    // What could not be read has not been tested, whatever the rest of it did.
    if error.is_some_and(is_unread) {
        return TestOutcome::NotJudged;
    }
    match (test, ended.exit) {
        (Test::Output { stdout, .. }, Exit::Code(0)) => {
            match compare::first_difference(stdout.as_bytes(), ended.printed) {
                None => TestOutcome::Held,
                Some(difference) => failed("stdout", &difference),
            }
        }
        (Test::Code { .. }, Exit::Code(0)) if ended.test_passed == Some(true) => TestOutcome::Held,
        (Test::Code { .. }, Exit::Code(0)) => failed("not_reached", "the program left before the test ran to its end"),
        (Test::Code { .. }, Exit::Code(_)) => match error.filter(|error| error.traceback.contains(TEST_FRAME)) {
            Some(error) => failed("test_code", &said(error)),
            None => TestOutcome::NotJudged,
        },
        // The program itself failed: its own verdict holds.
        _ => TestOutcome::NotJudged,
    }
}

fn said(error: &ErrorInfo) -> String {
    let message = error.message.lines().next().unwrap_or_default();
    if message.is_empty() { error.kind.clone() } else { format!("{}: {message}", error.kind) }
}

/// The answer after one more run of the same job.
fn joined(before: Answer, now: Answer) -> Answer {
    let sum = |a: Phases, b: Phases| Phases {
        queue: a.queue + b.queue,
        lease: a.lease + b.lease,
        start: a.start + b.start,
        run: a.run + b.run,
        harvest: a.harvest + b.harvest,
        check: a.check + b.check,
    };
    let usage = Usage {
        wall: before.usage.wall + now.usage.wall,
        cpu: before.usage.cpu + now.usage.cpu,
        memory_peak: before.usage.memory_peak.max(now.usage.memory_peak),
        processes: before.usage.processes.max(now.usage.processes),
        bytes_written: before.usage.bytes_written + now.usage.bytes_written,
    };
    let (artifacts, versions) = (before.artifacts, before.versions);
    Answer { usage, phases: sum(before.phases, now.phases), artifacts, versions, ..now }
}

#[cfg(test)]
mod tests;
