//! What pages can do to each other (nothing), what is captured of them, and what steps do.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod captures;
#[path = "../web-common/mod.rs"]
mod common;
mod frames;
mod isolation;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use glasshouse_web::{
    Captures, Ending, LocalHost, NoAnswers, PageJob, PageReport, Recycling, Renderer, Shot, Source, Until,
};

fn renderer() -> Renderer {
    let host = LocalHost::new(common::browser());
    Renderer::new(Arc::new(host), Arc::new(NoAnswers), Recycling::default())
}

fn files(files: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
}

/// A page of its own origin, gone to, loaded, and given a moment.
fn site(html: &str) -> PageJob {
    PageJob {
        source: Source::Visit("index.html".into()),
        files: files(&[("index.html", html)]),
        until: Until::Load,
        settle: Duration::from_millis(300),
        captures: Captures { shots: vec![Shot::default()], html: true, ..Captures::default() },
        ..PageJob::of_html("")
    }
}

fn complete(renderer: &mut Renderer, job: &PageJob) -> PageReport {
    let report = renderer.render(job).unwrap();
    assert_eq!(report.ending, Ending::Complete, "{report:#?}");
    report
}

/// The console's lines, without those that the browser adds.
fn said(report: &PageReport) -> Vec<&str> {
    report.console.iter().filter(|line| line.kind == "log").map(|line| line.text.as_str()).collect()
}
