//! What runs a job needs, and what their ends make of it.

use std::collections::BTreeMap;

use glasshouse_capture::{ErrorLink, FigurePage, PageFormat, PageView, PictureOf};
use glasshouse_model::{Artifact, FaultKind};

use super::*;
use crate::pipeline::fake::{self, FakeCollector, FakeRunner, NoPages, nothing, report};

fn answer(job: &Job, runner: &mut dyn Runner, collector: &dyn Collector) -> Result<Answer, Fault> {
    super::answer(job, &mut Parts { runner, collector, shower: &mut NoPages, documents: None })
}

fn job(tests: Vec<Test>) -> Job {
    Job { stdin: b"own".to_vec(), tests, ..fake::job() }
}

fn output_test(stdin: &str, stdout: &str) -> Test {
    Test::Output { stdin: stdin.into(), stdout: stdout.into() }
}

fn verdict(answer: &Answer) -> (Verdict, String) {
    match &answer.outcome {
        Outcome::Verdict { verdict, cause } => (*verdict, cause.as_ref().map(|c| c.code.clone()).unwrap_or_default()),
        Outcome::Fault(fault) => panic!("{fault:?}"),
    }
}

#[test]
fn a_job_without_tests_runs_once_with_its_own_stdin() {
    let mut inputs = Vec::new();
    let mut runner = FakeRunner(|request: &RunRequest| {
        inputs.push(request.stdin.clone());
        Ok(report("6\n"))
    });
    let answer = answer(&job(Vec::new()), &mut runner, &FakeCollector::default()).unwrap();
    assert_eq!(verdict(&answer).0, Verdict::Ok);
    assert_eq!(inputs, [b"own".to_vec()]);
    assert!((answer.phases.harvest - 0.31).abs() < 1e-9 && (answer.phases.check - 0.02).abs() < 1e-9);
}

#[test]
fn each_stdout_test_is_a_run_and_the_first_that_fails_decides() {
    let tests = vec![output_test("1", "1"), output_test("2", "4"), output_test("3", "3")];
    let mut runs = 0;
    let mut runner = FakeRunner(|request: &RunRequest| {
        runs += 1;
        Ok(report(std::str::from_utf8(&request.stdin).unwrap()))
    });
    let answer = answer(&job(tests), &mut runner, &FakeCollector::default()).unwrap();
    assert_eq!(verdict(&answer), (Verdict::WrongAnswer, "stdout".into()));
    let Outcome::Verdict { cause: Some(cause), .. } = &answer.outcome else { panic!("{answer:?}") };
    assert_eq!(cause.message, "test 2 of 3: line 1: expected \"4\", got \"2\"");
    assert_eq!(runs, 2);
    assert!((answer.usage.wall - 2.0).abs() < 1e-9, "the time of both runs");
}

#[test]
fn a_failing_exit_in_a_test_run_gives_its_own_verdict() {
    let tests = vec![output_test("1", "1"), output_test("2", "2")];
    let mut runner = FakeRunner(|request: &RunRequest| {
        let mut report = report("1");
        if request.stdin == b"2" {
            report.exit = Exit::Signal(11);
        }
        Ok(report)
    });
    let answer = answer(&job(tests), &mut runner, &FakeCollector::default()).unwrap();
    assert_eq!(verdict(&answer), (Verdict::Signaled, "SIGSEGV".into()));
    assert_eq!(answer.signal.as_deref(), Some("SIGSEGV"));
}

#[test]
fn test_code_holds_fails_or_is_never_reached() {
    let in_test = "Traceback (most recent call last):\n  File \"<tests>\", line 1, in <module>\nAssertionError\n";
    let in_program = "Traceback (most recent call last):\n  File \"/work/main.py\", line 1, in <module>\nKeyError: 1\n";
    let cases = [
        (0, Some(true), "", Verdict::Ok, ""),
        (1, Some(false), in_test, Verdict::WrongAnswer, "test_code"),
        (1, Some(false), in_program, Verdict::RuntimeError, "KeyError"),
        (3, Some(false), "", Verdict::RuntimeError, "exit_status"),
        (0, Some(false), "", Verdict::WrongAnswer, "not_reached"),
    ];
    for (status, passed, traceback, expected, code) in cases {
        let mut runner = FakeRunner(|request: &RunRequest| {
            assert_eq!(request.test_code.as_deref(), Some("assert x"));
            let mut report = report("");
            (report.exit, report.test_passed) = (Exit::Code(status), passed);
            Ok(report)
        });
        let mut collected = nothing();
        collected.error = (!traceback.is_empty()).then(|| ErrorInfo {
            kind: "KeyError".into(),
            traceback: traceback.into(),
            ..ErrorInfo::default()
        });
        let collector = FakeCollector(std::sync::Mutex::new(Some(collected)));
        let answer = answer(&job(vec![Test::Code { code: "assert x".into() }]), &mut runner, &collector).unwrap();
        assert_eq!(verdict(&answer), (expected, code.to_owned()), "{status} {passed:?} {traceback}");
    }
}

