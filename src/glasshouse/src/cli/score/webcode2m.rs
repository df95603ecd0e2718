//! `glasshouse score webcode2m`: pairs from an input to their scores, on as many threads as there are workers, each with
//! a browser of its own. What is held at one time does not depend on how many pairs there are.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use glasshouse_model::Digest;
use glasshouse_score::html::Dialect;
use glasshouse_score::webcode2m::{Renderer, Scores, Setup, clip_similarities, evaluate, pixel_scores};
use glasshouse_score::{Mode, ScoreError};
use serde_json::{Value, json};

use super::camera::{Camera, RUNTIME};
use super::clip::Model;
use super::decode::{DecodeError, Decoder};
use super::pairs::{Pages, Pairs};
use super::parts::{Given, Parts};
use super::results::{Key, Results};
use super::tally::{Published, Tally};
use super::{Failure, Webcode2mArgs};
use crate::cli::setup::{self, Plan};
use crate::cli::{INCOMPLETE, place};
use crate::glass::{Glass, Jobs};
use crate::pipeline::{INTERRUPTED, Stop};

/// How often a pair is tried that a fault of ours keeps from being scored; each time with a new browser.
const TRIES: usize = 3;
/// Pairs that may all fail through our fault before it is plain that nothing will work here.
const HOPELESS: u64 = 4;
/// Between two lines on how far the command is.
const QUIET: Duration = Duration::from_secs(5);

pub(super) fn webcode2m(args: &Webcode2mArgs) -> Result<u8, Failure> {
    let pairs = Pairs::open(&args.input)?;
    let renders = !args.no_render && args.screenshots.is_none();
    let stop = Stop::on_signals().map_err(|error| Failure::Host(format!("cannot watch for Ctrl-C: {error}")))?;
    let plan = renders.then(|| Plan::new(&args.setup, Some(RUNTIME), false)).transpose()?;
    let model = args.clip.as_deref().map(Model::open).transpose()?;
    let run = run_id(args, plan.as_ref(), model.as_ref())?;
    let mut tally = Tally::default();
    let mut published = args.published.as_ref().map(|_| Published::new());
    let folder = args.input.is_dir().then_some(args.input.as_path());
    let mut count = |tally: &mut Tally, name: &str, parts: &Parts| {
        tally.add(parts);
        if let Some(published) = &mut published {
            published.add(name, folder, parts);
        }
    };
    let mut results = None;
    if let Some(path) = &args.out {
        let seen = |line: &Value| match Parts::read(line) {
            Some(parts) => count(&mut tally, line["id"].as_str().unwrap_or_default(), &parts),
            None => tally.unreadable += 1,
        };
        results = Some(Results::open(path, &run, args.fresh, seen)?);
    }
    if tally.pairs + tally.unreadable > 0 {
        eprintln!("{} pairs are scored already; going on", tally.pairs + tally.unreadable);
    }
    let glass = match &plan {
        Some(plan) => Some((plan.glass(&setup::cache(&args.setup)?, Some(RUNTIME), Jobs::Many)?, plan)),
        None => None,
    };
    let work = Work {
        pairs: Mutex::new(pairs),
        results: Mutex::new(results),
        run,
        how: How { mode: args.mode.into(), dialect: args.dialect.into() },
        glass,
        model,
        shots: args.screenshots.as_deref().or(folder),
        stop,
    };
    let mut said = Said::new(!args.no_progress);
    let ended = work.drive(place::workers(args.workers), |scored| {
        match &scored.outcome {
            Outcome::Scored(parts) => count(&mut tally, &scored.name, parts),
            Outcome::Unreadable(why) => {
                eprintln!("glasshouse: {}: {why}", scored.name);
                tally.unreadable += 1;
            }
            Outcome::Fault(why) => {
                eprintln!("glasshouse: {}: not scored through a fault of ours: {why}", scored.name);
                tally.faults += 1;
                if tally.pairs == 0 && tally.faults >= HOPELESS {
                    return Err(Failure::Host(format!(
                        "no pair can be scored: {why}\n`glasshouse doctor` lists what this host gives"
                    )));
                }
            }
        }
        said.tick(&tally);
        work.record(&scored)
    })?;
    if let Some(results) = work.results.into_inner().unwrap_or_else(PoisonError::into_inner) {
        results.finish()?;
    }
    if tally.pairs == 0 && ended == Ended::Whole {
        return Err(Failure::Input(format!("{}: no pair could be read", args.input.display())));
    }
    println!("{}", tally.show(args.mode.into(), args.dialect.into()));
    if ended == Ended::Early {
        let next = if args.out.is_some() { "; the same command goes on where it stopped" } else { "" };
        eprintln!("glasshouse: stopped before the last pair{next}");
        return Ok(INTERRUPTED);
    }
    if let (Some(published), Some(folder)) = (published, &args.published) {
        published.write(folder)?;
    }
    Ok(if tally.unreadable + tally.faults == 0 { 0 } else { INCOMPLETE })
}

