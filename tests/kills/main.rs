//! Nothing is lost: a run is killed with SIGKILL at random moments, here and there, and resumed.
//!
//! In the end it must have the records of an undisturbed run and leave nothing on the host. The whole test:
//!
//! ```sh
//! GLASSHOUSE_KILLS_ROWS=5000 GLASSHOUSE_KILLS_COUNT=30 cargo test --release --test kills -- --nocapture
//! ```
//!
//! `GLASSHOUSE_KILLS_SEED` repeats the choices of an earlier test; the moments themselves differ.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

#[path = "../common/command.rs"]
mod command;
mod family;
mod given_up;
mod rows;
mod traces;

use family::{COMPONENTS, Kind};

const TICK: Duration = Duration::from_millis(2);
/// Without a new record for so long, something hangs.
const PATIENCE: Duration = Duration::from_secs(120);
/// A resumed command tries rows again that ended in a fault; so many rounds are enough for any, and so many runs for all kills.
const ROUNDS: u32 = 4;
/// What may differ between two runs of one job.
const MEASURED: [&str; 3] = ["usage", "phases", "backend"];

#[test]
fn killed_and_resumed_is_like_undisturbed() {
    family::adopt_orphans();
    let (count, kills) = (number("GLASSHOUSE_KILLS_ROWS", 300), number("GLASSHOUSE_KILLS_COUNT", 6));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = number("GLASSHOUSE_KILLS_SEED", now.as_nanos() as u64);
    println!("{count} rows, {kills} kills, GLASSHOUSE_KILLS_SEED={seed}");

    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new(folder.path(), count);
    let calm = bench.out("calm");
    let status = bench.start(&calm).wait().unwrap();
    assert!(status.success(), "undisturbed: {status}");
    let expected = answers(&calm);
    assert_eq!(expected.len() as u64, count);

    let mut due = kills;
    for round in 0..ROUNDS {
        let stormy = bench.out(&format!("stormy-{round}"));
        let random = Random(seed.wrapping_add(round.into()));
        let mut storm = Storm { bench: &bench, out: &stormy, random, commands: Vec::new(), killed: BTreeMap::new() };
        due -= storm.rage(count, due);
        println!("killed: {:?}; {} starts", storm.killed, storm.commands.len());
        println!("{} faults on the way", fs::read_to_string(stormy.join("faults.jsonl")).unwrap().lines().count());
        compare(&expected, &answers(&stormy));
        assert_eq!(files(&calm), files(&stormy), "the folders hold other files");
        traces::assert_none(&storm.commands, &bench.temporary);
        println!("{} records equal, nothing left", expected.len());
        if due == 0 {
            return;
        }
        println!("the run was over before {due} of the kills: they come in another run");
    }
    panic!("{due} kills did not happen in {ROUNDS} runs:\n{}", bench.log());
}

/// Where the rows and all OUT folders are.
struct Bench {
    folder: PathBuf,
    rows: PathBuf,
    temporary: PathBuf,
}

impl Bench {
    fn new(folder: &Path, count: u64) -> Self {
        let (rows, temporary) = (folder.join("rows.jsonl"), folder.join("temporary"));
        let text: String = (0..count as usize).map(|n| format!("{}\n", rows::row(n))).collect();
        fs::write(&rows, text).unwrap();
        fs::create_dir(&temporary).unwrap();
        Self { folder: folder.to_owned(), rows, temporary }
    }

