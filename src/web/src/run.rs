//! One job on its page: load, steps, captures.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::WebError;
use crate::job::{Area, Frames, PageJob, Shot, Source, Step};
use crate::page::{Gone, Halt, LATE, Page};
use crate::report::{Cut, Ending, Picture, Timings};
use crate::steps;

/// Nodes of a tree per byte of document that is kept: a node takes a hundred bytes and more.
const BYTES_PER_NODE: usize = 128;

/// Why a job did not come to its end.
pub(crate) enum Stopped {
    /// The page is the reason, for sure.
    By(Ending),
    /// What was waited for did not come; the reason is to be found out.
    Halted(Halt),
}

impl From<Halt> for Stopped {
    fn from(halt: Halt) -> Self {
        Self::Halted(halt)
    }
}

/// A job under way, and what it has shown so far.
pub(crate) struct Run<'a> {
    job: &'a PageJob,
    page: &'a mut Page,
    started: Instant,
    deadline: Instant,
    /// What is under way, for people.
    pub(crate) doing: String,
    pub(crate) shots: Vec<Picture>,
    pub(crate) html: Option<Cut<String>>,
    pub(crate) tree: Option<Cut<Value>>,
    pub(crate) accessibility: Option<Cut<Value>>,
    pub(crate) results: Option<Cut<Vec<String>>>,
    pub(crate) pdf: Option<Vec<u8>>,
    pub(crate) timings: Timings,
}

impl<'a> Run<'a> {
    pub(crate) fn new(job: &'a PageJob, started: Instant, page: &'a mut Page) -> Self {
        Self {
            job,
            page,
            started,
            deadline: started + job.limits.wall,
            doing: String::new(),
            shots: Vec::new(),
            html: None,
            tree: None,
            accessibility: None,
            results: None,
            pdf: None,
            timings: Timings::default(),
        }
    }

    /// Does all that the job asks for.
    pub(crate) fn all(&mut self) -> Result<(), Stopped> {
        let start = Instant::now();
        let loaded = self.load();
        self.timings.load = start.elapsed().as_secs_f64();
        loaded?;
        let start = Instant::now();
        let done = self.steps();
        self.timings.steps = start.elapsed().as_secs_f64();
        done?;
        let start = Instant::now();
        let captured = self.captures();
        self.timings.capture = start.elapsed().as_secs_f64();
        captured
    }

    fn doing(&mut self, what: impl Into<String>) {
        self.doing = what.into();
    }

    /// Whether frames are taken in the page's own time.
    fn exact(&self) -> bool {
        self.job.captures.frames.is_some() && self.job.options.virtual_time.is_some()
    }

    fn load(&mut self) -> Result<(), Stopped> {
        self.doing("making the window");
        if self.job.viewport != crate::Viewport::default() {
            self.page.fit_window(&self.job.viewport, self.deadline)?;
        }
        // A user acts on what is drawn, and a moving page is looked at again and again, so from here on all of the window is.
        let acted_on = !self.job.steps.is_empty() || self.job.captures.frames.is_some();
        if self.job.viewport != crate::Viewport::default() || acted_on {
            self.page.show(&self.job.viewport, self.deadline)?;
        }
        self.page.make_repeatable(&self.job.options, self.exact(), self.deadline)?;
        let by = self.deadline.min(Instant::now() + self.job.limits.navigation);
        match &self.job.source {
            Source::Content(html) => {
                self.doing("parsing the page");
                self.page.set_content(html, by)?;
            }
            Source::Visit(url) => {
                self.doing(format!("going to {url}"));
                if let Gone::No(error) = self.page.go(url, by)? {
                    return Err(Stopped::By(Ending::Navigation { url: url.clone(), error }));
                }
            }
        }
        self.doing("waiting for the page to load");
        self.page.reach(self.job.until, self.job.limits.idle, by)?;
        if let Some(ms) = self.job.options.virtual_time {
            self.doing("running ahead in virtual time");
            self.page.run_ahead(ms, self.deadline)?;
        }
        if let Some(most) = self.job.images {
            self.doing("waiting for the page's pictures");
            self.page.wait_for_images(most, self.deadline)?;
        }
        self.doing("letting the page settle");
        if !self.job.settle.is_zero() {
            self.page.rest(self.job.settle, self.deadline)?;
        }
        Ok(())
    }

