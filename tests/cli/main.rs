//! Bad input as a user meets it: what the message says, which code the command ends with, and that the rest goes on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// What a message must say, whatever else it says: place, cause, next step.
type Words = [&'static str; 3];

#[test]
fn bad_rows_are_named_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, wanted) = rows();
    let file = folder.path().join("rows.jsonl");
    fs::write(&file, lines.join(&b'\n')).unwrap();
    let out = folder.path().join("out");
    let ended = run(&file, &out, &[]);
    let said = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    for words in &wanted {
        let found = said.lines().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "no line says {words:?}:\n{said}");
    }
    let bad = json_lines(&out.join("bad_rows.jsonl"));
    assert_eq!(bad.len(), wanted.len(), "{bad:?}");
    assert!(bad.iter().all(|row| ["file", "message", "next"].iter().all(|key| row[key].is_string())), "{bad:?}");
    let mut answered: Vec<String> = json_lines(&out.join("records.jsonl"))
        .iter()
        .map(|record| format!("{}: {}", record["id"], record["verdict"]))
        .collect();
    answered.sort();
    assert_eq!(answered, [r#""first": "ok""#, r#""last": "ok""#, r#""row-1": "runtime_error""#]);

    // The folder now belongs to these rows: others are refused, and nothing of it is lost.
    let other = folder.path().join("other.jsonl");
    fs::write(&other, good("other").to_string()).unwrap();
    refused(&run(&other, &out, &[]), 3, ["another dataset", "rows.jsonl", "--fresh"]);
    assert_eq!(json_lines(&out.join("records.jsonl")).len(), 3);
}

/// Lines of a dataset, and what must be said of each that cannot be used.
fn rows() -> (Vec<Vec<u8>>, Vec<Words>) {
    let mut lines = vec![good("first").to_string().into_bytes()];
    lines.push(json!({"runtime": "python", "code": "raise KeyError"}).to_string().into_bytes());
    let mut wanted = Vec::new();
    let bad: [(Vec<u8>, Words); 11] = [
        (b"{\"id\": \"cut\", \"code\": ".to_vec(), ["rows.jsonl:3: row 2", "not JSON", "correct the line"]),
        (b"{\"id\": \"\xe9\"}".to_vec(), ["rows.jsonl:4: row 3", "not UTF-8: byte 8", "iconv"]),
        (b"[1]".to_vec(), ["rows.jsonl:5: row 4", "a list, not an object", "one JSON object per line"]),
        (with("code", Value::Null), ["rows.jsonl:6: row 5 (bad-code)", "\"code\" is missing", "\"completion\""]),
        (with("code", json!(5)), ["rows.jsonl:7: row 6", "\"code\": expected a text", "correct the row"]),
        (
            with("runtime", json!("cobol")),
            ["rows.jsonl:8: row 7", "\"cobol\" is not known", "there are: manim, octave, python, r, svg, web, wolfram"],
        ),
        (with("policy", json!("lax")), ["rows.jsonl:9: row 8", "no policy \"lax\"", "there are: default"]),
        (with("limits", json!({"wall": "0 s"})), ["rows.jsonl:10: row 9", "limits.wall", "out of range; allowed are"]),
        (with("limits", json!({"memory": "512 GiB"})), ["rows.jsonl:11: row 10", "looser", "--allow-looser-limits"]),
        (with("files", json!({"../up": ""})), ["rows.jsonl:12: row 11", "../up", "inside the work folder"]),
        (good("first").to_string().into_bytes(), ["rows.jsonl:13: row 12", "that of row 0", "an id of its own"]),
    ];
    for (line, words) in bad {
        lines.push(line);
        wanted.push(words);
    }
    lines.push(good("last").to_string().into_bytes());
    (lines, wanted)
}

#[test]
fn inputs_that_cannot_be_read_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let out = place("out");
    refused(&run(&place("absent.jsonl"), &out, &[]), 3, ["absent.jsonl", "No such file", "check the path"]);
    refused(&run(folder.path(), &out, &[]), 3, ["cannot read", "it is a folder", "name the files in it"]);
    fs::write(place("rows.txt"), "").unwrap();
    refused(&run(&place("rows.txt"), &out, &[]), 3, ["rows.txt", "format is not known", "rename or convert"]);
    fs::write(place("rows.parquet"), "PAR1").unwrap();
    refused(&run(&place("rows.parquet"), &out, &[]), 3, ["rows.parquet", "cut off", "fetch it again"]);
    assert!(!out.exists() || fs::read_dir(&out).unwrap().next().is_none(), "something was written");

    let rows = place("rows.jsonl");
    fs::write(&rows, good("only").to_string()).unwrap();
    refused(&run(&rows, &out, &["--policy", "lax"]), 2, ["no policy", "\"lax\"", "there are: default"]);
    refused(&run(&rows, &rows, &[]), 3, ["rows.jsonl", "not a folder", "choose another folder"]);
}

