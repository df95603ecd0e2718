//! The pipeline as a whole, with real datasets and folders and a runner that answers as a test wants.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use glasshouse_dataset::{OpenMode, RunIdentity, RunReader, SourceOptions};
use glasshouse_model::{CodeKind, Fault, FaultKind, Outcome, PolicySet, Record, RuntimeInfoForRows, Verdict};
use glasshouse_sandbox::{Exit, RunReport, RunRequest};

use super::fake::{FakeCollector, FakeRunner, NoPages, report};
use super::*;

/// A dataset and an OUT folder that go when the test ends.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(rows: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("rows.jsonl"), rows.join("\n")).unwrap();
        Self { folder }
    }

    fn run<F>(&self, workers: usize, answers: F) -> (End, Arc<Shared>)
    where
        F: Fn(&RunRequest) -> Result<RunReport, Fault> + Clone + Send + 'static,
    {
        let source = Source::open(&[self.folder.path().join("rows.jsonl")], SourceOptions::default()).unwrap();
        let identity = RunIdentity {
            fingerprint: source.fingerprint().to_owned(),
            dataset: "rows.jsonl".to_owned(),
            options: BTreeMap::new(),
        };
        let folder = RunFolder::open(&self.out(), &identity, OpenMode::Resume).unwrap();
        let shared = Arc::new(Shared {
            folder: Arc::new(folder),
            context: context(),
            inflight: Inflight::new(Shared::room(workers)),
            tally: Tally::default(),
            stop: Stop::default(),
            notice: Box::new(|_| {}),
        });
        let executor = |_| {
            let interpreted = Interpreted::new(FakeRunner(answers.clone()), FakeCollector::default(), NoPages);
            Box::new(interpreted) as Box<dyn Executor>
        };
        let end = drive(&shared, source, (0..workers).map(executor).collect(), |_| {});
        shared.folder.flush().unwrap();
        (end, shared)
    }

    fn out(&self) -> std::path::PathBuf {
        self.folder.path().join("out")
    }

    fn records(&self) -> Vec<Record> {
        let mut records: Vec<Record> =
            RunReader::open(&self.out()).unwrap().records().unwrap().map(Result::unwrap).collect();
        records.sort_by_key(|record| record.row);
        records
    }
}

fn context() -> JobContext {
    let mut policies = PolicySet::default();
    policies.add("default", "").unwrap();
    let (image, code, languages) = (Digest::of(b"image"), CodeKind::Program, vec!["python".into()]);
    let python = RuntimeInfoForRows { image, code, languages, shown_by: None, policy: None };
    JobContext {
        policies,
        default_policy: "default".into(),
        runtimes: [("python".to_owned(), python)].into(),
        default_runtime: Some("python".into()),
        allow_looser_limits: false,
    }
}

fn verdicts(records: &[Record]) -> Vec<(&str, Option<Verdict>)> {
    records.iter().map(|record| (record.id.as_str(), record.verdict())).collect()
}

#[test]
fn bad_rows_are_set_aside_and_the_others_go_on() {
    let place = Place::new(&[
        r#"{"id": "a", "code": "1"}"#,
        r#"{"id": "b", "code"#,
        r#"{"id": "c"}"#,
        r#"{"id": "a", "code": "2"}"#,
        r#"{"id": "d", "code": "exit 1"}"#,
    ]);
    let (end, shared) = place.run(2, |request| {
        let mut report = report("");
        if request.code == "exit 1" {
            report.exit = Exit::Code(1);
        }
        Ok(report)
    });
    assert_eq!(end, End::Complete);
    assert_eq!(verdicts(&place.records()), [("a", Some(Verdict::Ok)), ("d", Some(Verdict::RuntimeError))]);
    assert_eq!(shared.tally.now().bad_rows, 3);
}

