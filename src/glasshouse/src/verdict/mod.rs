//! From evidence to verdict: one pure function, and nothing else in Glasshouse writes verdicts.
//!
//! What comes from inside a sandbox (an error's type, an errno) can only say how a program that
//! failed has failed. Whether it failed, what it used and what it left behind is what the supervisor
//! saw itself. One thing an engine tells and its status does not: that a program could not be read.

mod checks;
mod drawing;
mod headline;
mod page;
mod signals;

use glasshouse_capture::ErrorLink;
use glasshouse_model::{Artifact, CaptureKind, Cause, ErrorInfo, Limits, Usage, Verdict};
use glasshouse_sandbox::{Disk, Exit, Stop};

pub use checks::is_unread;
pub use drawing::{DrawingEvidence, drawing_error, judge_drawing};
pub use page::{PageEvidence, judge_page, page_error, went_astray};
pub use signals::signal_name;

/// What came of a row's tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TestOutcome {
    /// The row has no tests, or the program itself failed before they could tell anything.
    #[default]
    NotJudged,
    /// Every test held.
    Held,
    /// A test did not hold, and why.
    Failed(Cause),
}

/// All that is known of a run.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// How the main process ended.
    pub exit: Exit,
    /// Why we ended it, if we did.
    pub stop: Option<Stop>,
    /// Kills by the kernel for memory.
    pub oom_kills: u64,
    /// Forks refused at the limit.
    pub refused_forks: u64,
    /// The private disk at the end.
    pub disk: Disk,
    /// What was used.
    pub usage: Usage,
    /// What could be used.
    pub limits: &'a Limits,
    /// Bytes written to stdout.
    pub stdout_bytes: u64,
    /// Bytes written to stdout and stderr.
    pub output_bytes: u64,
    /// The uncaught error, if the program left one.
    pub error: Option<&'a ErrorInfo>,
    /// That error and those it came from.
    pub chain: &'a [ErrorLink],
    /// What the run showed, already checked.
    pub artifacts: &'a [Artifact],
    /// What the row asks for of a film that it does not have.
    pub missing: Option<&'a str>,
    /// The captures that the row insists on.
    pub capture: &'a [CaptureKind],
    /// What came of the tests.
    pub tests: &'a TestOutcome,
}

impl Evidence<'_> {
    /// Whether the program itself ended badly, whatever it says about why.
    fn failed(&self) -> bool {
        // A failed test leaves a status other than zero too, but that says nothing about the program.
        let badly = self.exit != Exit::Code(0) || self.error.is_some_and(checks::is_unread);
        badly && !matches!(self.tests, TestOutcome::Failed(_))
    }
}

/// A check: the cause, if its verdict is true of the run.
type Check = fn(&Evidence<'_>) -> Option<Cause>;

/// Every verdict but `ok`, in order of precedence, with the check that finds it.
const CHECKS: [(Verdict, Check); 12] = [
    (Verdict::MemoryLimitExceeded, checks::memory),
    (Verdict::TimeLimitExceeded, checks::time),
    (Verdict::ProcessLimitExceeded, checks::processes),
    (Verdict::OutputLimitExceeded, checks::output),
    (Verdict::DiskLimitExceeded, checks::disk),
    (Verdict::Signaled, checks::signaled),
    (Verdict::Denied, checks::denied),
    (Verdict::RuntimeError, checks::runtime_error),
    (Verdict::InvalidArtifact, checks::invalid_artifact),
    (Verdict::NoArtifact, checks::no_artifact),
    (Verdict::BlankArtifact, checks::blank_artifact),
    (Verdict::WrongAnswer, checks::wrong_answer),
];

/// The verdict, and what stood behind it unless it is `ok`.
pub fn judge(evidence: &Evidence<'_>) -> (Verdict, Option<Cause>) {
    for (verdict, check) in CHECKS {
        if let Some(cause) = check(evidence) {
            return (verdict, Some(cause));
        }
    }
    (Verdict::Ok, None)
}

#[cfg(test)]
mod tests;
