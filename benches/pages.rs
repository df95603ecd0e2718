//! Pages against Playwright: the same browser program, the same answers to requests, as many lanes, blocks of each arm
//! in turn, pictures compared.
//!
//! `cargo bench -p glasshouse-web --bench pages`. Settings by environment: `GLASSHOUSE_BENCH_PAGES` (a JSONL file with
//! `code`; default: pages of 40 cards), `GLASSHOUSE_BENCH_COUNT` (pages of it, evenly spread; default 40),
//! `GLASSHOUSE_BENCH_ROUNDS` (default 3), `GLASSHOUSE_BENCH_LANES` (default: cores).

#![allow(clippy::unwrap_used, reason = "a benchmark that fails stops")]

#[path = "../tests/web-fidelity/answers.rs"]
mod answers;
#[path = "../tests/web-common/mod.rs"]
mod common;

use std::env;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use glasshouse_web::mirror::Mirror;
use glasshouse_web::{Ending, LocalHost, PageJob, Recycling, Renderer};
use image::RgbaImage;
use serde_json::{Value, json};

/// Pages in a block: all lanes work one arm's block off before the next arm begins.
const BLOCK: usize = 10;

/// The arms; the last is ours.
const ARMS: [&str; 4] = ["evaluation", "launch", "context", "glasshouse"];

enum Lane {
    Playwright { child: Child, pages: Option<ChildStdin>, pictures: ChildStdout },
    Ours(Box<Renderer>),
}

