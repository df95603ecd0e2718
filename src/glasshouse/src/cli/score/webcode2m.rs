//! `glasshouse score webcode2m`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::thread;

use glasshouse_score::html::Dialect;
use glasshouse_score::webcode2m::{PixelScores, Scores, Setup, evaluate, pixel_scores};
use glasshouse_score::{Mode, ScoreError};
use serde_json::{Value, json};

use super::decode::{DecodeError, decode};
use super::pairs::{Pair, pairs};
use super::{Failure, Webcode2mArgs};
use crate::cli::INCOMPLETE;

/// Pairs that are held at one time.
const BATCH: usize = 256;
/// The parts in the order in which they are shown.
const PARTS: [&str; 7] = ["tree_bleu", "bleu", "rouge", "mse", "ssim", "visual", "clip"];
const NO_RENDERER: &str = "needs a renderer, and this command has none yet";
const NO_MODEL: &str = "needs a renderer and a CLIP model, and this command has none yet";
const NO_SHOTS: &str = "needs answer.png and prediction.png";

pub(super) fn webcode2m(args: &Webcode2mArgs) -> Result<u8, Failure> {
    let how = How { mode: args.mode.into(), dialect: args.dialect.into() };
    let workers = args.workers.map_or_else(|| thread::available_parallelism().map_or(1, usize::from), usize::from);
    let shots = args.screenshots.as_deref().or_else(|| args.input.is_dir().then_some(args.input.as_path()));
    let mut out = args.out.as_deref().map(Lines::create).transpose()?;
    let mut tally = Tally::default();
    let mut left = pairs(&args.input)?;
    loop {
        let batch: Vec<Pair> = left.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        for (name, outcome) in score_all(&batch, workers, shots, how)? {
            match &outcome {
                Ok(parts) => tally.add(parts),
                Err(error) => {
                    eprintln!("glasshouse: {name}: {error}");
                    tally.unreadable += 1;
                }
            }
            if let Some(out) = &mut out {
                out.write(&line(&name, how, &outcome))?;
            }
        }
    }
    if let Some(out) = out {
        out.finish()?;
    }
    if tally.pairs == 0 {
        return Err(Failure::Input(format!("{}: no pair could be read", args.input.display())));
    }
    tally.show(how);
    Ok(if tally.unreadable == 0 { 0 } else { INCOMPLETE })
}

/// What the scores are computed with.
#[derive(Clone, Copy)]
struct How {
    mode: Mode,
    dialect: Dialect,
}

/// A pair's name and its parts, or why it could not be read.
type Outcome = (String, Result<Parts, String>);

/// The scores of `batch` in its order.
fn score_all(batch: &[Pair], workers: usize, shots: Option<&Path>, how: How) -> Result<Vec<Outcome>, Failure> {
    let share = batch.len().div_ceil(workers.max(1)).max(1);
    thread::scope(|scope| {
        let run = |pairs: &'_ [Pair]| -> Result<Vec<Outcome>, Failure> {
            pairs.iter().map(|pair| score_one(pair, shots, how)).collect()
        };
        let threads: Vec<_> = batch.chunks(share).map(|pairs| scope.spawn(move || run(pairs))).collect();
        let mut outcomes = Vec::with_capacity(batch.len());
        for thread in threads {
            outcomes.extend(thread.join().map_err(|_| Failure::Host("a worker panicked".to_owned()))??);
        }
        Ok(outcomes)
    })
}

fn score_one(pair: &Pair, shots: Option<&Path>, how: How) -> Result<Outcome, Failure> {
    let (name, pages) = pair.read();
    let pages = match pages {
        Ok(pages) => pages,
        Err(error) => return Ok((name, Err(error))),
    };
    let mut setup = Setup { mode: how.mode, dialect: how.dialect, ..Setup::default() };
    let scores = evaluate(&pages.reference, &pages.candidate, &mut setup);
    let pixels = match shots.map(|shots| shots.join(&name)) {
        Some(folder) => of_pixels(&folder, how.mode)?,
        None => Ok(None),
    };
    Ok((name, pixels.map(|pixels| Parts::new(scores, pixels))))
}

/// MSE and SSIM; None without screenshots, an error where there are such but not pictures.
fn of_pixels(folder: &Path, mode: Mode) -> Result<Result<Option<Result<PixelScores, ScoreError>>, String>, Failure> {
    let files = ["answer.png", "prediction.png"].map(|name| folder.join(name));
    if !files.iter().all(|file| file.exists()) {
        return Ok(Ok(None));
    }
    let mut pictures = Vec::new();
    for file in &files {
        match decode(file) {
            Ok(picture) => pictures.push(picture),
            Err(error @ DecodeError::Helper(_)) => return Err(error.into()),
            Err(error) => return Ok(Err(error.to_string())),
        }
    }
    Ok(Ok(Some(pixel_scores(&pictures[0], &pictures[1], mode))))
}

/// What is known of each part: its value, why the evaluation fails at it, or why it is absent.
struct Parts {
    values: Vec<Result<f64, Missing>>,
    /// Why the published evaluation leaves the pair out of its means.
    dropped: Option<String>,
}

