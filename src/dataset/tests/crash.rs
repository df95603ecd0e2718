//! Whatever a kill or a power cut leaves in OUT, the next open finds exactly what was recorded.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use common::{bad, contents, fault, open, plain_lines, record};
use proptest::prelude::*;

/// What one row gives.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Record,
    Bad,
    FaultThenRecord,
}

/// What lies in OUT beyond the last group that was recorded.
#[derive(Clone, Debug)]
enum Crash {
    /// Lines that were appended and never recorded, the last one cut.
    Garbage(usize, Vec<u8>),
    /// The journal's write-ahead log lost its end (in thousandths of its length): later groups are not recorded.
    CutLog(usize),
    /// The log's end holds other bytes.
    TornLog(usize, Vec<u8>),
}

fn kinds() -> impl Strategy<Value = Vec<Vec<Kind>>> {
    let kind = prop_oneof![4 => Just(Kind::Record), 1 => Just(Kind::Bad), 1 => Just(Kind::FaultThenRecord)];
    proptest::collection::vec(proptest::collection::vec(kind, 1..8), 1..8)
}

fn crash() -> impl Strategy<Value = Crash> {
    let bytes = proptest::collection::vec(any::<u8>(), 1..300);
    prop_oneof![
        (0_usize..3, bytes.clone()).prop_map(|(file, bytes)| Crash::Garbage(file, bytes)),
        (0_usize..1000).prop_map(Crash::CutLog),
        (0_usize..1000, bytes).prop_map(|(at, bytes)| Crash::TornLog(at, bytes)),
    ]
}

fn work(out: &Path, groups: &[Vec<Kind>], copy: Option<&Path>) -> Vec<BTreeSet<u64>> {
    let run = open(out);
    let mut recorded = vec![BTreeSet::new()];
    let mut row = 0;
    for group in groups {
        let mut now = recorded.last().unwrap().clone();
        for kind in group {
            now.insert(row);
            if !run.is_done(row) {
                match kind {
                    Kind::Record => run.record(&record(row)).unwrap(),
                    Kind::Bad => run.bad_row(&bad(row)).unwrap(),
                    Kind::FaultThenRecord => {
                        run.fault(&fault(row, 1)).unwrap();
                        run.record(&record(row)).unwrap();
                    }
                }
            }
            row += 1;
        }
        run.flush().unwrap();
        recorded.push(now);
    }
    // A copy of what lies there while the command is still at work is what a kill leaves.
    if let Some(copy) = copy {
        for name in ["records.jsonl", "faults.jsonl", "bad_rows.jsonl", "journal.sqlite", "journal.sqlite-wal"] {
            fs::copy(out.join(name), copy.join(name)).unwrap();
        }
    }
    run.finish().unwrap();
    recorded
}

fn break_it(out: &Path, crash: &Crash) {
    let log = out.join("journal.sqlite-wal");
    let position = |part: usize| fs::metadata(&log).unwrap().len() * part as u64 / 1000;
    let write = |path: &Path| OpenOptions::new().write(true).open(path).unwrap();
    match crash {
        Crash::Garbage(file, bytes) => {
            let name = ["records.jsonl", "faults.jsonl", "bad_rows.jsonl"][*file];
            OpenOptions::new().append(true).open(out.join(name)).unwrap().write_all(bytes).unwrap();
        }
        Crash::CutLog(part) => write(&log).set_len(position(*part)).unwrap(),
        Crash::TornLog(part, bytes) => {
            let start = position(*part);
            write(&log).set_len(start).unwrap();
            OpenOptions::new().append(true).open(&log).unwrap().write_all(bytes).unwrap();
        }
    }
}

fn rows_of(out: &Path) -> (BTreeSet<u64>, usize) {
    let (records, bad_rows, _) = contents(out);
    let rows: Vec<u64> = records.iter().map(|record| record.row).chain(bad_rows).collect();
    (rows.iter().copied().collect(), rows.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_broken_copy_reopens_to_a_recorded_state_and_goes_on(groups in kinds(), crash in crash()) {
        let folder = tempfile::tempdir().unwrap();
        let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
        fs::create_dir(&broken).unwrap();
        let states = work(&whole, &groups, Some(&broken));
        break_it(&broken, &crash);

        // Before the tables exist there is no run yet: a log cut there begins anew, which is the empty state.
        let run = open(&broken);
        let resumed = run.resumed();
        drop(run);
        let (rows, lines) = rows_of(&broken);
        prop_assert_eq!(rows.len(), lines, "a row twice");
        prop_assert_eq!(rows.len() as u64, resumed);
        prop_assert!(states.contains(&rows), "{:?} was never a recorded state of {:?}", rows, states);
        if let Crash::Garbage(..) = crash {
            prop_assert_eq!(&rows, states.last().unwrap(), "something recorded is lost");
        }

        work(&broken, &groups, None);
        prop_assert_eq!(contents(&broken).0, contents(&whole).0);
        prop_assert_eq!(plain_lines(&broken), plain_lines(&whole));
        prop_assert_eq!(rows_of(&broken), rows_of(&whole));
    }
}
