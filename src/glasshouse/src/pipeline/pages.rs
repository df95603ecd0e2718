//! One page, from its rendering to its answer: render, take out, judge.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use glasshouse_capture::{Given, Harvester, PIXEL_LIMIT, SIDE_LIMIT, Taken};
use glasshouse_model::page::{Format, Open};
use glasshouse_model::{ArtifactKind, BackendInfo, Fault, Job, Limits, Origin, Outcome, Phases, Stream, Usage};
use glasshouse_web::{Cut, PageJob, PageLimits, PageReport, Picture, Source};
use serde_json::{Value, json};

use super::executor::{Answer, Executor};
use crate::verdict::{PageEvidence, judge_page, page_error};

/// What renders pages behind glass.
pub trait PageRunner: Send {
    /// The name of a job's page among its own files, such as `index.html`.
    fn page(&self) -> String;

    /// Renders one page in a fresh context; nothing of it is left afterwards.
    fn render(&mut self, job: &Job, page: &PageJob) -> Result<(PageReport, Usage), Fault>;

    /// Makes the next page's start ready.
    fn get_ready(&mut self) {}

    /// What confines the pages of this job.
    fn backend(&self, job: &Job) -> BackendInfo;
}

/// Several may use one runner, one after the other.
impl<R: PageRunner> PageRunner for Arc<Mutex<R>> {
    fn page(&self) -> String {
        self.lock().unwrap_or_else(PoisonError::into_inner).page()
    }

    fn render(&mut self, job: &Job, page: &PageJob) -> Result<(PageReport, Usage), Fault> {
        self.lock().unwrap_or_else(PoisonError::into_inner).render(job, page)
    }

    fn get_ready(&mut self) {
        self.lock().unwrap_or_else(PoisonError::into_inner).get_ready();
    }

    fn backend(&self, job: &Job) -> BackendInfo {
        self.lock().unwrap_or_else(PoisonError::into_inner).backend(job)
    }
}

/// What checks and stores what was captured of a page.
pub trait Taker: Send + Sync {
    /// Checks and stores each.
    fn take(&self, given: Vec<Given>, limits: &Limits) -> Result<Taken, Fault>;
}

impl Taker for Arc<Harvester> {
    fn take(&self, given: Vec<Given>, limits: &Limits) -> Result<Taken, Fault> {
        Harvester::take(self, given, limits)
    }
}

/// Answers the jobs of a browser.
pub struct Pages<R, T> {
    runner: R,
    taker: T,
}

impl<R: PageRunner, T: Taker> Pages<R, T> {
    /// An executor that renders by `runner` and takes out by `taker`.
    pub fn new(runner: R, taker: T) -> Self {
        Self { runner, taker }
    }
}

impl<R: PageRunner, T: Taker> Executor for Pages<R, T> {
    fn answer(&mut self, job: &Job) -> Result<Answer, Fault> {
        let started = Instant::now();
        let (mut report, mut usage) = self.runner.render(job, &page_job(job, &self.runner.page()))?;
        usage.wall = started.elapsed().as_secs_f64() - report.timings.lease;
        let harvesting = Instant::now();
        let taken = self.taker.take(given(&mut report), &job.policy.limits)?;
        let harvest = harvesting.elapsed().as_secs_f64() - taken.check_seconds;
        let evidence = PageEvidence {
            report: &report,
            wall: usage.wall,
            limits: &job.policy.limits,
            artifacts: &taken.artifacts,
            capture: &job.capture,
            actions: job.page.actions.len(),
            tolerate_errors: job.page.tolerate_errors,
        };
        let (verdict, cause) = judge_page(&evidence);
        let timings = report.timings;
        Ok(Answer {
            outcome: Outcome::Verdict { verdict, cause },
            exit_code: None,
            signal: None,
            error: page_error(&report),
            stdout: Stream::default(),
            stderr: Stream::default(),
            usage,
            phases: Phases {
                queue: 0.0,
                lease: timings.lease,
                start: timings.load,
                run: timings.steps + timings.capture,
                harvest,
                check: taken.check_seconds,
            },
            artifacts: taken.artifacts,
            console: report.console,
            requests: report.requests,
            refused: report.refused,
            versions: BTreeMap::new(),
        })
    }

