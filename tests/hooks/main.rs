//! The unit tests of the python runtime's driver (images/python/tests), run by the image's own interpreter.
//!
//! They compare what scripts save, print and see under the capture hooks and with Matplotlib quickened to what the plain
//! interpreter gives, byte for byte.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

/// Runs one module of tests; `at_least` of them must be there.
fn passes(module: &str, at_least: usize) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let image = glasshouse::bench::image().unwrap();
    let place = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh"]).arg(workspace.join("tests/hooks/enter.sh"));
    command.arg(&image.root).arg(workspace.join("images/python")).arg(place.path());
    let ended = command.args(["-m", "unittest", module]).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}\n{}", String::from_utf8_lossy(&ended.stdout));
    let count = said.split("Ran ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
    assert!(count >= Some(at_least), "too few tests ran: {said}");
}

#[test]
fn facts() {
    passes("test_facts", 5);
}

#[test]
fn a_fresh_interpreter() {
    passes("test_fresh", 1);
}

#[test]
fn what_is_left_out_of_a_draw_is_not_missed() {
    passes("test_quicken", 3);
}

#[test]
fn figures_that_a_browser_draws() {
    passes("test_pages", 10);
}

#[test]
fn saves() {
    passes("test_saves", 5);
}

#[test]
fn states() {
    passes("test_states", 5);
}

#[test]
fn hooks_are_not_seen() {
    passes("test_unseen", 5);
}