#[derive(Clone)]
enum Missing {
    Absent(&'static str),
    Failed(String),
}

impl Parts {
    fn new(scores: Result<Scores, ScoreError>, pixels: Option<Result<PixelScores, ScoreError>>) -> Parts {
        let failed = |error: ScoreError| Missing::Failed(error.to_string());
        let (words, tree) = match scores {
            Ok(scores) => (scores.words, scores.tree),
            Err(error) => (Err(error.clone()), Err(error)),
        };
        let (words, tree) = (words.map_err(failed), tree.map_err(failed));
        let pixels = pixels.map_or(Err(Missing::Absent(NO_SHOTS)), |pixels| pixels.map_err(failed));
        let values = vec![
            tree.map(|tree| tree.recall),
            words.clone().map(|words| words.bleu),
            words.map(|words| words.rouge),
            pixels.clone().map(|pixels| pixels.mse),
            pixels.map(|pixels| pixels.ssim),
            Err(Missing::Absent(NO_RENDERER)),
            Err(Missing::Absent(NO_MODEL)),
        ];
        let dropped = values.iter().find_map(|value| match value {
            Err(Missing::Failed(why)) => Some(why.clone()),
            _ => None,
        });
        Parts { values, dropped }
    }
}

/// A pair's line in the file of scores.
fn line(name: &str, how: How, outcome: &Result<Parts, String>) -> Value {
    let mut line = json!({"id": name, "mode": how.mode.name(), "dialect": how.dialect.name()});
    match outcome {
        Err(error) => line["error"] = json!(error),
        Ok(parts) => {
            line["dropped"] = json!(parts.dropped);
            for (part, value) in PARTS.into_iter().zip(&parts.values) {
                match value {
                    Ok(value) => line["scores"][part] = json!(value),
                    Err(Missing::Absent(why)) => line["absent"][part] = json!(why),
                    Err(Missing::Failed(why)) => line["failed"][part] = json!(why),
                }
            }
        }
    }
    line
}

/// The sums over the pairs that count.
#[derive(Default)]
struct Tally {
    pairs: u64,
    unreadable: u64,
    dropped: u64,
    sums: [(f64, u64); PARTS.len()],
    absent: [Option<&'static str>; PARTS.len()],
}

impl Tally {
    /// Counts a pair in; as published, one that fails anywhere counts nowhere.
    fn add(&mut self, parts: &Parts) {
        self.pairs += 1;
        if parts.dropped.is_some() {
            self.dropped += 1;
            return;
        }
        for (at, value) in parts.values.iter().enumerate() {
            match value {
                Ok(value) => self.sums[at] = (self.sums[at].0 + value, self.sums[at].1 + 1),
                Err(Missing::Absent(why)) => self.absent[at] = Some(why),
                Err(Missing::Failed(_)) => {}
            }
        }
    }

    fn show(&self, how: How) {
        let left = if self.unreadable > 0 { format!(", {} more not readable", self.unreadable) } else { String::new() };
        println!(
            "webcode2m, {}, {}: {} pairs, {} dropped{left}",
            how.mode,
            how.dialect.name(),
            self.pairs,
            self.dropped
        );
        for (at, part) in PARTS.into_iter().enumerate() {
            match (self.sums[at], self.absent[at]) {
                ((_, 0), Some(why)) => println!("  {part:<10} absent: {why}"),
                ((_, 0), None) => println!("  {part:<10} absent: no pair has it"),
                ((sum, count), None) => println!("  {part:<10} {:.4}", sum / count as f64),
                ((sum, count), Some(why)) => {
                    println!("  {part:<10} {:.4} of {count} pairs; the others: {why}", sum / count as f64)
                }
            }
        }
    }
}

/// A file of JSON lines.
struct Lines {
    file: BufWriter<File>,
    name: String,
}

impl Lines {
    fn create(path: &Path) -> Result<Lines, Failure> {
        let name = path.display().to_string();
        let file = File::create(path).map_err(|error| Failure::Storage(format!("{name}: {error}")))?;
        Ok(Lines { file: BufWriter::new(file), name })
    }

    fn write(&mut self, line: &Value) -> Result<(), Failure> {
        writeln!(self.file, "{line}").map_err(|error| Failure::Storage(format!("{}: {error}", self.name)))
    }

    fn finish(mut self) -> Result<(), Failure> {
        self.file.flush().map_err(|error| Failure::Storage(format!("{}: {error}", self.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(candidate: &str) -> Parts {
        let reference = "<html><body><p>one two</p></body></html>";
        Parts::new(evaluate(reference, candidate, &mut Setup::default()), None)
    }

    #[test]
    fn a_pair_that_fails_anywhere_counts_nowhere_and_what_is_absent_is_said() {
        let mut tally = Tally::default();
        tally.add(&parts("<html><body><p>one</p></body></html>"));
        tally.add(&parts("<html><body><img></body></html>"));
        assert_eq!((tally.pairs, tally.dropped), (2, 1));
        assert_eq!(tally.sums[0], (1.0, 1));
        assert_eq!(tally.absent[3..], [Some(NO_SHOTS), Some(NO_SHOTS), Some(NO_RENDERER), Some(NO_MODEL)]);
        let said = line("x", How { mode: Mode::Compat, dialect: Dialect::default() }, &Ok(parts("<![x]>")));
        assert!(said["dropped"].is_string() && said["scores"].is_null(), "{said}");
        assert_eq!(said["absent"]["visual"], NO_RENDERER);
    }
}