#[test]
fn all_output_is_compared_and_little_is_recorded() {
    let long = "0123456789".repeat(20_000);
    let mut runner = FakeRunner(|request: &RunRequest| {
        assert!(request.limits.output_kept >= 200_000);
        Ok(report(&long))
    });
    let answer = answer(&job(vec![output_test("", &long)]), &mut runner, &FakeCollector::default()).unwrap();
    assert_eq!(verdict(&answer).0, Verdict::Ok);
    assert!(answer.stdout.truncated && answer.stdout.text.len() == 64 * 1024);
}

#[test]
fn the_error_chain_reaches_the_verdict() {
    let mut collected = nothing();
    collected.error_chain = vec![ErrorLink { kind: "gaierror".into(), errno: Some(-3) }];
    let collector = FakeCollector(std::sync::Mutex::new(Some(collected)));
    let mut runner = FakeRunner(|_: &RunRequest| {
        let mut report = report("");
        report.exit = Exit::Code(1);
        Ok(report)
    });
    let answer = answer(&job(Vec::new()), &mut runner, &collector).unwrap();
    assert_eq!(verdict(&answer), (Verdict::Denied, "network".into()));
}

/// Leaves all as it is.
struct Leaves;

impl PageShower for Leaves {
    fn show(&mut self, _: &Job, _: Vec<FigurePage>, _: &mut [Artifact]) -> Result<Shown, Fault> {
        Ok(Shown::default())
    }
}

/// Fills what waits.
struct Fills;

impl PageShower for Fills {
    fn show(&mut self, _: &Job, pages: Vec<FigurePage>, artifacts: &mut [Artifact]) -> Result<Shown, Fault> {
        for page in pages {
            artifacts[page.figure.unwrap()].problem = None;
        }
        Ok(Shown { versions: [("chromium".to_owned(), "1".to_owned())].into(), seconds: 2.0, check_seconds: 0.5 })
    }
}

fn page_of(place: usize) -> FigurePage {
    let view = PageView { width: 1, height: 1, scale: 1.0, ready: true, picture: PictureOf::Result };
    let (html, beside, files) = (Vec::new(), BTreeMap::new(), Vec::new());
    FigurePage { html, beside, view, figure: Some(place), files, format: PageFormat::Png }
}

#[test]
fn pages_are_shown_before_anything_is_judged_and_once() {
    let waiting: Artifact = serde_json::from_value(serde_json::json!({
        "name": "figure-1.png", "kind": "figure", "media_type": "image/png", "bytes": 0, "problem": "was not shown"
    }))
    .unwrap();
    let given = || Collected { artifacts: vec![waiting.clone()], pages: vec![page_of(0)], ..nothing() };
    let run = |shower: &mut dyn PageShower, tests: Vec<Test>| {
        let collector = FakeCollector(std::sync::Mutex::new(Some(given())));
        let mut runner = FakeRunner(|_: &RunRequest| Ok(report("1")));
        let mut parts = Parts { runner: &mut runner, collector: &collector, shower, documents: None };
        super::answer(&job(tests), &mut parts).unwrap()
    };
    // The control: a figure that nobody shows is one that cannot be had.
    let unshown = run(&mut Leaves, Vec::new());
    assert_eq!(verdict(&unshown).0, Verdict::InvalidArtifact);
    let shown = run(&mut Fills, vec![output_test("", "1"), output_test("", "1")]);
    assert_eq!(verdict(&shown), (Verdict::Ok, String::new()));
    assert_eq!(shown.versions["chromium"], "1");
    assert!((shown.phases.harvest - (2.0 * 0.31 + 2.0)).abs() < 1e-9, "{:?}", shown.phases);
}

#[test]
fn a_fault_is_no_answer() {
    let mut runner = FakeRunner(|_: &RunRequest| Err(Fault::new(FaultKind::Worker, "died")));
    assert!(answer(&job(Vec::new()), &mut runner, &FakeCollector::default()).is_err());
}
