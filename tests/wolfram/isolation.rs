//! The next job of a worker sees nothing of the last one.

use serde_json::json;

use crate::command::{lines, run_with};

/// Leaves traces wherever a program can.
const LEAVE: &str = "trace = 1;
Unprotect[Sin]; Sin[trace] = 7; Protect[Sin];
SetOptions[Plot, PlotLabel -> \"trace\"];
$HistoryLength = 3;
Begin[\"Trace`\"];
$RecursionLimit = 300;
SeedRandom[1];
Put[1, \"/tmp/trace\"];
Put[1, $HomeDirectory <> \"/trace\"];
SetEnvironment[\"TRACE\" -> \"1\"];
SetDirectory[\"/tmp\"];
";
/// Tells what of it is to be seen.
const LOOK: &str = "Print[\"SEEN \", Count[{
  ValueQ[Global`trace], Sin[Global`trace] === 7 || Sin[1] === 7, (PlotLabel /. Options[Plot]) === \"trace\", $HistoryLength === 3,
  $Context =!= \"Global`\", $RecursionLimit === 300, FileExistsQ[\"/tmp/trace\"], FileExistsQ[$HomeDirectory <> \"/trace\"],
  GetEnvironment[\"TRACE\"] =!= (\"TRACE\" -> None), Directory[] =!= \"/work\"}, True]]
Print[\"LINE \", $Line]
Print[\"DRAWN \", RandomInteger[10^9, 3]]
";

#[test]
fn traces_of_a_job_end_with_it() {
    let row = |id: &str, code: &str, seed: u64| json!({"id": id, "runtime": "wolfram", "code": code, "seed": seed});
    let both = format!("{LEAVE}{LOOK}");
    let rows = [
        row("both", &both, 5),
        row("leave", LEAVE, 5),
        row("look", LOOK, 5),
        row("again", &format!("{LOOK}\n"), 5),
        row("other", LOOK, 6),
    ];
    // One worker: the same zygote for all of them.
    let done = run_with(&lines(&rows), &["--workers", "1"]);
    let said = |id: &str| done.record(id)["stdout"]["text"].as_str().unwrap().to_owned();
    let drawn = |id: &str| said(id).lines().last().unwrap().to_owned();
    // The control: a program sees all traces of its own.
    assert!(said("both").contains("SEEN 10\nLINE 13\n"), "{}", said("both"));
    assert_eq!(done.said("leave"), "ok");
    for id in ["look", "again", "other"] {
        assert!(said(id).contains("SEEN 0\nLINE 2\n"), "{id}: {}", said(id));
    }
    // What is drawn at random depends on the row's seed and on nothing else, unless the program seeds it.
    assert_eq!(drawn("look"), drawn("again"));
    assert_ne!(drawn("look"), drawn("other"));
    assert_ne!(drawn("look"), drawn("both"));
}
