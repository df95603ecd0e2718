//! Octave end to end, through the command: verdicts, pictures, what a program sees, and the plain `octave-cli` of the same root.

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
    let rows = fixtures("octave");
    let done = run(&rows);
    let wrong = expected::differences(&rows, &done);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let first = done.records.values().next().unwrap();
    let layers = first["backend"]["layers"].to_string();
    assert!(layers.contains("seccomp") && layers.contains("landlock"), "{layers}");
    assert!(first["runtime"]["versions"]["gnuplot"].is_string());
    for id in ["no-package", "undefined"] {
        let cause = done.record(id)["cause"]["message"].as_str().unwrap();
        assert!(cause.contains("nothere") || cause.contains("notthere"), "{cause}");
        assert!(cause.contains("images/octave/runtime.toml"), "{cause}");
    }
    // Figures are told by their numbers, in the order of these.
    let figures = |id: &str| -> Vec<u64> {
        let artifacts = done.record(id)["artifacts"].as_array().unwrap();
        artifacts.iter().filter_map(|artifact| artifact["facts"]["figure"].as_u64()).collect()
    };
    assert_eq!(figures("left-open"), [1, 2]);
    // The second figure of this number was not printed.
    assert_eq!(figures("printed-and-left"), [1]);
}
