//! Rendering pages one after the other, each in a fresh context of a browser that is replaced when it has to be.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::WebError;
use crate::answers::Answers;
use crate::browser::{Browser, Recycling, fault};
use crate::host::Host;
use crate::job::{PageJob, Source};
use crate::page::{Halt, Page};
use crate::report::{Ending, PageReport};
use crate::run::{Run, Stopped};
use crate::vitals::Health;

/// How long a fresh page may take to be there, a browser's start included.
const LEASE: Duration = Duration::from_secs(40);
/// How long a page that met its deadline gets to show that it still answers.
const SIGN_OF_LIFE: Duration = Duration::from_millis(300);
/// Seconds of processor time that show that a script runs. A page that neither answers nor tells anything nor computes has
/// no process any more, and the browser does not know.
const SIGN_OF_WORK: f64 = 0.01;
/// How often that time passes without any sign before the page counts as lifeless: on a busy machine a script without end
/// may have to wait for a processor.
const SILENCES: u32 = 10;
/// SIGKILL.
const KILLED: i64 = 9;
/// How Chromium tells of a process that never was.
const NOT_LAUNCHED: &str = "failed to launch";

/// Renders pages with one browser at a time and one page at a time in it.
pub struct Renderer {
    host: Arc<dyn Host>,
    answers: Arc<dyn Answers>,
    recycling: Recycling,
    browser: Option<Browser>,
    /// Whether the last page that met its deadline showed no sign of life at all.
    lifeless: bool,
}

impl Renderer {
    /// A renderer that starts its browsers by `host`. No browser is started yet.
    pub fn new(host: Arc<dyn Host>, answers: Arc<dyn Answers>, recycling: Recycling) -> Self {
        Self { host, answers, recycling, browser: None, lifeless: false }
    }

    /// Makes the next job's start ready: a browser, and a page in it. A job does without this, later by what it takes.
    ///
    /// # Errors
    /// When no browser can be started.
    pub fn get_ready(&mut self) -> Result<(), WebError> {
        self.browser().map(|_| ())
    }

    /// The browser's name and version, once one was started.
    pub fn version(&self) -> Option<&str> {
        self.browser.as_ref().map(|browser| browser.version.as_str())
    }

    /// Renders one page.
    ///
    /// # Errors
    /// What went wrong on our side or the browser's, through no fault of the page that is known: a fault. Trying again
    /// meets a new browser.
    pub fn render(&mut self, job: &PageJob) -> Result<PageReport, WebError> {
        check(job)?;
        let (report, health) = self.render_once(job)?;
        if health == Health::Well && !doubtful(&report.ending, job) {
            return Ok(report);
        }
        // Either the page or the browser is the reason. The browser was replaced; what is true of the page shows again.
        let (report, health) = self.render_once(job)?;
        if health == Health::LostOne {
            let message =
                "a process that runs, draws or loads ended in two browsers while the page was shown".to_owned();
            return Ok(PageReport { ending: Ending::NotShown { message }, ..report });
        }
        Ok(report)
    }

    /// What was seen, and how the browser itself fared: where not well, this may say nothing of the page.
    fn render_once(&mut self, job: &PageJob) -> Result<(PageReport, Health), WebError> {
        let asked = Instant::now();
        self.lifeless = false;
        let mut page = self.lease()?;
        page.begin();
        page.traffic.serve(job, Arc::clone(&self.answers));
        page.watch.keep_lines(job.limits.console as usize);
        let kills = self.browser.as_ref().map_or(0, Browser::memory_kills);
        let started = Instant::now();
        let mut run = Run::new(job, started, &mut page);
        let stopped = run.all();
        let Run { shots, html, tree, accessibility, results, pdf, mut timings, doing, .. } = run;
        timings.lease = (started - asked).as_secs_f64();
        let ending = match stopped {
            Ok(()) => Ok(Ending::Complete),
            Err(Stopped::By(ending)) => Ok(ending),
            Err(Stopped::Halted(halt)) => self.ending(halt, &mut page, doing, kills),
        };
        let health = match &ending {
            Ok(_) if self.lifeless => Health::LostOne,
            Ok(ending) if may_be_let_down(ending) => page.browser_health(),
            _ => Health::Well,
        };
        page.note_downloads();
        let seen =
            (page.traffic.take(), page.watch.take(), page.frames.url().to_owned(), page.title.clone(), page.dropped());
        self.give_back(page, ending.as_ref().ok().filter(|_| health == Health::Well));
        let ((requests, refused), (console, console_dropped), url, title, dropped) = seen;
        let report = PageReport {
            ending: ending?,
            shots,
            html,
            tree,
            accessibility,
            results,
            pdf,
            console,
            console_dropped: console_dropped + dropped,
            requests,
            refused,
            url,
            title,
            timings,
        };
        Ok((report, health))
    }

    /// A browser that can serve another job.
    fn browser(&mut self) -> Result<&mut Browser, WebError> {
        if self.browser.as_mut().is_some_and(|browser| browser.spent(&self.recycling)) {
            self.browser = None;
        }
        if self.browser.is_none() {
            self.browser = Some(Browser::start(self.host.as_ref())?);
        }
        self.browser.as_mut().ok_or_else(|| WebError::Launch("no browser".to_owned()))
    }

    /// A fresh page. A browser that cannot give one is replaced once: it may have died since its last job.
    fn lease(&mut self) -> Result<Page, WebError> {
        let deadline = Instant::now() + LEASE;
        match self.browser()?.page(deadline) {
            Ok(page) => return Ok(page),
            Err(_) => self.browser = None,
        }
        match self.browser()?.page(deadline) {
            Ok(page) => Ok(page),
            Err(error) => {
                self.browser = None;
                Err(error)
            }
        }
    }

