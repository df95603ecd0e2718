//! The Wolfram Language end to end, through the command: verdicts, results, pictures, and the plain `mathics3` of the same root.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/command.rs"]
mod command;
#[path = "../common/expected.rs"]
mod expected;
mod fidelity;
mod isolation;
#[path = "../common/root.rs"]
mod root;
mod shown;

use std::sync::LazyLock;

use command::{Done, fixtures, run};

/// The fixtures, run once for all tests.
static DONE: LazyLock<Done> = LazyLock::new(|| run(&fixtures("wolfram")));

#[test]
fn programs_get_the_verdicts_that_they_must_get() {
    let rows = fixtures("wolfram");
    let wrong = expected::differences(&rows, &DONE);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let record = DONE.record("prints");
    let layers = record["backend"]["layers"].to_string();
    assert!(layers.contains("seccomp") && layers.contains("landlock"), "{layers}");
    assert_eq!(record["runtime"]["versions"]["mathics3"], "10.0.1");
    assert_eq!(DONE.faults, "");
}

#[test]
fn a_package_that_is_not_there_is_named_with_the_place_of_the_list() {
    let cause = DONE.record("no-package")["cause"]["message"].as_str().unwrap();
    assert!(cause.contains("Notthere`") && cause.contains("images/wolfram/README.md"), "{cause}");
    // One that is asked for in vain and is no package is the program's own affair.
    assert_eq!(DONE.said("no-file"), "ok");
}
