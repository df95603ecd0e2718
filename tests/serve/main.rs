//! A daemon's answers are a command's own; and nothing that befalls one end costs the other anything.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/answer.rs"]
mod answer;
#[path = "../common/command.rs"]
mod command;
mod service;
mod strangers;

use std::fs;
use std::thread;
use std::time::Duration;

use command::{fixtures, lines, records, run_with};
use serde_json::{Value, json};
use service::{Service, done, glasshouse};

/// A program that draws.
const PLOT: &str = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()\nprint('drawn')\n";

#[test]
fn commands_get_from_a_daemon_what_they_get_without() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let rows = fixtures("demo");
    let alone = run_with(&rows, &["--workers", "2", "--no-daemon"]);
    let served = run_with(&rows, &["--workers", "2", "--socket", service.socket()]);
    assert_eq!(served.faults, "");
    for (id, record) in &alone.records {
        assert_eq!(answer::answer(record), answer::answer(served.record(id)), "{id}");
        for same in ["backend", "runtime"] {
            assert_eq!(record[same], served.record(id)[same], "{id}");
        }
        for artifact in record["artifacts"].as_array().unwrap().iter().filter(|artifact| !artifact["hash"].is_null()) {
            let name = artifact["name"].as_str().unwrap();
            // Whole, and by the hash that the record tells.
            let hash = served.artifact(id, name)["hash"].as_str().unwrap();
            assert_eq!(blake3::hash(&served.bytes(id, name)).to_hex().as_str(), hash, "{id} {name}");
        }
    }
    let (program, page) = (folder.path().join("plot.py"), folder.path().join("page.html"));
    fs::write(&program, PLOT).unwrap();
    fs::write(&page, "<h1 style='color: teal'>behind glass</h1>").unwrap();
    let mut pictures = Vec::new();
    for (place, how) in [("alone", vec!["--no-daemon"]), ("served", vec!["--socket", service.socket()])] {
        let out = folder.path().join(place);
        let (code, stdout, _) = done(glasshouse(&["exec"]).arg(&program).arg("-o").arg(&out).args(&how));
        assert_eq!((code, stdout.as_str()), (Some(0), "drawn\n"), "{place}");
        let shot = out.join("page.png");
        assert_eq!(done(glasshouse(&["render"]).arg(&page).arg("-o").arg(&shot).args(&how)).0, Some(0));
        pictures.push((fs::read(out.join("figure-1.png")).unwrap(), fs::read(shot).unwrap()));
    }
    assert!(pictures[0] == pictures[1]);
    assert_eq!(service.spooled(), 0, "what was handed over is gone");
    // Equal jobs of a run are answered once.
    let jobs: std::collections::BTreeSet<&str> =
        served.records.values().map(|record| record["job"].as_str().unwrap()).collect();
    assert_eq!(service.end(), jobs.len() as u64 + 2, "and all that was by the daemon");
}

#[test]
fn a_command_or_a_daemon_that_is_killed_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let row = |number: usize| {
        json!({"id": format!("{number}"), "runtime": "python",
               "code": format!("import time\ntime.sleep(0.02)\nprint({number})\nopen('n', 'w').write('{number}')")})
    };
    let (path, out) = (folder.path().join("rows.jsonl"), folder.path().join("out"));
    fs::write(&path, lines(&(0..300).map(row).collect::<Vec<_>>())).unwrap();
    let mut service = Service::start(folder.path());
    let socket = service.socket().to_owned();
    let start = || {
        let mut command = glasshouse(&["run", "--workers", "2", "--no-progress", "--no-report", "--socket", &socket]);
        command.arg(&path).arg("-o").arg(&out).spawn().unwrap()
    };
    let recorded = || fs::read_to_string(out.join("records.jsonl")).unwrap_or_default().lines().count();
    let await_records = |count: usize| {
        while recorded() < count {
            thread::sleep(Duration::from_millis(2))
        }
    };

    let mut command = start();
    await_records(40);
    command.kill().unwrap();
    command.wait().unwrap();

    let mut command = start();
    await_records(120);
    service.kill();
    let ended = command.wait().unwrap();
    assert_eq!(ended.code(), Some(4), "the host cannot run: the daemon is gone");
    assert!(recorded() < 300);

    // On the same socket, which the dead one has left behind.
    let service = Service::start(folder.path());
    assert!(start().wait().unwrap().success());
    let records = records(&out);
    assert_eq!(records.len(), 300);
    for (id, record) in &records {
        assert_eq!((&record["verdict"], &record["stdout"]["text"]), (&json!("ok"), &json!(format!("{id}\n"))));
        assert_eq!(record["artifacts"][0]["bytes"], id.len());
    }
    let faults = fs::read_to_string(out.join("faults.jsonl")).unwrap();
    let of_the_daemon = |line: &str| {
        serde_json::from_str::<Value>(line).unwrap()["message"].as_str().unwrap().starts_with("the daemon")
    };
    assert!(!faults.is_empty() && faults.lines().all(of_the_daemon), "{faults}");
    assert_eq!(service.spooled(), 0);
    service.end();
}

#[test]
fn one_socket_has_one_daemon_and_a_stopped_one_ends_its_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("sleep.py");
    fs::write(&program, "import time\ntime.sleep(1.5)\nprint('awake')").unwrap();
    let service = Service::start(folder.path());
    let (code, _, said) = done(glasshouse(&["serve", "--socket"]).arg(service.socket()));
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("serves") && said.contains("already"), "{said}");
    let mut exec = glasshouse(&["exec"]);
    let exec = exec.arg(&program).args(["--socket", service.socket()]);
    let asked = thread::scope(|scope| {
        let asked = scope.spawn(|| done(exec));
        thread::sleep(Duration::from_millis(500));
        service.stop();
        asked.join().unwrap()
    });
    assert_eq!((asked.0, asked.1.as_str()), (Some(0), "awake\n"), "{}", asked.2);
    let socket = service.socket().to_owned();
    assert_eq!(service.ended(), 1);
    let (code, _, said) = done(glasshouse(&["exec"]).arg(&program).args(["--socket", &socket]));
    assert_eq!(code, Some(4));
    assert!(said.contains("no daemon serves") && said.contains("glasshouse serve --socket"), "{said}");
}
