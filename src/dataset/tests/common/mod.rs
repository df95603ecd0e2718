//! What the tests of OUT folders share.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use glasshouse_dataset::{BadRow, FaultLine, OpenMode, Place, RunFolder, RunIdentity, RunReader};
use glasshouse_model::{
    BackendInfo, Cause, Digest, ErrorInfo, Fault, FaultKind, Outcome, Phases, Record, RuntimeInfo, Stream, Usage,
    Verdict,
};

pub fn identity() -> RunIdentity {
    RunIdentity { fingerprint: "f".into(), dataset: "rows.jsonl".into(), ..RunIdentity::default() }
}

pub fn open(out: &Path) -> RunFolder {
    RunFolder::open(out, &identity(), OpenMode::Resume).unwrap()
}

pub fn job(number: u64) -> Digest {
    Digest::of(&number.to_le_bytes())
}

/// A record that depends on the row alone; its size varies with the row.
pub fn record(row: u64) -> Record {
    let verdict = Verdict::ALL[(row % 13) as usize];
    let failed = verdict != Verdict::Ok;
    Record {
        id: format!("id-{row}"),
        row,
        job: job(row),
        outcome: Outcome::Verdict { verdict, cause: failed.then(|| Cause::new("code", "why")) },
        runtime: RuntimeInfo { name: "python".into(), ..RuntimeInfo::default() },
        backend: BackendInfo::default(),
        exit_code: Some(0),
        signal: None,
        error: failed.then(ErrorInfo::default),
        stdout: Stream { text: "é\n".repeat((row * 31 % 97) as usize), ..Stream::default() },
        stderr: Stream::default(),
        usage: Usage::default(),
        phases: Phases::default(),
        artifacts: Vec::new(),
        console: Vec::new(),
        requests: Vec::new(),
        refused: Vec::new(),
        seed: row,
        columns: serde_json::from_str(r#"{"code": "print(1)", "n": [1, null]}"#).unwrap(),
    }
}

pub fn faulted(row: u64) -> Record {
    Record { outcome: Outcome::Fault(Fault::new(FaultKind::Worker, "it died")), ..record(row) }
}

pub fn fault(row: u64, attempt: u32) -> FaultLine {
    FaultLine::now(row, format!("id-{row}"), Some(job(row)), attempt, &Fault::new(FaultKind::Worker, "it died"))
}

pub fn bad(row: u64) -> BadRow {
    BadRow {
        index: row,
        id: Some(format!("id-{row}")),
        place: Place { file: Arc::from("rows.jsonl"), line: row + 1 },
        message: "it is bad".into(),
        next: "make it good".into(),
    }
}

/// All that a folder has recorded: rows of records, of bad rows, and of failed attempts, each checked against the counts
/// and against the files as anyone else reads them.
pub fn contents(out: &Path) -> (Vec<Record>, Vec<u64>, Vec<u64>) {
    let reader = RunReader::open(out).unwrap();
    let records: Vec<_> = reader.records().unwrap().collect::<Result<_, _>>().unwrap();
    let bad: Vec<_> = reader.bad_rows().unwrap().map(|line| line.unwrap().row).collect();
    let faults: Vec<_> = reader.faults().unwrap().map(|line| line.unwrap().row).collect();
    let counts = reader.counts();
    assert_eq!((counts.records(), counts.bad_rows), (records.len() as u64, bad.len() as u64));
    assert_eq!(counts.failed_attempts, faults.len() as u64);
    (records, bad, faults)
}

/// The lines of `records.jsonl` as they lie there, in the order of their rows.
pub fn plain_lines(out: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(out.join("records.jsonl")).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let row = |line: &String| serde_json::from_str::<Record>(line).unwrap().row;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_by_key(row);
    lines
}
