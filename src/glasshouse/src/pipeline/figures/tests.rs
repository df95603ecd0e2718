//! What becomes of figures whose pages do as they like.

use std::sync::Mutex;

use glasshouse_capture::{PageView, Taken};
use glasshouse_model::page::{ConsoleLine, Request};
use glasshouse_model::{ArtifactKind, BackendInfo, FaultKind, Limits, Origin, Usage};
use glasshouse_web::{Cut, Picture, Timings};

use super::*;

/// Shows each page as the function says, and notes what it was asked.
struct FakePages<F>(F);

impl<F: FnMut(&PageJob) -> Result<PageReport, Fault> + Send> PageRunner for FakePages<F> {
    fn page(&self) -> String {
        "index.html".to_owned()
    }

    fn render(&mut self, _: &Job, page: &PageJob) -> Result<(PageReport, Usage), Fault> {
        Ok(((self.0)(page)?, Usage::default()))
    }

    fn backend(&self, _: &Job) -> BackendInfo {
        BackendInfo::default()
    }
}

/// Believes everything.
#[derive(Default)]
struct Believes(Mutex<Vec<Given>>);

impl Taker for &Believes {
    fn take(&self, given: Vec<Given>, _: &Limits) -> Result<Taken, Fault> {
        let artifact = |one: &Given| Artifact { problem: None, ..artifact(&one.name, one.kind, one.facts.clone()) };
        let artifacts = given.iter().map(artifact).collect();
        self.0.lock().unwrap().extend(given);
        Ok(Taken { artifacts, check_seconds: 0.25 })
    }
}

fn artifact(name: &str, kind: ArtifactKind, facts: Option<Value>) -> Artifact {
    let origin = Some(Origin { call: "show".to_owned(), ..Origin::default() });
    let value = json!({"name": name, "kind": kind, "media_type": "image/png", "bytes": 0, "problem": "was not shown"});
    Artifact { origin, facts, ..serde_json::from_value(value).unwrap() }
}

fn waiting() -> Vec<Artifact> {
    let facts = Some(json!({"library": "plotly"}));
    vec![artifact("figure-1.png", ArtifactKind::Figure, facts), artifact("x.svg", ArtifactKind::Document, None)]
}

fn page(picture: PictureOf, format: PageFormat, files: Vec<usize>) -> FigurePage {
    let view = PageView { width: 700, height: 500, scale: 2.0, ready: picture != PictureOf::Window, picture };
    let (html, beside) = (b"<p>".to_vec(), BTreeMap::from([("a.js".to_owned(), b"1".to_vec())]));
    FigurePage { html, beside, view, figure: Some(0), files, format }
}

fn report(ending: Ending, results: &[&str]) -> PageReport {
    let results = results.iter().map(|text| (*text).to_owned()).collect();
    PageReport {
        ending,
        shots: Vec::new(),
        html: None,
        tree: None,
        accessibility: None,
        results: Some(Cut { value: results, cut: false }),
        pdf: None,
        console: Vec::new(),
        console_dropped: 0,
        requests: Vec::new(),
        refused: Vec::new(),
        url: String::new(),
        title: String::new(),
        timings: Timings::default(),
    }
}

fn job() -> Job {
    let mut policies = glasshouse_model::PolicySet::default();
    policies.add("default", "").unwrap();
    let columns = serde_json::from_value(json!({"code": "1", "runtime": "python"})).unwrap();
    let languages = Vec::new();
    let (image, code) = (glasshouse_model::Digest::of(b"image"), glasshouse_model::CodeKind::Program);
    let python = glasshouse_model::RuntimeInfoForRows { image, code, languages, shown_by: None, policy: None };
    let context = glasshouse_model::JobContext {
        policies,
        default_policy: "default".to_owned(),
        runtimes: [("python".to_owned(), python)].into(),
        default_runtime: None,
        allow_looser_limits: false,
    };
    glasshouse_model::Row { index: 0, columns }.job(&context).unwrap()
}

