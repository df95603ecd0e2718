//! What a run said: lines of `["attempt", "outcome"]`, written by `attempts.py`.

use std::collections::BTreeMap;

use glasshouse_sandbox::{Exit, RunReport, RunRequest, Worker};

/// Defines `attempt(name, action)`, which prints `["name", "done"]` or the error that stopped it.
pub(crate) const ATTEMPTS: &str = include_str!("attempts.py");

/// Attempt by attempt, what came of it.
pub(crate) type Outcomes = BTreeMap<String, String>;

/// Reads the outcomes that a script printed; other lines are left out.
pub(crate) fn outcomes(stdout: &[u8]) -> Outcomes {
    let text = String::from_utf8_lossy(stdout);
    text.lines().filter_map(|line| serde_json::from_str::<(String, String)>(line).ok()).collect()
}

/// `script` with the means to attempt things.
pub(crate) fn attempting(script: &str) -> String {
    format!("{ATTEMPTS}\n{script}")
}

/// Runs a request; a fault of ours is never an acceptable answer to an attack.
pub(crate) fn run(worker: &mut Worker, request: &RunRequest) -> RunReport {
    let report = worker.run(request).unwrap_or_else(|fault| panic!("the attack caused a fault: {fault:?}"));
    // As between the rows of a run: the next job finds a child that waits for it.
    worker.get_ready();
    report
}

/// Runs a script of attempts in the sandbox; it must get to its end.
pub(crate) fn attempted(worker: &mut Worker, script: &str) -> Outcomes {
    let report = run(worker, &super::fixture::request(&attempting(script)));
    let outcomes = outcomes(&report.stdout.kept);
    assert_eq!(report.exit, Exit::Code(0), "{outcomes:?} {}", text(&report.stderr.kept));
    outcomes
}

/// All attempts of a positive control must have worked. An ordinary user's control may lack rights:
/// then the names of what could not be shown are said.
pub(crate) fn assert_all_done(control: &Outcomes) {
    assert!(!control.is_empty());
    let failed: Vec<_> = control.iter().filter(|(_, outcome)| *outcome != "done").collect();
    if rustix::process::geteuid().is_root() {
        assert!(failed.is_empty(), "the positive control must work: {failed:?}");
    } else if !failed.is_empty() {
        eprintln!("an ordinary user's control lacks: {failed:?}");
    }
}

/// None of the attempts that the control made may have worked, and all must have been made.
pub(crate) fn assert_none_done(walled: &Outcomes, control: &Outcomes) {
    assert!(walled.keys().eq(control.keys()), "the same attempts: {walled:?} and {control:?}");
    let done: Vec<_> = walled.iter().filter(|(_, outcome)| *outcome == "done").collect();
    assert!(done.is_empty(), "these attacks worked: {done:?}");
}

/// Bytes as text, for messages and comparisons.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
