//! What rows of fixtures say that their records must hold: verdict and cause, streams, exit code, facts of the error, how many pictures.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::command::Done;

/// What of the records is other than their rows say.
pub(crate) fn differences(rows: &str, done: &Done) -> Vec<String> {
    rows.lines().flat_map(|row| of_one(&serde_json::from_str(row).unwrap(), done)).collect()
}

fn of_one(row: &Value, done: &Done) -> Vec<String> {
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

/// How many pictures there are: figures, each of which must be whole, and written PNGs.
fn figures(record: &Value) -> usize {
    let artifacts = record["artifacts"].as_array().unwrap();
    let whole = |artifact: &&Value| artifact["kind"] == "figure" && artifact["problem"].is_null();
    artifacts.iter().filter(whole).count() + artifacts.iter().filter(|artifact| written_png(artifact)).count()
}

fn written_png(artifact: &Value) -> bool {
    artifact["kind"] == "image" && artifact["media_type"] == "image/png"
}
