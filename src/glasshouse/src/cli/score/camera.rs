//! Pictures of pages from browsers behind glass, taken as the published evaluation takes them.

use std::time::Duration;

use glasshouse_model::{Job, Row};
use glasshouse_score::picture::Picture;
use glasshouse_score::webcode2m::{NoPicture, Renderer};
use glasshouse_web::{Ending, PageJob, PageLimits, Viewport};
use serde_json::{Map, Value};

use super::Failure;
use super::decode::Decoder;
use crate::cli::setup::Plan;
use crate::glass::Glass;
use crate::pipeline::PageRunner;

/// The runtime whose browser takes the pictures.
pub(super) const RUNTIME: &str = "web";

/// The deadlines of `html2screenshot.py` as JanusCoder's evaluation has it: setting the content, all pictures together,
/// the screenshot.
const CONTENT: Duration = Duration::from_secs(30);
const IMAGES: Duration = Duration::from_secs(3);
const SCREENSHOT: Duration = Duration::from_secs(30);

/// A browser of its own, and a helper that decodes what it gives.
pub(super) struct Camera {
    runner: Box<dyn PageRunner>,
    job: Job,
    decoder: Decoder,
}

impl Camera {
    /// A camera whose browser is confined as the plan's default policy says. It starts with the first page.
    pub(super) fn new(glass: &Glass, plan: &Plan) -> Result<Self, Failure> {
        let columns = Map::from_iter([("code".to_owned(), Value::from("<html>"))]);
        let job = Row { index: 0, columns }.job(&plan.context).map_err(|error| Failure::Usage(error.to_string()))?;
        let no_browser = || Failure::Host(format!("runtime {RUNTIME:?} has no browser"));
        let runner = glass.pages(RUNTIME)?.ok_or_else(no_browser)?;
        Ok(Self { runner, job, decoder: Decoder::default() })
    }
}

impl Renderer for Camera {
    fn render(&mut self, html: &str) -> Result<Picture, NoPicture> {
        let report = match self.runner.render(&self.job, &page_job(html)) {
            Ok((report, _)) => report,
            Err(fault) => return Err(NoPicture::Fault(fault.message)),
        };
        let shot = match (&report.ending, report.shots.first()) {
            (Ending::Complete, Some(shot)) => shot,
            (Ending::Complete, None) => return Err(NoPicture::Page("no picture was taken".to_owned())),
            (ending, _) => return Err(NoPicture::Page(ending.to_string())),
        };
        match self.decoder.bytes(&shot.bytes) {
            Ok(Some(picture)) => Ok(picture),
            // The browser's own encoder made the file.
            Ok(None) => Err(NoPicture::Fault("the browser's picture cannot be decoded".to_owned())),
            Err(error) => Err(NoPicture::Fault(format!("the helper that decodes pictures: {error}"))),
        }
    }
}

fn page_job(html: &str) -> PageJob {
    let usual = PageLimits::default();
    PageJob {
        images: Some(IMAGES),
        limits: PageLimits {
            wall: CONTENT + IMAGES + SCREENSHOT,
            navigation: CONTENT,
            // As tall as the page is: the published evaluation cuts nothing.
            side: Viewport::SIDE * 4,
            ..usual
        },
        ..PageJob::of_html(html)
    }
}
