//! What all judges do: a run's records to rewards, whatever rates them.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{BufWriter, IsTerminal as _, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use glasshouse_dataset::{DatasetError, RunReader};
use glasshouse_judge::answer::rate;
use glasshouse_judge::rubric::{Layout, Rubric};
use glasshouse_judge::stage::{self, Candidate, GoOn, Judge, StageError, Tally};
use glasshouse_judge::store::{Reward, Store, StoreError};
use glasshouse_judge::way::{Manner, Way};
use glasshouse_model::{Digest, Record};
use serde_json::{Value, json};

use super::samples::{Columns, candidate};
use super::{JudgeArgs, LayoutArg, WayArg};
use crate::cli::score::Decoder;
use crate::cli::{Failure, INCOMPLETE};
use crate::pipeline::{INTERRUPTED, Stop};
use crate::text::{count, seconds};

const STORE: &str = "rewards.sqlite";
const LOCK: &str = ".glasshouse-judge.lock";
const REWARDS: &str = "rewards.jsonl";

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Storage(error.to_string())
    }
}

/// A run that is to be judged, and how.
pub(super) struct Work<'a> {
    args: &'a JudgeArgs,
    reader: RunReader,
    store: Store,
    pub(super) rubric: Rubric,
    pub(super) manner: Manner,
    _lock: File,
}

impl<'a> Work<'a> {
    /// Opens the run and what is kept of its rewards.
    pub(super) fn open(args: &'a JudgeArgs) -> Result<Self, Failure> {
        let reader = RunReader::open(&args.out)?;
        let rubric = rubric(args)?;
        let manner = Manner {
            way: match args.way {
                WayArg::Reasoned => Way::Reasoned,
                WayArg::ScoreOnly => Way::ScoreOnly,
            },
            layout: match args.layout {
                LayoutArg::RubricFirst => Layout::RubricFirst,
                LayoutArg::PicturesFirst => Layout::PicturesFirst,
            },
            reasoning: args.reasoning,
        };
        let lock = lock(&args.out)?;
        let store = Store::open(&args.out.join(STORE))?;
        Ok(Self { args, reader, store, rubric, manner, _lock: lock })
    }

    /// Has all records judged that are to be, writes the rewards, and says what came of it. `engine` is where the judge runs
    /// and `model` its name, for rewards; `done` tells what it has done, a line each.
    pub(super) fn judge<J: Judge>(
        mut self,
        judge: &mut J,
        engine: &str,
        model: &str,
        done: impl Fn(&J) -> Vec<String>,
    ) -> Result<u8, Failure> {
        let args = self.args;
        let stop = Stop::on_signals().map_err(|error| Failure::Host(format!("cannot watch for Ctrl-C: {error}")))?;
        let columns = Columns { instruction: args.instruction.clone() };
        let mut damaged: Option<DatasetError> = None;
        let whole = |record: Result<Record, DatasetError>| record.map_err(|error| damaged = Some(error)).ok();
        let (reader, rubric) = (&self.reader, &self.rubric);
        let candidates =
            reader.records()?.map_while(whole).filter_map(|record| candidate(&record, rubric, &columns).ok());
        let candidates: Box<dyn Iterator<Item = Candidate>> = Box::new(candidates);
        let mut decoder = Decoder::default();
        let load = |digest: &Digest| decoder.file(&reader.artifact_path(digest)).map_err(|error| error.to_string());
        let mut shown = Shown::new(args.no_progress, reader.counts().records());
        let mut tally = Tally::default();
        let see = |now: &Tally| {
            shown.see(now);
            tally = *now;
            if stop.interrupted() { GoOn::No } else { GoOn::Yes }
        };
        let ended = match stage::judge(judge, &mut self.store, candidates, load, see) {
            Ok(whole) => {
                tally = whole;
                None
            }
            Err(StageError::Judge(why)) => Some(why),
            Err(error) => return Err(Failure::Storage(error.to_string())),
        };
        if let Some(error) = damaged {
            return Err(error.into());
        }
        let skipped = self.write(judge.identity(), engine, model)?;
        summary(&tally, &skipped, &done(judge), &args.out);
        if let Some(why) = ended {
            return Err(Failure::Input(format!(
                "{why}; what was judged is kept, and the same command goes on from there"
            )));
        }
        Ok(match (stop.interrupted(), tally.faults) {
            (true, _) => {
                eprintln!("glasshouse: stopped before the last sample; the same command goes on where it stopped");
                INTERRUPTED
            }
            (false, 0) => 0,
            (false, _) => INCOMPLETE,
        })
    }

