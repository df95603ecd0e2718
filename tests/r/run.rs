//! Rows through the command.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// A run that has ended.
pub(crate) struct Done {
    folder: tempfile::TempDir,
    /// In the order of the rows.
    pub(crate) records: Vec<Value>,
}

/// Runs rows to their end.
pub(crate) fn run(rows: &[Value], arguments: &[&str]) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("rows.jsonl"), folder.path().join("out"));
    fs::write(&path, rows.iter().map(|row| format!("{row}\n")).collect::<String>()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_glasshouse"));
    command.arg("run").arg(path).arg("-o").arg(&out).args(["--no-progress", "--no-report"]).args(arguments);
    let status = command.stdin(Stdio::null()).status().unwrap();
    assert!(status.success(), "{status}");
    let text = fs::read_to_string(out.join("records.jsonl")).unwrap();
    let mut records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    records.sort_by_key(|record| record["row"].as_u64());
    Done { folder, records }
}

impl Done {
    /// The record of the row with this id.
    pub(crate) fn record(&self, id: &str) -> &Value {
        self.records.iter().find(|record| record["id"] == id).unwrap_or_else(|| panic!("no record of {id}"))
    }

    /// The bytes of an artifact.
    pub(crate) fn bytes(&self, artifact: &Value) -> Vec<u8> {
        let hash = serde_json::from_value(json!(artifact["hash"])).unwrap();
        let path: PathBuf = glasshouse_dataset::artifact_path(&self.folder.path().join("out/artifacts"), &hash);
        fs::read(path).unwrap()
    }
}

/// Verdict and cause.
pub(crate) fn said(record: &Value) -> String {
    let cause = record["cause"]["code"].as_str().unwrap_or_default();
    format!("{} {cause}", record["verdict"].as_str().unwrap_or("fault")).trim_end().to_owned()
}

/// How many pictures there are that were drawn of files, each of which must be whole.
pub(crate) fn figures(record: &Value) -> usize {
    let artifacts = record["artifacts"].as_array().unwrap();
    let whole = |artifact: &&Value| artifact["kind"] == "figure" && artifact["problem"].is_null();
    artifacts.iter().filter(whole).count() + artifacts.iter().filter(|artifact| written_png(artifact)).count()
}

fn written_png(artifact: &Value) -> bool {
    artifact["kind"] == "image" && artifact["media_type"] == "image/png"
}