/// Names everything that changes scores and is not in the pairs.
fn run_id(args: &Webcode2mArgs, plan: Option<&Plan>, model: Option<&Model>) -> Result<String, Failure> {
    let mut parts = vec![env!("CARGO_PKG_VERSION").to_owned(), Mode::from(args.mode).name().to_owned()];
    parts.push(Dialect::from(args.dialect).name().to_owned());
    match plan {
        Some(plan) => parts.extend(plan.options()?.into_iter().map(|(name, value)| format!("{name}={value}"))),
        None => parts.push(format!("screenshots={:?}", args.screenshots)),
    }
    parts.extend(model.map(|model| format!("clip={}", model.digest())));
    Ok(Digest::of_parts(parts.iter().map(String::as_bytes)).hex()[..16].to_owned())
}

/// What the scores are computed with.
#[derive(Clone, Copy)]
struct How {
    mode: Mode,
    dialect: Dialect,
}

/// A pair and what came of it.
struct Scored {
    name: String,
    key: Key,
    outcome: Outcome,
}

enum Outcome {
    Scored(Parts),
    Unreadable(String),
    Fault(String),
}

/// How the work ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Whole,
    Early,
}

/// What all threads share.
struct Work<'a> {
    pairs: Mutex<Pairs>,
    results: Mutex<Option<Results>>,
    run: String,
    how: How,
    glass: Option<(Glass, &'a Plan)>,
    /// Without one, CLIP is absent.
    model: Option<Model>,
    shots: Option<&'a Path>,
    stop: Stop,
}

