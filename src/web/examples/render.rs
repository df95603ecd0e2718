//! Renders the pages of a JSONL file (`code` is the page, `id` its name) with the installed browser, and writes the
//! pictures and reports into a folder: `render PAGES.jsonl OUT [WORKERS] [MIRROR]`. For looking at and for measuring.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use glasshouse_web::{LocalHost, NoAnswers, PageJob, Recycling, Renderer};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let pages = arguments.next().ok_or("which pages?")?;
    let out = PathBuf::from(arguments.next().ok_or("which folder?")?);
    let workers: usize = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let rows: Vec<serde_json::Value> =
        std::fs::read_to_string(pages)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    std::fs::create_dir_all(&out)?;
    let host = Arc::new(LocalHost::installed().ok_or("chromium-headless-shell is not installed")?);
    let mut renderers = Vec::new();
    for _ in 0..workers {
        let mut renderer = Renderer::new(host.clone(), Arc::new(NoAnswers), Recycling::default());
        renderer.get_ready()?;
        renderers.push(renderer);
    }
    let next = AtomicUsize::new(0);
    let times = Mutex::new(Vec::new());
    let start = Instant::now();
    std::thread::scope(|scope| {
        for mut renderer in renderers {
            let (next, rows, out, times) = (&next, &rows, &out, &times);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(row) = rows.get(index) else { return };
                    let start = Instant::now();
                    if let Err(error) = one(&mut renderer, row, index, out) {
                        println!("{index} {}: {error}", row["id"]);
                    }
                    times.lock().expect("no thread panics while it has the lock").push(start.elapsed().as_secs_f64());
                }
            });
        }
    });
    let wall = start.elapsed().as_secs_f64();
    let mut times = times.into_inner()?;
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] * 1e3;
    println!(
        "{} pages in {wall:.2} s: {:.1} ms a page; median {:.0} ms, 95th percentile {:.0} ms",
        rows.len(),
        wall * 1e3 / rows.len() as f64,
        at(0.5),
        at(0.95)
    );
    Ok(())
}

fn one(renderer: &mut Renderer, row: &serde_json::Value, index: usize, out: &Path) -> Result<(), Failure> {
    let html = row["code"].as_str().ok_or("no code")?;
    let report = renderer.render(&PageJob::of_html(html))?;
    for shot in &report.shots {
        std::fs::write(out.join(format!("{index}.png")), &shot.bytes)?;
    }
    std::fs::write(out.join(format!("{index}.json")), serde_json::to_vec_pretty(&report)?)?;
    if report.ending != glasshouse_web::Ending::Complete {
        println!("{index} {}: {:?}", row["id"], report.ending);
    }
    Ok(())
}
