//! Hostile pages: each gets a true ending within its deadline, and the page after it a clean browser.
//!
//! `cargo test` shows each page once. All of them many times in one renderer, with a look at what grows:
//!
//! ```sh
//! GLASSHOUSE_WEB_FAULTS=200 cargo test --release -p glasshouse-web --test web-faults -- --nocapture
//! ```
//!
//! `GLASSHOUSE_WEB_FAULTS_ONLY=words` shows those pages whose name has these words in it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
#[path = "../web-common/mod.rs"]
mod common;
mod files;

use std::sync::Arc;
use std::time::{Duration, Instant};

use glasshouse_web::{Answer, Answerer, Answers, Asked, Body, Ending, Host, LocalHost, PageJob, Recycling, Renderer};

use cases::Case;

/// How long beyond its own deadline a job may take until its report is there: a crashed or hung page is asked for signs
/// of life, and what is slow here is this machine.
const SLACK: Duration = Duration::from_secs(30);

/// What the pages may load: one library, and a site that sends every visitor around in circles.
pub(crate) struct Circles;

impl Answers for Circles {
    fn answer(&self, asked: &Asked<'_>) -> Option<Answer> {
        let path = asked.url.strip_prefix("https://circles.example/")?;
        let next = path.parse::<u64>().unwrap_or_default() + 1;
        let location = ("Location".to_owned(), format!("https://circles.example/{next}"));
        Some(Answer {
            status: 302,
            headers: vec![location],
            body: Arc::new(Body::new(Vec::new())),
            by: Answerer::Mirror,
            lacking: Vec::new(),
        })
    }
}

fn host() -> LocalHost {
    let host = LocalHost::new(common::browser());
    // A small heap makes the pages that fill it quick, and this machine safe from them.
    host.with_switches(["--js-flags=--max-old-space-size=512".to_owned()])
}

fn renderer(host: LocalHost) -> Renderer {
    Renderer::new(Arc::new(host), Arc::new(Circles), Recycling::default())
}

fn times() -> usize {
    std::env::var("GLASSHOUSE_WEB_FAULTS")
        .ok()
        .map_or(1, |text| text.parse().expect("GLASSHOUSE_WEB_FAULTS is a number"))
}

fn plain(renderer: &mut Renderer) -> Vec<u8> {
    let html = "<!DOCTYPE html><title>plain</title><h1 style='color:teal'>Plain</h1><p>Nothing of others is here.";
    let report = renderer.render(&PageJob::of_html(html)).unwrap();
    assert_eq!(report.ending, Ending::Complete);
    assert_eq!(report.title, "plain");
    report.shots[0].bytes.clone()
}

fn show(renderer: &mut Renderer, case: &Case) -> Result<(), String> {
    let job = (case.job)();
    let start = Instant::now();
    let report = renderer.render(&job).map_err(|error| format!("a fault: {error}"))?;
    let taken = start.elapsed();
    if taken > job.limits.wall + SLACK {
        return Err(format!("took {taken:?}"));
    }
    (case.holds)(&report).map_err(|why| format!("{why}\n{report:#?}"))
}

