//! The OUT folder as the pipeline uses it.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::thread;

use common::{bad, contents, fault, faulted, identity, job, open, record};
use glasshouse_dataset::{Claim, Counts, DatasetError, OpenMode, RunFolder, RunIdentity, RunReader};
use glasshouse_model::{Record, Verdict};

#[test]
fn what_is_recorded_is_read_back_in_dataset_order_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("deep/out");
    let run = open(&out);
    for row in [5, 0, 3, 2] {
        run.record(&record(row)).unwrap();
    }
    run.record(&faulted(4)).unwrap();
    run.bad_row(&bad(1)).unwrap();
    run.fault(&fault(4, 1)).unwrap();
    run.fault(&fault(4, 2)).unwrap();
    run.set_note("rows", "7").unwrap();
    assert_eq!(run.attempts(4).unwrap(), 2);
    assert_eq!(run.record(&record(3)), Err(DatasetError::Repeated { row: 3 }));
    let counts = run.finish().unwrap();
    assert_eq!((counts.records(), counts.faults, counts.bad_rows, counts.failed_attempts), (5, 1, 1, 2));

    let (records, bad_rows, faults) = contents(&out);
    assert_eq!(records, [record(0), record(2), record(3), faulted(4), record(5)]);
    assert_eq!((bad_rows, faults), (vec![1], vec![4, 4]));
    let left: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("-wal")), "{left:?}");

    let run = open(&out);
    // The row that ended in a fault is to be tried again; all others are done.
    assert_eq!((run.resumed(), run.counts()), (5, Counts { faults: 0, ..counts }));
    assert_eq!((0..8).filter(|&row| !run.is_done(row)).collect::<Vec<_>>(), [4, 6, 7]);
    assert_eq!(run.note("rows").unwrap().as_deref(), Some("7"));
    assert_eq!(run.attempts(4).unwrap(), 2);
}

#[test]
fn identical_jobs_are_found_pending_and_recorded_and_never_from_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let run = open(folder.path());
    run.record(&record(1)).unwrap();
    run.record(&faulted(2)).unwrap();
    assert_eq!(run.lookup_job(&job(1)).unwrap(), Some(record(1)), "still on its way");
    assert_eq!(run.lookup_job(&job(2)).unwrap(), None);
    run.record(&Record { job: job(1), ..record(7) }).unwrap();
    run.flush().unwrap();
    assert_eq!(run.lookup_job(&job(1)).unwrap(), Some(record(1)), "the first one counts");
    drop(run);
    assert_eq!(open(folder.path()).lookup_job(&job(1)).unwrap(), Some(record(1)));
}

#[test]
fn the_first_row_with_an_id_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let run = open(folder.path());
    assert_eq!(run.claim_id(0, "id-0").unwrap(), Claim::Ours);
    assert_eq!(run.claim_id(9, "id-0").unwrap(), Claim::Duplicate { first: 0 }, "in flight");
    let mut duplicate = bad(9);
    duplicate.id = Some("id-0".into());
    run.bad_row(&duplicate).unwrap();
    assert_eq!(run.claim_id(1, "id-1").unwrap(), Claim::Ours);
    run.bad_row(&bad(1)).unwrap();
    drop(run);

    let run = open(folder.path());
    assert!(run.is_done(9) && !run.is_done(0));
    assert_eq!(run.claim_id(0, "id-0").unwrap(), Claim::Ours, "a row is not its own duplicate");
    run.record(&record(0)).unwrap();
    run.flush().unwrap();
    assert_eq!(run.claim_id(10, "id-0").unwrap(), Claim::Duplicate { first: 0 }, "recorded");
    assert_eq!(run.claim_id(11, "id-1").unwrap(), Claim::Duplicate { first: 1 }, "held by a bad row");
}

