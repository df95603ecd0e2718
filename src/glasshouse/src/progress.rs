//! How a run shows itself: a bar on a terminal, a line now and then elsewhere, a table at the end.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use glasshouse_dataset::Progress as Read;
use glasshouse_model::Verdict;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::pipeline::Snapshot;
use crate::text::{count, seconds};

/// Steps of the bar.
const STEPS: u64 = 1000;
/// Without a terminal: a line after so long, or after another tenth.
const QUIET: Duration = Duration::from_secs(5);

/// Shows how far a run is.
pub struct Progress {
    shape: Shape,
    read: Read,
    /// Rows in all, where that is known.
    rows: Option<u64>,
    since: Instant,
    /// When the first row was over, and which part of the input was read then: the base of the estimate.
    base: Option<(Instant, f64)>,
}

enum Shape {
    None,
    Bar(ProgressBar),
    Lines { last: Instant, tenth: u64 },
}

impl Progress {
    /// A bar on a terminal, lines elsewhere, nothing if `hidden`.
    pub fn new(read: Read, rows: Option<u64>, hidden: bool) -> Self {
        let shape = if hidden {
            Shape::None
        } else if stderr().is_terminal() {
            Shape::Bar(bar())
        } else {
            Shape::Lines { last: Instant::now(), tenth: 0 }
        };
        Self { shape, read, rows, since: Instant::now(), base: None }
    }

    /// Prints lines above the bar, from any thread.
    pub fn notice(&self) -> Box<dyn Fn(&str) + Send + Sync> {
        match &self.shape {
            Shape::Bar(bar) => {
                let bar = bar.clone();
                Box::new(move |line| bar.suspend(|| eprintln!("{line}")))
            }
            Shape::None | Shape::Lines { .. } => Box::new(|line| eprintln!("{line}")),
        }
    }

    /// Shows the counters as they are now.
    pub fn tick(&mut self, now: &Snapshot) {
        let fraction = match self.rows {
            Some(rows) => Some(now.part_of(rows)),
            None => self.read.fraction().map(|read| now.part(read)),
        };
        if self.base.is_none() && now.over() > 0 {
            self.base = Some((Instant::now(), fraction.unwrap_or(0.0)));
        }
        let left = self.left(fraction);
        let elapsed = self.since.elapsed().as_secs_f64();
        match &mut self.shape {
            Shape::None => {}
            Shape::Bar(bar) => {
                bar.set_position((fraction.unwrap_or(0.0) * STEPS as f64) as u64);
                bar.set_message(status(now, elapsed, left));
            }
            Shape::Lines { last, tenth } => {
                let reached = (fraction.unwrap_or(0.0) * 10.0) as u64;
                let moved = reached > *tenth && now.over() > 0;
                if last.elapsed() >= QUIET || moved {
                    (*last, *tenth) = (Instant::now(), reached);
                    let part = fraction.map(|part| format!("{:3.0} %  ", part * 100.0)).unwrap_or_default();
                    eprintln!("{part}{}", status(now, elapsed, left));
                }
            }
        }
    }

    /// Removes the bar.
    pub fn end(&self) {
        if let Shape::Bar(bar) = &self.shape {
            bar.finish_and_clear();
        }
    }

    fn left(&self, fraction: Option<f64>) -> Option<f64> {
        let (since, from) = self.base?;
        let done = fraction? - from;
        let left = (1.0 - fraction?) * since.elapsed().as_secs_f64() / done;
        (done > 0.005 && since.elapsed().as_secs_f64() > 1.0).then_some(left)
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template("{bar:24.cyan/dim} {percent:>3} %  {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━━─"));
    bar
}

/// `1,204 rows  38.2/s  ok 1,190  runtime_error 14  3 min left`
fn status(now: &Snapshot, elapsed: f64, left: Option<f64>) -> String {
    let mut text = format!("{} rows  {:.1}/s", count(now.over()), now.over() as f64 / elapsed.max(0.001));
    for (verdict, rows) in by_frequency(now) {
        let _ = write!(text, "  {verdict} {}", count(rows));
    }
    for (name, rows) in [("faults", now.faults), ("bad rows", now.bad_rows)] {
        if rows > 0 {
            let _ = write!(text, "  {name} {}", count(rows));
        }
    }
    if let Some(left) = left {
        let _ = write!(text, "  {} left", seconds(left));
    }
    text
}

fn by_frequency(now: &Snapshot) -> Vec<(Verdict, u64)> {
    let mut counts: Vec<(Verdict, u64)> = now.verdicts.iter().map(|(verdict, rows)| (*verdict, *rows)).collect();
    counts.sort_by_key(|(verdict, rows)| (*verdict != Verdict::Ok, std::cmp::Reverse(*rows)));
    counts
}

/// The table at the end of a run.
pub fn table(now: &Snapshot, elapsed: f64) -> String {
    let total = now.over().max(1);
    let mut text = String::new();
    let mut line = |name: &str, rows: u64| {
        let share = rows as f64 / total as f64;
        let bar = "█".repeat((share * 30.0).round() as usize);
        let _ = writeln!(text, "  {name:<24}{:>10}  {:>5.1} %  {bar}", count(rows), share * 100.0);
    };
    for (verdict, rows) in by_frequency(now) {
        line(verdict.name(), rows);
    }
    for (name, rows) in [("(fault of ours)", now.faults), ("(bad row)", now.bad_rows)] {
        if rows > 0 {
            line(name, rows);
        }
    }
    let noun = if now.over() == 1 { "row" } else { "rows" };
    let _ = write!(text, "  {} {noun} in {}", count(now.over()), seconds(elapsed));
    if now.judged() > 1 {
        let _ = write!(text, ", {:.1} rows/s", now.over() as f64 / elapsed.max(0.001));
    }
    for (words, rows) in [("shared an identical job's run", now.copied), ("were recorded before", now.skipped)] {
        if rows > 0 {
            let _ = write!(text, "; {} {words}", count(rows));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        let verdicts = [(Verdict::RuntimeError, 2), (Verdict::Ok, 1_200), (Verdict::Signaled, 5)].into();
        Snapshot { verdicts, taken: 1_215, faults: 1, bad_rows: 0, skipped: 7, copied: 0 }
    }

    #[test]
    fn the_status_begins_with_what_went_well() {
        let text = status(&snapshot(), 10.0, Some(61.0));
        assert_eq!(text, "1,208 rows  120.8/s  ok 1,200  signaled 5  runtime_error 2  faults 1  61 s left");
    }

    #[test]
    fn rows_under_way_do_not_count_as_done() {
        let half = Snapshot { taken: 2_430, ..snapshot() };
        assert!((half.part(1.0) - 0.5).abs() < 1e-9);
        assert!((half.part_of(2_430) - 0.5).abs() < 1e-9);
        assert_eq!(Snapshot::default().part(0.3), 0.0);
    }

    #[test]
    fn the_table_has_a_line_for_each_count() {
        let text = table(&snapshot(), 10.0);
        for part in ["ok ", "signaled", "runtime_error", "(fault of ours)", "7 were recorded before", "120.8 rows/s"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("bad row"), "{text}");
    }
}