/// What becomes of the waiting artifacts when one page is shown so.
fn shown(
    page: FigurePage,
    render: impl FnMut(&PageJob) -> Result<PageReport, Fault> + Send + Sync + Clone + 'static,
) -> (Result<Shown, Fault>, Vec<Artifact>, Vec<Given>) {
    let taker = Believes::default();
    let info = RuntimeInfo { name: "web".to_owned(), image: "abc".to_owned(), ..RuntimeInfo::default() };
    let find = || Ok((info.clone(), Box::new(FakePages(render.clone())) as Box<dyn PageRunner>));
    let mut artifacts = waiting();
    let shown = Figures::new(find, &taker).show(&job(), vec![page], &mut artifacts);
    (shown, artifacts, taker.0.into_inner().unwrap())
}

#[test]
fn results_become_the_figure_and_the_file() {
    let render = |asked: &PageJob| {
        assert_eq!(asked.files.keys().collect::<Vec<_>>(), ["a.js", NAME]);
        assert!(asked.captures.shots.is_empty() && asked.results.as_deref() == Some(RESULTS));
        assert!(matches!(&asked.steps[..], [Step::Wait { selector: Some(ready), .. }] if ready == READY));
        Ok(report(Ending::Complete, &["png cG5n", "svg PHN2Zy8+"]))
    };
    let (result, artifacts, given) = shown(page(PictureOf::Result, PageFormat::Svg, vec![1]), render);
    let result = result.unwrap();
    assert_eq!(result.versions["web-image"], "abc");
    assert!((result.check_seconds - 0.25).abs() < 1e-9);
    assert_eq!(given.iter().map(|one| one.bytes.as_slice()).collect::<Vec<_>>(), [&b"png"[..], b"<svg/>"]);
    assert!(artifacts.iter().all(|artifact| artifact.problem.is_none()));
    assert_eq!((artifacts[0].kind, artifacts[1].kind), (ArtifactKind::Figure, ArtifactKind::Document));
    assert_eq!(artifacts[0].facts, Some(json!({"library": "plotly"})));
}

#[test]
fn a_sheet_is_printed_where_it_was_promised() {
    let render = |asked: &PageJob| {
        let pdf = asked.pdf.then(|| b"%PDF-".to_vec());
        Ok(PageReport { pdf, ..report(Ending::Complete, &["png cG5n"]) })
    };
    let (result, _, given) = shown(page(PictureOf::Result, PageFormat::Pdf, vec![1]), render);
    result.unwrap();
    assert_eq!(given[1].bytes, b"%PDF-");
}

#[test]
fn a_window_is_a_shot_and_what_it_lacked_is_told() {
    let render = |asked: &PageJob| {
        assert_eq!((asked.until, asked.viewport.scale), (Until::NetworkIdle, 2.0));
        assert!(asked.steps.is_empty() && asked.results.is_none());
        let mut report = report(Ending::Complete, &[]);
        let format = glasshouse_model::page::Format::Png;
        let (name, bytes) = ("page".to_owned(), b"shot".to_vec());
        report.shots =
            vec![Picture { name, format, bytes, width: 1, height: 1, cut_from: None, at: 0.0, wanted: None }];
        let (url, method, kind) = ("https://tiles.example/1.png".to_owned(), "GET".to_owned(), "image".to_owned());
        report.requests = vec![Request { url, method, kind, by: Answerer::Nobody, status: None, lacking: Vec::new() }];
        Ok(report)
    };
    let (result, artifacts, given) = shown(page(PictureOf::Window, PageFormat::Png, Vec::new()), render);
    result.unwrap();
    assert_eq!(given[0].bytes, b"shot");
    let facts = json!({"library": "plotly", "page": {"unanswered": ["https://tiles.example/1.png"]}});
    assert_eq!(artifacts[0].facts, Some(facts));
}

#[test]
fn what_goes_wrong_with_a_page_is_a_problem_of_its_artifacts() {
    let late = Ending::Step { index: 0, message: "not in time".to_owned(), late: true };
    let cases = [
        (late, vec![], "was not done after"),
        (Ending::Deadline { during: "x".into(), responsive: false }, vec![], "was not done after"),
        (Ending::BrowserOutOfMemory, vec![], "memory"),
        (Ending::Complete, vec!["error no such axis"], "no such axis"),
        (Ending::Complete, vec!["png cG5n"], "left no svg"),
        (Ending::Complete, vec!["png ???", "svg PHN2Zy8+"], "is not base64"),
        (Ending::Complete, vec![], "left no png"),
    ];
    for (ending, results, words) in cases {
        let render = move |_: &PageJob| {
            let mut report = report(ending.clone(), &results);
            let text = "Error: thrown".to_owned();
            report.console = vec![ConsoleLine { kind: "uncaught".to_owned(), text, url: None, line: None }];
            Ok(report)
        };
        let (result, artifacts, given) = shown(page(PictureOf::Result, PageFormat::Svg, vec![1]), render);
        assert!(result.is_ok() && given.is_empty());
        for artifact in artifacts {
            let problem = artifact.problem.unwrap();
            assert!(problem.contains(words) && problem.contains("page"), "{words:?} is not in {problem:?}");
        }
    }
}

