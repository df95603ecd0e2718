//! Pages end to end, through the command: verdicts, pictures, and what happens when browsers die.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod browsers;
#[path = "../common/command.rs"]
mod command;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use command::{fixtures, records, run, start};
use serde_json::{Value, json};

/// A machine under load takes its time; what hangs takes longer.
const PATIENCE: Duration = Duration::from_secs(400);

#[test]
fn pages_get_the_verdicts_that_they_must_get() {
    let rows = fixtures("pages");
    let done = run(&rows);
    assert_eq!(done.unexpected(&rows), Vec::<String>::new());

    let library = done.record("library");
    assert_eq!(library["requests"][1]["by"], "mirror", "{}", library["requests"]);
    assert!(
        library["runtime"]["versions"]["mirror"].is_string() && library["runtime"]["versions"]["chromium"].is_string()
    );
    assert_eq!(done.artifact("library", "page.html")["kind"], "document");
    let tree: Value = serde_json::from_slice(&done.bytes("library", "page.tree.json")).unwrap();
    let nodes = tree["documents"][0]["nodes"].as_array().unwrap();
    assert!(nodes.iter().any(|node| node["text"].as_str().is_some_and(|text| text.contains("trace 0") || text == "3")));

    assert_eq!(done.size("content", "top.png"), (640, 480));
    assert!(done.size("content", "all.jpg").1 > 1000, "{:?}", done.size("content", "all.jpg"));
    assert_eq!(done.artifact("acts", "after.png")["kind"], "screenshot");
    let refused: Vec<&str> = done.record("closes")["refused"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|refused| refused["what"].as_str())
        .collect();
    assert!(refused.contains(&"dialog") && refused.contains(&"popup"), "{refused:?}");
    assert_eq!(done.record("uncaught")["error"]["type"], "ReferenceError");
    let layers = done.record("plain")["backend"]["layers"].to_string();
    assert!(layers.contains("namespaces") && layers.contains("seccomp"), "{layers}");
}

#[test]
fn a_moving_page_gives_frames_with_their_times() {
    let code = "<!DOCTYPE html><body style='margin:0'><div style='height:300px;background:navy'></div><script>let n = 0;\
        setInterval(() => { n += 1; document.querySelector('div').style.width = n * 10 + 'px' }, 50)</script>";
    let row =
        |id: &str, page: Value| json!({"id": id, "runtime": "web", "code": code, "page": page}).to_string() + "\n";
    let frames = |frames: Value| json!({"captures": {"frames": frames, "shots": [{"name": "end"}]}});
    let mut exact = frames(json!({"every": 100, "count": 12}));
    exact["options"] = json!({"virtual_time": 1000});
    let done = run(&(row("exact", exact) + &row("live", frames(json!({"at": [0, 400]})))));
    let taken: Vec<&Value> = done.record("exact")["artifacts"].as_array().unwrap().iter().collect();
    assert_eq!((taken.len(), &taken[12]["name"]), (13, &json!("end.png")));
    let mut last = 0;
    for (index, frame) in taken[..12].iter().enumerate() {
        assert_eq!(frame["name"], format!("frame-{:03}.png", index + 1));
        assert_eq!((&frame["kind"], &frame["origin"]["call"]), (&json!("screenshot"), &json!("frame")));
        let at = index as f64 / 10.0;
        assert_eq!(frame["facts"], json!({"at": at, "wanted": at}));
        let picture = done.picture("exact", frame["name"].as_str().unwrap());
        let wide = (0..picture.width()).take_while(|x| picture.get_pixel(*x, 5).0 == [0, 0, 128, 255]).count();
        // Two steps of ten pixels for each frame after the first.
        assert!(index == 0 || wide == last + 20, "frame {index} is {wide} wide after {last}");
        last = wide;
    }
    let live: Vec<&Value> = done.record("live")["artifacts"].as_array().unwrap().iter().collect();
    let facts = |index: usize, key: &str| live[index]["facts"][key].as_f64().unwrap();
    assert_eq!((live.len(), facts(0, "wanted"), facts(1, "wanted")), (3, 0.0, 0.4));
    assert!(facts(1, "at") >= 0.4 && live[0]["hash"] != live[1]["hash"], "{live:?}");
}

