//! The picture is Playwright's: pages rendered by us and by Playwright with the same browser program and the same
//! answers to requests, compared pixel for pixel.
//!
//! `cargo test` compares a sample of `../shared/data/pages.jsonl`. All of a file, by both contracts, with a list of what
//! differs and why:
//!
//! ```sh
//! GLASSHOUSE_WEB_FIDELITY=../shared/data/pages.jsonl cargo test --release -p glasshouse-web --test web-fidelity -- --nocapture
//! ```
//!
//! A page is set aside, by rule, where Playwright itself takes two different pictures of it: it moves, draws by chance,
//! or is caught before or after a script at random.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
#[path = "../web-common/mod.rs"]
mod common;
mod control;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use glasshouse_web::mirror::Mirror;
use glasshouse_web::{Ending, LocalHost, PageJob, PageReport, Recycling, Renderer, Source, Until};
use image::RgbaImage;
use serde_json::Value;

use control::Control;

const ALL: &str = "GLASSHOUSE_WEB_FIDELITY";
/// `content` or `visit`: only this contract.
const CONTRACT: &str = "GLASSHOUSE_WEB_FIDELITY_CONTRACT";
/// Rows of the shared data that `cargo test` looks at.
const SAMPLE: usize = 10;
/// How often Playwright is asked again for a page on which we differ from it.
const AGAIN: usize = 4;
/// The share of pages that have to be equal, in percent of those that are not set aside.
const EQUAL: usize = 99;

/// How a page is brought to the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Contract {
    /// WebCode2M's evaluation: the content is set and parsed, and that is all.
    Content,
    /// InteractScience's tests: gone to, loaded, half a second.
    Visit,
}

impl Contract {
    fn name(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Visit => "visit",
        }
    }

    fn job(self, html: &str) -> PageJob {
        match self {
            Self::Content => PageJob::of_html(html),
            Self::Visit => PageJob {
                source: Source::Visit("index.html".into()),
                files: [("index.html".to_owned(), html.as_bytes().to_vec())].into(),
                until: Until::Load,
                settle: Duration::from_millis(500),
                ..PageJob::of_html("")
            },
        }
    }
}

struct Page {
    id: String,
    html: String,
}

