//! Containers that are killed, an engine that is restarted, an image that is deleted: faults of ours, never verdicts.
//!
//! The whole test of kills, five minutes of them:
//!
//! ```sh
//! GLASSHOUSE_CONTAINER_KILLS_SECONDS=300 cargo test --release --test containers -- --nocapture
//! ```
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

#[path = "../common/cache.rs"]
mod cache;
#[path = "../common/engine.rs"]
mod engine;
#[path = "../kills/rows.rs"]
mod rows;

use engine::TestEngine;

/// Without a new record for so long, something hangs.
const PATIENCE: Duration = Duration::from_secs(180);
const TICK: Duration = Duration::from_millis(20);
/// Between two kills.
const PACE: Duration = Duration::from_secs(1);
/// Rows that ended in a fault are tried again by the next command.
const ROUNDS: u32 = 4;
/// What may differ between two runs of one job.
const MEASURED: [&str; 4] = ["usage", "phases", "backend", "runtime"];

/// One test at a time has the engine.
static TURN: Mutex<()> = Mutex::new(());

/// Where a test's rows and results are, and its engine.
struct Bench {
    folder: tempfile::TempDir,
    engine: TestEngine,
}

impl Bench {
    fn new() -> Option<Self> {
        Some(Self { engine: TestEngine::start(&cache::cache())?, folder: tempfile::tempdir().unwrap() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, rows: &[Value]) -> PathBuf {
        let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn command(&self, rows: &Path, out: &Path, backend: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_glasshouse"));
        command.arg("run").arg(rows).arg("-o").arg(out).args(["--backend", backend, "--workers", "2"]);
        command.args(["--no-progress", "--no-report"]).env("DOCKER_HOST", self.engine.host()).stdin(Stdio::null());
        command
    }

    /// Runs rows to their end in containers; their records, and how many faults there were on the way.
    fn settle(&self, rows: &Path, out: &Path) -> (BTreeMap<String, Value>, usize) {
        for _ in 0..ROUNDS {
            let status = self.command(rows, out, "docker").status().unwrap();
            if status.success() {
                return (records(out), faults(out).len());
            }
            assert_eq!(status.code(), Some(1), "{:?}", faults(out));
        }
        panic!("faults remain: {:?}", faults(out));
    }
}

#[test]
fn killed_containers_and_a_restarted_engine_cost_no_verdict() {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(mut bench) = Bench::new() else { return };
    let seconds = std::env::var("GLASSHOUSE_CONTAINER_KILLS_SECONDS").map_or(10, |text| text.parse().unwrap());
    // Enough for about thirty seconds.
    let count = 400;
    let rows = bench.write("rows.jsonl", &(0..count).map(rows::row).collect::<Vec<_>>());
    assert!(bench.command(&rows, &bench.path("calm"), "native").status().unwrap().success());
    let expected = answers(&records(&bench.path("calm")));
    assert_eq!(expected.len(), count);

    let begun = Instant::now();
    let (mut kills, mut faults_in_all, mut round) = (0, 0, 0);
    while round == 0 || begun.elapsed() < Duration::from_secs(seconds) {
        let out = bench.path(&format!("stormy-{round}"));
        kills += storm(&mut bench, &rows, &out, count, round == 0);
        let (found, faults) = bench.settle(&rows, &out);
        faults_in_all += faults;
        compare(&expected, &answers(&found));
        fs::remove_dir_all(out).unwrap();
        round += 1;
    }
    println!(
        "{round} times {count} rows, {kills} containers killed, {faults_in_all} faults: every row has its verdict"
    );
    assert!(kills >= 5, "{kills}");
    assert!(faults_in_all > 0, "nothing was hit");
    bench.engine.assert_nothing_left();
}

/// One run of the rows, while a container at random is killed every second; after a quarter, where `restart` says so and the
/// engine is our own, it is restarted, and its image deleted.
fn storm(bench: &mut Bench, rows: &Path, out: &Path, count: usize, restart: bool) -> usize {
    let mut command = bench.command(rows, out, "docker").spawn().unwrap();
    let (mut kills, mut choice, mut restarted) = (0, 7_usize, !restart || !bench.engine.is_own());
    let (mut last, mut progress) = (Instant::now(), (0, Instant::now()));
    while command.try_wait().unwrap().is_none() {
        thread::sleep(TICK);
        let done = lines(&out.join("records.jsonl"));
        if done > progress.0 {
            progress = (done, Instant::now());
        }
        assert!(progress.1.elapsed() < PATIENCE, "stuck at {done} records: {:?}", faults(out));
        if done > count / 4 && !restarted {
            restarted = true;
            bench.engine.restart();
            // Held, for it would make containers as fast as they are removed, and none goes without the image.
            let pid = Pid::from_child(&command);
            kill_process(pid, Signal::STOP).unwrap();
            delete_images(&bench.engine);
            let since = lines(&out.join("records.jsonl"));
            kill_process(pid, Signal::CONT).unwrap();
            println!("the engine was restarted after {done} records, and had lost its image after {since}");
            assert!(since < count, "nobody needed the image any more");
        }
        if last.elapsed() >= PACE {
            last = Instant::now();
            choice = choice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let containers = bench.engine.containers();
            if !containers.is_empty() {
                bench.engine.docker(&["kill", &containers[(choice >> 33) % containers.len()]]);
                kills += 1;
            }
        }
    }
    assert!(restarted, "the run was over before its first quarter");
    kills
}

/// Deletes all images of ours; an engine deletes none of which a container is running.
fn delete_images(engine: &TestEngine) {
    let since = Instant::now();
    loop {
        let images = engine.docker(&["image", "ls", "--quiet", "glasshouse/python"]);
        if images.is_empty() {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "{images} cannot be deleted");
        for container in engine.containers() {
            engine.docker(&["rm", "--force", &container]);
        }
        images.lines().for_each(|image| drop(engine.docker(&["image", "rm", "--force", image])));
    }
}

#[test]
fn a_policy_can_ask_for_a_container_for_each_job() {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(bench) = Bench::new() else { return };
    fs::create_dir(bench.path("policies")).unwrap();
    fs::write(bench.path("policies/alone.toml"), "extends = \"default\"\nfresh = true\n").unwrap();
    // The image of every container is a mount of its own, whose line a job can see.
    let code = "print([l.split(' - ')[1] for l in open('/proc/self/mountinfo') if l.split()[4] == '/'][-1])";
    let row = |n: usize, policy: &str| json!({"id": format!("{policy}-{n}"), "runtime": "python", "policy": policy, "code": format!("{code}  # {n}")});
    let rows: Vec<Value> = (0..4).flat_map(|n| [row(n, "default"), row(n, "alone")]).collect();
    let (rows, out) = (bench.write("rows.jsonl", &rows), bench.path("out"));
    let mut command = bench.command(&rows, &out, "docker");
    let status = command.arg("--policies").arg(bench.path("policies")).status().unwrap();
    assert!(status.success(), "{:?}", faults(&out));
    let records = records(&out);
    let seen = |policy: &str| -> BTreeSet<String> {
        let of = records.iter().filter(|(id, _)| id.starts_with(policy));
        of.map(|(_, record)| record["stdout"]["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(seen("alone").len(), 4, "{:?}", seen("alone"));
    assert!(seen("default").len() <= 2, "two workers serve all others: {:?}", seen("default"));
    bench.engine.assert_nothing_left();
}

#[test]
fn a_killed_command_leaves_no_container() {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(bench) = Bench::new() else { return };
    let sleeps = json!({"id": "sleeps", "runtime": "python", "code": "import time\ntime.sleep(50)"});
    let (rows, out) = (bench.write("rows.jsonl", &[sleeps]), bench.path("out"));
    let mut command = bench.command(&rows, &out, "docker").spawn().unwrap();
    let up = await_worker(&bench, &mut command);
    walls_of(&bench, &up);
    // What an owner that died before it started its container leaves: nothing but the next start removes it.
    let host = bench.engine.docker(&["inspect", "--format", "{{index .Config.Labels \"glasshouse.host\"}}", &up]);
    let image = bench.engine.docker(&["inspect", "--format", "{{.Image}}", &up]);
    let host = format!("glasshouse.host={host}");
    let made = ["create", "--label", "glasshouse.owner=1-1", "--label", &host, "--entrypoint", "/none", &image];
    let orphan = bench.engine.docker(&made);
    command.kill().unwrap();
    command.wait().unwrap();
    let since = Instant::now();
    while bench.engine.containers() != [orphan.clone()] {
        assert!(since.elapsed() < PATIENCE, "{:?} and not only {orphan}", bench.engine.containers());
        thread::sleep(TICK);
    }
    let rows = bench.write("next.jsonl", &[json!({"id": "next", "runtime": "python", "code": "print(1)"})]);
    bench.settle(&rows, &bench.path("next"));
    bench.engine.assert_nothing_left();
}

#[test]
fn a_file_that_was_changed_in_the_image_is_told() {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(bench) = Bench::new() else { return };
    let images = |action: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_glasshouse"));
        command.args(["images", action, "python", "--backend", "docker"]).env("DOCKER_HOST", bench.engine.host());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, made) = images("build");
    let line = made.lines().find(|line| line.contains("sha256:")).unwrap();
    let [name, id] = [1, 2].map(|word| line.split_whitespace().nth(word).unwrap());
    assert_eq!((code, bench.engine.docker(&["image", "inspect", "--format", "{{.Id}}", name])), (Some(0), id.into()));
    let container = bench.engine.docker(&["create", "--entrypoint", "/none", name]);
    fs::write(bench.path("debian_version"), "13\n").unwrap();
    let file = bench.path("debian_version").display().to_string();
    bench.engine.docker(&["cp", "--quiet", &file, &format!("{container}:/etc/debian_version")]);
    let changed = bench.engine.docker(&["commit", &container, name]);
    bench.engine.docker(&["rm", &container]);
    let (code, said) = images("verify");
    bench.engine.docker(&["tag", id, name]);
    bench.engine.docker(&["image", "rm", &changed]);
    let differences: Vec<&str> = said.lines().filter(|line| line.starts_with("  ") && !line.contains('`')).collect();
    assert_eq!((code, differences), (Some(1), vec!["  changed  etc/debian_version"]), "{said}");
}

/// The first container of a command that is up.
fn await_worker(bench: &Bench, command: &mut Child) -> String {
    let since = Instant::now();
    loop {
        for id in bench.engine.containers() {
            let pid = bench.engine.docker(&["inspect", "--format", "{{.State.Pid}}", &id]);
            if zygotes_below(&pid) {
                return id;
            }
        }
        assert!(command.try_wait().unwrap().is_none(), "the command has ended");
        assert!(since.elapsed() < PATIENCE, "no worker");
        thread::sleep(TICK);
    }
}

/// Whether the container's first process has a grandchild: its init has started an interpreter.
fn zygotes_below(pid: &str) -> bool {
    let children = |pid: &str| fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children(pid).split_whitespace().any(|child| !children(child).trim().is_empty())
}

/// What stands around a worker, as the kernel and the engine tell it.
fn walls_of(bench: &Bench, id: &str) {
    let inspected = |path: &str| bench.engine.docker(&["inspect", "--format", &format!("{{{{json {path}}}}}"), id]);
    assert_eq!(inspected(".HostConfig.ReadonlyRootfs"), "true");
    assert_eq!(inspected(".HostConfig.NetworkMode"), "\"none\"");
    assert_eq!(inspected(".HostConfig.Privileged"), "false");
    assert_eq!(inspected(".HostConfig.AutoRemove"), "true");
    assert_eq!(inspected(".HostConfig.CapDrop"), "[\"ALL\"]");
    assert_ne!(inspected(".HostConfig.PidsLimit"), "null");
    assert_ne!(inspected(".HostConfig.Memory"), "0");
    let pid = inspected(".State.Pid");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| -> Vec<String> {
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:"))).unwrap();
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!((field("NoNewPrivs"), field("Seccomp")), (vec!["1".to_owned()], vec!["2".to_owned()]));
    assert!(field("Uid").iter().all(|user| user != "0"), "{status}");
    let interfaces = fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap();
    assert_eq!(interfaces.lines().count(), 3, "two lines of title and the loopback: {interfaces}");
}

fn lines(path: &Path) -> usize {
    fs::read(path).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count()
}

fn faults(out: &Path) -> Vec<String> {
    fs::read_to_string(out.join("faults.jsonl")).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn records(out: &Path) -> BTreeMap<String, Value> {
    let text = fs::read_to_string(out.join("records.jsonl")).unwrap();
    let record = |line: &str| -> Value { serde_json::from_str(line).unwrap() };
    text.lines().map(record).map(|record| (record["id"].as_str().unwrap().to_owned(), record)).collect()
}

/// Each row's answer without what is measured.
fn answers(records: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let mut answers = records.clone();
    for (id, record) in &mut answers {
        assert!(!record["verdict"].is_null(), "a fault is the answer of {id}: {record}");
        for field in MEASURED {
            record.as_object_mut().unwrap().remove(field);
        }
    }
    answers
}

fn compare(expected: &BTreeMap<String, Value>, found: &BTreeMap<String, Value>) {
    assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    let other = expected.iter().filter(|(id, answer)| found[*id] != **answer);
    let other: Vec<String> = other.map(|(id, answer)| format!("{answer}\n  {}", found[id])).collect();
    assert!(other.is_empty(), "{} rows have another answer:\n{}", other.len(), other.join("\n"));
}
