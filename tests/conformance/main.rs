//! One suite of rows for both backends: the same verdicts, the same words, the same pictures.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

#[path = "../common/answer.rs"]
mod answer;
#[path = "../common/cache.rs"]
mod cache;
#[path = "../common/engine.rs"]
mod engine;

use answer::answer;
use engine::TestEngine;

const FIXTURES: [&str; 4] = [
    include_str!("../../fixtures/demo.jsonl"),
    include_str!("../../fixtures/octave.jsonl"),
    include_str!("../../fixtures/r.jsonl"),
    include_str!("../../fixtures/wolfram.jsonl"),
];

/// Rows beside the fixtures: what a container's engine puts into a container must not show.
fn rows_of_containers() -> Vec<Value> {
    let row = |id: &str, code: &str| json!({"id": id, "runtime": "python", "code": code, "expect": "ok"});
    vec![
        row("environment", "import os\nprint(sorted(os.environ.items()))\nprint(os.getcwd(), os.uname().nodename)"),
        row("users", "import os\nprint(os.getuid(), os.getgid(), os.getgroups(), oct(os.umask(0)))"),
        row("limits", "print(open('/proc/self/limits').read())"),
        row("devices", "import os\nprint(sorted(os.listdir('/dev')), os.listdir('/sys'), os.listdir('/run'))"),
        row(
            "null",
            "for mode in ('r', 'w', 'a', 'r+', 'w+'):\n    with open('/dev/null', mode + 'b', buffering=0) as null: print(mode, null)",
        ),
        row("processes", "import os\nprint(sorted(n for n in os.listdir('/proc') if n.isdigit()))"),
        row("names", "print(open('/etc/hosts').read(), open('/etc/passwd').read())"),
        row(
            "rights",
            "print([l for l in open('/proc/self/status') if l.startswith(('Cap', 'NoNewPrivs', 'Seccomp:'))])",
        ),
        row("fonts", "import subprocess\nprint(subprocess.run(['fc-match', 'sans'], capture_output=True, text=True))"),
        row(
            "writes",
            "import os\nfor p in ['/x', '/etc/x', '/etc/hosts', '/opt/glasshouse/driver/x', '/sys/x', '/dev/x', '/run/x']:\n    try: open(p, 'w')\n    except OSError as e: print(p, type(e).__name__)",
        ),
        row(
            "loopback",
            "import socket\ns = socket.create_server(('127.0.0.1', 0))\nprint(socket.create_connection(s.getsockname(), 5).getpeername()[0])",
        ),
    ]
}

#[test]
fn containers_give_the_answers_that_the_host_gives() {
    let Some(engine) = TestEngine::start(&cache::cache()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let rows = folder.path().join("rows.jsonl");
    let mut wanted = BTreeMap::new();
    let mut text = String::new();
    let fixtures = FIXTURES.iter().flat_map(|lines| lines.lines()).map(|line| serde_json::from_str(line).unwrap());
    for mut row in fixtures.chain(rows_of_containers()) {
        // Some ids are in two files.
        let runtime = ["runtime", "language"].into_iter().find_map(|column| row[column].as_str()).unwrap();
        let id = format!("{runtime}-{}", row["id"].as_str().unwrap());
        wanted.insert(id.clone(), row["expect"].clone());
        row["id"] = id.into();
        text.push_str(&format!("{row}\n"));
    }
    fs::write(&rows, text).unwrap();
    let native = run(&rows, &folder.path().join("native"), "native", &engine);
    let docker = run(&rows, &folder.path().join("docker"), "docker", &engine);
    assert_eq!((native.len(), docker.len()), (wanted.len(), wanted.len()));
    let mut unlike = Vec::new();
    for (id, expected) in &native {
        let found = &docker[id];
        assert_eq!(expected["verdict"], wanted[id], "{id}: {}", expected["cause"]);
        if answer(expected) != answer(found) {
            unlike.push(format!("{id}:\n  {}\n  {}", answer(expected), answer(found)));
        }
        assert_eq!(found["backend"]["name"], "docker");
        assert_eq!(found["backend"]["missing"], expected["backend"]["missing"]);
        let layers: Vec<&str> = layers(found);
        assert!(layers[0].starts_with("container:"), "{layers:?}");
        assert_eq!(layers[1..], layers_of_native(expected), "the worker's own layers are the same");
        assert_eq!(found["runtime"]["image"], expected["runtime"]["image"]);
        assert!(found["runtime"]["versions"]["container-image"].as_str().unwrap().starts_with("sha256:"));
    }
    assert!(unlike.is_empty(), "{} rows have another answer:\n{}", unlike.len(), unlike.join("\n"));
    println!("{} rows: the same verdicts, words and pictures", native.len());
    engine.assert_nothing_left();
}

fn layers(record: &Value) -> Vec<&str> {
    record["backend"]["layers"].as_array().unwrap().iter().map(|layer| layer.as_str().unwrap()).collect()
}

fn layers_of_native(record: &Value) -> Vec<&str> {
    assert_eq!(record["backend"]["name"], "native");
    layers(record)
}

fn run(rows: &Path, out: &Path, backend: &str, engine: &TestEngine) -> BTreeMap<String, Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glasshouse"));
    command.arg("run").arg(rows).arg("-o").arg(out).args(["--backend", backend, "--workers", "2"]);
    command.args(["--no-progress", "--no-report"]).env("DOCKER_HOST", engine.host()).stdin(Stdio::null());
    let status = command.status().unwrap();
    let faults = fs::read_to_string(out.join("faults.jsonl")).unwrap_or_default();
    assert!(status.success() && faults.is_empty(), "{backend}: {status}\n{faults}");
    let text = fs::read_to_string(out.join("records.jsonl")).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.map(|record| (record["id"].as_str().unwrap().to_owned(), record)).collect()
}