#[test]
fn pictures_are_those_of_playwright() {
    let Some(pages) = pages() else { return };
    let mirror = Arc::new(common::mirror());
    let folder = tempfile::tempdir().unwrap();
    let mut control = Control::start(folder.path(), Arc::clone(&mirror));
    let mut problems = Vec::new();
    let only = env::var(CONTRACT).ok();
    for contract in [Contract::Content, Contract::Visit] {
        if only.as_deref().is_some_and(|only| only != contract.name()) {
            continue;
        }
        problems.extend(compare(&pages, contract, &mirror, &mut control));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn compare(pages: &[Page], contract: Contract, mirror: &Arc<Mirror>, control: &mut Control) -> Vec<String> {
    let reports = ours(pages, contract, mirror);
    let theirs = control.pictures(pages, contract, &(0..pages.len()).collect::<Vec<_>>(), 0);
    let mut differing: Vec<usize> = Vec::new();
    let mut equal = 0;
    for index in 0..pages.len() {
        if same(&reports[index], &theirs[&index]) {
            equal += 1;
        } else {
            differing.push(index);
        }
    }
    // Where a page shows several things at random, each of Playwright's pictures of it is as good as any other.
    let mut again: BTreeMap<usize, Vec<Result<RgbaImage, String>>> = BTreeMap::new();
    for run in 1..=AGAIN {
        for (index, picture) in control.pictures(pages, contract, &differing, run) {
            again.entry(index).or_default().push(picture);
        }
    }
    let (mut aside, mut listed) = (Vec::new(), Vec::new());
    for index in differing {
        let first = &theirs[&index];
        let id = &pages[index].id;
        if again[&index].iter().any(|picture| picture != first) {
            aside.push(id.as_str());
        } else {
            listed.push(format!("{id}: {}", difference(&reports[index], first)));
        }
    }
    let name = contract.name();
    println!("{name}: {} pages, {equal} equal, {} set aside, {} differ", pages.len(), aside.len(), listed.len());
    println!("{name}: set aside, since Playwright's own pictures differ: {}", aside.join(", "));
    println!("{name}: differ:\n{}", listed.join("\n"));
    scripts(pages, &reports, name);
    let compared = equal + listed.len();
    let enough = compared > 0 && listed.len() * 100 <= compared * (100 - EQUAL);
    if enough {
        Vec::new()
    } else {
        vec![format!("{name}: {} of {compared} differ:\n{}", listed.len(), listed.join("\n"))]
    }
}

/// Tells on how many pages every script was loaded.
fn scripts(pages: &[Page], reports: &[PageReport], name: &str) {
    let mut whole = 0;
    let mut lacking: BTreeMap<&str, usize> = BTreeMap::new();
    for report in reports {
        let scripts = report.requests.iter().filter(|request| request.kind == "script");
        let failed: Vec<_> = scripts.filter(|script| script.status.is_none_or(|status| status >= 400)).collect();
        whole += usize::from(failed.is_empty());
        for script in failed {
            *lacking.entry(&script.url).or_default() += 1;
        }
    }
    println!("{name}: {whole} of {} pages load every script; what is lacking: {lacking:#?}", pages.len());
}

fn pages() -> Option<Vec<Page>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let whole = env::var_os(ALL).map(|path| root.join(PathBuf::from(path)));
    let path = whole.clone().unwrap_or_else(|| root.join("../shared/data/pages.jsonl"));
    if !path.is_file() {
        println!("NOT RUN: {} is not there: no pages to compare", path.display());
        return None;
    }
    let text = fs::read_to_string(&path).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let step = if whole.is_some() { 1 } else { (rows.len() / SAMPLE).max(1) };
    let page =
        |row: &Value| Page { id: row["id"].as_str().unwrap().into(), html: row["code"].as_str().unwrap().into() };
    Some(rows.iter().step_by(step).map(page).collect())
}

fn ours(pages: &[Page], contract: Contract, mirror: &Arc<Mirror>) -> Vec<PageReport> {
    let host = Arc::new(LocalHost::new(common::browser()));
    let mut renderer = Renderer::new(host, mirror.clone(), Recycling::default());
    let render =
        |page: &Page| renderer.render(&contract.job(&page.html)).unwrap_or_else(|error| panic!("{}: {error}", page.id));
    pages.iter().map(render).collect()
}

fn decoded(bytes: &[u8]) -> Result<RgbaImage, String> {
    let reader =
        image::ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| error.to_string())?;
    Ok(reader.decode().map_err(|error| error.to_string())?.to_rgba8())
}

fn our_picture(report: &PageReport) -> Result<RgbaImage, String> {
    if report.ending != Ending::Complete {
        return Err(format!("{:?}", report.ending));
    }
    decoded(&report.shots[0].bytes)
}

/// Whether the pictures are the same, or neither of us has one.
fn same(report: &PageReport, theirs: &Result<RgbaImage, String>) -> bool {
    match (our_picture(report), theirs) {
        (Ok(ours), Ok(theirs)) => ours == *theirs,
        (Err(_), Err(_)) => true,
        _ => false,
    }
}

fn difference(report: &PageReport, theirs: &Result<RgbaImage, String>) -> String {
    match (our_picture(report), theirs) {
        (Ok(ours), Ok(theirs)) if ours.dimensions() != theirs.dimensions() => {
            format!("{:?} here, {:?} there", ours.dimensions(), theirs.dimensions())
        }
        (Ok(ours), Ok(theirs)) => {
            let pairs = ours.pixels().zip(theirs.pixels());
            format!("{} pixels", pairs.filter(|(ours, theirs)| ours != theirs).count())
        }
        (Err(why), Ok(_)) => format!("no picture here: {why}"),
        (_, Err(why)) => format!("no picture there: {why}"),
    }
}