    fn steps(&mut self) -> Result<(), Stopped> {
        for (index, step) in self.job.steps.iter().enumerate() {
            self.doing(format!("step {index}"));
            let outcome = match step {
                Step::Shot(shot) => self.shoot(shot, false)?,
                step => steps::act(self.page, step, self.job, self.deadline)?,
            };
            if let Err(message) = outcome {
                let late = message.starts_with(LATE);
                return Err(Stopped::By(Ending::Step { index, message, late }));
            }
        }
        Ok(())
    }

    fn shoot(&mut self, shot: &Shot, last: bool) -> Result<steps::Outcome, Stopped> {
        let Self { job, started, deadline, .. } = self;
        let picture = self.page.shoot(shot, &job.viewport, &job.limits, *started, last, *deadline)?;
        Ok(picture.map(|picture| self.shots.push(picture)))
    }

    /// The window at the times that are asked for, as the page moves: nothing is stopped, hidden or scrolled for them. One
    /// that cannot be taken in time is taken as soon as the one before is done, and says so by its time.
    fn frames(&mut self, frames: &Frames) -> Result<(), Stopped> {
        let job = self.job;
        let times = frames.times().map_err(|message| Stopped::Halted(Halt::Failed(WebError::Job(message))))?;
        let exact = self.exact();
        let base = Instant::now();
        let mut passed = 0;
        for (index, &wanted) in times.iter().enumerate() {
            self.doing(format!("waiting for frame {} at {wanted} ms", index + 1));
            if exact {
                if wanted > passed && !self.page.run_ahead(wanted - passed, self.deadline)? {
                    return Err(Stopped::Halted(Halt::Late));
                }
                passed = wanted;
            } else {
                let left = (base + Duration::from_millis(wanted)).saturating_duration_since(Instant::now());
                if !left.is_zero() {
                    self.page.rest(left, self.deadline)?;
                }
            }
            self.doing(format!("taking frame {}", index + 1));
            let shot = Shot {
                name: format!("frame-{:03}", index + 1),
                area: Area::Viewport,
                still: false,
                caret: true,
                ..Shot::default()
            };
            let picture = self.page.shoot(&shot, &job.viewport, &job.limits, base, false, self.deadline)?;
            match picture {
                Ok(mut picture) => {
                    let wanted = wanted as f64 / 1000.0;
                    picture.wanted = Some(wanted);
                    if exact {
                        picture.at = wanted;
                    }
                    self.shots.push(picture);
                }
                Err(message) => return Err(self.not_taken(0, message)),
            }
        }
        Ok(())
    }

    /// The end of a job of which a picture at the end cannot be taken.
    fn not_taken(&self, index: usize, message: String) -> Stopped {
        let late = message.starts_with(LATE);
        Stopped::By(Ending::Step { index: self.job.steps.len() + index, message, late })
    }

    fn captures(&mut self) -> Result<(), Stopped> {
        let captures = &self.job.captures;
        if let Some(frames) = &captures.frames {
            self.frames(frames)?;
        }
        for (index, shot) in captures.shots.iter().enumerate() {
            self.doing(format!("taking picture {:?}", shot.name));
            let read_on = captures.html
                || captures.tree.is_some()
                || captures.accessibility
                || self.job.results.is_some()
                || self.job.pdf;
            let last = index + 1 == captures.shots.len() && !read_on;
            if let Err(message) = self.shoot(shot, last)? {
                return Err(self.not_taken(index, message));
            }
        }
        let most = self.job.limits.document;
        self.doing("reading the document");
        if captures.html
            && let Ok(html) = self.page.html(most, self.deadline)?
        {
            self.html = Some(html);
        }
        if let Some(styles) = &captures.tree {
            self.tree = Some(self.page.tree(styles, most / BYTES_PER_NODE, self.deadline)?);
        }
        if captures.accessibility {
            self.accessibility = Some(self.page.accessibility(most / BYTES_PER_NODE, self.deadline)?);
        }
        if let Some(selector) = &self.job.results
            && let Ok(results) = self.page.texts(selector, most, self.deadline)?
        {
            self.results = Some(results);
        }
        if self.job.pdf {
            self.doing("printing the page");
            self.pdf = self.page.print(self.deadline)?.ok();
        }
        Ok(())
    }
}
