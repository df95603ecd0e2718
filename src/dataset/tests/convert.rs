//! What a run is converted to holds every record and every picture.

#![cfg(feature = "parquet")]
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use common::{open, record};
use glasshouse_dataset::{ConvertFormat, ConvertOptions, RunReader, Source, SourceOptions, artifact_path, convert};
use glasshouse_model::{Artifact, ArtifactKind, Digest, Record};
use serde_json::{Value, json};

/// Bytes that are told apart by their number; nothing here decodes them.
fn picture(out: &Path, number: u64, kind: ArtifactKind, media_type: &str) -> Artifact {
    let bytes = format!("\u{89}PNG {number}").into_bytes();
    let hash = Digest::of(&bytes);
    let path = artifact_path(&out.join("artifacts"), &hash);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, &bytes).unwrap();
    serde_json::from_value(json!({
        "name": format!("figure-{number}.png"), "kind": kind, "media_type": media_type, "bytes": bytes.len(), "hash": hash,
    }))
    .unwrap()
}

/// Seven rows: 0 to 3 pictures each, and columns that are uniform, mixed, absent and named as ours.
fn run(out: &Path) -> Vec<Record> {
    let folder = open(out);
    let mut records = Vec::new();
    for row in [3, 0, 1, 2, 6, 5, 4] {
        let mut record = record(row);
        record.artifacts =
            (0..row % 4).map(|n| picture(out, row * 10 + n, ArtifactKind::Figure, "image/png")).collect();
        record.artifacts.push(picture(out, row * 10 + 9, ArtifactKind::Document, "application/pdf"));
        let mixed = if row % 2 == 0 { json!("text") } else { json!(row) };
        let columns = json!({"code": "x = 1", "score": row, "half": row as f64 / 2.0, "good": true, "mixed": mixed, "image": "mine"});
        record.columns = columns.as_object().unwrap().clone();
        if row == 2 {
            record.id = "a/b.c".into();
            record.columns.remove("score");
            record.columns.insert("late".into(), Value::Null);
        }
        folder.record(&record).unwrap();
        records.push(record);
    }
    folder.finish().unwrap();
    records.sort_by_key(|record| record.row);
    records
}

fn converted(out: &Path, to: &Path, format: ConvertFormat) -> Vec<PathBuf> {
    let options = ConvertOptions { rows_per_part: 3, ..ConvertOptions::new(format) };
    let converted = convert(&RunReader::open(out).unwrap(), to, &options).unwrap();
    assert_eq!((converted.rows, converted.parts.len()), (7, 3));
    let left = fs::read_dir(to).unwrap().count();
    assert_eq!(left, 3, "nothing but the parts is left");
    converted.parts
}

#[test]
fn parquet_holds_records_pictures_and_typed_columns() {
    let folder = tempfile::tempdir().unwrap();
    let (out, to) = (folder.path().join("out"), folder.path().join("parquet"));
    let records = run(&out);
    let parts = converted(&out, &to, ConvertFormat::Parquet);
    let rows: Vec<_> =
        Source::open(&parts, SourceOptions::default()).unwrap().map(|row| row.unwrap().row.columns).collect();
    assert_eq!(rows.len(), 7);
    for (row, record) in rows.iter().zip(&records) {
        assert_eq!((&row["id"], &row["row"]), (&json!(record.id), &json!(record.row)));
        assert_eq!(row["verdict"], json!(record.verdict()));
        assert_eq!(row["cause"].is_null(), record.error.is_none());
        assert_eq!(row["stdout"], json!(record.stdout.text));
        assert_eq!(row["usage"]["memory_peak"], json!(0));
        assert_eq!(row["error"]["type"], if record.error.is_some() { json!("") } else { Value::Null });
        let artifacts: Vec<Artifact> = serde_json::from_str(row["artifacts"].as_str().unwrap()).unwrap();
        assert_eq!(artifacts, record.artifacts);
        let pictures = row["images"].as_array().unwrap();
        assert_eq!(pictures.len() as u64, record.row % 4, "documents are no pictures");
        assert_eq!(row["image"], pictures.first().cloned().unwrap_or_default());
        assert_eq!((&row["half"], &row["good"]), (&json!(record.row as f64 / 2.0), &json!(true)));
        assert_eq!(row["score"], record.columns.get("score").cloned().unwrap_or_default());
        let mixed = if record.row % 2 == 0 { json!("\"text\"") } else { json!(record.row.to_string()) };
        assert_eq!((&row["mixed"], &row["input_image"], &row["late"]), (&mixed, &json!("mine"), &Value::Null));
    }
    assert_eq!(rows[1]["image"], json!({"bytes": {"base64": "wolQTkcgMTA="}, "path": "figure-10.png"}));
}

#[test]
fn shards_hold_records_and_pictures_under_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let (out, to) = (folder.path().join("out"), folder.path().join("shards"));
    let records = run(&out);
    let parts = converted(&out, &to, ConvertFormat::WebDataset);
    let mut names = Vec::new();
    let mut found = Vec::new();
    for part in &parts {
        let mut archive = tar::Archive::new(fs::File::open(part).unwrap());
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            if name.ends_with(".json") {
                let mut text = String::new();
                entry.read_to_string(&mut text).unwrap();
                found.push(serde_json::from_str::<Record>(&text).unwrap());
            }
            names.push(name);
        }
    }
    assert_eq!(found, records);
    let expected = ["id-0.json", "id-1.json", "id-1.png", "a_b_c-2.json", "a_b_c-2.png", "a_b_c-2.1.png", "id-3.json"];
    assert_eq!(names[..7], expected);
}

#[test]
fn a_run_without_records_gives_one_part_with_the_columns() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    open(&out).finish().unwrap();
    let reader = RunReader::open(&out).unwrap();
    let options = ConvertOptions::new(ConvertFormat::Parquet);
    let converted = convert(&reader, &folder.path().join("to"), &options).unwrap();
    assert_eq!((converted.parts.len(), converted.rows), (1, 0));
    let source = Source::open(&converted.parts, SourceOptions::default()).unwrap();
    assert_eq!((source.size_hint_rows(), source.count()), (Some(0), 0));
}

#[test]
fn a_missing_artifact_is_named_with_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    run(&out);
    fs::remove_dir_all(out.join("artifacts")).unwrap();
    let reader = RunReader::open(&out).unwrap();
    let to = folder.path().join("to");
    let error = convert(&reader, &to, &ConvertOptions::new(ConvertFormat::WebDataset)).unwrap_err().to_string();
    assert!(error.contains("row 1 (id-1)") && error.contains("figure-10.png"), "{error}");
    assert!(!to.join("records-00000.tar").exists());
}
