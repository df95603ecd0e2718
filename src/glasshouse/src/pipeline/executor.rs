//! What brings a job to its answer, whatever the runtime.

use std::collections::BTreeMap;

use glasshouse_model::page::{ConsoleLine, Refused, Request};
use glasshouse_model::{Artifact, BackendInfo, ErrorInfo, Fault, Job, Outcome, Phases, RuntimeInfo, Stream, Usage};
use serde::{Deserialize, Serialize};

/// Runs jobs, one after the other, from their code to what is true of them.
pub trait Executor: Send {
    /// The answer to a job. A fault says that we failed; nothing of the job is alive afterwards either way.
    fn answer(&mut self, job: &Job) -> Result<Answer, Fault>;

    /// Makes the next job's start ready. Called when an answer is handed on and nobody waits; a job does without
    /// it, later by what this takes.
    fn get_ready(&mut self) {}

    /// What records say of the runtime of a job that was answered; of itself an executor knows no more than its name.
    fn runtime(&self, job: &Job) -> RuntimeInfo {
        RuntimeInfo { name: job.runtime.clone(), ..RuntimeInfo::default() }
    }

    /// What confined a job that was answered.
    fn backend(&self, job: &Job) -> BackendInfo;
}

/// What is true of a job: all of a record but the row's own part.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// What a page wrote to its console.
    pub console: Vec<ConsoleLine>,
    /// A page's requests.
    pub requests: Vec<Request>,
    /// What a page tried that is never let through.
    pub refused: Vec<Refused>,
    /// Versions of what had a part in the answer beside the job's own runtime.
    pub versions: BTreeMap<String, String>,
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
            console: Vec::new(),
            requests: Vec::new(),
            refused: Vec::new(),
            versions: BTreeMap::new(),
        }
    }
}
