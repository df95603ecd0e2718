//! Rows through the command, and what it leaves behind.

#![allow(dead_code, reason = "each test target uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use image::RgbaImage;
use serde_json::Value;

/// The lines of `fixtures/NAME.jsonl`.
pub(crate) fn fixtures(name: &str) -> String {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    fs::read_to_string(fixtures.join(format!("{name}.jsonl"))).unwrap()
}

/// Rows as lines of JSON.
pub(crate) fn lines(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

/// `glasshouse run ROWS -o OUT` with two workers.
pub(crate) fn start(rows: &Path, out: &Path) -> Child {
    start_with(rows, out, &["--workers", "2"])
}

fn start_with(rows: &Path, out: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glasshouse"));
    command.arg("run").arg(rows).arg("-o").arg(out).args(["--no-progress", "--no-report"]).args(arguments);
    command.stdin(Stdio::null()).spawn().unwrap()
}

/// The records of a run, by the rows' ids.
pub(crate) fn records(out: &Path) -> BTreeMap<String, Value> {
    let text = fs::read_to_string(out.join("records.jsonl")).unwrap();
    let record = |line: &str| -> Value { serde_json::from_str(line).unwrap() };
    text.lines().map(record).map(|record| (record["id"].as_str().unwrap().to_owned(), record)).collect()
}

/// A run that ended well.
pub(crate) struct Done {
    folder: tempfile::TempDir,
    /// By the rows' ids.
    pub(crate) records: BTreeMap<String, Value>,
    /// `faults.jsonl`: what went wrong on our side on the way.
    pub(crate) faults: String,
}

/// Runs rows to their end, with two workers.
pub(crate) fn run(rows: &str) -> Done {
    run_with(rows, &["--workers", "2"])
}

/// Runs rows to their end, with these arguments.
pub(crate) fn run_with(rows: &str, arguments: &[&str]) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("rows.jsonl"), folder.path().join("out"));
    fs::write(&path, rows).unwrap();
    let status = start_with(&path, &out, arguments).wait().unwrap();
    let faults = fs::read_to_string(out.join("faults.jsonl")).unwrap_or_default();
    assert!(status.success(), "{status}: {faults}");
    Done { records: records(&out), folder, faults }
}

impl Done {
    /// The run's folder.
    pub(crate) fn out(&self) -> std::path::PathBuf {
        self.folder.path().join("out")
    }

    /// The record of the row `id`.
    pub(crate) fn record(&self, id: &str) -> &Value {
        &self.records[id]
    }

    /// The verdict, and after it the cause's code where there is one.
    pub(crate) fn said(&self, id: &str) -> String {
        let record = self.record(id);
        let cause = record["cause"]["code"].as_str().unwrap_or_default();
        format!("{} {cause}", record["verdict"].as_str().unwrap_or("fault")).trim_end().to_owned()
    }

    /// Which of these rows did not get the verdict, and the cause if one is told, that their `expect` and `expect_cause` tell.
    pub(crate) fn unexpected(&self, rows: &str) -> Vec<String> {
        let unexpected = |line: &str| {
            let row: Value = serde_json::from_str(line).unwrap();
            let record = self.record(row["id"].as_str().unwrap());
            let cause = row.get("expect_cause").is_none_or(|cause| *cause == record["cause"]["code"]);
            let (expected, got, why) = (&row["expect"], &record["verdict"], &record["cause"]);
            (expected != got || !cause).then(|| format!("{}: expected {expected}, got {got} {why}", row["id"]))
        };
        rows.lines().filter_map(unexpected).collect()
    }

    /// The artifact of this name.
    pub(crate) fn artifact(&self, id: &str, name: &str) -> &Value {
        let artifacts = self.record(id)["artifacts"].as_array().unwrap();
        let found = artifacts.iter().find(|artifact| artifact["name"] == name);
        found.unwrap_or_else(|| panic!("no {name}: {artifacts:#?}"))
    }

    /// The names of the artifacts.
    pub(crate) fn names(&self, id: &str) -> Vec<&str> {
        self.record(id)["artifacts"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
    }

    /// Width and height that the record tells of a picture.
    pub(crate) fn size(&self, id: &str, name: &str) -> (u64, u64) {
        let artifact = self.artifact(id, name);
        (artifact["width"].as_u64().unwrap(), artifact["height"].as_u64().unwrap())
    }

    /// What is stored of an artifact.
    pub(crate) fn bytes(&self, id: &str, name: &str) -> Vec<u8> {
        let hash = serde_json::from_value(self.artifact(id, name)["hash"].clone()).unwrap();
        fs::read(glasshouse_dataset::artifact_path(&self.folder.path().join("out/artifacts"), &hash)).unwrap()
    }

    /// A picture, decoded.
    pub(crate) fn picture(&self, id: &str, name: &str) -> RgbaImage {
        image::load_from_memory(&self.bytes(id, name)).unwrap().to_rgba8()
    }
}
