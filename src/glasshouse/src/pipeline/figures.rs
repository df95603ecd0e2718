//! Figures that programs leave as pages: a browser shows them when the run is over, before anything is judged.
//!
//! A page of a figure is as hostile as the program that left it, and has the same walls around it as any page of a row.
//! What goes wrong with it is a problem of the artifacts that were to come of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use glasshouse_capture::{FigurePage, Given, PageFormat, PictureOf};
use glasshouse_model::page::{Answerer, Area, Captures, Shot, Step, Until, Viewport};
use glasshouse_model::{Artifact, Fault, Job, RuntimeInfo};
use glasshouse_web::{Ending, PageJob, PageLimits, PageReport, Source};
use serde_json::{Value, json};

use super::pages::{PageRunner, Taker, page_limits};
use crate::text::{plain, seconds};
use crate::verdict::went_astray;

/// The page among the files that it may ask for.
const NAME: &str = "glasshouse-figure.html";
/// What pages of the hooks say of themselves (`pages.py` in images/python/driver/glasshouse_capture).
const READY: &str = "#glasshouse-ready";
const FIGURE: &str = "#glasshouse-figure";
const RESULTS: &str = ".glasshouse-result";
/// Time for one page, as far as the run's pages together may take so long.
const ONE_PAGE: Duration = Duration::from_secs(30);
/// Less than this is not worth a page.
const TOO_LITTLE: Duration = Duration::from_millis(100);
/// Unanswered requests that facts tell of.
const TOLD: usize = 20;
/// Characters of a page's own words in a problem.
const SHOWN: usize = 300;

/// Shows pages that stand for figures.
pub trait PageShower: Send {
    /// Shows each page and puts what comes of it in the place of the artifacts that waited for it.
    ///
    /// # Errors
    /// A fault if we or the browser failed; nothing that a page does is a reason.
    fn show(&mut self, job: &Job, pages: Vec<FigurePage>, artifacts: &mut [Artifact]) -> Result<Shown, Fault>;

    /// Makes the next page's start ready, if the last job had one.
    fn get_ready(&mut self) {}
}

/// What showing took.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// What drew: versions of the browser and of its image, by name.
    pub versions: BTreeMap<String, String>,
    /// Seconds for showing and storing.
    pub seconds: f64,
    /// Seconds of waiting for the helper.
    pub check_seconds: f64,
}

/// A browser for pages, and what records say of it.
pub type Browser = (RuntimeInfo, Box<dyn PageRunner>);

/// Shows pages with a browser that is asked for when the first page comes.
pub struct Figures<F, T> {
    find: F,
    browser: Option<Browser>,
    taker: T,
    /// Whether the last job had pages.
    busy: bool,
}

impl<F, T> Figures<F, T>
where
    F: FnMut() -> Result<Browser, Fault> + Send,
    T: Taker,
{
    /// Pages are shown by the browser that `find` finds, and checked and stored by `taker`.
    pub fn new(find: F, taker: T) -> Self {
        Self { find, browser: None, taker, busy: false }
    }

    fn browser(&mut self) -> Result<&mut Browser, Fault> {
        let browser = match self.browser.take() {
            Some(browser) => browser,
            None => (self.find)()?,
        };
        Ok(self.browser.insert(browser))
    }

    /// Shows one page; also how long it took of its own, which is all that counts against the run's time: a browser that has to be
    /// started, let alone built, is not the program's doing.
    fn one(
        &mut self,
        job: &Job,
        page: FigurePage,
        left: Duration,
        artifacts: &mut [Artifact],
    ) -> Result<(Shown, Duration), Fault> {
        let (info, runner) = self.browser()?;
        let (figure, format) = (page.figure, page.format);
        let places: Vec<usize> = figure.into_iter().chain(page.files.iter().copied()).collect();
        let (mut report, _) = runner.render(job, &page_job(page, left))?;
        let mut shown = Shown { versions: versions(info), ..Shown::default() };
        let own = Duration::from_secs_f64(report.timings.page());
        let facts = facts(&report);
        let (picture, file) = match outcome(&mut report, format, left) {
            Ok(outcome) => outcome,
            Err(why) => {
                for place in places {
                    set(artifacts, place, |waiting| waiting.problem = Some(format!("its page was not shown: {why}")));
                }
                return Ok((shown, own));
            }
        };
        let mut given = Vec::new();
        for place in places {
            let Some(waiting) = artifacts.get(place) else { continue };
            let bytes = if Some(place) == figure { &picture } else { &file };
            let (name, kind, origin) = (waiting.name.clone(), waiting.kind, waiting.origin.clone());
            let facts = joined(waiting.facts.clone(), &facts);
            given.push((place, Given { name, kind, bytes: bytes.clone(), origin, facts }));
        }
        let (places, given): (Vec<_>, Vec<_>) = given.into_iter().unzip();
        let taken = self.taker.take(given, &job.policy.limits)?;
        shown.check_seconds = taken.check_seconds;
        for (place, artifact) in places.into_iter().zip(taken.artifacts) {
            set(artifacts, place, |waiting| *waiting = artifact);
        }
        Ok((shown, own))
    }
}

