//! A command that is killed with SIGKILL while it records, and started again, loses nothing and repeats nothing.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{bad, contents, fault, open, plain_lines, record};
use glasshouse_dataset::RunReader;

const ROWS: u64 = 6000;
const OUT: &str = "GLASSHOUSE_TEST_OUT";

fn record_all(out: &Path) {
    let run = open(out);
    for row in (0..ROWS).filter(|&row| !run.is_done(row)).collect::<Vec<_>>() {
        match row % 50 {
            7 => run.bad_row(&bad(row)).unwrap(),
            _ => run.record(&record(row)).unwrap(),
        }
        if row % 100 == 9 && run.attempts(row).unwrap() == 0 {
            run.fault(&fault(row, 1)).unwrap();
        }
        if row % 20 == 0 {
            // About the pace of real work, so that a kill finds all stages of a commit.
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    run.finish().unwrap();
}

/// Not a test of its own: the body of the process that is killed.
#[test]
#[ignore = "run by the test below as a child"]
fn child() {
    record_all(Path::new(&std::env::var_os(OUT).unwrap()));
}

fn start(out: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child"])
        .env(OUT, out)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Rows that a folder has recorded; 0 before its journal exists.
fn recorded(out: &Path) -> u64 {
    RunReader::open(out).map_or(0, |reader| reader.counts().rows())
}

#[test]
fn killed_at_thirty_moments() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    record_all(&whole);

    let (mut at_work, mut before) = (0, 0);
    for moment in 0_u64..30 {
        let mut child = start(&killed);
        std::thread::sleep(Duration::from_millis(8 + moment * 37 % 30));
        let alive = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        let now = recorded(&killed);
        assert!(now >= before, "{before} rows were recorded, and now {now}");
        at_work += u64::from(alive && now > before);
        before = now;
    }
    assert!(
        at_work >= 5,
        "only {at_work} of 30 were killed after they had recorded something: the test proves too little"
    );
    assert!(start(&killed).wait().unwrap().success());
    let (records, bad_rows, _) = contents(&killed);
    assert_eq!((records, bad_rows), (contents(&whole).0, contents(&whole).1));
    assert_eq!(plain_lines(&killed), plain_lines(&whole));
}
