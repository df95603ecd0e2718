//! The same status, words, films and pictures as the `manim` command's.
//!
//! `cargo test` compares a few rows of `../shared/data/scenes.jsonl` where that is there, and some of the fixtures. All of a file:
//!
//! ```sh
//! GLASSHOUSE_MANIM_ROWS=../shared/data/scenes.jsonl cargo test --release --test manim fidelity -- --nocapture
//! ```
//!
//! `GLASSHOUSE_MANIM_QUALITY=high` for another quality than `low`.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::command::{Done, fixtures, lines, run};
use crate::plain::{decoded, manim};
use crate::root::{self, Plain};
use crate::words::first_difference;

pub(crate) const ALL: &str = "GLASSHOUSE_MANIM_ROWS";
const QUALITY: &str = "GLASSHOUSE_MANIM_QUALITY";
/// Rows of the shared data that `cargo test` looks at.
const SAMPLE: usize = 4;
/// Fixtures that name their scene and depend on nothing but Manim.
const FIXTURES: [&str; 3] = ["one-scene", "tex-error", "raises"];

#[test]
fn words_films_and_pictures_are_those_of_the_command() {
    let quality = env::var(QUALITY).unwrap_or_else(|_| "low".to_owned());
    let rows = rows(&quality);
    let done = run(&lines(&rows));
    let plain = root::of_each(&rows, |row| plain_of(row, &quality[..1]));
    let (mut differing, mut aside, mut seen) = (Vec::new(), Vec::new(), BTreeMap::new());
    for (row, plain) in rows.iter().zip(&plain) {
        let id = row["id"].as_str().unwrap();
        match compare(&done, id, plain) {
            Ok(kinds) => kinds.into_iter().for_each(|kind| *seen.entry(kind).or_insert(0) += 1),
            // A program that draws at random: its own plain runs differ from each other.
            Err(_) if !same(plain, &plain_of(row, &quality[..1])) => aside.push(id),
            Err(how) => differing.push(format!("{id}: {how}")),
        }
    }
    println!("{} rows at quality {quality}, equal: {seen:?}", rows.len());
    println!("set aside, since two plain runs differ ({}): {}", aside.len(), aside.join(", "));
    assert!(!seen.is_empty(), "nothing was compared");
    assert!(differing.is_empty(), "{} rows differ:\n{}", differing.len(), differing.join("\n"));
}

/// The rows of the shared data, or a file's that is named; none if there is no such data here.
pub(crate) fn shared() -> Option<Vec<Value>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = env::var_os(ALL).map(PathBuf::from);
    let shared = named.clone().unwrap_or_else(|| root.join("../shared/data/scenes.jsonl"));
    match fs::read_to_string(&shared) {
        Ok(text) => Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()),
        Err(error) if named.is_some() => panic!("{}: {error}", shared.display()),
        Err(_) => {
            println!("{} is not there: only fixtures are compared", shared.display());
            None
        }
    }
}

fn rows(quality: &str) -> Vec<Value> {
    let shared = shared().unwrap_or_default();
    let mut rows: Vec<Value> = match env::var_os(ALL) {
        Some(_) => shared,
        None => shared.iter().step_by((shared.len() / SAMPLE).max(1)).cloned().collect(),
    };
    if env::var_os(ALL).is_none() {
        let fixtures = fixtures("manim");
        let all = fixtures.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut chosen: Vec<Value> = all.filter(|row| FIXTURES.iter().any(|id| row["id"] == *id)).collect();
        assert_eq!(chosen.len(), FIXTURES.len());
        rows.append(&mut chosen);
    }
    for row in &mut rows {
        row["manim"] = json!({"quality": quality});
    }
    rows
}

fn plain_of(row: &Value, quality: &str) -> Plain {
    let code = row["code"].as_str().unwrap();
    // A fixture without a scene has one only.
    let scene = row["scene"].as_str().or_else(|| code.split("class ").nth(1)?.split('(').next()).unwrap();
    manim(code, scene, quality)
}

fn same(one: &Plain, other: &Plain) -> bool {
    one.status == other.status && one.files == other.files && unstamped(&one.stdout) == unstamped(&other.stdout)
}

/// What kinds of things are equal, or what is not.
fn compare(done: &Done, id: &str, plain: &Plain) -> Result<Vec<&'static str>, String> {
    let record = done.record(id);
    if record["exit_code"].as_i64() != plain.status.map(i64::from) {
        return Err(format!("exit {}, plain {:?}; {}", record["exit_code"], plain.status, record["stderr"]["text"]));
    }
    let mut equal = vec!["status"];
    // Progress bars on stderr tell how fast it was; of a failure it holds the traceback.
    let failed = plain.status != Some(0);
    let stderr = |text: &str| text.rsplit('\r').next().unwrap_or_default().to_owned();
    for (name, plain) in [("stdout", plain.stdout.clone()), ("stderr", stderr(&plain.stderr))] {
        let ours = record[name]["text"].as_str().unwrap();
        let ours = if name == "stderr" { stderr(ours) } else { ours.to_owned() };
        if (name == "stdout" || failed) && unstamped(&ours) != unstamped(&plain) && record[name]["truncated"] != true {
            return Err(format!("{name}: {}", first_difference(&unstamped(&ours), &unstamped(&plain))));
        }
    }
    equal.push("words");
    let written = |name: &&str| !name.starts_with("frames/");
    let names: Vec<&str> = done.names(id).into_iter().filter(written).collect();
    if !names.iter().copied().eq(plain.files.keys().map(String::as_str)) {
        return Err(format!("files {names:?}, plain {:?}", plain.files.keys().collect::<Vec<_>>()));
    }
    for name in names {
        let (ours, plain) = (done.bytes(id, name), &plain.files[name]);
        let film = name.ends_with(".mp4");
        if ours == *plain {
            equal.push(if film { "film, to the byte" } else { "file, to the byte" });
        } else if film && decoded(&ours) == decoded(plain) {
            equal.push("film, frame by frame");
        } else {
            return Err(format!("{name} differs"));
        }
    }
    Ok(equal)
}

/// A log without the moments at which its lines were written, which are told where they change.
fn unstamped(text: &str) -> String {
    let is_stamp = |line: &str| line.starts_with('[') && line.as_bytes().get(18) == Some(&b']');
    let line = |line: &str| if is_stamp(line) { format!("{:19}{}", "", &line[19..]) } else { line.to_owned() };
    text.lines().map(|one| line(one) + "\n").collect()
}
