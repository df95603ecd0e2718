//! The verdict on a page: the rules of docs/contract.md, section "Pages".

use glasshouse_model::page::Answerer;
use glasshouse_model::{Artifact, ArtifactKind, CaptureKind, Cause, ErrorInfo, Limits, Verdict};
use glasshouse_web::{Ending, PageReport};

use super::checks::{blank_picture, invalid_picture};
use super::signals::signal_name;
use crate::text::{bytes, plain, seconds};

/// The console's word for an error that no code caught.
const UNCAUGHT: &str = "uncaught";
/// Characters of a page's own words in a cause.
const SHOWN: usize = 200;
/// What a page needs to work, as DevTools calls it: without one of these its errors say nothing about its code.
const NEEDED: [&str; 5] = ["script", "document", "fetch", "xhr", "stylesheet"];

/// All that is known of a page.
#[derive(Clone, Copy, Debug)]
pub struct PageEvidence<'a> {
    /// What was seen of it.
    pub report: &'a PageReport,
    /// Seconds on the clock that it took.
    pub wall: f64,
    /// What it could use.
    pub limits: &'a Limits,
    /// What it showed, already checked.
    pub artifacts: &'a [Artifact],
    /// The captures that the row insists on.
    pub capture: &'a [CaptureKind],
    /// How many actions the row has.
    pub actions: usize,
    /// Whether errors that no code caught leave the verdict alone.
    pub tolerate_errors: bool,
}

/// The verdict, and what stood behind it unless it is `ok`.
pub fn judge_page(page: &PageEvidence<'_>) -> (Verdict, Option<Cause>) {
    let found = ending(page).or_else(|| elsewhere(page)).or_else(|| errors(page)).or_else(|| captures(page));
    found.map_or((Verdict::Ok, None), |(verdict, cause)| (verdict, Some(cause)))
}

/// The first error that no code caught, as records have it.
pub fn page_error(report: &PageReport) -> Option<ErrorInfo> {
    let line = report.console.iter().find(|line| line.kind == UNCAUGHT)?;
    let first = line.text.lines().next().unwrap_or_default();
    let first = first.strip_prefix("Uncaught ").unwrap_or(first);
    let first = first.strip_prefix("(in promise) ").unwrap_or(first);
    let (kind, message) = first.split_once(": ").unwrap_or(("Error", first));
    let plausible = kind.len() <= 64 && kind.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    let (kind, message) = if plausible { (kind, message) } else { ("Error", first) };
    Some(ErrorInfo {
        kind: kind.to_owned(),
        message: message.to_owned(),
        line: line.line,
        traceback: line.text.clone(),
    })
}

fn ending(page: &PageEvidence<'_>) -> Option<(Verdict, Cause)> {
    let memory = || {
        let message = format!("the page used up its memory of {}", bytes(page.limits.memory));
        (Verdict::MemoryLimitExceeded, Cause::new("memory", message))
    };
    Some(match &page.report.ending {
        Ending::Complete => return None,
        Ending::Deadline { during, responsive } => {
            let limit = seconds(page.wall);
            let script = if *responsive { "" } else { "; a script of it runs without end" };
            let message = format!("not done after {limit} on the clock, during {during}{script}");
            (Verdict::TimeLimitExceeded, Cause::new("wall", message))
        }
        Ending::Step { index, message, .. } if *index < page.actions => {
            (Verdict::RuntimeError, Cause::new("action", format!("actions[{index}]: {}", plain(message, SHOWN))))
        }
        // The steps after the row's own take the pictures that it wants at the end.
        Ending::Step { message, .. } => (Verdict::NoArtifact, Cause::new("image", plain(message, SHOWN))),
        Ending::Navigation { url, error } => {
            let message = format!("{}: {error}", plain(url, SHOWN));
            // A page that goes to another site asks for a network; one that goes astray among its own files is wrong.
            if error.contains("NAME_NOT_RESOLVED") || error.contains("INTERNET_DISCONNECTED") {
                (Verdict::Denied, Cause::new("network", message))
            } else {
                (Verdict::RuntimeError, Cause::new("navigation", message))
            }
        }
        Ending::Crashed { memory: true, .. } | Ending::BrowserOutOfMemory => memory(),
        Ending::Crashed { status, code, .. } => {
            let name = i32::try_from(*code).map_or_else(|_| code.to_string(), signal_name);
            (Verdict::Signaled, Cause::new(name.clone(), format!("the page's process {status}: {name}")))
        }
        Ending::NotShown { message } => {
            let message = format!("no picture of the page could be taken: {}", plain(message, SHOWN));
            (Verdict::InvalidArtifact, Cause::new("not_shown", message))
        }
        Ending::Closed => (Verdict::RuntimeError, Cause::new("closed", "the page closed its own window")),
        Ending::Flood { what } => {
            (Verdict::OutputLimitExceeded, Cause::new("flood", format!("the page floods its browser with {what}")))
        }
    })
}