#[test]
fn the_browsers_own_error_page_is_no_picture() {
    let render = |_: &PageJob| {
        let mut report = report(Ending::Complete, &["png cG5n"]);
        report.url = "https://elsewhere.example/".to_owned();
        let (url, method, kind) = (report.url.clone(), "GET".to_owned(), "document".to_owned());
        report.requests = vec![Request { url, method, kind, by: Answerer::Nobody, status: None, lacking: Vec::new() }];
        Ok(report)
    };
    let (result, artifacts, given) = shown(page(PictureOf::Result, PageFormat::Png, Vec::new()), render);
    assert!(result.is_ok() && given.is_empty());
    assert!(artifacts[0].problem.as_ref().unwrap().contains("went to https://elsewhere.example/"));
}

#[test]
fn a_browser_that_fails_is_a_fault() {
    let render = |_: &PageJob| Err(Fault::new(FaultKind::Worker, "died"));
    let (result, artifacts, _) = shown(page(PictureOf::Result, PageFormat::Png, Vec::new()), render);
    assert_eq!(result.unwrap_err().message, "died");
    assert_eq!(artifacts, waiting());
}

#[test]
fn pages_share_the_time_that_the_program_had() {
    let mut job = job();
    job.policy.limits.wall = Duration::from_millis(300);
    let mut renders = 0;
    let render = |asked: &PageJob| {
        assert!(asked.limits.wall <= Duration::from_millis(300));
        let timings = Timings { load: asked.limits.wall.as_secs_f64(), ..Timings::default() };
        Ok(PageReport { timings, ..report(Ending::Deadline { during: "x".into(), responsive: true }, &[]) })
    };
    let taker = Believes::default();
    let find = || {
        renders += 1;
        Ok((RuntimeInfo::default(), Box::new(FakePages(render)) as Box<dyn PageRunner>))
    };
    let mut artifacts = vec![artifact("figure-1.png", ArtifactKind::Figure, None); 2];
    let mut second = page(PictureOf::Result, PageFormat::Png, Vec::new());
    second.figure = Some(1);
    let pages = vec![page(PictureOf::Result, PageFormat::Png, Vec::new()), second];
    Figures::new(find, &taker).show(&job, pages, &mut artifacts).unwrap();
    assert!(artifacts[0].problem.as_ref().unwrap().contains("was not done"));
    assert!(artifacts[1].problem.as_ref().unwrap().contains("those before it took"));
    assert_eq!(renders, 1, "one browser for all pages");
}

/// The first program of all whose figures are pages waits until the browser's image is built. That is no time of its own.
#[test]
fn a_browser_that_takes_long_to_come_costs_pages_nothing() {
    let mut job = job();
    job.policy.limits.wall = Duration::from_millis(200);
    let render = |asked: &PageJob| {
        assert_eq!(asked.limits.wall, Duration::from_millis(200));
        std::thread::sleep(Duration::from_millis(300));
        let timings = Timings { lease: 0.3, ..Timings::default() };
        Ok(PageReport { timings, ..report(Ending::Complete, &["png cG5n"]) })
    };
    let taker = Believes::default();
    let find = || {
        std::thread::sleep(Duration::from_millis(300));
        Ok((RuntimeInfo::default(), Box::new(FakePages(render)) as Box<dyn PageRunner>))
    };
    let mut artifacts = vec![artifact("figure-1.png", ArtifactKind::Figure, None); 2];
    let mut second = page(PictureOf::Result, PageFormat::Png, Vec::new());
    second.figure = Some(1);
    let pages = vec![page(PictureOf::Result, PageFormat::Png, Vec::new()), second];
    Figures::new(find, &taker).show(&job, pages, &mut artifacts).unwrap();
    assert!(artifacts.iter().all(|artifact| artifact.problem.is_none()), "{artifacts:?}");
}