impl Lane {
    fn start(arm: &str, folder: &Path, mirror: &Arc<Mirror>) -> Self {
        if arm == "glasshouse" {
            let host = Arc::new(LocalHost::new(common::browser()));
            let mut renderer = Renderer::new(host, mirror.clone(), Recycling::default());
            renderer.get_ready().unwrap();
            return Self::Ours(Box::new(renderer));
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/control/pages.py");
        let mut child = Command::new("python3")
            .arg(script)
            .arg(arm)
            .arg(common::browser())
            .arg(folder.join("answers"))
            .env("PYTHONPATH", common::playwright::packages())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (pages, pictures) = (child.stdin.take(), child.stdout.take().unwrap());
        Self::Playwright { child, pages, pictures }
    }

    fn picture(&mut self, html: &str) -> Vec<u8> {
        match self {
            Self::Ours(renderer) => {
                let mut report = renderer.render(&PageJob::of_html(html)).unwrap();
                assert_eq!(report.ending, Ending::Complete);
                report.shots.remove(0).bytes
            }
            Self::Playwright { pages, pictures, .. } => {
                writeln!(pages.as_mut().unwrap(), "{}", json!({ "html": html })).unwrap();
                let mut length = [0; 8];
                pictures.read_exact(&mut length).unwrap();
                let mut picture = vec![0; usize::try_from(u64::from_le_bytes(length)).unwrap()];
                pictures.read_exact(&mut picture).unwrap();
                picture
            }
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Self::Playwright { child, pages, .. } = self {
            // The end of its input ends it and its browser.
            drop(pages.take());
            child.wait().unwrap();
        }
    }
}

/// One arm: its lanes, the seconds of its blocks, and the pictures of its last round.
struct Arm {
    name: &'static str,
    lanes: Vec<Lane>,
    seconds: Vec<f64>,
    pictures: Vec<Vec<u8>>,
}

impl Arm {
    fn block(&mut self, pages: &[String], first: usize) {
        let next = AtomicUsize::new(0);
        let start = Instant::now();
        let done: Vec<(usize, Vec<u8>)> = thread::scope(|scope| {
            let next = &next;
            let work = |lane: &mut Lane| {
                let mut done = Vec::new();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(page) = pages.get(index) else { return done };
                    done.push((first + index, lane.picture(page)));
                }
            };
            let threads: Vec<_> = self.lanes.iter_mut().map(|lane| scope.spawn(move || work(lane))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        self.seconds.push(start.elapsed().as_secs_f64());
        for (index, picture) in done {
            self.pictures[index] = picture;
        }
    }
}

fn setting(name: &str, default: usize) -> usize {
    env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn pages() -> Vec<String> {
    let count = setting("GLASSHOUSE_BENCH_COUNT", 40);
    match env::var_os("GLASSHOUSE_BENCH_PAGES") {
        None => (0..count).map(cards).collect(),
        Some(path) => {
            let rows: Vec<Value> =
                fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let page = |row: &Value| row["code"].as_str().unwrap().to_owned();
            rows.iter().step_by((rows.len() / count).max(1)).take(count).map(page).collect()
        }
    }
}

/// A page of 40 cards, no two alike.
fn cards(number: usize) -> String {
    let card = |index: usize| {
        format!(
            "<div class=card><h3>Card {index} of page {number}</h3><p>Lorem ipsum dolor sit amet, consectetur {} adipiscing \
             elit, sed do eiusmod tempor.</p><button>Buy {index}</button></div>",
            index * 7 + number
        )
    };
    format!(
        "<!DOCTYPE html><html><head><style>body{{font-family:sans-serif;margin:20px}}.grid{{display:grid;gap:16px;\
         grid-template-columns:repeat(4,1fr)}}.card{{border:1px solid #ccc;border-radius:8px;padding:12px;\
         box-shadow:0 2px 6px rgba(0,0,0,.2);background:linear-gradient(#fff,#eef)}}button{{background:#36c;color:#fff;\
         border:0;padding:8px}}</style></head><body><h1>Cards</h1><div class=grid>{}</div></body></html>",
        (0..40).map(card).collect::<String>()
    )
}

fn decoded(bytes: &[u8]) -> RgbaImage {
    image::ImageReader::new(Cursor::new(bytes)).with_guessed_format().unwrap().decode().unwrap().to_rgba8()
}

fn main() {
    let pages = pages();
    let lanes = setting("GLASSHOUSE_BENCH_LANES", thread::available_parallelism().map_or(1, usize::from));
    let rounds = setting("GLASSHOUSE_BENCH_ROUNDS", 3);
    let mirror = Arc::new(common::mirror());
    let folder = tempfile::tempdir().unwrap();
    answers::serve(&folder.path().join("answers"), Arc::clone(&mirror));
    let start = |name: &'static str| Arm {
        name,
        lanes: (0..lanes).map(|_| Lane::start(name, folder.path(), &mirror)).collect(),
        seconds: Vec::new(),
        pictures: vec![Vec::new(); pages.len()],
    };
    let mut arms = ARMS.map(start);
    // Once without the clock: caches of files and of compiled code, fonts.
    for arm in &mut arms {
        arm.block(&pages[..pages.len().min(lanes)], 0);
        arm.seconds.clear();
    }
    for _ in 0..rounds {
        for (number, block) in pages.chunks(BLOCK).enumerate() {
            for arm in &mut arms {
                arm.block(block, number * BLOCK);
            }
        }
    }
    print(&arms, pages.len() * rounds, lanes);
}

fn print(arms: &[Arm], pages: usize, lanes: usize) {
    let ours = &arms[ARMS.len() - 1];
    let total = |arm: &Arm| arm.seconds.iter().sum::<f64>();
    println!("{pages} pages in blocks of {BLOCK}, {lanes} lanes of each arm");
    for arm in arms {
        let same = arm.pictures.iter().zip(&ours.pictures).filter(|(theirs, ours)| decoded(theirs) == decoded(ours));
        // Block by block, so that what the machine does besides weighs on both sides of each ratio.
        let mut ratios: Vec<f64> = arm.seconds.iter().zip(&ours.seconds).map(|(theirs, ours)| theirs / ours).collect();
        ratios.sort_by(f64::total_cmp);
        println!(
            "{:<11} {:>7.1} ms a page; {:>5.2} times ours (blocks: median {:.2}, {:.2} to {:.2}); {} of {} pictures equal",
            arm.name,
            total(arm) * 1e3 / pages as f64,
            total(arm) / total(ours),
            ratios[ratios.len() / 2],
            ratios[0],
            ratios[ratios.len() - 1],
            same.count(),
            arm.pictures.len()
        );
    }
}
