//! Bringing a page to where a job wants it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chromiumoxide_cdp::cdp::browser_protocol::emulation::{SetVirtualTimePolicyParams, VirtualTimePolicy};
use chromiumoxide_cdp::cdp::browser_protocol::page::NavigateParams;
use serde_json::{Value, json};

use super::shot::FONTS_READY;
use super::{Halt, Page};
use crate::answers::OWN_ORIGIN;
use crate::job::{Options, Until};

/// Writes new content into the document. The console line tells us where in the order of events the new one starts.
const WRITE: &str = "(html, mark) => { document.open(); console.debug(mark); document.write(html); document.close(); }";

/// Waits for the page's pictures.
const IMAGES: &str = include_str!("../script/images.js");

static MARKS: AtomicU64 = AtomicU64::new(0);

/// What came of going to a URL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The page is there.
    There,
    /// It cannot be gone to, in the browser's words.
    No(String),
}

impl Page {
    /// Replaces the document's content, as Playwright's `set_content` does it.
    pub(crate) fn set_content(&mut self, html: &str, deadline: Instant) -> Result<(), Halt> {
        let mark = format!("glasshouse content {}", MARKS.fetch_add(1, Ordering::Relaxed));
        self.traffic.start_anew();
        self.frames.expect_mark(&mark);
        let call = self.start(WRITE, &[json!(html), json!(mark)], deadline)?;
        // While a script of the page runs without end, this does not come back.
        match self.wait(&call, deadline) {
            Ok(_) => Ok(()),
            // The page went elsewhere while it was written, which ends our script and not the page.
            Err(Halt::Failed(_)) => {
                self.frames.forget_mark();
                Ok(())
            }
            Err(halt) => Err(halt),
        }
    }

    /// Goes to a URL, or to a path among the page's own files.
    pub(crate) fn go(&mut self, url: &str, deadline: Instant) -> Result<Gone, Halt> {
        let url = absolute(url);
        self.traffic.start_anew();
        let mut command = NavigateParams::new(url);
        command.referrer_policy = None;
        let call = self.send(&command, deadline)?;
        let before = self.frames.loader.clone();
        let went = match self.wait(&call, deadline) {
            Ok(went) => went,
            Err(Halt::Failed(crate::WebError::Refused { message, .. })) => return Ok(Gone::No(message)),
            Err(halt) => return Err(halt),
        };
        if went.is_download == Some(true) {
            self.traffic.refuse("download", &command.url);
        }
        if let Some(error) = went.error_text.filter(|error| !error.is_empty()) {
            return Ok(Gone::No(error));
        }
        // Without a new document the URL differs in its fragment only, and all is there.
        if went.loader_id.is_some() {
            self.until(deadline, |page| (page.frames.loader != before).then_some(()))?;
        }
        Ok(Gone::There)
    }

    /// Waits until the document has come so far. Rest is waited for until `idle` at most.
    pub(crate) fn reach(&mut self, until: Until, idle: Duration, deadline: Instant) -> Result<(), Halt> {
        self.until(deadline, |page| page.frames.reached(until).then_some(()))?;
        if until != Until::NetworkIdle {
            return Ok(());
        }
        let latest = deadline.min(Instant::now() + idle);
        loop {
            let rested = self.traffic.rested_at();
            if rested.is_some_and(|rested| Instant::now() >= rested) {
                return Ok(());
            }
            match self.pump(rested.unwrap_or(latest).min(latest)) {
                Ok(()) => {}
                Err(Halt::Late) if Instant::now() >= latest && latest < deadline => return Ok(()),
                Err(Halt::Late) if Instant::now() < deadline => {}
                Err(halt) => return Err(halt),
            }
        }
    }

    /// Waits for each picture of the page in turn until it is there or cannot be had, `most` for all together, as the
    /// evaluation of WebCode2M does (`html2screenshot.py` of CGCL-codes/naturalcc). A page that goes elsewhere meanwhile
    /// is looked at anew there.
    pub(crate) fn wait_for_images(&mut self, most: Duration, deadline: Instant) -> Result<(), Halt> {
        // What the function throws says nothing about pictures: there is nothing to wait for then.
        self.run::<Value>(IMAGES, &[json!(most.as_millis() as u64)], deadline).map(drop)
    }

    /// Makes chance and time repeatable from here on, in this document and all that follow. `exact` moves animations and
    /// what draws them by the page's own time, which otherwise follow the browser's clock even where time is virtual.
    pub(crate) fn make_repeatable(&mut self, options: &Options, exact: bool, deadline: Instant) -> Result<(), Halt> {
        let mut source = String::new();
        if exact {
            source.push_str(concat!("(", include_str!("../script/exact.js"), ")();"));
        }
        if let Some(seed) = options.seed {
            // Scripts keep whole numbers up to 2^53: the seed goes in as two halves.
            let halves = json!([(seed >> 32) as u32, seed as u32]);
            source.push_str(&format!("({})({halves});", include_str!("../script/seed.js")));
        }
        if let Some(clock) = options.clock {
            source.push_str(&format!("({})({clock});", include_str!("../script/clock.js")));
        }
        if source.is_empty() {
            return Ok(());
        }
        let params = json!({ "source": source, "runImmediately": true }).to_string();
        let call = self.send_plain::<Value>("Page.addScriptToEvaluateOnNewDocument", &params, deadline)?;
        self.wait(&call, deadline)?;
        Ok(())
    }

    /// Lets the page's time run ahead by so many milliseconds, as fast as its work allows; it stands still then. `false`:
    /// it was not done by the deadline, and time runs on as usual.
    pub(crate) fn run_ahead(&mut self, ms: u64, deadline: Instant) -> Result<bool, Halt> {
        if !self.watch.time_stands {
            // Pictures wait for fonts, which come no more when time stands still.
            drop(self.run::<Value>(FONTS_READY, &[], deadline)?);
        }
        if ms == 0 {
            // A budget of nothing would never be told to be used up.
            self.ask(&SetVirtualTimePolicyParams::new(VirtualTimePolicy::Pause), deadline)?;
            self.watch.time_stands = true;
            return Ok(true);
        }
        (self.watch.virtual_time_over, self.watch.time_stands) = (false, false);
        let mut ahead = SetVirtualTimePolicyParams::new(VirtualTimePolicy::Advance);
        ahead.budget = Some(ms as f64);
        ahead.max_virtual_time_task_starvation_count = Some(10_000);
        self.ask(&ahead, deadline)?;
        match self.until(deadline, |page| page.watch.virtual_time_over.then_some(())) {
            Ok(()) => {
                self.watch.time_stands = true;
                Ok(true)
            }
            Err(Halt::Late) => Ok(false),
            Err(halt) => Err(halt),
        }
    }
}

/// A URL with a scheme, or the path of an own file under the own origin.
fn absolute(url: &str) -> String {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme);
    let is_scheme =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if scheme.is_some_and(is_scheme) { url.to_owned() } else { format!("{OWN_ORIGIN}/{}", url.trim_start_matches('/')) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_own_files_and_urls_stay() {
        assert_eq!(absolute("index.html"), "http://page.localhost/index.html");
        assert_eq!(absolute("/a/b.html#c:d"), "http://page.localhost/a/b.html#c:d");
        assert_eq!(absolute("https://x.example/"), "https://x.example/");
        assert_eq!(absolute("about:blank"), "about:blank");
    }
}