    /// Writes the rewards of this judge, a line for each record in the order of the dataset. Gives the reasons for which
    /// there was nothing to judge, and how often.
    fn write(&self, judge: Digest, engine: &str, model: &str) -> Result<BTreeMap<String, u64>, Failure> {
        let Self { args, reader, store, rubric, manner, .. } = self;
        let (path, begun) = (args.out.join(REWARDS), args.out.join(format!("{REWARDS}.part")));
        let failed = |error| Failure::Storage(format!("{}: {error}", begun.display()));
        let columns = Columns { instruction: args.instruction.clone() };
        let label = json!({
            "judge": judge.hex(),
            "engine": engine,
            "model": model,
            "rubric": rubric.id(),
            "rubric_hash": rubric.digest().hex(),
            "way": manner.way,
            "layout": manner.layout,
            "threshold": rubric.threshold(),
        });
        let mut skipped = BTreeMap::new();
        let mut file = BufWriter::new(File::create(&begun).map_err(failed)?);
        for record in reader.records()? {
            let record = record?;
            let mut line = json!({"row": record.row, "id": record.id});
            match candidate(&record, rubric, &columns) {
                Err(why) => {
                    line["skipped"] = json!(why);
                    *skipped.entry(why).or_default() += 1;
                }
                Ok(candidate) => {
                    // A reward counts only for what the row shows now.
                    let key = stage::key(&judge, &candidate.sample, &candidate.pictures);
                    let current = store.key_of_row(&judge, record.row)? == Some(key);
                    match store.reward(&key)?.filter(|_| current) {
                        Some(reward) => line["reward"] = entry(&reward, rubric, &label),
                        None => match store.fault_of_row(&judge, record.row)? {
                            Some(why) => line["fault"] = json!(why),
                            None => continue,
                        },
                    }
                }
            }
            writeln!(file, "{line}").map_err(failed)?;
        }
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        fs::rename(&begun, &path).map_err(failed)?;
        Ok(skipped)
    }
}

/// The rubric of a name or in a file.
fn rubric(args: &JudgeArgs) -> Result<Rubric, Failure> {
    let name = &args.rubric;
    let rubric = match Rubric::built_in(name) {
        Some(rubric) => rubric,
        None if Path::new(name).is_file() => {
            let text = fs::read_to_string(name).map_err(|error| Failure::Input(format!("--rubric {name}: {error}")))?;
            Rubric::read(&text).map_err(|error| Failure::Input(format!("--rubric {name}: {error}")))?
        }
        None => {
            let known = Rubric::names().join(", ");
            return Err(Failure::Usage(format!("--rubric {name}: no such rubric and no such file; there are {known}")));
        }
    };
    Ok(match args.threshold {
        Some(threshold) => rubric.with_threshold(threshold),
        None => rubric,
    })
}

/// One judge at a time works on a run.
fn lock(out: &Path) -> Result<File, Failure> {
    let path = out.join(LOCK);
    let failed = |error| Failure::Storage(format!("{}: {error}", path.display()));
    let lock = File::create(&path).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            Err(Failure::Input(format!("{}: another judge is at work here; wait until it ends", out.display())))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// A reward as it stands in rewards.jsonl.
fn entry(reward: &Reward, rubric: &Rubric, label: &Value) -> Value {
    // Only samples that ran as they should are judged.
    let rating = rate(reward.answer(), rubric, true);
    let scores: serde_json::Map<String, Value> =
        rating.scores.iter().map(|score| (score.key.clone(), json!(score.value))).collect();
    let mut entry = json!({"total": rating.total, "passes": rating.passes, "scores": scores});
    if let Some(own) = rating.own_total {
        entry["own_total"] = json!(own);
    }
    if !reward.spreads.is_empty() {
        entry["spreads"] = json!(reward.spreads);
    }
    if let Some(reasoning) = &reward.reasoning {
        entry["reasoning"] = json!(reasoning);
    }
    entry["by"] = label.clone();
    entry
}

fn summary(tally: &Tally, skipped: &BTreeMap<String, u64>, done: &[String], out: &Path) {
    let Tally { judged, before, found, faults } = *tally;
    println!("judged     {}", count(judged));
    println!("before     {} (rewards that were there)", count(before));
    println!("found      {} (samples that show what another shows)", count(found));
    println!("faults     {}", count(faults));
    for (why, times) in skipped {
        println!("skipped    {}: {why}", count(*times));
    }
    for line in done {
        println!("{line}");
    }
    println!("{}", out.join(REWARDS).display());
}

/// Shows how far it is: on a terminal every second, elsewhere now and then.
struct Shown {
    hidden: bool,
    records: u64,
    since: Instant,
    last: Instant,
    pause: Duration,
}

impl Shown {
    fn new(hidden: bool, records: u64) -> Self {
        let pause = Duration::from_secs(if std::io::stderr().is_terminal() { 1 } else { 10 });
        Self { hidden, records, since: Instant::now(), last: Instant::now(), pause }
    }

    fn see(&mut self, tally: &Tally) {
        if self.hidden || self.last.elapsed() < self.pause {
            return;
        }
        self.last = Instant::now();
        let over = tally.judged + tally.found + tally.before + tally.faults;
        let rate = tally.judged as f64 / self.since.elapsed().as_secs_f64();
        let left = self.records.saturating_sub(over) as f64 / rate;
        let left = if left.is_finite() { format!(", at most {} left", seconds(left)) } else { String::new() };
        eprintln!(
            "judged {} of {} records, {rate:.2} samples/s, {} faults{left}",
            count(over),
            count(self.records),
            count(tally.faults)
        );
    }
}
