//! The same status, words and files as the plain command's, `mathics3 --file main.wl`, in the same root.

use std::sync::LazyLock;

use glasshouse_images::Image;
use serde_json::{Value, json};

use crate::command::{Done, fixtures, lines, run};
use crate::root::{self, Plain};

static IMAGE: LazyLock<Image> = LazyLock::new(|| glasshouse::bench::image_of("wolfram").unwrap());

/// Fixtures whose words depend on nothing but the engine.
const FIXTURES: [&str; 9] =
    ["prints", "results", "messages", "graphics", "export", "syntax-goes-on", "no-package", "exit", "recursion"];

/// Tells of what the engine begins with, so that one that has been warmed shows itself.
const BEGINNING: &str =
    "Print[{$Line, $HistoryLength, $RecursionLimit, $IterationLimit, $MaxPrecision, $Context, $ContextPath}]
Print[Length[Names[\"System`*\"]]]
Print[Sort[Contexts[]]]
Print[Names[\"Global`*\"]]
Print[{Length[Streams[]], $ModuleNumber, Directory[], $InputFileName, $ScriptCommandLine}]
Print[{DownValues[In], DownValues[Out], Messages[Power], OwnValues[x], Options[Plot]}]
Print[{Attributes[Plot], Environment[\"HOME\"], FileNames[\"*\", $HomeDirectory], $Path, $Packages}]
Module[{x}, Print[x]]
Print[Unique[]]
g[x_] := x^2; g[4]
Print[Definition[g]]
%
Print[{%, Out[1], In[9]}]
";

/// Raises an error of Python's inside the engine, if anything does: how the command ends then is a part of it.
const RAISES: &str = "Print[\"a\"]\nStringReplace[\"a\", RegularExpression[\"(\"] -> \"b\"]\nToExpression[\"1 +\"]\nImport[\"/etc/passwd\", \"PNG\"]\nPrint[\"b\"]\n";

#[test]
fn status_words_and_files_are_those_of_the_command() {
    let fixtures = fixtures("wolfram");
    let all = fixtures.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut rows: Vec<Value> = all.filter(|row| FIXTURES.iter().any(|id| row["id"] == *id)).collect();
    assert_eq!(rows.len(), FIXTURES.len());
    for (id, code) in [("beginning", BEGINNING), ("raises", RAISES)] {
        rows.push(json!({"id": id, "runtime": "wolfram", "code": code}));
    }
    let done = run(&lines(&rows));
    let plain = root::of_each(&rows, |row| {
        root::run(&IMAGE, "main.wl", row["code"].as_str().unwrap(), &["mathics3", "--file", "main.wl"])
    });
    let differing: Vec<String> =
        rows.iter().zip(&plain).filter_map(|(row, plain)| compare(&done, row, plain)).collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// What of a row's record is other than the plain command's.
fn compare(done: &Done, row: &Value, plain: &Plain) -> Option<String> {
    let id = row["id"].as_str().unwrap();
    let record = done.record(id);
    let ours = (record["exit_code"].as_i64(), &record["stdout"]["text"], &record["stderr"]["text"]);
    let (stdout, stderr) = (json!(plain.stdout), json!(plain.stderr));
    let theirs = (plain.status.map(i64::from), &stdout, &stderr);
    if ours != theirs {
        return Some(format!("{id}: {ours:?}, plain {theirs:?}"));
    }
    let ours = |name: &&str| !["figure-", "frames/", "results.json"].iter().any(|start| name.starts_with(start));
    let names: Vec<&str> = done.names(id).into_iter().filter(ours).collect();
    if !names.iter().copied().eq(plain.files.keys().map(String::as_str)) {
        return Some(format!("{id}: files {names:?}, plain {:?}", plain.files.keys()));
    }
    names.iter().find(|name| done.bytes(id, name) != plain.files[**name]).map(|name| format!("{id}: {name} differs"))
}
