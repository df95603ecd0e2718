//! The picture is the same: rows through `glasshouse run` against the plain interpreter of the same root.
//!
//! `cargo test` checks the charts of the demo, and a sample of `../shared/data/charts.jsonl` where that is there.
//! All of a file, with a list of what differs:
//!
//! ```sh
//! GLASSHOUSE_FIDELITY_ROWS=../shared/data/charts.jsonl cargo test --release --test fidelity -- --nocapture
//! ```

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/root.rs"]
#[allow(dead_code, reason = "here one interpreter runs all programs")]
mod root;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use glasshouse_model::{ArtifactKind, Record, Verdict};
use serde_json::Value;

const ALL: &str = "GLASSHOUSE_FIDELITY_ROWS";
/// Rows of the shared data that `cargo test` looks at.
const SAMPLE: usize = 12;

/// What the plain interpreter did with a row, in one of its two runs.
struct Plain {
    status: i32,
    pictures: Vec<Pixels>,
}

#[derive(PartialEq)]
struct Pixels(image::RgbaImage);

/// What came of the comparison of one row.
#[derive(Debug, PartialEq)]
enum Finding {
    Same,
    /// Two plain runs differ: unseeded randomness, the time, an address.
    SetAside,
    Differs(String),
}

#[test]
fn pictures_and_verdicts_are_those_of_the_plain_interpreter() {
    let folder = tempfile::tempdir().unwrap();
    let rows = rows();
    let file = folder.path().join("rows.jsonl");
    fs::write(&file, rows.iter().map(|row| format!("{row}\n")).collect::<String>()).unwrap();
    let out = folder.path().join("out");
    let records = ours(&file, &out);
    let plain = folder.path().join("plain");
    run_plain(&file, &plain);

    let mut set_aside = Vec::new();
    let mut differing = Vec::new();
    let (mut ok, mut errors, mut pictures) = (0, 0, 0);
    for (number, row) in rows.iter().enumerate() {
        let id = row["id"].as_str().unwrap();
        let record = &records[&(number as u64)];
        ok += u32::from(record.verdict() == Some(Verdict::Ok));
        errors += u32::from(record.verdict() == Some(Verdict::RuntimeError));
        pictures += figures(record, &out).len();
        match compare(record, &out, &plain.join(number.to_string())) {
            Finding::Same => {}
            Finding::SetAside => set_aside.push(id),
            Finding::Differs(how) => differing.push(format!("{id}: {how}")),
        }
    }
    println!("{} rows: {ok} ok, {errors} runtime_error, {pictures} figures compared", rows.len());
    println!("set aside, since two plain runs differ ({}): {}", set_aside.len(), set_aside.join(", "));
    assert!(pictures > 0, "nothing was compared");
    assert!(differing.is_empty(), "{} rows differ:\n{}", differing.len(), differing.join("\n"));
}

fn rows() -> Vec<Value> {
    if let Some(path) = env::var_os(ALL) {
        return read(Path::new(&path));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let demo = read(&root.join("fixtures/demo.jsonl"));
    // Of the demo only what draws and saves through Matplotlib, and nothing that moves.
    let draws = |row: &Value| {
        let code = row["code"].as_str().unwrap_or_default();
        row["expect"] == "ok" && code.contains("savefig") && !code.contains("anim")
    };
    let mut rows: Vec<Value> = demo.into_iter().filter(draws).collect();
    let shared = root.join("../shared/data/charts.jsonl");
    if shared.is_file() {
        let all = read(&shared);
        rows.extend(all.iter().step_by(all.len() / SAMPLE).cloned());
    } else {
        println!("{} is not there: only the demo's charts are compared", shared.display());
    }
    rows
}

fn read(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ours(rows: &Path, out: &Path) -> BTreeMap<u64, Record> {
    let status = Command::new(env!("CARGO_BIN_EXE_glasshouse"))
        .arg("run")
        .arg(rows)
        .arg("-o")
        .arg(out)
        .args(["--no-progress", "--no-report"])
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    let text = fs::read_to_string(out.join("records.jsonl")).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<Record>(line).unwrap());
    records.map(|record| (record.row, record)).collect()
}

fn run_plain(rows: &Path, target: &Path) {
    fs::create_dir(target).unwrap();
    fs::copy(rows, target.join("rows.jsonl")).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fidelity");
    fs::copy(source.join("plain.py"), target.join("plain.py")).unwrap();
    let image = glasshouse::bench::image().unwrap();
    let lanes = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let words = ["python3.11", "/work/plain.py", "/work/rows.jsonl", "/work", &lanes];
    let done = root::enter(&image, target, &words);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "the plain interpreters could not be run: {}; {said}", done.status);
}

fn compare(record: &Record, out: &Path, folder: &Path) -> Finding {
    let [first, second] = ["first", "second"].map(|name| plain(&folder.join(name)));
    if first.status != second.status || first.pictures != second.pictures {
        return Finding::SetAside;
    }
    if record.exit_code != Some(first.status) {
        return Finding::Differs(format!("exit {:?}, plain {}", record.exit_code, first.status));
    }
    let ours = figures(record, out);
    if ours.len() != first.pictures.len() {
        return Finding::Differs(format!("{} figures, plain saves {}", ours.len(), first.pictures.len()));
    }
    for (index, (ours, plain)) in ours.iter().zip(&first.pictures).enumerate() {
        if ours != plain {
            return Finding::Differs(format!("figure {}: {}", index + 1, difference(&ours.0, &plain.0)));
        }
    }
    let wants_file = record.verdict() == Some(Verdict::Ok);
    let has_file =
        record.artifacts.iter().any(|artifact| artifact.kind != ArtifactKind::Figure && artifact.hash.is_some());
    if wants_file && !has_file { Finding::Differs("the file that it saved is not there".into()) } else { Finding::Same }
}

fn plain(folder: &Path) -> Plain {
    let status = fs::read_to_string(folder.join("status")).unwrap().parse().unwrap();
    let saved = (1..).map(|count| folder.join(format!("{count}.png"))).take_while(|path| path.is_file());
    Plain { status, pictures: saved.map(|path| decode(&path)).collect() }
}

/// One picture for each save and for each figure left open: our capture, or the PNG that the script wrote itself.
fn figures(record: &Record, out: &Path) -> Vec<Pixels> {
    let drawn = record.artifacts.iter().filter(|artifact| {
        artifact.kind == ArtifactKind::Figure || (artifact.media_type == "image/png" && artifact.origin.is_some())
    });
    drawn.filter_map(|artifact| artifact.hash).map(|hash| decode(&stored(out, &hash.hex()))).collect()
}

fn stored(out: &Path, hash: &str) -> PathBuf {
    out.join("artifacts").join(&hash[..2]).join(&hash[2..])
}

fn decode(path: &Path) -> Pixels {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Pixels(image::load_from_memory(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display())).to_rgba8())
}

fn difference(ours: &image::RgbaImage, plain: &image::RgbaImage) -> String {
    if ours.dimensions() != plain.dimensions() {
        return format!("{:?} pixels, plain {:?}", ours.dimensions(), plain.dimensions());
    }
    let count = ours.pixels().zip(plain.pixels()).filter(|(ours, plain)| ours != plain).count();
    format!("{count} pixels of {:?} differ", ours.dimensions())
}