#[test]
fn a_foreign_folder_is_refused_with_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "years of work").unwrap();
    let refused = |identity: &RunIdentity, mode| RunFolder::open(folder.path(), identity, mode).err().unwrap();
    for mode in [OpenMode::Resume, OpenMode::Fresh] {
        let text = refused(&identity(), mode).to_string();
        assert!(text.contains("thesis.tex") && text.contains("-o"), "{text}");
    }
    fs::remove_file(folder.path().join("thesis.tex")).unwrap();
    drop(open(folder.path()));

    let other = RunIdentity { fingerprint: "g".into(), dataset: "others.jsonl".into(), ..identity() };
    let text = refused(&other, OpenMode::Resume).to_string();
    assert!(text.contains("rows.jsonl") && text.contains("others.jsonl") && text.contains("--fresh"), "{text}");
    let options = [("--policy".to_owned(), "strict".to_owned())].into();
    let text = refused(&RunIdentity { options, ..identity() }, OpenMode::Resume).to_string();
    assert!(text.contains("--policy: was not given, now strict"), "{text}");

    let run = open(folder.path());
    let text = refused(&identity(), OpenMode::Resume).to_string();
    assert!(text.contains(&format!("pid {}", std::process::id())), "{text}");
    run.record(&record(1)).unwrap();
    drop(run);
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let fresh = RunFolder::open(folder.path(), &other, OpenMode::Fresh).unwrap();
    assert_eq!((fresh.resumed(), fresh.is_done(1)), (0, false));
    assert!(folder.path().join("notes.txt").exists(), "only what a run leaves is deleted");
}

#[test]
fn a_damaged_folder_is_said_to_be_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let run = open(out);
    run.record(&record(3)).unwrap();
    run.finish().unwrap();
    let records = out.join("records.jsonl");
    let text = fs::read(&records).unwrap();
    fs::write(&records, &text[..text.len() - 5]).unwrap();
    let error = RunFolder::open(out, &identity(), OpenMode::Resume).err().unwrap().to_string();
    assert!(error.contains("records.jsonl is damaged") && error.contains("--fresh"), "{error}");
    fs::write(&records, vec![b'x'; text.len()]).unwrap();
    let error = RunReader::open(out).unwrap().records().unwrap().next().unwrap().unwrap_err().to_string();
    assert!(error.contains("row 3 at byte 0"), "{error}");
    fs::remove_file(out.join("journal.sqlite")).unwrap();
    assert!(RunReader::open(out).err().unwrap().to_string().contains("journal.sqlite is missing"));
}

#[test]
fn many_threads_record_while_another_reads() {
    let folder = tempfile::tempdir().unwrap();
    let run = open(folder.path());
    thread::scope(|scope| {
        for worker in 0..4 {
            let run = &run;
            scope.spawn(move || {
                for row in (worker..2000).step_by(4) {
                    run.record(&record(row)).unwrap();
                }
            });
        }
        for _ in 0..5 {
            let seen = run.reader().unwrap();
            let read = seen.records().unwrap().map(Result::unwrap).count() as u64;
            assert!(read >= seen.counts().records());
        }
    });
    let counts = run.finish().unwrap();
    assert_eq!(counts.verdicts[&Verdict::Ok], 2000 / 13);
    let (records, ..) = contents(folder.path());
    assert!(records.iter().enumerate().all(|(row, found)| *found == record(row as u64)));
    assert_eq!(records.len(), 2000);
}

/// `/dev/full` refuses every write; the disk that is full from the start is a folder where records.jsonl leads there.
#[test]
fn a_full_disk_stops_the_run_and_keeps_what_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let run = open(folder.path());
    run.record(&record(0)).unwrap();
    run.finish().unwrap();
    let (records, kept) = (folder.path().join("records.jsonl"), folder.path().join("kept"));
    fs::rename(folder.path().join("faults.jsonl"), &kept).unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join("faults.jsonl")).unwrap();
    let before = fs::read(&records).unwrap();

    let run = open(folder.path());
    run.record(&record(1)).unwrap();
    run.fault(&fault(2, 1)).unwrap();
    let error = run.flush().unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("faults.jsonl") && text.contains("recorded and safe: 1 rows") && text.contains("free some space"),
        "{text}"
    );
    assert!(!error.is_usage());
    assert_eq!(run.record(&record(3)), Err(error.clone()), "every later call is told");
    assert_eq!(run.finish(), Err(error));
    assert_eq!(fs::read(&records).unwrap(), before, "the tail that was not recorded is gone");

    fs::rename(&kept, folder.path().join("faults.jsonl")).unwrap();
    let run = open(folder.path());
    assert!(run.is_done(0) && !run.is_done(1));
    run.record(&record(1)).unwrap();
    run.finish().unwrap();
    assert_eq!(contents(folder.path()).0, [record(0), record(1)]);
}

#[test]
fn a_folder_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<RunFolder>();
}
