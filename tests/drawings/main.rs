//! Drawings end to end, through the command: verdicts, pictures, references, and documents that mean harm.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

fn fixtures() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/drawings.jsonl")).unwrap()
}

/// Runs the rows to their end.
fn run(rows: &str) -> (tempfile::TempDir, BTreeMap<String, Value>) {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("rows.jsonl"), folder.path().join("out"));
    fs::write(&path, rows).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_glasshouse"));
    command.arg("run").arg(path).arg("-o").arg(&out).args(["--no-progress", "--no-report", "--workers", "2"]);
    let status = command.stdin(Stdio::null()).status().unwrap();
    assert!(status.success(), "{status}");
    let text = fs::read_to_string(out.join("records.jsonl")).unwrap();
    let record = |line: &str| -> Value { serde_json::from_str(line).unwrap() };
    let records = text.lines().map(record).map(|record| (record["id"].as_str().unwrap().to_owned(), record)).collect();
    (folder, records)
}

fn said(record: &Value) -> String {
    let cause = record["cause"]["code"].as_str().unwrap_or_default();
    format!("{} {cause}", record["verdict"].as_str().unwrap_or("fault")).trim_end().to_owned()
}

fn picture(folder: &Path, record: &Value) -> image::RgbaImage {
    let hash = record["artifacts"][0]["hash"].as_str().unwrap();
    let hash = serde_json::from_value(json!(hash)).unwrap();
    let path: PathBuf = glasshouse_dataset::artifact_path(&folder.join("out/artifacts"), &hash);
    image::load_from_memory(&fs::read(path).unwrap()).unwrap().to_rgba8()
}

#[test]
fn drawings_get_the_verdicts_that_they_must_get() {
    let (folder, records) = run(&fixtures());
    let mut wrong = Vec::new();
    for line in fixtures().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let record = &records[row["id"].as_str().unwrap()];
        let expected = [row["expect"].as_str(), row["expect_cause"].as_str()].map(Option::unwrap_or_default).join(" ");
        if said(record) != expected.trim_end() {
            wrong.push(format!("{}: expected {expected}, got {} {}", row["id"], said(record), record["cause"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    let plain = &records["plain"];
    assert_eq!(plain["artifacts"][0]["facts"]["texts"], json!(["Hello 你好"]));
    assert!(plain["runtime"]["versions"]["fonts-noto-cjk"].is_string());
    let layers = plain["backend"]["layers"].to_string();
    assert!(layers.contains("seccomp") && layers.contains("landlock"), "{layers}");
    // The letters are drawn, the Chinese ones too.
    let drawn = picture(folder.path(), plain);
    let dark = |from: u32, to: u32| (from..to).any(|x| (0..100).any(|y| drawn.get_pixel(x, y).0[3] > 128));
    assert!(dark(100, 130) && dark(145, 155), "no text");
    assert_eq!(picture(folder.path(), &records["zoomed"]).dimensions(), (400, 200));
    let refused: Vec<&str> =
        records["outside"]["refused"].as_array().unwrap().iter().filter_map(|one| one["about"].as_str()).collect();
    assert_eq!(refused, ["/etc/passwd", "http://x.example/a.png"]);
    assert!(records["not-closed"]["error"]["message"].is_string());
}

/// Documents that mean harm, between plain ones that must not notice: the limits hold, the helper is replaced.
#[test]
fn a_drawing_that_takes_too_much_costs_only_itself() {
    let svg = |body: &str| format!("<svg xmlns='http://www.w3.org/2000/svg' width='3000' height='3000'>{body}</svg>");
    let blur = "<filter id='b'><feGaussianBlur stdDeviation='90'/></filter>";
    let slow = svg(&format!("{blur}{}", "<rect width='2000' height='2000' filter='url(#b)'/>".repeat(3000)));
    let layers = svg(&("<g opacity='.9'><rect width='2999' height='2999'/>".repeat(200) + &"</g>".repeat(200)));
    let deep = svg(&("<g>".repeat(200_000) + &"</g>".repeat(200_000)));
    let uses: String = (1..25)
        .map(|level| format!("<g id='u{level}'><use href='#u{0}'/><use href='#u{0}'/></g>", level - 1))
        .collect();
    let multiplied = svg(&format!("<g id='u0'><rect width='1' height='1'/></g>{uses}"));
    let harm = [
        ("slow", slow, "time_limit_exceeded cpu"),
        ("layers", layers, "memory_limit_exceeded memory"),
        ("deep", deep, "runtime_error too_many_elements"),
        ("multiplied", multiplied, "runtime_error too_many_elements"),
    ];
    let mut rows = String::new();
    for (name, code, _) in &harm {
        let limits = json!({"cpu": "2s", "memory": "600MiB"});
        rows += &format!("{}\n", json!({"id": name, "runtime": "svg", "code": code, "limits": limits}));
        let plain = svg("<rect width='99' height='99'/>");
        rows += &format!(
            "{}\n",
            json!({"id": format!("after {name}"), "runtime": "svg", "code": plain, "seed": rows.len()})
        );
    }
    let (_folder, records) = run(&rows);
    assert_eq!(records.len(), 2 * harm.len());
    for (name, _, expected) in &harm {
        assert_eq!(said(&records[*name]), *expected, "{name}: {}", records[*name]["cause"]);
        assert_eq!(said(&records[&format!("after {name}")]), "ok");
    }
}
