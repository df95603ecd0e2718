//! The command as a user runs it, and what it does with inputs of every kind, good and bad.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, StructArray};
use arrow_schema::{DataType, Field};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use super::tiny_clip::Tiny;

/// Runs `glasshouse score webcode2m`.
pub(crate) fn score(input: &Path, out: Option<&Path>, arguments: &[String]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glasshouse"));
    command.args(["score", "webcode2m"]).arg(input);
    if let Some(out) = out {
        command.arg("-o").arg(out);
    }
    command.args(arguments).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The objects of a JSONL file.
pub(crate) fn lines(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const GOOD: [(&str, &str, &str); 3] = [
    ("a", "<html><body><p>one two</p></body></html>", "<html><body><p>one</p></body></html>"),
    ("b", "<html><body><div><b>x</b></div><p>y. z</p></body></html>", "<!DOCTYPE html><div><b>x</b></div>"),
    ("c", "<html><body><ul><li>1<li>2</ul></body></html>", "<html><body><ol><li>1</li><li>2</li></ol></body></html>"),
];

fn row((id, reference, candidate): (&str, &str, &str)) -> Value {
    json!({"id": id, "code": candidate, "reference": {"html": reference}})
}

fn folder_of(place: &Path, (id, reference, candidate): (&str, &str, &str)) {
    fs::create_dir_all(place.join(id)).unwrap();
    fs::write(place.join(id).join("answer.html"), reference).unwrap();
    fs::write(place.join(id).join("prediction.html"), candidate).unwrap();
}

fn jsonl(path: &Path, rows: &[Value]) {
    fs::write(path, rows.iter().map(|row| format!("{row}\n")).collect::<String>()).unwrap();
}

/// One thread, so that lines come in order.
fn quietly(input: &Path, out: &Path, more: &[&str]) -> Output {
    let arguments = ["--no-render", "--workers", "1"].iter().chain(more).map(|word| (*word).to_owned());
    score(input, Some(out), &arguments.collect::<Vec<_>>())
}

/// Names and scores, without what tells how they were made.
fn scores(path: &Path) -> Vec<(Value, Value)> {
    lines(path).into_iter().map(|line| (line["id"].clone(), line["scores"].clone())).collect()
}

#[test]
fn folders_and_rows_of_every_format_give_the_same_scores() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    GOOD.iter().for_each(|pair| folder_of(&at("results"), *pair));
    jsonl(&at("rows.jsonl"), &GOOD.map(row));
    let column = |values: [&str; 3]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
    let html: ArrayRef = column(GOOD.map(|(_, reference, _)| reference));
    let field = Arc::new(Field::new("html", DataType::Utf8, false));
    let nested: ArrayRef = Arc::new(StructArray::from(vec![(field, Arc::clone(&html))]));
    for (name, reference, column_name) in [("nested", nested, "reference"), ("flat", html, "reference.html")] {
        let columns = [
            ("id", column(GOOD.map(|(id, ..)| id))),
            (column_name, reference),
            ("code", column(GOOD.map(|(.., candidate)| candidate))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = fs::File::create(at(&format!("{name}.parquet"))).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }
    let all = ["results", "rows.jsonl", "nested.parquet", "flat.parquet"].map(|input| {
        let out = at(&format!("{input}.scores"));
        let said = quietly(&at(input), &out, &["--published", at("published").to_str().unwrap()]);
        assert_eq!(said.status.code(), Some(0), "{input}: {}", text(&said.stderr));
        assert!(text(&said.stdout).contains("3 pairs, 0 dropped"), "{}", text(&said.stdout));
        scores(&out)
    });
    assert_eq!(all[0][0].1["tree_bleu"], 1.0);
    assert!(all.iter().all(|scores| *scores == all[0]), "{all:?}");
    let table = fs::read_to_string(at("published/metrics_result.csv")).unwrap();
    assert!(table.starts_with("origin,pred,Visual,CLIP,TreeBLEU\na,a,,,1.0\n"), "{table}");
}

#[test]
fn bad_pairs_are_named_and_cost_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let results = place.path().join("results");
    GOOD.iter().for_each(|pair| folder_of(&results, *pair));
    fs::remove_file(results.join("a/prediction.html")).unwrap();
    fs::write(results.join("b/answer.html"), b"<p>\xff").unwrap();
    let out = place.path().join("scores.jsonl");
    let said = quietly(&results, &out, &[]);
    assert_eq!(said.status.code(), Some(1));
    let errors = text(&said.stderr);
    assert!(
        errors.contains("a/prediction.html: No such file") && errors.contains("b/answer.html: not UTF-8"),
        "{errors}"
    );
    assert!(text(&said.stdout).contains("1 pairs, 0 dropped, 2 more not readable"), "{}", text(&said.stdout));
    assert_eq!(lines(&out).iter().filter(|line| line["error"].is_string()).count(), 2);

    let rows = place.path().join("rows.jsonl");
    let bad = "{\"id\": \"cut\", \"code\": \n{\"id\": \"none\", \"code\": \"<p>\"}\n[]\n";
    fs::write(&rows, format!("{}\n{bad}{}\n", row(GOOD[0]), row(GOOD[1]))).unwrap();
    let said = quietly(&rows, &place.path().join("rows.scores"), &[]);
    assert_eq!(said.status.code(), Some(1));
    let errors = text(&said.stderr);
    for words in ["rows.jsonl:2: the line is not JSON", "\"reference.html\" is missing", "a list, not an object"] {
        assert!(errors.contains(words), "{words}: {errors}");
    }
    assert!(text(&said.stdout).contains("2 pairs, 0 dropped, 3 more"), "{}", text(&said.stdout));

    let nothing = quietly(&place.path().join("nowhere"), &out, &["--fresh"]);
    assert_eq!(nothing.status.code(), Some(3), "{}", text(&nothing.stderr));
}

#[test]
fn a_file_of_scores_is_gone_on_with() {
    let place = tempfile::tempdir().unwrap();
    let (rows, out) = (place.path().join("rows.jsonl"), place.path().join("scores.jsonl"));
    // The same pair twice is two pairs.
    jsonl(&rows, &[row(GOOD[0]), row(GOOD[1]), row(GOOD[1]), row(GOOD[2])]);
    let first = quietly(&rows, &out, &[]);
    let whole = fs::read_to_string(&out).unwrap();
    assert_eq!(whole.lines().count(), 4);
    // As kill -9 leaves it, in the middle of the third line.
    let cut = whole.lines().take(2).map(|line| line.len() + 1).sum::<usize>() + 40;
    fs::write(&out, &whole[..cut]).unwrap();
    let again = quietly(&rows, &out, &[]);
    assert!(text(&again.stderr).contains("2 pairs are scored already"), "{}", text(&again.stderr));
    assert_eq!(fs::read_to_string(&out).unwrap(), whole);
    assert_eq!(text(&again.stdout), text(&first.stdout));
    let other = quietly(&rows, &out, &["--mode", "fixed"]);
    assert_eq!(other.status.code(), Some(3));
    assert!(text(&other.stderr).contains("--fresh"), "{}", text(&other.stderr));
    assert_eq!(fs::read_to_string(&out).unwrap(), whole);
}

#[test]
fn given_screenshots_get_clip_and_models_are_told_apart() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    GOOD.iter().for_each(|pair| folder_of(&at("results"), *pair));
    for (index, (id, ..)) in GOOD.iter().enumerate() {
        for (file, shift) in [("answer.png", 0), ("prediction.png", index)] {
            let pixel = |x: u32, y: u32| image::Rgb([(x * 3) as u8, (y * 5 + shift as u32 * 60) as u8, 40]);
            image::RgbImage::from_fn(150, 90, pixel).save(at("results").join(id).join(file)).unwrap();
        }
    }
    Tiny::default().write(&at("model"));
    Tiny { seed: 5, ..Tiny::default() }.write(&at("other"));
    let out = at("scores.jsonl");
    let with = |model: &str| quietly(&at("results"), &out, &["--clip", at(model).to_str().unwrap()]);
    let said = with("model");
    assert_eq!(said.status.code(), Some(0), "{}", text(&said.stderr));
    assert!(text(&said.stderr).contains("the published evaluation takes ViT-B/32"), "{}", text(&said.stderr));
    let clips: Vec<f64> = lines(&out).iter().map(|line| line["scores"]["clip"].as_f64().unwrap()).collect();
    assert!((clips[0] - 1.0).abs() < 1e-6 && clips[1] < 0.999 && clips[2] < 0.999, "{clips:?}");
    let line = &lines(&out)[0];
    assert!(line["model"].as_str().unwrap().contains("3 layers 48 wide"), "{line}");
    assert!(line["absent"]["visual_clip"].is_string() && line["scores"].get("visual").is_none(), "{line}");
    let other = with("other");
    assert_eq!(other.status.code(), Some(3), "{}", text(&other.stderr));
    assert!(text(&other.stderr).contains("computed otherwise"), "{}", text(&other.stderr));
    let none = quietly(&at("results"), &at("none.jsonl"), &["--clip", at("results").to_str().unwrap()]);
    assert_eq!(none.status.code(), Some(3));
    assert!(text(&none.stderr).contains("there are no weights in it"), "{}", text(&none.stderr));
}