#[test]
fn a_package_that_the_mirror_lacks_is_named_with_the_command_that_adds_it() {
    let page = |package: &str, script: &str| {
        format!(
            "<!DOCTYPE html><h1>x</h1><script src='https://cdn.jsdelivr.net/npm/{package}'></script><script>{script}</script>"
        )
    };
    let row = |id: &str, code: String| json!({"id": id, "runtime": "web", "code": code}).to_string() + "\n";
    let rows = [
        row("needs", page("no-such-charts@1.2.3/dist/charts.js", "charts.draw()")),
        row("does-without", page("no-such-charts@1.2.3", "")),
        row("hostile", page("$(touch%20x)@1", "")),
    ];
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("rows.jsonl"), folder.path().join("out"));
    fs::write(&path, rows.concat()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_glasshouse"));
    let said = command.arg("run").arg(&path).arg("-o").arg(&out).arg("--no-progress").output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let records = records(&out);
    let add = "glasshouse images mirror add npm:no-such-charts@1.2.3";
    let wanted = json!([{"package": "no-such-charts", "version": "1.2.3", "add": add}]);
    for id in ["needs", "does-without"] {
        assert_eq!(records[id]["requests"][1]["lacking"], wanted, "{}", records[id]["requests"]);
    }
    assert_eq!((&records["needs"]["verdict"], &records["does-without"]["verdict"]), (&json!("denied"), &json!("ok")));
    let cause = records["needs"]["cause"]["message"].as_str().unwrap();
    assert!(cause.contains(&format!("`{add}` adds it")), "{cause}");
    assert!(records["needs"]["requests"][0].get("lacking").is_none());
    let summary: Value = serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["lacking"][0]["pages"], 2, "{}", summary["lacking"]);
    let ends =
        [String::from_utf8_lossy(&said.stderr).into_owned(), fs::read_to_string(out.join("report.html")).unwrap()];
    for end in ends {
        assert!(end.contains(add) && !end.contains("mirror add npm:$"), "{end}");
    }
}

#[test]
fn fields_that_are_wrong_are_named_and_the_other_rows_go_on() {
    let good = json!({"id": "good", "runtime": "web", "code": "<h1>x"});
    let bad = [
        (json!({"page": {"viewport": {"width": 0}}}), "page.viewport"),
        (json!({"page": {"untill": "load"}}), "untill"),
        (json!({"page": {"captures": {"frames": {"every": 40}}}}), "page.captures.frames"),
        (json!({"actions": [{"action": "jump"}]}), "actions[0]"),
        (json!({"actions": "click"}), "actions"),
        (json!({"stdin": "x"}), "\"stdin\": is for programs"),
        (json!({"tests": [{"code": "1"}]}), "\"tests\": is for programs"),
    ];
    let mut rows = String::new();
    for (index, (fields, _)) in bad.iter().enumerate() {
        let mut row = json!({"id": format!("bad-{index}"), "runtime": "web", "code": "<h1>x"});
        row.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        rows += &format!("{row}\n");
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("rows.jsonl"), folder.path().join("out"));
    fs::write(&path, format!("{rows}{good}\n")).unwrap();
    assert_eq!(start(&path, &out).wait().unwrap().code(), Some(1));
    assert_eq!(records(&out)["good"]["verdict"], "ok");
    let said = fs::read_to_string(out.join("bad_rows.jsonl")).unwrap();
    for (line, (_, words)) in said.lines().zip(&bad) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line.to_string().replace("\\\"", "\"").contains(words), "{words:?} is not in {line}");
    }
    assert_eq!(said.lines().count(), bad.len());
}