impl Work<'_> {
    /// Scores all pairs that are left; `done` gets each of them, on this thread.
    fn drive(&self, workers: usize, mut done: impl FnMut(Scored) -> Result<(), Failure>) -> Result<Ended, Failure> {
        thread::scope(|scope| {
            // With little room, so that nobody runs far ahead of the file.
            let (sender, receiver) = mpsc::sync_channel(workers * 2);
            let threads: Vec<_> = (0..workers)
                .map(|_| {
                    let sender = sender.clone();
                    scope.spawn(move || self.lane(&sender))
                })
                .collect();
            drop(sender);
            let mut ended = self.receive(&receiver, &mut done);
            if ended.is_err() {
                self.stop.halt(crate::pipeline::Halt::Input("scoring ended".to_owned()));
            }
            drop(receiver);
            for thread in threads {
                match thread.join() {
                    Ok(Ok(())) => {}
                    Ok(Err(failure)) => ended = ended.and(Err(failure)),
                    Err(_) => ended = ended.and(Err(Failure::Host("a worker panicked".to_owned()))),
                }
            }
            ended.map(|()| if self.stop.interrupted() { Ended::Early } else { Ended::Whole })
        })
    }

    fn receive(
        &self,
        receiver: &Receiver<Scored>,
        done: &mut impl FnMut(Scored) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        loop {
            match receiver.recv_timeout(Duration::from_millis(200)) {
                Ok(scored) => done(scored)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// One worker: pair after pair, until there is none.
    fn lane(&self, sender: &SyncSender<Scored>) -> Result<(), Failure> {
        let mut lane = Lane {
            work: self,
            camera: self.glass.as_ref().map(|(glass, plan)| Camera::new(glass, plan)).transpose()?,
            decoder: Decoder::default(),
        };
        while !self.stop.requested() {
            let pair = self.pairs.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(pair) = pair? else { return Ok(()) };
            let (name, pages) = pair.read();
            let key = match &pages {
                Ok(pages) => Key::of(&self.run, &[&name, &pages.reference, &pages.candidate]),
                Err(error) => Key::of(&self.run, &[&name, error]),
            };
            let known =
                self.results.lock().unwrap_or_else(PoisonError::into_inner).as_mut().is_some_and(|r| r.take(key));
            if known {
                continue;
            }
            let outcome = match pages {
                Ok(pages) => lane.score(&name, &pages)?,
                Err(error) => Outcome::Unreadable(error),
            };
            if sender.send(Scored { name, key, outcome }).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Puts a pair's line into the file, if there is one.
    fn record(&self, scored: &Scored) -> Result<(), Failure> {
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(results) = results.as_mut() else { return Ok(()) };
        let mut line = json!({
            "id": scored.name,
            "mode": self.how.mode.name(),
            "dialect": self.how.dialect.name(),
        });
        if let Some(model) = &self.model {
            line["model"] = json!(model.name());
        }
        match &scored.outcome {
            Outcome::Scored(parts) => parts.write(&mut line),
            Outcome::Unreadable(why) => line["error"] = json!(why),
            Outcome::Fault(why) => line["fault"] = json!(why),
        }
        line["run"] = json!(self.run);
        line["key"] = json!(scored.key.text());
        results.write(&line)
    }
}

/// What one worker has.
struct Lane<'a> {
    work: &'a Work<'a>,
    camera: Option<Camera>,
    decoder: Decoder,
}

impl Lane<'_> {
    fn score(&mut self, name: &str, pages: &Pages) -> Result<Outcome, Failure> {
        if self.camera.is_none() {
            let scores = self.evaluate(pages);
            return self.given(name).map(|given| match given {
                Ok(given) => Outcome::Scored(Parts::unrendered(scores, given)),
                Err(outcome) => outcome,
            });
        }
        let mut why = String::new();
        for _ in 0..TRIES {
            match self.evaluate(pages) {
                Err(ScoreError::Fault(fault)) => why = fault,
                scores => return Ok(Outcome::Scored(Parts::rendered(scores))),
            }
        }
        Ok(Outcome::Fault(why))
    }

    fn evaluate(&mut self, pages: &Pages) -> Result<Scores, ScoreError> {
        let How { mode, dialect } = self.work.how;
        let renderer = self.camera.as_mut().map(|camera| camera as &mut dyn Renderer);
        let model = self.work.model.as_ref().map(Model::embedding);
        evaluate(&pages.reference, &pages.candidate, &mut Setup { mode, dialect, renderer, model })
    }

    /// What given screenshots tell; `None` without any, an outcome of its own where there are such but not pictures, or
    /// where the model fails at them.
    fn given(&mut self, name: &str) -> Result<Result<Option<Given>, Outcome>, Failure> {
        let Some(folder) = self.work.shots.map(|shots| shots.join(name)) else { return Ok(Ok(None)) };
        let files = ["answer.png", "prediction.png"].map(|name| folder.join(name));
        if !files.iter().all(|file| file.exists()) {
            return Ok(Ok(None));
        }
        let mut pictures = Vec::new();
        for file in &files {
            match self.decoder.file(file) {
                Ok(picture) => pictures.push(picture),
                Err(error @ DecodeError::Helper(_)) => return Err(error.into()),
                Err(error) => return Ok(Err(Outcome::Unreadable(error.to_string()))),
            }
        }
        let (reference, candidate) = (&pictures[0], &pictures[1]);
        let pixels = pixel_scores(reference, candidate, self.work.how.mode);
        let Some(model) = &self.work.model else { return Ok(Ok(Some(Given { pixels, clip: None }))) };
        Ok(match clip_similarities(model.embedding(), &[[candidate, reference]]) {
            Ok(alike) => Ok(Some(Given { pixels, clip: alike.first().copied() })),
            Err(error) => Err(Outcome::Fault(error.to_string())),
        })
    }
}

/// Lines on how far the command is.
struct Said {
    shown: bool,
    since: Instant,
    last: Instant,
    before: Option<u64>,
}

impl Said {
    fn new(shown: bool) -> Self {
        Self { shown, since: Instant::now(), last: Instant::now(), before: None }
    }

    fn tick(&mut self, tally: &Tally) {
        let over = tally.pairs + tally.unreadable + tally.faults;
        let before = *self.before.get_or_insert(over - 1);
        if self.shown && self.last.elapsed() >= QUIET {
            self.last = Instant::now();
            let rate = (over - before) as f64 / self.since.elapsed().as_secs_f64();
            eprintln!("{over} pairs  {rate:.1}/s  {} dropped", tally.dropped);
        }
    }
}
