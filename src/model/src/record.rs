//! The row's answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::page::{ConsoleLine, Refused, Request};
use crate::{Cause, Digest, Fault, Verdict};

/// What came of a row: a verdict on the code, or a fault of ours, never both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "OutcomeFields", try_from = "OutcomeFields")]
pub enum Outcome {
    /// The sample was judged.
    Verdict {
        /// What is true of the code.
        verdict: Verdict,
        /// What stood behind it; absent for `ok`.
        cause: Option<Cause>,
    },
    /// We failed; the sample was not judged.
    Fault(Fault),
}

/// The three JSON fields in which an [`Outcome`] is written.
#[derive(Serialize, Deserialize)]
struct OutcomeFields {
    verdict: Option<Verdict>,
    cause: Option<Cause>,
    #[serde(default)]
    fault: Option<Fault>,
}

impl From<Outcome> for OutcomeFields {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Verdict { verdict, cause } => Self { verdict: Some(verdict), cause, fault: None },
            Outcome::Fault(fault) => Self { verdict: None, cause: None, fault: Some(fault) },
        }
    }
}

impl TryFrom<OutcomeFields> for Outcome {
    type Error = &'static str;

    fn try_from(fields: OutcomeFields) -> Result<Self, Self::Error> {
        match (fields.verdict, fields.fault) {
            (Some(verdict), None) => Ok(Self::Verdict { verdict, cause: fields.cause }),
            (None, Some(fault)) => Ok(Self::Fault(fault)),
            _ => Err("expected either a verdict or a fault"),
        }
    }
}

/// The row's answer: one line of `records.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The row's id.
    pub id: String,
    /// The row's place in the dataset, counted from 0.
    pub row: u64,
    /// Hash of everything that can change the result.
    pub job: Digest,
    /// Verdict and cause, or fault.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What ran it.
    pub runtime: RuntimeInfo,
    /// What confined it.
    pub backend: BackendInfo,
    /// The main process's exit status, if it exited.
    pub exit_code: Option<i32>,
    /// The signal that ended it, such as `SIGSEGV`, if one did.
    pub signal: Option<String>,
    /// The uncaught error, if there was one.
    pub error: Option<ErrorInfo>,
    /// What it wrote to its standard output.
    pub stdout: Stream,
    /// What it wrote to its standard error.
    pub stderr: Stream,
    /// What it used.
    pub usage: Usage,
    /// Where the time went.
    pub phases: Phases,
    /// What it showed, in order of appearance.
    pub artifacts: Vec<Artifact>,
    /// What a page wrote to its console, uncaught errors included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub console: Vec<ConsoleLine>,
    /// Every request of a page, and who answered it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Request>,
    /// What a page tried that is never let through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// The seed that `random` and NumPy's global generator got.
    pub seed: u64,
    /// The row's own columns, untouched; one whose name is a field above is found as `input_<name>`.
    #[serde(flatten)]
    pub columns: Map<String, Value>,
}

impl Record {
    /// The fields of a record: row columns of these names are kept as `input_<name>`.
    pub const FIELDS: [&'static str; 21] = [
        "id",
        "row",
        "job",
        "verdict",
        "cause",
        "fault",
        "runtime",
        "backend",
        "exit_code",
        "signal",
        "error",
        "stdout",
        "stderr",
        "usage",
        "phases",
        "artifacts",
        "console",
        "requests",
        "refused",
        "seed",
        "scores",
    ];

    /// The columns of a row under the names that they have in its record.
    pub fn columns_of_row(columns: Map<String, Value>) -> Map<String, Value> {
        let renamed = |name: String| if Self::FIELDS.contains(&name.as_str()) { format!("input_{name}") } else { name };
        // The id is the record's own field with the same value, so it is not repeated.
        columns.into_iter().filter(|(name, _)| name != "id").map(|(name, value)| (renamed(name), value)).collect()
    }

    /// The verdict, if the sample was judged.
    pub fn verdict(&self) -> Option<Verdict> {
        match &self.outcome {
            Outcome::Verdict { verdict, .. } => Some(*verdict),
            Outcome::Fault(_) => None,
        }
    }
}

