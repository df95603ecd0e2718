//! `summary.json`: the figures of a run for programs.

use std::collections::BTreeMap;

use glasshouse_dataset::{DatasetError, RunReader};
use glasshouse_model::{BackendInfo, RuntimeInfo, Verdict};
use serde::Serialize;

use super::gather::Gathered;
use super::{SECONDS_NOTE, WORKERS_NOTE};
use crate::lacking::LackingPackages;

/// All figures of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    /// The version of Glasshouse that wrote this.
    pub(crate) glasshouse: &'static str,
    /// The inputs, as the user named them.
    pub(crate) dataset: String,
    /// Hash of the inputs.
    pub(crate) fingerprint: String,
    /// What else decided the results: policy, runtime, shard.
    pub(crate) options: BTreeMap<String, String>,
    /// Rows with a record, bad rows included.
    pub(crate) rows: u64,
    /// Rows by verdict; every verdict is listed.
    pub(crate) verdicts: BTreeMap<&'static str, u64>,
    /// Rows that ended in a fault of ours.
    pub(crate) faults: u64,
    /// Rows that could not be used.
    pub(crate) bad_rows: u64,
    /// Attempts that failed through no fault of the sample, those that a retry made good included.
    pub(crate) failed_attempts: u64,
    /// Artifacts in all records, and pictures among them.
    pub(crate) artifacts: u64,
    /// Pictures and moving pictures.
    pub(crate) pictures: u64,
    /// Rows per second and the seconds that all commands spent; absent if nothing ran.
    pub(crate) rate: Option<Rate>,
    /// Wall times of runs.
    pub(crate) wall: Times,
    /// Mean seconds of each stage.
    pub(crate) phases: BTreeMap<&'static str, f64>,
    /// Packages that pages asked for and the mirror does not have, with the pages that did and the command that adds each.
    #[serde(skip_serializing_if = "LackingPackages::is_empty")]
    pub(crate) lacking: LackingPackages,
    /// What ran the jobs.
    pub(crate) runtime: RuntimeInfo,
    /// What confined them.
    pub(crate) backend: BackendInfo,
}

/// How fast a run was.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Rate {
    /// Seconds that all commands on this folder spent running jobs.
    pub(crate) seconds: f64,
    /// Rows for each of them.
    pub(crate) rows_per_second: f64,
    /// Workers of the last command.
    pub(crate) workers: u64,
}

/// Percentiles, to 2 %.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Times {
    /// The mean, exactly.
    pub(crate) mean: f64,
    /// Half of the runs took less.
    pub p50: f64,
    /// 95 in 100 took less.
    pub p95: f64,
    /// 99 in 100 took less.
    pub p99: f64,
}

impl Summary {
    /// The figures of a run.
    pub(crate) fn new(reader: &RunReader, gathered: &Gathered) -> Result<Self, DatasetError> {
        let counts = reader.counts();
        let identity = reader.identity();
        let number = |key: &str| Ok::<_, DatasetError>(reader.note(key)?.and_then(|text| text.parse::<f64>().ok()));
        let rows = gathered.rows() + counts.bad_rows;
        let workers = number(WORKERS_NOTE)?.unwrap_or(0.0) as u64;
        let rate = number(SECONDS_NOTE)?.filter(|seconds| *seconds > 0.0);
        let verdicts =
            Verdict::ALL.map(|verdict| (verdict.name(), gathered.verdicts.get(&verdict).copied().unwrap_or_default()));
        Ok(Self {
            glasshouse: env!("CARGO_PKG_VERSION"),
            dataset: identity.dataset.clone(),
            fingerprint: identity.fingerprint.clone(),
            options: identity.options.clone(),
            rows,
            verdicts: verdicts.into(),
            faults: gathered.faults,
            bad_rows: counts.bad_rows,
            failed_attempts: counts.failed_attempts,
            artifacts: gathered.artifacts,
            pictures: gathered.pictures,
            rate: rate.map(|seconds| Rate { seconds, rows_per_second: rows as f64 / seconds, workers }),
            wall: Times {
                mean: gathered.wall.mean(),
                p50: gathered.wall.percentile(0.5),
                p95: gathered.wall.percentile(0.95),
                p99: gathered.wall.percentile(0.99),
            },
            phases: phases(gathered),
            lacking: gathered.lacking.clone(),
            runtime: gathered.runtime.clone(),
            backend: gathered.backend.clone(),
        })
    }
}

fn phases(gathered: &Gathered) -> BTreeMap<&'static str, f64> {
    let runs = gathered.wall.total().max(1) as f64;
    let sum = &gathered.phases;
    [
        ("queue", sum.queue),
        ("lease", sum.lease),
        ("start", sum.start),
        ("run", sum.run),
        ("harvest", sum.harvest),
        ("check", sum.check),
    ]
    .map(|(name, seconds)| (name, seconds / runs))
    .into()
}
