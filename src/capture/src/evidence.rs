//! Reads the captures folder: which records there are, and what else the hooks and the driver left.

use std::os::fd::AsFd;

use crate::contract::{
    Capture, ContractError, Failure, JSON_LIMIT, parse_capture, parse_error, parse_failure, parse_missing,
    parse_overflow,
};
use crate::open::{open_regular, read_bounded};
use crate::walk::{Node, WalkLimits, walk};

/// Bytes of all records of one run.
const JSON_IN_ALL: u64 = 32 << 20;

/// What the captures folder holds.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// The records by number; one that cannot be used keeps the reason.
    pub(crate) records: Vec<(u64, Result<Capture, String>)>,
    /// Figures that were not captured, and records that were not read.
    pub(crate) overflow: u64,
    /// The uncaught exception.
    pub(crate) failure: Option<Failure>,
    /// What the row asks for and the program left nothing of.
    pub(crate) missing: Option<String>,
    /// What went wrong inside the hooks.
    pub(crate) hooks: Option<String>,
}

/// Reads at most `wanted` records.
pub(crate) fn read(folder: impl AsFd, wanted: u64) -> std::io::Result<Evidence> {
    let folder = folder.as_fd();
    let limits = WalkLimits { depth: 0, ..WalkLimits::for_artifacts(wanted) };
    let mut evidence = Evidence::default();
    let mut numbers = Vec::new();
    for found in walk(folder, limits)?.found {
        let (Ok(name), Node::File(_)) = (String::from_utf8(found.path), found.node) else { continue };
        match name.as_str() {
            "overflow.json" => evidence.overflow += load(folder, &name, parse_overflow).unwrap_or(0),
            "error.json" => evidence.failure = load(folder, &name, parse_error).ok(),
            "missing.json" => evidence.missing = load(folder, &name, parse_missing).ok(),
            "failures.json" => evidence.hooks = load(folder, &name, parse_failure).ok(),
            _ => numbers.extend(number(&name).map(|number| (number, name))),
        }
    }
    numbers.sort();
    let mut left = JSON_IN_ALL;
    for (number, name) in numbers {
        if evidence.records.len() as u64 >= wanted || left == 0 {
            evidence.overflow += 1;
            continue;
        }
        let record = load(folder, &name, |json| {
            left = left.saturating_sub(json.len() as u64);
            parse_capture(json)
        });
        evidence.records.push((number, record));
    }
    Ok(evidence)
}

/// `0012.json` is record 12.
fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json")?;
    let plain = (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

fn load<T>(folder: impl AsFd, name: &str, parse: impl FnOnce(&[u8]) -> Result<T, ContractError>) -> Result<T, String> {
    let bytes = open_regular(folder, name).and_then(|(file, _)| read_bounded(&file, JSON_LIMIT));
    let bytes = bytes.map_err(|error| format!("the capture's record cannot be read: {error}"))?;
    parse(&bytes).map_err(|error| format!("the capture's record {error}"))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn records_come_by_number_and_the_rest_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        put("0010.json", r#"{"origin": {"call": "show"}}"#);
        put("0002.json", "not json");
        put("0001.json", r#"{"origin": {"call": "savefig"}}"#);
        put("0003.json.part", "{}");
        put("evil.json", "{}");
        put("overflow.json", r#"{"figures": 7}"#);
        put("error.json", r#"{"type": "ValueError"}"#);
        put("missing.json", r#"{"message": "no such frame"}"#);
        put("failures.json", r#"{"error": "broke"}"#);
        std::os::unix::fs::symlink("0001.json", folder.path().join("0004.json")).unwrap();
        let evidence = read(File::open(folder.path()).unwrap(), 2).unwrap();
        assert_eq!(evidence.records.len(), 2);
        assert_eq!(evidence.records[0].1.as_ref().unwrap().origin.call, "savefig");
        assert!(evidence.records[1].1.as_ref().unwrap_err().contains("not of the agreed shape"));
        assert_eq!(evidence.overflow, 8);
        assert_eq!(evidence.failure.unwrap().error.kind, "ValueError");
        assert_eq!(evidence.missing.as_deref(), Some("no such frame"));
        assert_eq!(evidence.hooks.as_deref(), Some("broke"));
    }

    #[test]
    fn only_plain_numbers_are_records() {
        assert_eq!(number("0012.json"), Some(12));
        for name in ["12", ".json", "+1.json", "-1.json", "0000000001.json", "1.json.part", "a1.json"] {
            assert_eq!(number(name), None, "{name}");
        }
    }
}
