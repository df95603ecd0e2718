//! `glasshouse judge` on a real run, with a tiny model: both ways, killed, gone on with, and with samples that show nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/command.rs"]
mod command;
#[path = "../../src/judge/tests/parity/oracle.rs"]
#[allow(dead_code, reason = "what the models' own tests compare with")]
mod oracle;
#[path = "../common/python.rs"]
mod python;
#[path = "../../src/judge/tests/endpoint/server.rs"]
#[allow(dead_code, reason = "what the judge's own tests need")]
mod server;
mod servers;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use command::{Done, lines, run_with};
use serde_json::{Value, json};

/// Charts that are all different, but for the last, which is the first again; and rows that show nothing to judge.
const CHARTS: usize = 14;

/// A row whose chart is as high in the middle as is said.
fn chart(at: usize, high: usize) -> Value {
    let code = format!(
        "import matplotlib.pyplot as plt\nplt.figure(figsize=(1.5, 1))\nplt.bar([1, 2, 3], [3, {high}, 2])\nplt.savefig('a.png')\n"
    );
    json!({"id": format!("chart-{at}"), "code": code, "instruction": format!("Three bars, the second {high} high.")})
}

fn rows() -> String {
    let mut rows: Vec<Value> = (0..CHARTS).map(|at| chart(at, at % (CHARTS - 1))).collect();
    rows.push(json!({"id": "broken", "code": "raise KeyError", "instruction": "Anything."}));
    rows.push(json!({"id": "silent", "code": "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.savefig('a.png')"}));
    lines(&rows)
}

fn judge(out: &Path, model: &Path, more: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glasshouse"));
    command.arg("judge").arg(out).arg("--model").arg(model).arg("--no-progress").args(more);
    command.env("GLASSHOUSE_JUDGE_REASONING", "4");
    command.args(["--step-tokens", "256", "--cache-tokens", "12800"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// As [`ended`], and in a failure with what is said of the first record.
fn ended_with(child: Child, code: i32, out: &Path) -> String {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(code), "{said} {:?}", rewards(out).first());
    said
}

fn ended(child: Child, code: i32) -> String {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(code), "{said}");
    said
}

fn rewards(out: &Path) -> Vec<Value> {
    let text = fs::read_to_string(out.join("rewards.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The run's folder without what a judge has left there.
fn fresh(done: &Done) {
    for name in ["rewards.jsonl", "rewards.sqlite", "rewards.sqlite-wal", "rewards.sqlite-shm"] {
        let _ = fs::remove_file(done.out().join(name));
    }
}

/// How many rewards are recorded, while or after a judge is at work.
fn recorded(out: &Path) -> u64 {
    let open = || {
        rusqlite::Connection::open_with_flags(out.join("rewards.sqlite"), rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
    };
    let count = |database: rusqlite::Connection| {
        database.query_row("SELECT COUNT(*) FROM rewards", [], |row| row.get::<_, i64>(0))
    };
    open().and_then(count).map_or(0, |count| count as u64)
}

/// Kills a judge when it has recorded some of so many rewards, and gives how many there are.
fn killed(mut child: Child, out: &Path, all: u64) -> u64 {
    while recorded(out) < 3 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = recorded(out);
    assert!((3..all).contains(&before), "{before}");
    before
}

#[test]
fn a_run_is_judged_both_ways_and_a_killed_judge_goes_on() {
    let Some(models) = oracle::references() else { return };
    let model = models.join(oracle::VISION[0]);
    let done = run_with(&rows(), &["--workers", "2", "--runtime", "python"]);
    let out = &done.out();
    let rubric = tempfile::NamedTempFile::new().unwrap();
    fs::write(rubric.path(), oracle::RUBRIC).unwrap();
    let rubric = rubric.path().to_str().unwrap();
    for way in ["score-only", "reasoned"] {
        let said = ended(judge(out, &model, &["--way", way, "--rubric", rubric]), 0);
        assert!(said.contains("judged     13") && said.contains("found      1 "), "{said}");
        let whole = rewards(out);
        assert_eq!(whole.len(), CHARTS + 2);
        let by = |id: &str| whole.iter().find(|line| line["id"] == id).unwrap();
        assert!(by("broken")["skipped"].as_str().unwrap().contains("runtime_error"));
        assert!(by("silent")["skipped"].as_str().unwrap().contains("instruction"));
        for line in whole.iter().filter(|line| line["id"].as_str().unwrap().starts_with("chart")) {
            let reward = &line["reward"];
            let scores = reward["scores"].as_object().unwrap();
            assert_eq!(scores.len(), 2, "{line}");
            let mean = scores.values().map(|score| score.as_f64().unwrap()).sum::<f64>() / 2.0;
            assert!((reward["total"].as_f64().unwrap() - mean).abs() < 1e-9, "{line}");
            assert_eq!(reward["by"]["way"], way.replace('-', "_"));
            assert_eq!(reward["spreads"].is_array(), way == "score-only", "{line}");
            assert_eq!(reward["reasoning"].is_string(), way == "reasoned", "{line}");
        }
        assert_eq!(by("chart-0")["reward"], by(&format!("chart-{}", CHARTS - 1))["reward"]);

        // Nothing is left to do, and nothing is done.
        let said = ended(judge(out, &model, &["--way", way, "--rubric", rubric]), 0);
        assert!(said.contains("judged     0") && said.contains("before     14"), "{said}");

        // Killed in the middle, and then the rest.
        fresh(&done);
        let child = judge(out, &model, &["--way", way, "--rubric", rubric]);
        let before = killed(child, out, 13);
        let said = ended(judge(out, &model, &["--way", way, "--rubric", rubric]), 0);
        assert!(said.contains(&format!("judged     {}", 13 - before)), "{before}: {said}");
        for (ours, theirs) in rewards(out).iter().zip(&whole) {
            let total = |line: &Value| line["reward"]["total"].as_f64();
            let close = total(ours).zip(total(theirs)).is_none_or(|(ours, theirs)| (ours - theirs).abs() < 1e-4);
            assert!(close && ours["id"] == theirs["id"], "{ours} {theirs}");
        }
        fresh(&done);
    }
}

#[test]
fn what_cannot_be_judged_with_is_said() {
    let Some(models) = oracle::references() else { return };
    let model = models.join(oracle::VISION[0]);
    let row = json!({"id": "one", "code": "print(1)", "instruction": "Say 1."});
    let done = run_with(&lines(&[row]), &["--runtime", "python"]);
    let empty = tempfile::tempdir().unwrap();
    let said = ended(judge(&done.out(), empty.path(), &[]), 3);
    assert!(said.contains("--model") && said.contains("config.json"), "{said}");
    let said = ended(judge(empty.path(), &model, &[]), 3);
    assert!(said.contains("journal.sqlite is missing"), "{said}");
    let said = ended(judge(&done.out(), &model, &["--rubric", "beauty"]), 2);
    assert!(said.contains("no such rubric") && said.contains("chart-edit"), "{said}");
    // There is no picture, so there is nothing to judge; code alone can be judged.
    let said = ended(judge(&done.out(), &model, &[]), 0);
    assert!(said.contains("skipped    1: "), "{said}");
}
