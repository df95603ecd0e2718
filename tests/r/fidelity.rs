//! The same output, files and pictures as `Rscript`'s.
//!
//! `cargo test` compares a few rows of `../shared/data/ggplots.jsonl` where that is there, and some of the fixtures. All of a file:
//!
//! ```sh
//! GLASSHOUSE_R_ROWS=../shared/data/ggplots.jsonl cargo test --release --test r fidelity -- --nocapture
//! ```

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::{Done, lines, run};
use crate::plain::rscript;
use crate::root::{self, Plain};
use crate::words::first_difference;

const ALL: &str = "GLASSHOUSE_R_ROWS";
/// Rows of the shared data that `cargo test` looks at.
const SAMPLE: usize = 5;
/// Fixtures that depend on nothing but R.
const FIXTURES: [&str; 7] = ["devices", "ggsave", "tidyverse", "lattice", "warnings", "error", "parse"];

#[test]
fn output_files_and_pictures_are_those_of_rscript() {
    let rows = rows();
    let done = run(&lines(&rows));
    // Each twice: two runs of one program may differ.
    let plain = root::of_each(&rows, |row| {
        let code = row["code"].as_str().unwrap();
        [masked(rscript(code)), masked(rscript(code))]
    });
    let (mut differing, mut aside, mut pictures) = (Vec::new(), Vec::new(), 0);
    for (row, [first, second]) in rows.iter().zip(&plain) {
        let id = row["id"].as_str().unwrap();
        if first != second {
            aside.push(id);
            continue;
        }
        match compare(&done, id, first) {
            Ok(count) => pictures += count,
            Err(how) => differing.push(format!("{id}: {how}")),
        }
    }
    println!("{} rows, {pictures} pictures compared", rows.len());
    println!("set aside, since two plain runs differ ({}): {}", aside.len(), aside.join(", "));
    assert!(pictures > 0, "nothing was compared");
    assert!(differing.is_empty(), "{} rows differ:\n{}", differing.len(), differing.join("\n"));
}

fn rows() -> Vec<Value> {
    let read = |path: PathBuf| -> Vec<Value> {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    if let Some(path) = env::var_os(ALL) {
        return read(path.into());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let chosen = |row: &Value| FIXTURES.iter().any(|id| row["id"] == *id);
    let mut rows: Vec<Value> = read(root.join("fixtures/r.jsonl")).into_iter().filter(chosen).collect();
    assert_eq!(rows.len(), FIXTURES.len());
    let shared = root.join("../shared/data/ggplots.jsonl");
    if shared.is_file() {
        let all = read(shared);
        rows.extend(all.iter().step_by(all.len() / SAMPLE).cloned());
    } else {
        println!("{} is not there: only fixtures are compared", shared.display());
    }
    rows
}

fn masked(plain: Plain) -> Plain {
    let files = plain.files.into_iter().map(|(path, bytes)| (path, without_dates(bytes))).collect();
    Plain { files, ..plain }
}

/// A document without the moment at which it was made.
fn without_dates(bytes: Vec<u8>) -> Vec<u8> {
    if !bytes.starts_with(b"%PDF") && !bytes.starts_with(b"%!PS") {
        return bytes;
    }
    let text = String::from_utf8_lossy(&bytes);
    let kept = text.lines().filter(|line| !line.starts_with("/CreationDate") && !line.starts_with("/ModDate"));
    kept.collect::<Vec<_>>().join("\n").into_bytes()
}

/// How many pictures are equal, or what is not.
fn compare(done: &Done, id: &str, plain: &Plain) -> Result<usize, String> {
    let record = done.record(id);
    if record["exit_code"].as_i64() != plain.status.map(i64::from) {
        return Err(format!("exit {}, plain {:?}; {}", record["exit_code"], plain.status, record["stderr"]["text"]));
    }
    for (name, plain) in [("stdout", &plain.stdout), ("stderr", &plain.stderr)] {
        let ours = record[name]["text"].as_str().unwrap();
        if ours != plain && record[name]["truncated"] != true {
            return Err(format!("{name}: {}", first_difference(ours, plain)));
        }
    }
    let artifacts = record["artifacts"].as_array().unwrap();
    let written: Vec<&Value> = artifacts.iter().filter(|artifact| artifact["kind"] != "figure").collect();
    let names: Vec<&str> = written.iter().filter_map(|artifact| artifact["name"].as_str()).collect();
    if !names.iter().copied().eq(plain.files.keys().map(String::as_str)) {
        return Err(format!("files {names:?}, plain {:?}", plain.files.keys().collect::<Vec<_>>()));
    }
    let mut pictures = 0;
    for artifact in written {
        let name = artifact["name"].as_str().unwrap();
        if without_dates(done.bytes(id, name)) != plain.files[name] {
            return Err(format!("{name} differs"));
        }
        pictures += usize::from(artifact["kind"] == "image");
    }
    // The same bytes are the same pages; each must have become a picture.
    let pages: usize = plain.files.values().map(|bytes| pages(bytes)).sum();
    let drawn = artifacts.iter().filter(|artifact| artifact["kind"] == "figure" && artifact["facts"]["page"].is_u64());
    let whole = drawn.filter(|artifact| artifact["hash"].is_string()).count();
    if whole != pages {
        return Err(format!("{whole} pictures of {pages} pages"));
    }
    Ok(pictures + pages)
}

/// Pages of a PDF.
fn pages(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"%PDF") { String::from_utf8_lossy(bytes).matches("/Type /Page ").count() } else { 0 }
}
