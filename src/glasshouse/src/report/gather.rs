//! One pass over all records: counts, times, groups of failures, and a sample of rows to show.

use std::collections::BTreeMap;

use glasshouse_model::{Artifact, ArtifactKind, BackendInfo, Digest, Outcome, Phases, Record, RuntimeInfo, Verdict};
use serde::Serialize;
use serde_json::Value;

use super::escape::head;
use super::histogram::Histogram;
use super::sample::Sample;
use crate::lacking::LackingPackages;

/// Rows shown of those that are `ok`, and of each other verdict.
const SHOWN_OK: usize = 300;
const SHOWN_OTHER: usize = 24;
/// Groups of failures that are told apart; what comes later is counted as "other".
const GROUPS: usize = 60;
/// Rows given as examples of a group, and rows in the list of the slowest.
const EXAMPLES: usize = 3;
const SLOWEST: usize = 10;
/// Pictures that every browser shows and that hold nothing but pixels.
const RASTER: [&str; 5] = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"];
/// Bytes of code and of output that the page shows of a row.
const CODE: usize = 6_000;
const OUTPUT: usize = 1_500;

/// What the page shows of one row when it is opened.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Card {
    /// The row's id.
    pub(crate) id: String,
    /// Its place in the dataset.
    pub(crate) row: u64,
    /// Its verdict, or `fault`.
    pub(crate) verdict: &'static str,
    /// The cause's code, and its sentence.
    pub(crate) cause: Option<(String, String)>,
    /// Wall time in seconds.
    pub(crate) wall: f64,
    /// Processor time in seconds.
    pub(crate) cpu: f64,
    /// Peak memory in bytes.
    pub(crate) memory: u64,
    /// The program, perhaps cut.
    pub(crate) code: String,
    /// The line in which it failed.
    pub(crate) line: Option<u64>,
    /// The traceback, or what it wrote to stderr; perhaps cut.
    pub(crate) error: String,
    /// What it printed, perhaps cut.
    pub(crate) stdout: String,
    /// Name and size of each artifact, and what is wrong with it.
    pub(crate) artifacts: Vec<(String, String, u64, Option<String>)>,
    /// Path of its picture, relative to the page.
    pub(crate) picture: Option<String>,
    /// Its size in pixels.
    pub(crate) size: Option<(u32, u32)>,
    /// Its hash.
    #[serde(skip)]
    pub(crate) hash: Option<Digest>,
}

/// Failures with the same verdict and cause code.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// The verdict's name, or `fault`.
    pub(crate) verdict: &'static str,
    /// The cause's code.
    pub(crate) code: String,
    /// Rows.
    pub(crate) rows: u64,
    /// The first few of them.
    pub(crate) examples: Vec<Example>,
}

/// A row of a group.
#[derive(Clone, Debug)]
pub(crate) struct Example {
    /// The row's id.
    pub(crate) id: String,
    /// The cause's sentence.
    pub(crate) message: String,
    /// The end of the traceback, or the beginning of stderr.
    pub(crate) lines: String,
}

/// A slow row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slow {
    /// Seconds on the clock.
    pub(crate) wall: f64,
    /// The row's id.
    pub(crate) id: String,
    /// Its verdict.
    pub(crate) verdict: &'static str,
    /// Its peak memory.
    pub(crate) memory: u64,
}

/// All that a report needs, of fixed size whatever the number of records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gathered {
    /// Rows by verdict.
    pub(crate) verdicts: BTreeMap<Verdict, u64>,
    /// Rows that ended in a fault.
    pub(crate) faults: u64,
    /// Wall times.
    pub(crate) wall: Histogram,
    /// Sums of each phase.
    pub(crate) phases: Phases,
    /// Pictures in all records.
    pub(crate) pictures: u64,
    /// Artifacts in all records.
    pub(crate) artifacts: u64,
    /// Failures, by verdict and code.
    pub(crate) groups: Vec<Group>,
    /// The slowest rows, slowest first.
    pub(crate) slowest: Vec<Slow>,
    /// Packages that pages asked for and the mirror does not have.
    pub(crate) lacking: LackingPackages,
    /// What ran the first record.
    pub(crate) runtime: RuntimeInfo,
    /// What confined it.
    pub(crate) backend: BackendInfo,
    index: BTreeMap<(&'static str, String), usize>,
    samples: BTreeMap<&'static str, Sample<Card>>,
}

