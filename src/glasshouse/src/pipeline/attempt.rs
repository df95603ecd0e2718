//! One job, from its runs to its answer: run, take out, judge.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use glasshouse_capture::{Collected, Harvester, Inputs};
use glasshouse_model::{
    Artifact, BackendInfo, CaptureKind, Cause, ErrorInfo, Fault, Job, Limits, Outcome, Phases, Policy, Stream, Test, Usage, Verdict,
};
use glasshouse_sandbox::{Exit, RunReport, RunRequest};

use super::compare;
use super::stream::stream;
use crate::verdict::{Evidence, TestOutcome, judge, signal_name};

/// What executes one run behind glass.
pub trait Runner: Send {
    /// Runs to the end; every process of the run is dead when this returns.
    fn run(&mut self, policy: &Policy, request: &RunRequest) -> Result<RunReport, Fault>;

    /// What confines the runs under this policy.
    fn backend(&self, policy: &Policy) -> BackendInfo;
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

impl Collector for Harvester {
    fn collect(
        &self,
        work: OwnedFd,
        captures: OwnedFd,
        inputs: &Inputs<'_>,
        limits: &Limits,
    ) -> Result<Collected, Fault> {
        Self::collect(self, work, captures, inputs, limits)
    }
}

/// What is true of a job: all of a record but the row's own part.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Verdict and cause, or fault.
    pub outcome: Outcome,
    /// Exit status of the run that decided.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<String>,
    /// Its uncaught error.
    pub error: Option<ErrorInfo>,
    /// What it printed.
    pub stdout: Stream,
    /// What it printed to stderr.
    pub stderr: Stream,
    /// Used by all runs of the job: times and bytes together, peaks at their highest.
    pub usage: Usage,
    /// The stages of all runs together.
    pub phases: Phases,
    /// What the first run showed.
    pub artifacts: Vec<Artifact>,
}

impl Answer {
    /// The answer where we failed: nothing is known of the code.
    pub fn fault(fault: Fault) -> Self {
        Self {
            outcome: Outcome::Fault(fault),
            exit_code: None,
            signal: None,
            error: None,
            stdout: Stream::default(),
            stderr: Stream::default(),
            usage: Usage::default(),
            phases: Phases::default(),
            artifacts: Vec::new(),
        }
    }
}

/// Runs a job, once for each of its tests, until one run gives another verdict than `ok`.
pub fn answer(job: &Job, runner: &mut dyn Runner, collector: &dyn Collector) -> Result<Answer, Fault> {
    let mut whole = first_run(job, runner, collector)?;
    for index in 1..job.tests.len() {
        if !matches!(whole.outcome, Outcome::Verdict { verdict: Verdict::Ok, .. }) {
            break;
        }
        let next = one_run(job, index, &[], runner, collector)?;
        whole = joined(whole, next);
    }
    Ok(whole)
}

fn first_run(job: &Job, runner: &mut dyn Runner, collector: &dyn Collector) -> Result<Answer, Fault> {
    one_run(job, 0, &job.capture, runner, collector)
}

/// One run: with the test of that index, if the job has tests.
fn one_run(
    job: &Job,
    index: usize,
    capture: &[CaptureKind],
    runner: &mut dyn Runner,
    collector: &dyn Collector,
) -> Result<Answer, Fault> {
    let test = job.tests.get(index);
    let report = runner.run(&job.policy, &request(job, test))?;
    let mut inputs: BTreeMap<&str, &[u8]> =
        job.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    let RunReport { work, captures, script, .. } = report;
    inputs.insert(&script, job.code.as_bytes());
    let collected = collector.collect(work, captures, &inputs, &job.policy.limits)?;
    // Later runs of the same program show the same pictures: those of the first are the row's.
    let artifacts = if index == 0 { collected.artifacts } else { Vec::new() };
    let tests = match test {
        Some(test) => {
            outcome_of_test(test, index, job.tests.len(), report.exit, report.test_passed, &report.stdout.kept, collected.error.as_ref())
        }
        None => TestOutcome::NotJudged,
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
        capture,
        tests: &tests,
    });
    let kept = job.policy.limits.output_kept;
    let (exit_code, signal) = match report.exit {
        Exit::Code(code) => (Some(code), None),
        Exit::Signal(number) => (None, Some(signal_name(number))),
    };
    Ok(Answer {
        outcome: Outcome::Verdict { verdict, cause },
        exit_code,
        signal,
        error: collected.error,
        stdout: stream(&report.stdout, kept),
        stderr: stream(&report.stderr, kept),
        usage: report.usage,
        phases: Phases {
            queue: 0.0,
            lease: report.timing.lease,
            start: report.timing.start,
            run: report.timing.run,
            harvest: report.timing.stop + collected.harvest_seconds,
            check: collected.check_seconds,
        },
        artifacts,
    })
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
        limits,
    }
}

fn outcome_of_test(
    test: &Test,
    index: usize,
    count: usize,
    exit: Exit,
    test_passed: Option<bool>,
    printed: &[u8],
    error: Option<&ErrorInfo>,
) -> TestOutcome {
    match (test, exit, test_passed) {
        (Test::Output { stdout, .. }, Exit::Code(0), _) => match compare::first_difference(stdout.as_bytes(), printed) {
            None => TestOutcome::Held,
            Some(difference) => TestOutcome::Failed(compare::cause(index, count, "stdout", &difference)),
        },
        (Test::Code { .. }, Exit::Code(0), Some(true)) => TestOutcome::Held,
        (Test::Code { .. }, Exit::Code(0), None) => {
            let message = "the program left before the test could run";
            TestOutcome::Failed(compare::cause(index, count, "not_reached", message))
        }
        (Test::Code { .. }, _, Some(false)) => TestOutcome::Failed(failed_code(index, count, error)),
        // The program itself failed: its own verdict holds.
        _ => TestOutcome::NotJudged,
    }
}

fn failed_code(index: usize, count: usize, error: Option<&ErrorInfo>) -> Cause {
    let message = match error {
        Some(error) if error.message.is_empty() => error.kind.clone(),
        Some(error) => format!("{}: {}", error.kind, error.message.lines().next().unwrap_or_default()),
        None => "the test code did not run to its end".to_owned(),
    };
    compare::cause(index, count, "test_code", &message)
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
    Answer { usage, phases: sum(before.phases, now.phases), artifacts: before.artifacts, ..now }
}

#[cfg(test)]
mod tests;