/// The address at which a page ends, if nobody answers it: what is seen then is the browser's own error page.
pub fn went_astray(report: &PageReport) -> Option<&str> {
    // What is after a `#` is no part of a request.
    let url = report.url.split('#').next().unwrap_or_default();
    let asked = report.requests.iter().rfind(|request| request.kind == "document" && request.url == url)?;
    (asked.by == Answerer::Nobody).then_some(&report.url)
}

fn elsewhere(page: &PageEvidence<'_>) -> Option<(Verdict, Cause)> {
    went_astray(page.report).map(|url| {
        let message = format!("it went to {}; the policy gives no network", plain(url, SHOWN));
        (Verdict::Denied, Cause::new("network", message))
    })
}

fn errors(page: &PageEvidence<'_>) -> Option<(Verdict, Cause)> {
    if page.tolerate_errors {
        return None;
    }
    let error = page_error(page.report)?;
    let place = error.line.map(|line| format!("line {line}: ")).unwrap_or_default();
    let said = format!("{place}{}: {}", error.kind, plain(&error.message, SHOWN));
    let missing = page
        .report
        .requests
        .iter()
        .find(|request| request.by == Answerer::Nobody && NEEDED.contains(&request.kind.as_str()));
    Some(match missing {
        Some(request) => {
            let url = plain(&request.url, SHOWN);
            let message = match request.lacking.iter().find_map(|package| package.add.as_deref()) {
                Some(add) => format!("{said}; the mirror has no answer to {url}; `{add}` adds it"),
                None => format!("{said}; the policy gives no network: {url}"),
            };
            (Verdict::Denied, Cause::new("network", message))
        }
        None => (Verdict::RuntimeError, Cause::new(error.kind.clone(), said)),
    })
}

fn captures(page: &PageEvidence<'_>) -> Option<(Verdict, Cause)> {
    if let Some(cause) = invalid_picture(page.artifacts) {
        return Some((Verdict::InvalidArtifact, cause));
    }
    if let Some(absent) = page.capture.iter().find(|kind| !shows(page, **kind)) {
        let message = match absent {
            CaptureKind::Image => "no picture of the page was asked for",
            CaptureKind::Text => "the page wrote nothing to its console",
            _ => "a page does not show this",
        };
        return Some((Verdict::NoArtifact, Cause::new(absent.name(), message)));
    }
    blank_picture(page.artifacts).map(|cause| (Verdict::BlankArtifact, cause))
}

fn shows(page: &PageEvidence<'_>, kind: CaptureKind) -> bool {
    let any = |kind: ArtifactKind| page.artifacts.iter().any(|artifact| artifact.kind == kind);
    match kind {
        CaptureKind::Image => any(ArtifactKind::Screenshot),
        CaptureKind::Dom => any(ArtifactKind::Document),
        CaptureKind::File => !page.artifacts.is_empty(),
        CaptureKind::Text => !page.report.console.is_empty(),
        CaptureKind::Video | CaptureKind::Facts => false,
    }
}

#[cfg(test)]
mod tests {
    use glasshouse_model::page::{ConsoleLine, LackingPackage, Request};

    use super::*;

    fn report(ending: Ending) -> PageReport {
        PageReport {
            ending,
            shots: Vec::new(),
            html: None,
            tree: None,
            accessibility: None,
            results: None,
            pdf: None,
            console: Vec::new(),
            console_dropped: 0,
            requests: Vec::new(),
            refused: Vec::new(),
            url: String::new(),
            title: String::new(),
            timings: glasshouse_web::Timings::default(),
        }
    }

    fn uncaught(text: &str) -> ConsoleLine {
        ConsoleLine { kind: UNCAUGHT.into(), text: text.into(), url: None, line: Some(7) }
    }

    fn request(kind: &str, by: Answerer) -> Request {
        let (url, method) = ("https://x.example/a.js".into(), "GET".into());
        Request { url, method, kind: kind.into(), by, status: None, lacking: Vec::new() }
    }