impl Gathered {
    /// Adds a record.
    pub(crate) fn add(&mut self, record: &Record) {
        let verdict = verdict_name(record);
        if self.runtime.name.is_empty() {
            (self.runtime, self.backend) = (record.runtime.clone(), record.backend.clone());
        }
        match record.verdict() {
            Some(verdict) => *self.verdicts.entry(verdict).or_default() += 1,
            None => self.faults += 1,
        }
        if record.verdict().is_some() {
            self.add_times(record, verdict);
        }
        self.lacking.add(&record.requests);
        self.artifacts += record.artifacts.len() as u64;
        self.pictures += record.artifacts.iter().filter(|artifact| is_picture(artifact)).count() as u64;
        if record.verdict() != Some(Verdict::Ok) {
            self.add_to_group(record, verdict);
        }
        let most = if verdict == "ok" { SHOWN_OK } else { SHOWN_OTHER };
        self.samples.entry(verdict).or_insert_with(|| Sample::new(most)).offer(|| card(record));
    }

    /// Rows with a record.
    pub(crate) fn rows(&self) -> u64 {
        self.verdicts.values().sum::<u64>() + self.faults
    }

    /// The sampled rows in the order of the dataset.
    pub(crate) fn take_cards(&mut self) -> Vec<Card> {
        let samples = std::mem::take(&mut self.samples);
        let mut cards: Vec<Card> = samples.into_values().flat_map(Sample::into_kept).collect();
        cards.sort_by_key(|card| card.row);
        cards
    }

    fn add_times(&mut self, record: &Record, verdict: &'static str) {
        self.wall.add(record.usage.wall);
        let (sum, one) = (&mut self.phases, &record.phases);
        for (sum, one) in [
            (&mut sum.queue, one.queue),
            (&mut sum.lease, one.lease),
            (&mut sum.start, one.start),
            (&mut sum.run, one.run),
            (&mut sum.harvest, one.harvest),
            (&mut sum.check, one.check),
        ] {
            *sum += one;
        }
        let place = self.slowest.partition_point(|slow| slow.wall >= record.usage.wall);
        if place < SLOWEST {
            let slow =
                Slow { wall: record.usage.wall, id: record.id.clone(), verdict, memory: record.usage.memory_peak };
            self.slowest.insert(place, slow);
            self.slowest.truncate(SLOWEST);
        }
    }

    fn add_to_group(&mut self, record: &Record, verdict: &'static str) {
        let (mut code, message) = cause(record).unwrap_or_default();
        let full = self.index.len() >= GROUPS && !self.index.contains_key(&(verdict, code.clone()));
        if full {
            code = "other".to_owned();
        }
        let groups = &mut self.groups;
        let place = *self.index.entry((verdict, code.clone())).or_insert_with(|| {
            groups.push(Group { verdict, code, rows: 0, examples: Vec::new() });
            groups.len() - 1
        });
        let group = &mut groups[place];
        group.rows += 1;
        if group.examples.len() < EXAMPLES {
            let lines = head(&last_lines(&error_text(record), 6), 6, 600);
            group.examples.push(Example { id: record.id.clone(), message, lines });
        }
    }
}

fn verdict_name(record: &Record) -> &'static str {
    record.verdict().map_or("fault", Verdict::name)
}

fn cause(record: &Record) -> Option<(String, String)> {
    match &record.outcome {
        Outcome::Verdict { cause, .. } => {
            cause.as_ref().map(|cause| (cause.code.clone(), head(&cause.message, 3, 300)))
        }
        Outcome::Fault(fault) => Some((format!("{:?}", fault.kind).to_lowercase(), head(&fault.message, 6, 600))),
    }
}

fn error_text(record: &Record) -> String {
    match &record.error {
        Some(error) if !error.traceback.trim().is_empty() => error.traceback.clone(),
        Some(error) => format!("{}: {}", error.kind, error.message),
        None => record.stderr.text.clone(),
    }
}

fn last_lines(text: &str, most: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(most)..].join("\n")
}

fn is_picture(artifact: &Artifact) -> bool {
    matches!(artifact.kind, ArtifactKind::Figure | ArtifactKind::Screenshot | ArtifactKind::Image | ArtifactKind::Video)
}