    /// Whether nothing shows that the page's process is there, since the browser had used so much processor time and so
    /// many events were heard. Without a count of processor time nothing can be said.
    fn is_lifeless(&self, page: &mut Page, (used, heard): (Option<f64>, u64)) -> bool {
        for _ in 0..SILENCES {
            let Some((before, now)) = used.zip(self.cpu()) else { return false };
            if page.heard != heard || now - before >= SIGN_OF_WORK || page.answers_within(SIGN_OF_LIFE) {
                return false;
            }
        }
        true
    }

    fn cpu(&self) -> Option<f64> {
        self.browser.as_ref().and_then(Browser::cpu)
    }

    /// What a halt says of the page, or the fault that it is.
    fn ending(&mut self, halt: Halt, page: &mut Page, doing: String, kills: u64) -> Result<Ending, WebError> {
        let killed_for_memory = || self.browser.as_ref().is_some_and(|browser| browser.memory_kills() > kills);
        match halt {
            Halt::Late => {
                let before = (self.cpu(), page.heard);
                let responsive = page.answers_within(SIGN_OF_LIFE);
                self.lifeless = !responsive && self.is_lifeless(page, before);
                Ok(Ending::Deadline { during: doing, responsive })
            }
            Halt::Closed => Ok(Ending::Closed),
            Halt::NotShown(message) => Ok(Ending::NotShown { message }),
            Halt::Flood(what) => Ok(Ending::Flood { what }),
            Halt::Crashed { status, code } => {
                let (status, code) = page.how_it_crashed().unwrap_or((status, code));
                let memory = status == "oom" || killed_for_memory();
                match stranger(&status, code) {
                    Some(what) if !memory => Err(WebError::Gone(format!("a page's process {what} while {doing}"))),
                    _ => Ok(Ending::Crashed { memory, status, code }),
                }
            }
            Halt::Gone(reason) => {
                if killed_for_memory() {
                    return Ok(Ending::BrowserOutOfMemory);
                }
                let how = self.browser.as_mut().and_then(Browser::death);
                let how = how.map_or(reason, |death| {
                    format!("it ended with {}, its last words: {}", death.how, death.last_words.trim())
                });
                Err(WebError::Gone(format!("{how} (while {doing})")))
            }
            Halt::Failed(error) => Err(fault(Halt::Failed(error))),
        }
    }

    /// Disposes of a page, or of its whole browser where that is surer: a page that does not end by itself may go on
    /// asking for things while it is closed.
    fn give_back(&mut self, page: Page, ending: Option<&Ending>) {
        let sure = match ending {
            Some(Ending::Complete | Ending::Step { .. } | Ending::Navigation { .. } | Ending::Closed) => true,
            Some(_) | None => false,
        };
        match &self.browser {
            Some(browser) if sure => browser.dispose(page),
            _ => {
                drop(page);
                self.browser = None;
            }
        }
    }
}

/// What happened to a page's process that no page can do. (If the kernel did not do it for memory.)
fn stranger(status: &str, code: i64) -> Option<&'static str> {
    match (status, code) {
        // A page cannot send signals.
        (_, KILLED) => Some("was killed from outside"),
        // What launches processes was killed, or the host gave none.
        (NOT_LAUNCHED, _) => Some("could not be launched"),
        _ => None,
    }
}

/// Whether the browser may be the reason of this ending though nothing is known to be wrong with it.
fn doubtful(ending: &Ending, job: &PageJob) -> bool {
    match ending {
        Ending::NotShown { .. } => true,
        // We answer for the job's own files at once, so there is nothing that a page could do to be kept from coming.
        Ending::Navigation { url, .. } => !url.contains("://") && job.source == Source::Visit(url.clone()),
        _ => false,
    }
}

/// Whether a browser that lost a process could be the reason of this ending.
fn may_be_let_down(ending: &Ending) -> bool {
    match ending {
        Ending::Deadline { .. } | Ending::Step { .. } | Ending::Navigation { .. } => true,
        // What was captured was captured whole; the rest is told apart by other evidence.
        Ending::Complete
        | Ending::Crashed { .. }
        | Ending::NotShown { .. }
        | Ending::Closed
        | Ending::BrowserOutOfMemory
        | Ending::Flood { .. } => false,
    }
}

/// Refuses what no browser can do.
fn check(job: &PageJob) -> Result<(), WebError> {
    let view = &job.viewport;
    let side = 1..=job.limits.side;
    if !side.contains(&view.width) || !side.contains(&view.height) {
        let most = job.limits.side;
        return Err(WebError::Job(format!("a window of {} by {} is not within 1 to {most}", view.width, view.height)));
    }
    if !(0.1..=8.0).contains(&view.scale) {
        return Err(WebError::Job(format!("{} device pixels per CSS pixel are not within 0.1 to 8", view.scale)));
    }
    if let Some(frames) = &job.captures.frames {
        frames.times().map_err(|why| WebError::Job(format!("frames: {why}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_page_can_do_is_a_strangers() {
        assert!(stranger("crashed", 11).is_none() && stranger("abnormal", 133).is_none());
        assert!(stranger("killed", KILLED).is_some_and(|what| what.contains("killed")));
        assert!(stranger("failed to launch", 1002).is_some_and(|what| what.contains("launched")));
    }
}