#[test]
fn every_hostile_page_gets_a_true_ending_and_the_next_a_clean_browser() {
    let mut renderer = renderer(host());
    let clean = plain(&mut renderer);
    let mut wrong = Vec::new();
    let mut all = cases::all();
    assert!(all.len() >= 25, "{}", all.len());
    if let Ok(only) = std::env::var("GLASSHOUSE_WEB_FAULTS_ONLY") {
        all.retain(|case| case.name.contains(&only));
    }
    for round in 0..times() {
        for case in &all {
            let start = Instant::now();
            if let Err(why) = show(&mut renderer, case) {
                wrong.push(format!("{} (round {round}): {why}", case.name));
            }
            println!("{:>6} ms  {}", start.elapsed().as_millis(), case.name);
            if plain(&mut renderer) != clean {
                wrong.push(format!("{} (round {round}): the page after it is another", case.name));
            }
        }
        println!("round {round}: {} KiB in use here", resident());
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// This process's resident memory in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn what_others_kill_is_our_fault_and_never_the_pages() {
    let host = Arc::new(Watched::new(host()));
    let mut renderer = Renderer::new(host.clone(), Arc::new(Circles), Recycling::default());
    let clean = plain(&mut renderer);
    for victim in ["--type=renderer", "--headless"] {
        let rest = PageJob { settle: Duration::from_secs(20), ..PageJob::of_html("<h1>waits</h1>") };
        let killer = std::thread::spawn({
            let host = host.clone();
            move || {
                std::thread::sleep(Duration::from_millis(1500));
                host.kill(victim)
            }
        });
        let result = renderer.render(&rest);
        assert!(killer.join().unwrap() > 0, "nothing was killed");
        let error = result.expect_err(victim).to_string();
        assert!(error.contains("killed") || error.contains("signal 9"), "{victim}: {error}");
        assert_eq!(plain(&mut renderer), clean);
    }
}

#[test]
fn nothing_is_left_when_the_renderer_is_gone() {
    let host = Arc::new(Watched::new(host()));
    let mut renderer = Renderer::new(host.clone(), Arc::new(Circles), Recycling::default());
    plain(&mut renderer);
    let profiles = host.profiles();
    assert!(!profiles.is_empty() && !host.processes("").is_empty(), "a browser should be there");
    drop(renderer);
    assert_eq!(host.processes(""), Vec::<i32>::new());
    assert!(profiles.iter().all(|profile| !profile.exists()), "{profiles:?}");
}

#[test]
fn a_browser_that_has_served_long_enough_is_replaced() {
    let host = Arc::new(Watched::new(host()));
    let recycling = Recycling { jobs: 2, ..Recycling::default() };
    let mut renderer = Renderer::new(host.clone(), Arc::new(Circles), recycling);
    for _ in 0..5 {
        plain(&mut renderer);
    }
    assert_eq!(host.launches(), 3);
}

#[test]
fn a_browser_that_cannot_start_is_a_fault_that_says_why() {
    let mut renderer = renderer(LocalHost::new("/bin/false"));
    let error = renderer.render(&PageJob::of_html("x")).unwrap_err().to_string();
    assert!(error.contains("exit status 1"), "{error}");
    let mut renderer = self::renderer(LocalHost::new("/no/such/browser"));
    let error = renderer.render(&PageJob::of_html("x")).unwrap_err().to_string();
    assert!(error.contains("install chromium-headless-shell"), "{error}");
}

/// A host whose browsers' processes the test can find.
struct Watched {
    inner: LocalHost,
    mark: String,
    launches: std::sync::atomic::AtomicUsize,
}

impl Watched {
    fn new(inner: LocalHost) -> Self {
        static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        // An unknown switch does nothing, and shows in the command line of every process of the browser's main one.
        let mark = format!("--glasshouse-test={}-{number}", std::process::id());
        Self { inner: inner.with_switches([mark.clone()]), mark, launches: 0.into() }
    }

    fn launches(&self) -> usize {
        self.launches.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// The main processes of this host's browsers, or their children with this on their command line.
    fn processes(&self, with: &str) -> Vec<i32> {
        let all = command_lines();
        let main: Vec<i32> = all.iter().filter(|(_, _, line)| line.contains(&self.mark)).map(|(id, ..)| *id).collect();
        if with.is_empty() || with == "--headless" {
            return main;
        }
        let of_group = |group: &i32| main.contains(group);
        let found = all.iter().filter(|(_, group, line)| of_group(group) && line.contains(with));
        found.map(|(id, ..)| *id).collect()
    }

    fn profiles(&self) -> Vec<std::path::PathBuf> {
        let all = command_lines();
        let lines = all.iter().filter(|(_, _, line)| line.contains(&self.mark));
        let profile =
            |line: &str| line.split('\0').find_map(|part| part.strip_prefix("--user-data-dir=").map(Into::into));
        lines.filter_map(|(_, _, line)| profile(line)).collect()
    }

    fn kill(&self, with: &str) -> usize {
        let found = self.processes(with);
        for id in &found {
            let status = std::process::Command::new("kill").args(["-9", &id.to_string()]).status().unwrap();
            assert!(status.success());
        }
        found.len()
    }
}

impl Host for Watched {
    fn launch(&self) -> Result<Box<dyn glasshouse_web::BrowserProcess>, glasshouse_web::WebError> {
        self.launches.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.inner.launch()
    }
}

/// Process id, process group and command line of every process.
fn command_lines() -> Vec<(i32, i32, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        let read = |name: &str| std::fs::read_to_string(entry.path().join(name)).unwrap_or_default();
        let group = read("stat").rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(2)?.parse().ok());
        found.push((id, group.unwrap_or_default(), read("cmdline")));
    }
    found
}
