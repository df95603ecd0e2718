//! R end to end, through the command: verdicts, pictures, what a program sees, and the plain `Rscript` of the same root.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/command.rs"]
mod command;
mod fidelity;
mod plain;
#[path = "../common/root.rs"]
mod root;
mod sight;

use std::collections::BTreeMap;

use command::{Done, fixtures, run};
use serde_json::Value;

#[test]
fn programs_get_the_verdicts_that_they_must_get() {
    let rows = fixtures("r");
    let done = run(&rows);
    let wrong: Vec<String> =
        rows.lines().flat_map(|row| differences(&serde_json::from_str(row).unwrap(), &done)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let (_, first) = done.records.first_key_value().unwrap();
    let layers = first["backend"]["layers"].to_string();
    assert!(layers.contains("seccomp") && layers.contains("landlock"), "{layers}");
    assert!(first["runtime"]["versions"]["ggplot2"].is_string());
}

/// What of a row's record is other than the row says.
fn differences(row: &Value, done: &Done) -> Vec<String> {
    let id = row["id"].as_str().unwrap();
    let record = done.record(id);
    let mut expected = BTreeMap::from([("verdict", Value::from(expected_verdict(row)))]);
    let mut seen = BTreeMap::from([("verdict", Value::from(done.said(id)))]);
    for (name, actual) in [
        ("stdout", &record["stdout"]["text"]),
        ("stderr", &record["stderr"]["text"]),
        ("exit_code", &record["exit_code"]),
    ] {
        if !row[name].is_null() {
            expected.insert(name, row[name].clone());
            seen.insert(name, actual.clone());
        }
    }
    for name in ["message", "line"] {
        if !row["error"][name].is_null() {
            expected.insert(name, row["error"][name].clone());
            seen.insert(name, record["error"][name].clone());
        }
    }
    if !row["pictures"].is_null() {
        expected.insert("pictures", row["pictures"].clone());
        seen.insert("pictures", figures(record).into());
    }
    let differs = |name: &&&str| expected[**name] != seen[**name];
    let keys: Vec<&str> = expected.keys().copied().collect();
    let tell =
        |name: &&str| format!("{id}: {name}: expected {}, got {} ({})", expected[*name], seen[*name], record["cause"]);
    keys.iter().filter(|name| differs(name)).map(tell).collect()
}

fn expected_verdict(row: &Value) -> String {
    [row["expect"].as_str(), row["expect_cause"].as_str()]
        .map(Option::unwrap_or_default)
        .join(" ")
        .trim_end()
        .to_owned()
}

#[test]
fn a_package_that_is_not_there_is_named_with_the_place_of_the_list() {
    let row = serde_json::json!({"id": "x", "runtime": "r", "code": "library(notthere)"});
    let done = run(&format!("{row}\n"));
    let cause = done.record("x")["cause"]["message"].as_str().unwrap();
    assert!(cause.contains("notthere") && cause.contains("images/r/runtime.toml"), "{cause}");
}

/// How many pictures there are that were drawn of files, each of which must be whole.
fn figures(record: &Value) -> usize {
    let artifacts = record["artifacts"].as_array().unwrap();
    let whole = |artifact: &&Value| artifact["kind"] == "figure" && artifact["problem"].is_null();
    artifacts.iter().filter(whole).count() + artifacts.iter().filter(|artifact| written_png(artifact)).count()
}

fn written_png(artifact: &Value) -> bool {
    artifact["kind"] == "image" && artifact["media_type"] == "image/png"
}
