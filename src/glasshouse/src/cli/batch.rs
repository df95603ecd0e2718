//! A dataset from its rows to its report: what `run` and `demo` share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use glasshouse_dataset::{OpenMode, RunFolder, RunIdentity, Source};

use super::args::Reach;
use super::setup::{Plan, Wanted};
use super::{Failure, INCOMPLETE};
use crate::glass::Jobs;
use crate::lacking::LackingPackages;
use crate::pipeline::{self, End, INTERRUPTED, Inflight, Shared, Snapshot, Stop, Tally};
use crate::progress::{Progress, table};
use crate::report::{self, SECONDS_NOTE, WORKERS_NOTE};

/// What to run.
pub(super) struct Batch<'a> {
    /// The rows.
    pub(super) source: Source,
    /// How many they are, where that is known.
    pub(super) rows: Option<u64>,
    /// What the dataset is called.
    pub(super) name: String,
    /// The folder for everything that comes of it.
    pub(super) out: &'a Path,
    /// Whether to begin again.
    pub(super) mode: OpenMode,
    /// The part of the dataset, if it is shared among machines.
    pub(super) shard: Option<String>,
    /// Policies and runtimes.
    pub(super) plan: Plan,
    /// Where images are.
    pub(super) cache: PathBuf,
    /// How a daemon is found.
    pub(super) reach: &'a Reach,
    /// Jobs at one time.
    pub(super) workers: usize,
    /// Whether to show no progress.
    pub(super) quiet: bool,
    /// Whether to write a report.
    pub(super) report: bool,
}

/// What came of it.
pub(super) struct Done {
    /// Whether every row was read.
    pub(super) complete: bool,
    /// The command's exit code.
    pub(super) code: u8,
    /// The report, if it was written.
    pub(super) report: Option<PathBuf>,
    /// What this command did.
    pub(super) counts: Snapshot,
    /// The packages that its pages asked for and the mirror does not have.
    pub(super) lacking: LackingPackages,
    /// How long it took.
    pub(super) seconds: f64,
}

impl Batch<'_> {
    /// Runs every row that has no record yet.
    pub(super) fn run(mut self) -> Result<Done, Failure> {
        let (out, report) = (self.out, self.report);
        let folder = Arc::new(RunFolder::open(out, &self.identity()?, self.mode)?);
        if folder.resumed() > 0 {
            eprintln!("{}: {} rows are recorded already; going on", out.display(), folder.resumed());
        }
        let stop = Stop::on_signals().map_err(|error| Failure::Host(format!("cannot watch for Ctrl-C: {error}")))?;
        let first = self.first_runtime();
        let executors = self.plan.executors(&Wanted {
            cache: &self.cache,
            reach: self.reach,
            runtime: first.as_deref(),
            jobs: Jobs::Many,
            workers: self.workers,
            artifacts: &folder.artifacts(),
        })?;
        let mut progress = Progress::new(self.source.progress(), self.rows, self.quiet);
        let shared = Arc::new(Shared {
            folder: Arc::clone(&folder),
            context: self.plan.context,
            inflight: Inflight::new(Shared::room(self.workers)),
            tally: Tally::default(),
            stop,
            notice: progress.notice(),
        });
        let since = Instant::now();
        let end = pipeline::drive(&shared, self.source, executors, |tally| progress.tick(&tally.now()));
        progress.end();
        let seconds = since.elapsed().as_secs_f64();
        note(&folder, seconds, self.workers)?;
        if let Some(halt) = shared.stop.why() {
            return Err(halt.into());
        }
        let counts = shared.tally.now();
        let code = if end == End::Early {
            INTERRUPTED
        } else if folder.counts().faults + folder.counts().bad_rows > 0 {
            INCOMPLETE
        } else {
            0
        };
        let report = if report { Some(report::write(out)?) } else { None };
        let lacking = shared.tally.lacking();
        Ok(Done { complete: end == End::Complete, code, report, counts, lacking, seconds })
    }

    /// The runtime that the first row asks for, if that row can be used.
    fn first_runtime(&mut self) -> Option<String> {
        let placed = self.source.peek()?.as_ref().ok()?;
        placed.row.runtime_name(&self.plan.context).ok()
    }

    fn identity(&self) -> Result<RunIdentity, Failure> {
        let mut options = self.plan.options()?;
        if let Some(shard) = &self.shard {
            options.insert("shard".to_owned(), shard.clone());
        }
        Ok(RunIdentity { fingerprint: self.source.fingerprint().to_owned(), dataset: self.name.clone(), options })
    }
}

impl Done {
    /// The counts as a table.
    pub(super) fn table(&self) -> String {
        table(&self.counts, self.seconds)
    }
}

/// Puts down for the report how long all commands on this folder ran, then writes everything to the disk.
fn note(folder: &RunFolder, seconds: f64, workers: usize) -> Result<(), Failure> {
    let before = folder.note(SECONDS_NOTE)?.and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    folder.set_note(SECONDS_NOTE, &format!("{:.3}", before + seconds))?;
    folder.set_note(WORKERS_NOTE, &workers.to_string())?;
    Ok(folder.flush()?)
}