#[test]
fn the_same_page_is_the_same_picture_in_any_browser_and_order() {
    let page = |n: u32| {
        format!("<!DOCTYPE html><body style='font:20px serif'><h1>Page {}</h1><p>{}", n % 5, "word ".repeat(300))
    };
    // Another column makes another job of the same page.
    let row = |n: u32| json!({"id": n.to_string(), "runtime": "web", "code": page(n), "seed": n}).to_string() + "\n";
    let done = run(&(0..40).map(row).collect::<String>());
    let mut seen: BTreeMap<u32, String> = BTreeMap::new();
    for n in 0..40 {
        let hash = done.artifact(&n.to_string(), "page.png")["hash"].to_string();
        assert_eq!(*seen.entry(n % 5).or_insert_with(|| hash.clone()), hash, "page {n}");
    }
    assert_eq!(seen.len(), 5);
}

#[test]
fn browsers_that_are_killed_cost_no_page_its_verdict() {
    let row = |n: u32| {
        let code = format!("<!DOCTYPE html><h1>{n}</h1><script>document.title = {n}</script>");
        // A page whose browser is crippled hangs until its deadline, so this bounds how long the test takes.
        let (page, limits) = (json!({"settle": 50}), json!({"wall": "15s"}));
        json!({"id": n.to_string(), "runtime": "web", "code": code, "page": page, "limits": limits}).to_string() + "\n"
    };
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("rows.jsonl"), folder.path().join("out"));
    fs::write(&path, (0..120).map(row).collect::<String>()).unwrap();
    let mut command = start(&path, &out);
    let mut killed = 0;
    let since = Instant::now();
    let ended = loop {
        if let Some(status) = command.try_wait().unwrap() {
            break status;
        }
        assert!(since.elapsed() < PATIENCE, "it hangs after {killed} kills");
        thread::sleep(Duration::from_millis(400));
        if killed < 12 {
            killed += u32::from(browsers::kill_one(command.id(), killed));
        }
    };
    assert!(killed >= 5, "only {killed} were killed: this showed nothing");
    let faults = fs::read_to_string(out.join("faults.jsonl")).unwrap();
    println!("{killed} killed, {} faults on the way:\n{faults}", faults.lines().count());
    assert_eq!(others_than_ok(&out, |record| record["fault"].is_null()), Vec::<String>::new());
    if !ended.success() {
        // A page whose browsers were killed again and again ended in a fault, which says nothing of it. It is run again.
        assert_eq!(ended.code(), Some(1), "{ended}");
        assert!(start(&path, &out).wait().unwrap().success());
    }
    assert_eq!(records(&out).len(), 120);
    assert_eq!(others_than_ok(&out, |_| true), Vec::<String>::new());
}

/// The records among those that count which say anything else than `ok`.
fn others_than_ok(out: &Path, counts: impl Fn(&Value) -> bool) -> Vec<String> {
    let records = records(out);
    let wrong = records.iter().filter(|(_, record)| record["verdict"] != "ok" && counts(record));
    wrong.map(|(id, record)| format!("{id}: {} {} {}", record["cause"], record["fault"], record["console"])).collect()
}

#[test]
fn nothing_of_a_browser_outlives_a_killed_command() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out): (PathBuf, PathBuf) = (folder.path().join("rows.jsonl"), folder.path().join("out"));
    let row = json!({"id": "long", "runtime": "web", "code": "<h1>x", "page": {"settle": 60_000}});
    fs::write(&path, format!("{row}\n")).unwrap();
    let mut command = start(&path, &out);
    let since = Instant::now();
    while browsers::below(command.id()).len() < 4 {
        assert!(since.elapsed() < PATIENCE && command.try_wait().unwrap().is_none(), "no browser came up");
        thread::sleep(Duration::from_millis(50));
    }
    thread::sleep(Duration::from_millis(500));
    let all = browsers::below(command.id());
    command.kill().unwrap();
    command.wait().unwrap();
    let since = Instant::now();
    while all.iter().any(browsers::Process::is_alive) {
        assert!(since.elapsed() < Duration::from_secs(10), "left: {all:?}");
        thread::sleep(Duration::from_millis(20));
    }
}