/// What the page shows of a record: its first figure, else the first picture file that it wrote.
fn shown(record: &Record) -> Option<&Artifact> {
    let whole = |artifact: &&Artifact| artifact.hash.is_some() && artifact.problem.is_none();
    let raster = |artifact: &&Artifact| is_picture(artifact) && RASTER.contains(&artifact.media_type.as_str());
    let figure = record.artifacts.iter().filter(whole).find(|artifact| artifact.kind == ArtifactKind::Figure);
    figure.or_else(|| record.artifacts.iter().filter(whole).find(raster))
}

fn card(record: &Record) -> Card {
    let code = ["code", "completion"].iter().find_map(|name| record.columns.get(*name).and_then(Value::as_str));
    let figure = shown(record);
    Card {
        id: record.id.clone(),
        row: record.row,
        verdict: verdict_name(record),
        cause: cause(record),
        wall: record.usage.wall,
        cpu: record.usage.cpu,
        memory: record.usage.memory_peak,
        code: head(code.unwrap_or_default(), 400, CODE),
        line: record.error.as_ref().and_then(|error| error.line),
        error: head(&error_text(record), 40, OUTPUT),
        stdout: head(&record.stdout.text, 40, OUTPUT),
        artifacts: record.artifacts.iter().take(12).map(listed).collect(),
        picture: figure.and_then(|artifact| artifact.hash).map(|hash| relative_path(&hash)),
        size: figure.and_then(|artifact| Some((artifact.width?, artifact.height?))),
        hash: figure.and_then(|artifact| artifact.hash),
    }
}

fn listed(artifact: &Artifact) -> (String, String, u64, Option<String>) {
    (head(&artifact.name, 1, 120), artifact.media_type.clone(), artifact.bytes, artifact.problem.clone())
}

/// Where an artifact lies, seen from the page.
fn relative_path(hash: &Digest) -> String {
    let hex = hash.hex();
    format!("artifacts/{}/{}", &hex[..2], &hex[2..])
}

#[cfg(test)]
pub(crate) mod tests {
    use glasshouse_model::{Cause, ErrorInfo, Stream, Usage};

    use super::*;

    pub(crate) fn record(row: u64, verdict: Verdict, code: &str) -> Record {
        let cause = (verdict != Verdict::Ok).then(|| Cause::new(code, "why"));
        Record {
            id: format!("row/{row}"),
            row,
            job: Digest::of(&row.to_le_bytes()),
            outcome: Outcome::Verdict { verdict, cause },
            runtime: RuntimeInfo { name: "python".into(), ..RuntimeInfo::default() },
            backend: BackendInfo::default(),
            exit_code: Some(0),
            signal: None,
            error: (verdict == Verdict::RuntimeError)
                .then(|| ErrorInfo { traceback: "a\nb".into(), ..ErrorInfo::default() }),
            stdout: Stream::default(),
            stderr: Stream::default(),
            usage: Usage { wall: row as f64, ..Usage::default() },
            phases: Phases { run: 1.0, ..Phases::default() },
            artifacts: Vec::new(),
            console: Vec::new(),
            requests: Vec::new(),
            refused: Vec::new(),
            seed: 0,
            columns: serde_json::Map::new(),
        }
    }

    #[test]
    fn a_million_kinds_of_failure_stay_sixty_groups() {
        let mut gathered = Gathered::default();
        for row in 0..10_000 {
            gathered.add(&record(row, Verdict::RuntimeError, &format!("Error{row}")));
        }
        assert_eq!(gathered.groups.len(), GROUPS + 1);
        assert_eq!(gathered.groups.iter().map(|group| group.rows).sum::<u64>(), 10_000);
        assert_eq!(gathered.slowest[0].wall, 9_999.0);
        assert_eq!(gathered.slowest.len(), SLOWEST);
        assert!(gathered.take_cards().len() <= SHOWN_OTHER);
    }

    #[test]
    fn cards_come_in_the_order_of_the_dataset_with_rare_verdicts_kept() {
        let mut gathered = Gathered::default();
        for row in 0..2_000 {
            let verdict = if row == 777 { Verdict::Signaled } else { Verdict::Ok };
            gathered.add(&record(row, verdict, "SIGSEGV"));
        }
        let cards = gathered.take_cards();
        assert!(cards.len() <= SHOWN_OK + 1 && cards.iter().any(|card| card.row == 777));
        assert!(cards.windows(2).all(|pair| pair[0].row < pair[1].row));
        assert_eq!(gathered.rows(), 2_000);
    }
}
