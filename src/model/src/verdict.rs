//! What is true of a sample's code.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The one statement that Glasshouse makes about a sample. Only the supervisor writes it.
///
/// The order of the variants is the order of precedence when several are true of one run: a script
/// that ran out of memory and then raised is `MemoryLimitExceeded`, not `RuntimeError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The kernel killed something for memory inside the job's cgroup, or an allocation limit was met.
    MemoryLimitExceeded,
    /// The deadline passed; the cause tells whether on the wall clock or in processor time.
    TimeLimitExceeded,
    /// A fork or thread was refused at the limit on processes.
    ProcessLimitExceeded,
    /// stdout and stderr together grew past the limit.
    OutputLimitExceeded,
    /// The job's private disk was full, in bytes or in files.
    DiskLimitExceeded,
    /// The main process died by a signal that was not ours.
    Signaled,
    /// The code failed on something that the policy forbids (network, files, system calls).
    Denied,
    /// The code raised, or left with an exit status other than zero.
    RuntimeError,
    /// A picture or file that the code wrote cannot be what it claims to be.
    InvalidArtifact,
    /// A capture that the row asks for did not appear.
    NoArtifact,
    /// Every picture is blank: all its pixels are one colour.
    BlankArtifact,
    /// The code ran, and a test of the row did not hold.
    WrongAnswer,
    /// The code ran to its end and showed what was asked for.
    Ok,
}

impl Verdict {
    /// All verdicts, in order of precedence.
    pub const ALL: [Self; 13] = [
        Self::MemoryLimitExceeded,
        Self::TimeLimitExceeded,
        Self::ProcessLimitExceeded,
        Self::OutputLimitExceeded,
        Self::DiskLimitExceeded,
        Self::Signaled,
        Self::Denied,
        Self::RuntimeError,
        Self::InvalidArtifact,
        Self::NoArtifact,
        Self::BlankArtifact,
        Self::WrongAnswer,
        Self::Ok,
    ];

    /// The name in records, such as `time_limit_exceeded`.
    pub fn name(self) -> &'static str {
        match self {
            Self::MemoryLimitExceeded => "memory_limit_exceeded",
            Self::TimeLimitExceeded => "time_limit_exceeded",
            Self::ProcessLimitExceeded => "process_limit_exceeded",
            Self::OutputLimitExceeded => "output_limit_exceeded",
            Self::DiskLimitExceeded => "disk_limit_exceeded",
            Self::Signaled => "signaled",
            Self::Denied => "denied",
            Self::RuntimeError => "runtime_error",
            Self::InvalidArtifact => "invalid_artifact",
            Self::NoArtifact => "no_artifact",
            Self::BlankArtifact => "blank_artifact",
            Self::WrongAnswer => "wrong_answer",
            Self::Ok => "ok",
        }
    }

    /// The exit code of `glasshouse exec` for this verdict (docs/contract.md lists them).
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::RuntimeError => 10,
            Self::Signaled => 11,
            Self::TimeLimitExceeded => 12,
            Self::MemoryLimitExceeded => 13,
            Self::ProcessLimitExceeded => 14,
            Self::OutputLimitExceeded => 15,
            Self::DiskLimitExceeded => 16,
            Self::Denied => 17,
            Self::NoArtifact => 18,
            Self::BlankArtifact => 19,
            Self::InvalidArtifact => 20,
            Self::WrongAnswer => 21,
        }
    }

    /// Reads a name back.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What exactly stood behind a verdict: a short, stable code and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// A stable word to group by: `wall`, `cpu`, `network`, `exit_status`, `SIGSEGV`, `NameError`.
    pub code: String,
    /// One sentence with the figures.
    pub message: String,
}

impl Cause {
    /// A cause from its code and its sentence.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_serde_and_unique_codes() {
        let mut codes = Vec::new();
        for verdict in Verdict::ALL {
            let json = serde_json::to_string(&verdict).unwrap();
            assert_eq!(json, format!("\"{}\"", verdict.name()));
            assert_eq!(Verdict::from_name(verdict.name()), Some(verdict));
            codes.push(verdict.exit_code());
        }
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Verdict::ALL.len());
    }

    #[test]
    fn ok_has_the_lowest_precedence() {
        assert_eq!(Verdict::ALL.into_iter().max(), Some(Verdict::Ok));
        assert!(Verdict::MemoryLimitExceeded < Verdict::RuntimeError);
    }
}
