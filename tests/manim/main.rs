//! Manim end to end, through the command: verdicts, films, frames out of them, and the plain `manim` command of the same root.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/command.rs"]
mod command;
mod fidelity;
mod films;
mod isolation;
mod plain;
#[path = "../common/root.rs"]
mod root;
#[path = "../common/words.rs"]
#[allow(dead_code, reason = "here words are compared line by line only")]
mod words;

use command::{Done, fixtures, run};
use serde_json::Value;
use std::sync::LazyLock;

/// The fixtures, run once for all tests.
static DONE: LazyLock<Done> = LazyLock::new(|| run(&fixtures("manim")));

#[test]
fn programs_get_the_verdicts_that_they_must_get() {
    let rows = fixtures("manim");
    let mut wrong = DONE.unexpected(&rows);
    for line in rows.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let record = DONE.record(row["id"].as_str().unwrap());
        for (said, actual) in [
            (&row["error"]["message"], &record["error"]["message"]),
            (&row["error"]["line"], &record["error"]["line"]),
            (&row["exit_code"], &record["exit_code"]),
        ] {
            if !said.is_null() && said != actual {
                wrong.push(format!("{}: expected {said}, got {actual} ({})", row["id"], record["cause"]));
            }
        }
        if let Some(said) = row["stdout_has"].as_str()
            && !record["stdout"]["text"].as_str().unwrap().contains(said)
        {
            wrong.push(format!("{}: {said:?} is not in {}", row["id"], record["stdout"]["text"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let record = DONE.record("tex");
    let layers = record["backend"]["layers"].to_string();
    assert!(layers.contains("seccomp") && layers.contains("landlock"), "{layers}");
    assert!(record["runtime"]["image"].is_string() && record["runtime"]["versions"]["manim"] == "0.22.0", "{record}");
}

#[test]
fn errors_of_tex_are_told_with_what_tex_said_and_was_given() {
    let message = |id: &str| DONE.record(id)["error"]["message"].as_str().unwrap().to_owned();
    let undefined = message("tex-error");
    assert!(undefined.starts_with("! Undefined control sequence."), "{undefined}");
    assert!(undefined.contains("\\begin{align*}") && undefined.contains("\\notthere"), "{undefined}");
    assert!(message("tex-package").starts_with("! LaTeX Error: File `notthere.sty' not found."));
    let cause = DONE.record("tex-package")["cause"]["message"].as_str().unwrap();
    assert!(cause.contains("notthere.sty") && cause.contains("images/manim/runtime.toml"), "{cause}");
    let record = DONE.record("raises");
    let (traceback, stderr) = (record["error"]["traceback"].to_string(), record["stderr"]["text"].to_string());
    assert!(traceback.contains("main.py") && !traceback.contains("/opt/glasshouse"), "{traceback}");
    assert!(stderr.contains("main.py") && !stderr.contains("glasshouse"), "{stderr}");
}
