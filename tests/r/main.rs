//! R end to end, through the command: verdicts, pictures, what a program sees, and the plain `Rscript` of the same root.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/command.rs"]
mod command;
#[path = "../common/expected.rs"]
mod expected;
mod fidelity;
mod plain;
#[path = "../common/root.rs"]
mod root;
mod sight;
#[path = "../common/words.rs"]
mod words;

use command::{fixtures, run};

#[test]
fn programs_get_the_verdicts_that_they_must_get() {
    let rows = fixtures("r");
    let done = run(&rows);
    let wrong = expected::differences(&rows, &done);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let (_, first) = done.records.first_key_value().unwrap();
    let layers = first["backend"]["layers"].to_string();
    assert!(layers.contains("seccomp") && layers.contains("landlock"), "{layers}");
    assert!(first["runtime"]["versions"]["ggplot2"].is_string());
}

#[test]
fn a_package_that_is_not_there_is_named_with_the_place_of_the_list() {
    let row = serde_json::json!({"id": "x", "runtime": "r", "code": "library(notthere)"});
    let done = run(&format!("{row}\n"));
    let cause = done.record("x")["cause"]["message"].as_str().unwrap();
    assert!(cause.contains("notthere") && cause.contains("images/r/runtime.toml"), "{cause}");
}
