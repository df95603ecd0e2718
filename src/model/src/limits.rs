//! The limits of one job: their units, their ranges, how a row may change them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::quantity;

/// What one job may use at most.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Limits {
    /// Time on the wall clock, from the fork of the job's process, in seconds.
    #[serde(serialize_with = "as_seconds")]
    pub wall: Duration,
    /// Processor time of all the job's processes together, in seconds.
    #[serde(serialize_with = "as_seconds")]
    pub cpu: Duration,
    /// Memory of all the job's processes and its private disk together, in bytes.
    pub memory: u64,
    /// Processes and threads at one time.
    pub processes: u64,
    /// Bytes on stdout and stderr together; more ends the run.
    pub output: u64,
    /// Bytes of stdout, and of stderr, that the record keeps; more is cut and flagged.
    pub output_kept: u64,
    /// Bytes on the job's private disk (work folder, HOME, /tmp, /var/tmp, /dev/shm together).
    pub disk: u64,
    /// Files and folders on that disk.
    pub files: u64,
    /// Files that are taken out as artifacts; more are counted, not taken.
    pub artifacts: u64,
    /// Bytes of one artifact; a larger file is listed as invalid, not taken.
    pub artifact_size: u64,
}

/// As they are written; what is out of range is refused.
impl<'de> Deserialize<'de> for Limits {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = LimitChanges::deserialize(deserializer)?;
        Self::default().with(&all).map_err(|(key, message)| serde::de::Error::custom(format!("{key}: {message}")))
    }
}

fn as_seconds<S: serde::Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(value.as_secs_f64())
}

/// Limits as written: every key may be absent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct LimitChanges {
    #[serde(deserialize_with = "quantity::duration")]
    pub(crate) wall: Option<Duration>,
    #[serde(deserialize_with = "quantity::duration")]
    pub(crate) cpu: Option<Duration>,
    #[serde(deserialize_with = "quantity::bytes")]
    pub(crate) memory: Option<u64>,
    pub(crate) processes: Option<u64>,
    #[serde(deserialize_with = "quantity::bytes")]
    pub(crate) output: Option<u64>,
    #[serde(deserialize_with = "quantity::bytes", alias = "output_kept")]
    pub(crate) output_kept: Option<u64>,
    #[serde(deserialize_with = "quantity::bytes")]
    pub(crate) disk: Option<u64>,
    pub(crate) files: Option<u64>,
    pub(crate) artifacts: Option<u64>,
    #[serde(deserialize_with = "quantity::bytes", alias = "artifact_size")]
    pub(crate) artifact_size: Option<u64>,
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// The least and the most that each limit may be; outside it the kernel or the tool would not hold it.
const DURATION_RANGE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(24 * 3600));
const MEMORY_RANGE: (u64, u64) = (64 * MIB, 1024 * GIB);
const PROCESSES_RANGE: (u64, u64) = (1, 32_768);
const OUTPUT_RANGE: (u64, u64) = (0, GIB);
const DISK_RANGE: (u64, u64) = (MIB, 64 * GIB);
const FILES_RANGE: (u64, u64) = (64, 10_000_000);
const ARTIFACTS_RANGE: (u64, u64) = (0, 10_000);
const ARTIFACT_SIZE_RANGE: (u64, u64) = (KIB, 4 * GIB);

impl Limits {
    /// These limits with `changes` applied, or the key that is out of range and why.
    pub(crate) fn with(&self, changes: &LimitChanges) -> Result<Self, (&'static str, String)> {
        let changed = Self {
            wall: changes.wall.unwrap_or(self.wall),
            cpu: changes.cpu.unwrap_or(self.cpu),
            memory: changes.memory.unwrap_or(self.memory),
            processes: changes.processes.unwrap_or(self.processes),
            output: changes.output.unwrap_or(self.output),
            output_kept: changes.output_kept.unwrap_or(self.output_kept),
            disk: changes.disk.unwrap_or(self.disk),
            files: changes.files.unwrap_or(self.files),
            artifacts: changes.artifacts.unwrap_or(self.artifacts),
            artifact_size: changes.artifact_size.unwrap_or(self.artifact_size),
        };
        changed.check()?;
        Ok(changed)
    }

    /// The first key, if any, in which `self` allows more than `other`.
    pub(crate) fn looser_than(&self, other: &Self) -> Option<&'static str> {
        let pairs = self.counts().into_iter().zip(other.counts());
        let mut looser = pairs.filter(|((_, mine, _), (_, theirs, _))| mine > theirs);
        if self.wall > other.wall {
            return Some("wall");
        }
        if self.cpu > other.cpu {
            return Some("cpu");
        }
        looser.next().map(|((key, _, _), _)| key)
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        for (key, value) in [("wall", self.wall), ("cpu", self.cpu)] {
            let (least, most) = DURATION_RANGE;
            if value < least || value > most {
                return Err((key, format!("{value:?} is out of range; allowed are {least:?} to {most:?}")));
            }
        }
        for (key, value, (least, most)) in self.counts() {
            if value < least || value > most {
                return Err((key, format!("{value} is out of range; allowed are {least} to {most}")));
            }
        }
        Ok(())
    }

    fn counts(&self) -> [(&'static str, u64, (u64, u64)); 8] {
        [
            ("memory", self.memory, MEMORY_RANGE),
            ("processes", self.processes, PROCESSES_RANGE),
            ("output", self.output, OUTPUT_RANGE),
            ("output-kept", self.output_kept, OUTPUT_RANGE),
            ("disk", self.disk, DISK_RANGE),
            ("files", self.files, FILES_RANGE),
            ("artifacts", self.artifacts, ARTIFACTS_RANGE),
            ("artifact-size", self.artifact_size, ARTIFACT_SIZE_RANGE),
        ]
    }
}

impl Default for Limits {
    /// What a policy without `extends` starts from; policies/default.toml states the same figures.
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(60),
            cpu: Duration::from_secs(60),
            memory: 2 * GIB,
            processes: 64,
            output: 16 * MIB,
            output_kept: 64 * KIB,
            disk: 256 * MIB,
            files: 4096,
            artifacts: 256,
            artifact_size: 64 * MIB,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_outside_its_range_names_the_key() {
        let changes = LimitChanges { processes: Some(0), ..LimitChanges::default() };
        let (key, message) = Limits::default().with(&changes).unwrap_err();
        assert_eq!(key, "processes");
        assert!(message.contains("1 to 32768"), "{message}");
    }

    #[test]
    fn looser_is_found_in_any_key() {
        let base = Limits::default();
        assert_eq!(base.looser_than(&base), None);
        let more = Limits { disk: base.disk + 1, ..base.clone() };
        assert_eq!(more.looser_than(&base), Some("disk"));
        let longer = Limits { wall: base.wall * 2, ..base.clone() };
        assert_eq!(longer.looser_than(&base), Some("wall"));
    }

    #[test]
    fn limits_are_read_as_they_are_written() {
        let limits =
            Limits { wall: Duration::from_millis(1234), output_kept: 7, artifact_size: 4096, ..Limits::default() };
        let written = serde_json::to_string(&limits).unwrap();
        assert_eq!(serde_json::from_str::<Limits>(&written).unwrap(), limits);
        let error = serde_json::from_str::<Limits>(r#"{"processes": 0}"#).unwrap_err().to_string();
        assert!(error.contains("processes"), "{error}");
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = serde_json::from_str::<LimitChanges>(r#"{"wal": 1}"#).unwrap_err().to_string();
        assert!(error.contains("wal"), "{error}");
    }
}