/// Which runtime ran the job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuntimeInfo {
    /// `python`.
    pub name: String,
    /// Hash of the image's definition.
    pub image: String,
    /// Versions of what matters: `python`, `matplotlib`, ...
    pub versions: BTreeMap<String, String>,
}

/// What confined the job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BackendInfo {
    /// `native`.
    pub name: String,
    /// The layers in force, such as `seccomp` or `landlock:7`.
    pub layers: Vec<String>,
    /// The layers that were missing and that the user allowed by name to be missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// An uncaught error, as the interpreter saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorInfo {
    /// The exception's type, such as `ValueError`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its text.
    pub message: String,
    /// The line of the program in which it happened, counted from 1.
    pub line: Option<u64>,
    /// The traceback without our own frames and folders.
    pub traceback: String,
}

/// One output stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// The text; bytes that are not UTF-8 are shown as U+FFFD here and kept in `base64`.
    pub text: String,
    /// The exact bytes, where they are not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// Bytes that were written in all.
    pub bytes: u64,
    /// Whether less is kept than was written.
    pub truncated: bool,
}

/// What a run used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Seconds on the clock, from the fork to the last process's end.
    pub wall: f64,
    /// Seconds of processor time, all processes.
    pub cpu: f64,
    /// Highest memory use in bytes, all processes and the private disk.
    pub memory_peak: u64,
    /// Most processes and threads at one time; 0 where the host cannot tell.
    pub processes: u64,
    /// Bytes on the private disk at the end.
    pub bytes_written: u64,
}

/// Seconds in each stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// From being read to having a worker.
    pub queue: f64,
    /// From having a worker to having a cell and a zygote ready.
    pub lease: f64,
    /// From asking for the child to its first instruction of the program.
    pub start: f64,
    /// The program itself.
    pub run: f64,
    /// Ending what is left and taking the outputs out.
    pub harvest: f64,
    /// Decoding and checking pictures.
    pub check: f64,
}

/// What kind of thing an artifact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactKind {
    /// A figure, rendered by us from the state that the script showed, saved or left open.
    Figure,
    /// A page as it was shown.
    Screenshot,
    /// A picture file that the script wrote.
    Image,
    /// A moving picture that the script wrote.
    Video,
    /// A page or vector document that the script wrote (PDF, SVG, EPS, HTML), or a page's own document at its end.
    Document,
    /// Any other file that the script wrote.
    File,
}

/// One thing that a run showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Artifact {
    /// `figure-1.png` for our captures, the path in the work folder for files.
    pub name: String,
    /// What it is.
    pub kind: ArtifactKind,
    /// Such as `image/png`, from the bytes, not from the name.
    pub media_type: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Content address; absent if the bytes were not taken (see `problem`).
    pub hash: Option<Digest>,
    /// Pixels, if it is a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels, if it is a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Seconds, if it moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// Frames, if it moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// Whether all its pixels are one colour, if that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blank: Option<bool>,
    /// Why it cannot be what it claims to be, or why it was not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// How it came about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Facts about the figure (docs/contract.md).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Value>,
}

/// How an artifact came about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// `savefig`, `show`, `open` (left open at the end), `animation`.
    pub call: String,
    /// The path that the script gave, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The format that the script asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The line of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_a_verdict_or_a_fault() {
        let text = r#"{"verdict": null, "cause": null}"#;
        assert!(serde_json::from_str::<Outcome>(text).is_err());
        let ok = Outcome::Verdict { verdict: Verdict::Ok, cause: None };
        let json = serde_json::to_string(&ok).unwrap();
        assert_eq!(json, r#"{"verdict":"ok","cause":null,"fault":null}"#);
        assert_eq!(serde_json::from_str::<Outcome>(&json).unwrap(), ok);
    }

    #[test]
    fn columns_that_would_hide_a_field_are_renamed() {
        let columns: Map<String, Value> = serde_json::from_str(r#"{"id": 1, "verdict": "good", "x": 2}"#).unwrap();
        let kept = Record::columns_of_row(columns);
        assert_eq!(Value::Object(kept), serde_json::json!({"input_verdict": "good", "x": 2}));
    }
}
