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
    /// Whether errors that no code caught leave the verdict alone.
    pub tolerate_errors: bool,
}

/// The verdict, and what stood behind it unless it is `ok`.
pub fn judge_page(page: &PageEvidence<'_>) -> (Verdict, Option<Cause>) {
    let found = ending(page).or_else(|| errors(page)).or_else(|| captures(page));
    found.map_or((Verdict::Ok, None), |(verdict, cause)| (verdict, Some(cause)))
}

/// The first error that no code caught, as records have it.
pub fn page_error(report: &PageReport) -> Option<ErrorInfo> {
    let line = report.console.iter().find(|line| line.kind == UNCAUGHT)?;
    let first = line.text.lines().next().unwrap_or_default();
    let first = first.strip_prefix("Uncaught ").unwrap_or(first);
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
        Ending::Step { index, message, .. } => {
            (Verdict::RuntimeError, Cause::new("action", format!("actions[{index}]: {}", plain(message, SHOWN))))
        }
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
        Ending::Flood { what } => {
            (Verdict::OutputLimitExceeded, Cause::new("flood", format!("the page floods its browser with {what}")))
        }
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
            let message = format!("{said}; the policy gives no network: {}", plain(&request.url, SHOWN));
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