    fn get_ready(&mut self) {
        self.runner.get_ready();
    }

    fn backend(&self, job: &Job) -> BackendInfo {
        self.runner.backend(job)
    }
}

/// What the browser is asked for a job whose page is to be called `name`.
fn page_job(job: &Job, name: &str) -> PageJob {
    let request = &job.page;
    let limits = &job.policy.limits;
    let mut files = job.files.clone();
    let source = match request.open {
        Open::Visit => {
            files.insert(name.to_owned(), job.code.clone().into_bytes());
            Source::Visit(name.to_owned())
        }
        Open::Content => Source::Content(job.code.clone()),
    };
    PageJob {
        source,
        files,
        viewport: request.viewport,
        until: request.until,
        images: None,
        settle: Duration::from_millis(request.settle),
        steps: request.actions.clone(),
        captures: request.captures.clone(),
        results: None,
        pdf: false,
        options: request.options,
        limits: page_limits(limits.wall),
    }
}

/// What a page may use that has so much time. Its pictures are no larger than those that are checked.
pub(super) fn page_limits(wall: Duration) -> PageLimits {
    let usual = PageLimits::default();
    PageLimits {
        wall,
        navigation: usual.navigation.min(wall),
        action: usual.action.min(wall),
        idle: usual.idle.min(wall),
        side: SIDE_LIMIT,
        pixels: PIXEL_LIMIT,
        ..usual
    }
}

/// What was captured, as files to be checked. The report keeps the rest.
fn given(report: &mut PageReport) -> Vec<Given> {
    let mut names = BTreeMap::new();
    let mut given: Vec<Given> =
        std::mem::take(&mut report.shots).into_iter().map(|picture| shot(picture, &mut names)).collect();
    let text = |value: Value| serde_json::to_vec(&value).unwrap_or_default();
    let mut add = |name: &str, kind, captured: Option<(Vec<u8>, bool)>| {
        let Some((bytes, cut)) = captured else { return };
        let facts = cut.then(|| json!({"cut": true}));
        given.push(Given { name: name.to_owned(), kind, bytes, origin: Some(origin("end")), facts });
    };
    let html = report.html.take().map(|Cut { value, cut }| (value.into_bytes(), cut));
    let tree = report.tree.take().map(|Cut { value, cut }| (text(value), cut));
    let accessibility = report.accessibility.take().map(|Cut { value, cut }| (text(value), cut));
    add("page.html", ArtifactKind::Document, html);
    add("page.tree.json", ArtifactKind::File, tree);
    add("page.accessibility.json", ArtifactKind::File, accessibility);
    given
}

/// A picture under a name that no other of this page has.
fn shot(picture: Picture, names: &mut BTreeMap<String, u32>) -> Given {
    let extension = match picture.format {
        Format::Png => "png",
        Format::Jpeg => "jpg",
        Format::Webp => "webp",
    };
    let seen = names.entry(picture.name.clone()).or_default();
    *seen += 1;
    let name = if *seen == 1 { picture.name.clone() } else { format!("{}-{seen}", picture.name) };
    let mut facts = json!({"at": picture.at});
    if let Some(wanted) = picture.wanted {
        facts["wanted"] = json!(wanted);
    }
    if let Some((width, height)) = picture.cut_from {
        facts["cut_from"] = json!([width, height]);
    }
    Given {
        name: format!("{name}.{extension}"),
        kind: ArtifactKind::Screenshot,
        bytes: picture.bytes,
        origin: Some(origin(if picture.wanted.is_some() { "frame" } else { "shot" })),
        facts: Some(facts),
    }
}

fn origin(call: &str) -> Origin {
    Origin { call: call.to_owned(), ..Origin::default() }
}