#[test]
fn a_full_disk_ends_the_command_and_room_lets_it_go_on() {
    if !rustix::process::geteuid().is_root() {
        println!("not tested here: only root can mount a small disk");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let rows = folder.path().join("rows.jsonl");
    // Half a megabyte each that no compression or sharing makes smaller, and one after the other: on a fast machine
    // the disk would else be full before the first of them is recorded.
    let code =
        "import random, time\nnoise = random.randbytes(500_000)\ntime.sleep(PAUSE)\nopen('noise', 'wb').write(noise)";
    let pause = |n: u32| format!("{:.2}", f64::from(n.min(8) % 8) * 0.15);
    let line = |n: u32| {
        format!(
            "{}\n",
            json!({"id": n.to_string(), "runtime": "python", "code": code.replace("PAUSE", &pause(n)), "seed": n})
        )
    };
    fs::write(&rows, (0..20).map(line).collect::<String>()).unwrap();
    // In a mount namespace of its own, so that no disk stays whatever ends the test.
    let command = format!(
        "{} run {} -o {}/out --no-progress --no-report",
        env!("CARGO_BIN_EXE_glasshouse"),
        rows.display(),
        disk.display()
    );
    let script = format!(
        "mount -t tmpfs -o size=3m disk {0} || exit 99; {command}; echo $? >&2; test -s {0}/out/records.jsonl || exit 98; \
         mount -o remount,size=60m disk {0} || exit 99; {command}; echo $? >&2; wc -l < {0}/out/records.jsonl",
        disk.display()
    );
    let ended = Command::new("unshare").args(["--mount", "sh", "-c", &script]).stdin(Stdio::null()).output().unwrap();
    let said = text(&ended.stderr);
    assert!(ended.status.success(), "{}\n{said}", ended.status);
    let full = said.lines().find(|line| line.starts_with("glasshouse:")).unwrap_or_else(|| panic!("{said}"));
    for words in ["disk", "full", "free some space and run the same command again"] {
        assert!(full.contains(words), "{words:?} is not in {full:?}");
    }
    let codes: Vec<&str> = said.lines().filter(|line| line.parse::<u8>().is_ok()).collect();
    assert_eq!(codes, ["5", "0"], "{said}");
    assert_eq!(text(&ended.stdout).trim(), "20", "{said}");
}

fn good(id: &str) -> Value {
    json!({"id": id, "runtime": "python", "code": "print('good')"})
}

/// A row named bad-FIELD whose field has this value, or none.
fn with(field: &str, value: Value) -> Vec<u8> {
    let mut row = good(&format!("bad-{field}-{}", value.to_string().len()));
    if value.is_null() {
        row["id"] = format!("bad-{field}").into();
        row.as_object_mut().unwrap().remove(field);
    } else {
        row[field] = value;
    }
    row.to_string().into_bytes()
}

fn run(rows: &Path, out: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glasshouse"));
    command.arg("run").arg(rows).arg("-o").arg(out).args(["--no-progress", "--no-report"]).args(more);
    command.stdin(Stdio::null()).output().unwrap()
}

fn refused(ended: &Output, code: i32, words: Words) {
    let said = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said:?}");
    }
}

fn json_lines(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