impl<F, T> PageShower for Figures<F, T>
where
    F: FnMut() -> Result<Browser, Fault> + Send,
    T: Taker,
{
    fn show(&mut self, job: &Job, pages: Vec<FigurePage>, artifacts: &mut [Artifact]) -> Result<Shown, Fault> {
        self.busy = true;
        self.browser()?;
        let started = Instant::now();
        let (most, mut used) = (job.policy.limits.wall, Duration::ZERO);
        let mut all = Shown::default();
        for page in pages {
            let left = most.saturating_sub(used).min(ONE_PAGE);
            if left < TOO_LITTLE {
                let why = format!("its page was not shown: those before it took {}", seconds(most.as_secs_f64()));
                for place in page.figure.into_iter().chain(page.files) {
                    set(artifacts, place, |waiting| waiting.problem = Some(why.clone()));
                }
                continue;
            }
            let (one, own) = self.one(job, page, left, artifacts)?;
            used += own;
            all.versions = one.versions;
            all.check_seconds += one.check_seconds;
        }
        all.seconds = started.elapsed().as_secs_f64() - all.check_seconds;
        Ok(all)
    }

    fn get_ready(&mut self) {
        let busy = std::mem::take(&mut self.busy);
        if let Some((_, runner)) = self.browser.as_mut().filter(|_| busy) {
            runner.get_ready();
        }
    }
}

fn set(artifacts: &mut [Artifact], place: usize, change: impl FnOnce(&mut Artifact)) {
    if let Some(artifact) = artifacts.get_mut(place) {
        change(artifact);
    }
}

/// What records say of the browser, under names that no program's runtime has.
fn versions(info: &RuntimeInfo) -> BTreeMap<String, String> {
    let own = (format!("{}-image", info.name), info.image.clone());
    let all = info.versions.iter().map(|(name, version)| (name.clone(), version.clone()));
    // Both images have fonts and a libc; what drew the picture is told by the image.
    all.filter(|(name, _)| name == "chromium" || name == "mirror").chain([own]).collect()
}

/// What the browser is asked.
fn page_job(page: FigurePage, wall: Duration) -> PageJob {
    let FigurePage { html, beside, view, format, .. } = page;
    let mut files = beside;
    files.insert(NAME.to_owned(), html);
    let area = match view.picture {
        PictureOf::Result => None,
        PictureOf::Element => Some(Area::Element(FIGURE.to_owned())),
        PictureOf::Window => Some(Area::Viewport),
    };
    let shots = area.map(|area| Shot { area, ..Shot::default() }).into_iter().collect();
    let ready = Step::Wait { ms: None, selector: Some(READY.to_owned()), until: None };
    PageJob {
        source: Source::Visit(NAME.to_owned()),
        files,
        viewport: Viewport { width: view.width, height: view.height, scale: view.scale, dark: false },
        until: if view.ready { Until::Load } else { Until::NetworkIdle },
        steps: if view.ready { vec![ready] } else { Vec::new() },
        captures: Captures { shots, ..Captures::default() },
        results: view.ready.then(|| RESULTS.to_owned()),
        pdf: format == PageFormat::Pdf,
        limits: PageLimits { navigation: wall, action: wall, ..page_limits(wall) },
        ..PageJob::of_html("")
    }
}

/// The picture, a PNG, and the file of the format that was promised; or why there is none.
fn outcome(report: &mut PageReport, format: PageFormat, time: Duration) -> Result<(Vec<u8>, Vec<u8>), String> {
    let said = |report: &PageReport| {
        let uncaught = report.console.iter().find(|line| line.kind == "uncaught");
        uncaught.map(|line| format!("; it says: {}", plain(&line.text, SHOWN))).unwrap_or_default()
    };
    match &report.ending {
        Ending::Complete => {}
        Ending::Step { late: true, .. } | Ending::Deadline { .. } => {
            return Err(format!("it was not done after {}{}", seconds(time.as_secs_f64()), said(report)));
        }
        ending => return Err(format!("{}{}", plain(&ending.to_string(), SHOWN), said(report))),
    }
    if let Some(url) = went_astray(report) {
        return Err(format!("it went to {}", plain(url, SHOWN)));
    }
    let results = report.results.take();
    let cut = results.as_ref().is_some_and(|results| results.cut);
    let results = results.map(|results| results.value).unwrap_or_default();
    let of = |kind: &str| results.iter().find_map(|text| text.strip_prefix(kind)?.strip_prefix(' '));
    if let Some(why) = of("error") {
        return Err(plain(why, SHOWN));
    }
    let decoded = |kind: &str| {
        let text = of(kind).ok_or_else(|| format!("it left no {kind}"))?;
        let wrong = |_| if cut { "its picture is too large".to_owned() } else { format!("its {kind} is not base64") };
        BASE64.decode(text.trim()).map_err(wrong)
    };
    let picture = match report.shots.pop() {
        Some(shot) => shot.bytes,
        None => decoded(PageFormat::Png.name())?,
    };
    let file = match format {
        PageFormat::Png => picture.clone(),
        PageFormat::Pdf => report.pdf.take().ok_or("it could not be printed")?,
        _ => decoded(format.name())?,
    };
    Ok((picture, file))
}

/// What a reader of the picture should know of the page: what it asked for in vain, and what it did not catch.
fn facts(report: &PageReport) -> Option<Value> {
    let unanswered: Vec<&str> = report
        .requests
        .iter()
        .filter(|request| request.by == Answerer::Nobody)
        .map(|request| request.url.as_str())
        .take(TOLD)
        .collect();
    let uncaught = report.console.iter().find(|line| line.kind == "uncaught").map(|line| plain(&line.text, SHOWN));
    let mut told = serde_json::Map::new();
    if !unanswered.is_empty() {
        told.insert("unanswered".to_owned(), json!(unanswered));
    }
    told.extend(uncaught.map(|text| ("uncaught".to_owned(), json!(text))));
    (!told.is_empty()).then_some(Value::Object(told))
}

/// The hooks' facts with those of the page under `page`.
fn joined(facts: Option<Value>, page: &Option<Value>) -> Option<Value> {
    let Some(page) = page else { return facts };
    let mut all = facts.unwrap_or_else(|| json!({}));
    if let Some(map) = all.as_object_mut() {
        map.insert("page".to_owned(), page.clone());
    }
    Some(all)
}

#[cfg(test)]
mod tests;
