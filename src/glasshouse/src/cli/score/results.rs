//! A file of scores, one JSON object for each pair, that grows while pairs are scored and is gone on with later.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use glasshouse_model::Digest;
use serde_json::Value;

use super::Failure;

/// What tells a pair with its pages, under what it was scored with, from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(u128);

impl Key {
    /// The key of a pair; `parts` are its name and its pages, or its name and what is wrong with it.
    pub(super) fn of(run: &str, parts: &[&str]) -> Key {
        let digest = Digest::of_parts(std::iter::once(run).chain(parts.iter().copied()).map(str::as_bytes));
        let half: [u8; 16] = std::array::from_fn(|at| digest.as_bytes()[at]);
        Key(u128::from_be_bytes(half))
    }

    /// As it is written in lines.
    pub(super) fn text(self) -> String {
        format!("{:032x}", self.0)
    }

    fn read(text: &str) -> Option<Key> {
        u128::from_str_radix(text, 16).ok().map(Key)
    }
}

/// The file, and which pairs are in it.
pub(super) struct Results {
    path: PathBuf,
    file: File,
    /// How often each pair is recorded: a dataset may hold the same row twice.
    recorded: HashMap<Key, u32>,
}

impl Results {
    /// Opens or makes the file. `seen` is shown every line of it that counts. A last line that was cut short when the
    /// command was killed is cut off.
    ///
    /// # Errors
    /// When the file holds something else, or scores that were computed otherwise than `run` says.
    pub(super) fn open(path: &Path, run: &str, fresh: bool, mut seen: impl FnMut(&Value)) -> Result<Results, Failure> {
        let failed = |error: io::Error| Failure::Storage(format!("{}: {error}", path.display()));
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(fresh).open(path).map_err(failed)?;
        let mut results = Results { path: path.to_owned(), file, recorded: HashMap::new() };
        let mut reader = BufReader::new(&results.file);
        let (mut length, mut line) = (0_u64, Vec::new());
        let mut recorded = HashMap::new();
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line).map_err(failed)?;
            if read == 0 || line.last() != Some(&b'\n') {
                break;
            }
            length += read as u64;
            let value: Option<Value> = serde_json::from_slice(&line).ok();
            let of_run = value.as_ref().and_then(|value| value["run"].as_str());
            if of_run != Some(run) {
                return Err(Failure::Input(format!(
                    "{}: holds {}; choose another file, or replace it with --fresh",
                    path.display(),
                    if of_run.is_some() { "scores that were computed otherwise" } else { "something else than scores" },
                )));
            }
            // A pair that a fault kept from being scored is tried again.
            if let Some(value) = value.filter(|value| value.get("fault").is_none())
                && let Some(key) = value["key"].as_str().and_then(Key::read)
            {
                *recorded.entry(key).or_insert(0) += 1;
                seen(&value);
            }
        }
        drop(reader);
        results.recorded = recorded;
        results.file.set_len(length).map_err(failed)?;
        results.file.seek(SeekFrom::Start(length)).map_err(failed)?;
        Ok(results)
    }

    /// Whether a pair is recorded already. Each record answers for one pair.
    pub(super) fn take(&mut self, key: Key) -> bool {
        let left = self.recorded.get_mut(&key).filter(|left| **left > 0);
        left.map(|left| *left -= 1).is_some()
    }

    /// Appends a line; it is the system's when this returns, so that killing the command does not lose it.
    pub(super) fn write(&mut self, line: &Value) -> Result<(), Failure> {
        let text = format!("{line}\n");
        self.file
            .write_all(text.as_bytes())
            .map_err(|error| Failure::Storage(format!("{}: {error}", self.path.display())))
    }

    /// Has the system write everything to the disk.
    pub(super) fn finish(self) -> Result<(), Failure> {
        self.file.sync_all().map_err(|error| Failure::Storage(format!("{}: {error}", self.path.display())))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    fn line(run: &str, name: &str) -> Value {
        json!({"id": name, "run": run, "key": Key::of(run, &[name]).text(), "dropped": null})
    }

    #[test]
    fn a_file_is_gone_on_with_where_it_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.jsonl");
        let mut first = Results::open(&path, "r", false, |_| panic!("it is new")).unwrap();
        for name in ["a", "b", "b"] {
            first.write(&line("r", name)).unwrap();
        }
        first.write(&json!({"id": "c", "run": "r", "key": Key::of("r", &["c"]).text(), "fault": "gone"})).unwrap();
        first.finish().unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{whole}{{\"id\": \"d\", \"ru")).unwrap();

        let mut seen = Vec::new();
        let mut again = Results::open(&path, "r", false, |line| seen.push(line["id"].clone())).unwrap();
        assert_eq!(seen, ["a", "b", "b"]);
        let mut take = |name: &str| again.take(Key::of("r", &[name]));
        let taken = ["a", "a", "b", "b", "b", "c", "d"].map(&mut take);
        assert_eq!(taken, [true, false, true, true, false, false, false]);
        again.write(&line("r", "d")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{whole}{}\n", line("r", "d")));
    }

    #[test]
    fn what_was_computed_otherwise_is_not_mixed_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.jsonl");
        Results::open(&path, "r", false, |_| {}).unwrap().write(&line("r", "a")).unwrap();
        let error = Results::open(&path, "other", false, |_| {}).err().unwrap().to_string();
        assert!(error.contains("computed otherwise") && error.contains("--fresh"), "{error}");
        fs::write(folder.path().join("notes"), "my notes\n").unwrap();
        let error = Results::open(&folder.path().join("notes"), "r", false, |_| {}).err().unwrap().to_string();
        assert!(error.contains("something else"), "{error}");
        assert_eq!(fs::read_to_string(folder.path().join("notes")).unwrap(), "my notes\n");
        Results::open(&path, "other", true, |_| panic!("it is fresh")).unwrap();
    }
}