    fn picture(blank: bool, problem: Option<&str>) -> Artifact {
        let text = format!(
            r#"{{"name": "page.png", "kind": "screenshot", "media_type": "image/png", "bytes": 1, "hash": null,
                "blank": {blank}}}"#
        );
        Artifact { problem: problem.map(str::to_owned), ..serde_json::from_str(&text).unwrap() }
    }

    fn judged(report: &PageReport, artifacts: &[Artifact], capture: &[CaptureKind]) -> (Verdict, String) {
        let limits = Limits::default();
        let evidence =
            PageEvidence { report, wall: 3.0, limits: &limits, artifacts, capture, actions: 2, tolerate_errors: false };
        let (verdict, cause) = judge_page(&evidence);
        (verdict, cause.map(|cause| cause.code).unwrap_or_default())
    }

    #[test]
    fn every_ending_has_its_verdict() {
        let step = |index| Ending::Step { index, message: "#a: no such element".into(), late: true };
        let crash = |memory, code| Ending::Crashed { memory, status: "crashed".into(), code };
        let gone = |error: &str| Ending::Navigation { url: "https://x.example".into(), error: error.into() };
        let cases = [
            (Ending::Complete, Verdict::Ok, ""),
            (Ending::Deadline { during: "x".into(), responsive: false }, Verdict::TimeLimitExceeded, "wall"),
            (step(1), Verdict::RuntimeError, "action"),
            (step(2), Verdict::NoArtifact, "image"),
            (gone("net::ERR_NAME_NOT_RESOLVED"), Verdict::Denied, "network"),
            (gone("net::ERR_ABORTED"), Verdict::RuntimeError, "navigation"),
            (crash(true, 9), Verdict::MemoryLimitExceeded, "memory"),
            (crash(false, 11), Verdict::Signaled, "SIGSEGV"),
            (Ending::BrowserOutOfMemory, Verdict::MemoryLimitExceeded, "memory"),
            (Ending::NotShown { message: "no".into() }, Verdict::InvalidArtifact, "not_shown"),
            (Ending::Closed, Verdict::RuntimeError, "closed"),
            (Ending::Flood { what: "requests".into() }, Verdict::OutputLimitExceeded, "flood"),
        ];
        for (ending, verdict, code) in cases {
            let found = judged(&report(ending.clone()), &[picture(false, None)], &[]);
            assert_eq!(found, (verdict, code.to_owned()), "{ending:?}");
        }
    }

    #[test]
    fn an_uncaught_error_is_the_codes_own_unless_a_script_was_kept_from_it() {
        let mut page = report(Ending::Complete);
        page.console.push(uncaught("Uncaught TypeError: x is not a function\n    at index.html:7:1"));
        let shown = [picture(false, None)];
        assert_eq!(judged(&page, &shown, &[]), (Verdict::RuntimeError, "TypeError".into()));
        let error = page_error(&page).unwrap();
        assert_eq!(
            (error.kind.as_str(), error.message.as_str(), error.line),
            ("TypeError", "x is not a function", Some(7))
        );
        page.requests.push(request("image", Answerer::Nobody));
        assert_eq!(judged(&page, &shown, &[]).0, Verdict::RuntimeError);
        page.requests.push(request("script", Answerer::Nobody));
        assert_eq!(judged(&page, &shown, &[]), (Verdict::Denied, "network".into()));
        // A package is named with the command that adds it.
        page.requests[1].lacking = vec![LackingPackage::whole("three", "0.160.0")];
        let limits = Limits::default();
        let evidence = PageEvidence {
            report: &page,
            wall: 3.0,
            limits: &limits,
            artifacts: &shown,
            capture: &[],
            actions: 0,
            tolerate_errors: false,
        };
        let (verdict, cause) = judge_page(&evidence);
        let message = cause.unwrap().message;
        assert!(verdict == Verdict::Denied && message.contains("`glasshouse images mirror add npm:three@0.160.0`"));
        // Without an error nothing was kept from it that it needs.
        page.console.clear();
        assert_eq!(judged(&page, &shown, &[]).0, Verdict::Ok);
    }

    #[test]
    fn words_that_are_no_errors_name_are_its_message() {
        let mut page = report(Ending::Complete);
        page.console.push(uncaught("Uncaught (in promise) the cat: sat on it"));
        let error = page_error(&page).unwrap();
        assert_eq!((error.kind.as_str(), error.message.as_str()), ("Error", "the cat: sat on it"));
    }

    #[test]
    fn pictures_must_be_there_and_show_something() {
        let page = report(Ending::Complete);
        assert_eq!(judged(&page, &[picture(true, None)], &[]), (Verdict::BlankArtifact, "blank".into()));
        assert_eq!(judged(&page, &[picture(false, Some("cut off"))], &[]).0, Verdict::InvalidArtifact);
        assert_eq!(judged(&page, &[], &[CaptureKind::Image]), (Verdict::NoArtifact, "image".into()));
        assert_eq!(judged(&page, &[picture(false, None)], &[CaptureKind::Dom]), (Verdict::NoArtifact, "dom".into()));
        assert_eq!(judged(&page, &[], &[]).0, Verdict::Ok);
    }
}