    fn out(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn start(&self, out: &Path) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_glasshouse"));
        command.arg("run").arg(&self.rows).arg("-o").arg(out).args(["--no-progress", "--no-report"]);
        command.env("TMPDIR", &self.temporary).stdin(Stdio::null());
        let log = fs::File::options().create(true).append(true).open(self.folder.join("log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }
}

/// The run that is killed again and again.
struct Storm<'a> {
    bench: &'a Bench,
    out: &'a Path,
    random: Random,
    /// Pids of all commands that were started.
    commands: Vec<i32>,
    killed: BTreeMap<Kind, u32>,
}

impl Storm<'_> {
    /// How many of the kills happened: the last rows may take less time than finding somebody to kill.
    fn rage(&mut self, count: u64, kills: u64) -> u64 {
        let mut command = self.start();
        for (index, mark) in self.marks(count, kills).into_iter().enumerate() {
            self.await_records(&mut command, mark);
            thread::sleep(Duration::from_millis(self.random.below(40)));
            let kinds: &[Kind] = if index % 3 == 1 { &[Kind::Command] } else { &COMPONENTS };
            match self.kill_one(&mut command, kinds) {
                Some(Kind::Command) => {
                    let status = command.wait().unwrap();
                    if status.code().is_some() {
                        // It had ended by itself between the look and the kill.
                        assert_over(status, self.bench);
                        break;
                    }
                    command = self.start();
                }
                Some(_) => {}
                None => break,
            }
        }
        for _ in 0..ROUNDS {
            let status = self.end(&mut command);
            if status.success() {
                return self.killed.values().copied().map(u64::from).sum();
            }
            assert_eq!(status.code(), Some(1), "{}", self.bench.log());
            command = self.start();
        }
        panic!("faults remain after {ROUNDS} rounds:\n{}", self.bench.log());
    }

    /// Numbers of records after which something is killed; some in pairs, so that a start is hit too.
    fn marks(&mut self, count: u64, kills: u64) -> Vec<u64> {
        let mut marks: Vec<u64> = (0..kills).map(|_| self.random.below(count * 9 / 10)).collect();
        marks.sort_unstable();
        for index in (3..marks.len()).step_by(4) {
            marks[index] = marks[index - 1];
        }
        marks
    }

    fn start(&mut self) -> Child {
        let child = self.bench.start(self.out);
        self.commands.push(child.id() as i32);
        child
    }

    /// Waits until there are so many records; the command may end only after them.
    fn await_records(&self, command: &mut Child, mark: u64) {
        let mut records = Records::of(self.out);
        while records.count() < mark {
            if let Some(status) = command.try_wait().unwrap() {
                let count = records.count();
                assert!(
                    count >= mark,
                    "the command ended with {status} at row {count} of {mark}:\n{}",
                    self.bench.log()
                );
                return;
            }
            assert!(records.since.elapsed() < PATIENCE, "stuck at row {}:\n{}", records.lines, self.bench.log());
            thread::sleep(TICK);
        }
    }

    /// Kills a process of one of these kinds; not all kinds are there at every moment. `None` if the run is complete first.
    fn kill_one(&mut self, command: &mut Child, kinds: &[Kind]) -> Option<Kind> {
        let since = Instant::now();
        loop {
            if let Some(status) = command.try_wait().unwrap() {
                assert_over(status, self.bench);
                return None;
            }
            let kind = kinds[self.random.below(kinds.len() as u64) as usize];
            let choice = self.random.below(1 << 20) as usize;
            if family::find(kind, command.id() as i32, choice).is_some_and(family::kill) {
                *self.killed.entry(kind).or_default() += 1;
                return Some(kind);
            }
            assert!(since.elapsed() < PATIENCE, "nothing to kill:\n{}", self.bench.log());
        }
    }

    fn end(&self, command: &mut Child) -> ExitStatus {
        let mut records = Records::of(self.out);
        loop {
            if let Some(status) = command.try_wait().unwrap() {
                return status;
            }
            records.count();
            assert!(records.since.elapsed() < PATIENCE, "stuck at row {}:\n{}", records.lines, self.bench.log());
            thread::sleep(TICK);
        }
    }
}

/// A command that nobody killed has answered every row, or some rows are faults.
fn assert_over(status: ExitStatus, bench: &Bench) {
    assert!(matches!(status.code(), Some(0 | 1)), "{status}:\n{}", bench.log());
}

/// Counts the records of a run as they are appended.
struct Records {
    path: PathBuf,
    read: u64,
    lines: u64,
    /// When there was something new last.
    since: Instant,
}

impl Records {
    fn of(out: &Path) -> Self {
        Self { path: out.join("records.jsonl"), read: 0, lines: 0, since: Instant::now() }
    }

    fn count(&mut self) -> u64 {
        let Ok(mut file) = fs::File::open(&self.path) else { return 0 };
        if file.metadata().unwrap().len() < self.read {
            // A command that resumes cuts off what was not recorded in full.
            (self.read, self.lines) = (0, 0);
        }
        file.seek(SeekFrom::Start(self.read)).unwrap();
        let mut new = Vec::new();
        file.read_to_end(&mut new).unwrap();
        if !new.is_empty() {
            self.since = Instant::now();
        }
        self.read += new.len() as u64;
        self.lines += new.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.lines
    }
}

/// Each row's answer without what is measured; fails on a row that is there twice.
fn answers(out: &Path) -> BTreeMap<String, Value> {
    let mut answers = BTreeMap::new();
    for line in fs::read_to_string(out.join("records.jsonl")).unwrap().lines() {
        let mut record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let id = record["id"].as_str().unwrap().to_owned();
        assert!(!record["verdict"].is_null(), "a fault is the answer: {line}");
        for field in MEASURED {
            record.as_object_mut().unwrap().remove(field);
        }
        assert!(answers.insert(id.clone(), record).is_none(), "{id} is recorded twice");
    }
    answers
}

fn compare(expected: &BTreeMap<String, Value>, found: &BTreeMap<String, Value>) {
    let missing: Vec<_> = expected.keys().filter(|id| !found.contains_key(*id)).collect();
    assert!(missing.is_empty(), "rows without a record: {missing:?}");
    let other = expected.iter().filter(|(id, answer)| found[*id] != **answer);
    let other: Vec<String> = other.map(|(id, answer)| format!("{answer}\n  {}", found[id])).collect();
    assert!(other.is_empty(), "{} rows have another answer:\n{}", other.len(), other.join("\n"));
    assert_eq!(expected.len(), found.len());
}

/// Names of all files below OUT.
fn files(out: &Path) -> BTreeSet<PathBuf> {
    let (mut files, mut left) = (BTreeSet::new(), vec![out.to_owned()]);
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                files.insert(path.strip_prefix(out).unwrap().to_owned());
            }
        }
    }
    files
}

fn number(variable: &str, otherwise: u64) -> u64 {
    env::var(variable).map_or(otherwise, |value| value.parse().unwrap_or_else(|_| panic!("{variable}={value}")))
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }
}
