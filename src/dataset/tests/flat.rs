//! Memory and pace do not grow with the rows that are recorded.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::time::Instant;

use common::{job, open, record};
use glasshouse_dataset::{Claim, RunFolder};
use glasshouse_model::Record;

/// In KiB: batches at this pace are larger than those of real work, and the biggest one yet stays in the allocator.
/// 40 bytes a row are still found.
const SLACK: f64 = 2048.0;

/// Resident memory of this process, in KiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Rows as the pipeline treats them: the id claimed, the job looked up, a record given; every third job is an earlier one.
fn record_rows(run: &RunFolder, rows: std::ops::Range<u64>) {
    for row in rows {
        assert_eq!(run.claim_id(row, &format!("id-{row}")).unwrap(), Claim::Ours);
        let wanted = if row % 3 == 2 { job(row / 2 / 3 * 3) } else { job(row) };
        let found = run.lookup_job(&wanted).unwrap();
        assert_eq!(found.is_some(), row % 3 == 2, "row {row}");
        run.record(&Record { job: wanted, ..record(row) }).unwrap();
    }
}

fn measure(out: &Path, early: u64, rows: u64) {
    let run = open(out);
    record_rows(&run, 0..early);
    run.flush().unwrap();
    let before = resident();
    let first = Instant::now();
    record_rows(&run, early..2 * early);
    run.flush().unwrap();
    let first = first.elapsed();
    record_rows(&run, 2 * early..rows - early);
    run.flush().unwrap();
    let last = Instant::now();
    record_rows(&run, rows - early..rows);
    run.flush().unwrap();
    let last = last.elapsed();
    let after = resident();
    eprintln!(
        "resident at {early} rows: {before} KiB, at {rows} rows: {after} KiB; {early} rows in {first:?}, then in {last:?}"
    );
    assert!(after <= before * 1.05 + SLACK, "{before} KiB after {early} rows, {after} KiB after {rows}");
    run.finish().unwrap();
    let begun = Instant::now();
    assert_eq!(open(out).resumed(), rows);
    eprintln!("reopened in {:?}", begun.elapsed());
}

#[test]
fn memory_is_flat() {
    let folder = tempfile::tempdir().unwrap();
    measure(folder.path(), 5000, 60_000);
}

#[test]
#[ignore = "takes a minute: cargo test -p glasshouse-dataset --release --test flat -- --ignored --nocapture"]
fn memory_is_flat_over_many_rows() {
    let folder = tempfile::tempdir().unwrap();
    measure(folder.path(), 5000, 200_000);
}