#[test]
fn identical_jobs_run_once_and_each_row_keeps_its_own_columns() {
    let rows: Vec<String> = (0..40).map(|n| format!(r#"{{"id": "r{n}", "code": "same", "n": {n}}}"#)).collect();
    let place = Place::new(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    let runs = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&runs);
    let (end, shared) = place.run(4, move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        // Long enough that the others arrive while this one is under way.
        std::thread::sleep(Duration::from_millis(100));
        Ok(report("once"))
    });
    assert_eq!(end, End::Complete);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    assert_eq!(shared.tally.now().copied, 39);
    let records = place.records();
    assert_eq!(records.len(), 40);
    for (n, record) in records.iter().enumerate() {
        assert_eq!((record.id.as_str(), record.columns["n"].as_u64()), (format!("r{n}").as_str(), Some(n as u64)));
        assert_eq!(record.stdout.text, "once");
    }
}

#[test]
fn a_fault_is_tried_again_and_then_told_as_such() {
    let place = Place::new(&[r#"{"id": "weak", "code": "weak"}"#, r#"{"id": "ok", "code": "ok"}"#]);
    let attempts = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&attempts);
    let broken = move |request: &RunRequest| {
        if request.code == "weak" {
            counter.fetch_add(1, Ordering::SeqCst);
            return Err(Fault::new(FaultKind::Worker, "died"));
        }
        Ok(report(""))
    };
    let (end, shared) = place.run(1, broken);
    assert_eq!(end, End::Complete);
    assert_eq!(attempts.load(Ordering::SeqCst), 3);
    assert_eq!(shared.tally.now().faults, 1);
    let records = place.records();
    assert_eq!(verdicts(&records), [("weak", None), ("ok", Some(Verdict::Ok))]);
    assert!(matches!(&records[0].outcome, Outcome::Fault(fault) if fault.message == "died"));
    let lines = fs::read_to_string(place.out().join("faults.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 3);
    drop(shared);

    // The next command tries it again, and nothing else.
    let (_, shared) = place.run(1, |request| {
        assert_eq!(request.code, "weak");
        Ok(report(""))
    });
    assert_eq!(shared.tally.now().skipped, 1);
    assert_eq!(verdicts(&place.records()), [("weak", Some(Verdict::Ok)), ("ok", Some(Verdict::Ok))]);
}

#[test]
fn a_passing_fault_costs_an_attempt_and_no_verdict() {
    let place = Place::new(&[r#"{"id": "a", "code": "1"}"#]);
    let attempts = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&attempts);
    let (_, shared) = place.run(1, move |_| {
        if counter.fetch_add(1, Ordering::SeqCst) == 0 {
            return Err(Fault::new(FaultKind::Worker, "died"));
        }
        Ok(report(""))
    });
    assert_eq!(verdicts(&place.records()), [("a", Some(Verdict::Ok))]);
    assert_eq!(shared.folder.counts().failed_attempts, 1);
}

#[test]
fn a_host_that_fails_everything_is_told_once() {
    let rows: Vec<String> = (0..200).map(|n| format!(r#"{{"id": {n}, "code": "{n}"}}"#)).collect();
    let place = Place::new(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    let (end, shared) = place.run(2, |_| Err(Fault::new(FaultKind::Start, "no namespaces here")));
    assert_eq!(end, End::Early);
    let why = shared.stop.why().unwrap();
    assert!(matches!(why, Halt::Host { .. }), "{why}");
    assert!(why.to_string().contains("no namespaces here"), "{why}");
    assert!(shared.tally.now().faults < 20);
}

#[test]
fn workers_that_can_be_started_no_more_end_the_run() {
    let rows: Vec<String> = (0..200).map(|n| format!(r#"{{"id": {n}, "code": "{n}"}}"#)).collect();
    let place = Place::new(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    let row = |request: &RunRequest| request.code.parse::<u32>().unwrap();
    let (end, shared) = place.run(1, move |request| match row(request) {
        // So many single ones are not the end.
        n if n >= 100 || n % 2 == 0 => Err(Fault::new(FaultKind::Start, "the engine is gone")),
        _ => Ok(report("")),
    });
    assert_eq!(end, End::Early);
    let why = shared.stop.why().unwrap();
    assert!(matches!(why, Halt::NoWorker { jobs: 8, .. }), "{why}");
    assert!(why.to_string().contains("the engine is gone"), "{why}");
    assert_eq!((shared.tally.now().judged(), shared.tally.now().faults), (50, 57));
    drop(shared);
    // Nothing is lost, and what failed is tried again.
    let (end, _) = place.run(1, |_| Ok(report("")));
    assert_eq!(end, End::Complete);
    assert!(place.records().iter().all(|record| matches!(record.outcome, Outcome::Verdict { .. })));
}

#[test]
fn a_full_disk_stops_the_run_without_blaming_a_sample() {
    let place = Place::new(&[r#"{"id": "a", "code": "1"}"#]);
    let (end, shared) = place.run(1, |_| Err(Fault::new(FaultKind::Storage, "no space left")));
    assert_eq!(end, End::Early);
    assert!(matches!(shared.stop.why(), Some(Halt::Storage(_))));
    assert!(place.records().is_empty());
}

#[test]
fn a_stop_keeps_what_is_recorded_and_the_next_command_goes_on() {
    let rows: Vec<String> = (0..100).map(|n| format!(r#"{{"id": {n}, "code": "{n}"}}"#)).collect();
    let place = Place::new(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    // Ends the run by the same way as Ctrl-C: a shared wish that threads look at.
    let (end, shared) = place.run(1, |request| match request.code.as_str() {
        "10" => Err(Fault::new(FaultKind::Storage, "stop here")),
        _ => Ok(report("")),
    });
    assert_eq!(end, End::Early);
    let before = place.records().len();
    assert_eq!(before, 10);
    drop(shared);
    let (end, shared) = place.run(3, |_| Ok(report("")));
    assert_eq!(end, End::Complete);
    assert_eq!(shared.tally.now().skipped, 10);
    assert_eq!(place.records().len(), 100);
}
