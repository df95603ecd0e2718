//! The oracle: a Python process that answers one question a line.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use glasshouse_score::html::Dialect;
use serde_json::Value;

#[path = "../../../../tests/common/python.rs"]
mod python;

/// Where the packages lie, and an older Beautiful Soup, which takes precedence where it is asked for.
const NEWER: &str = "packages";
const OLDER: &str = "older";

/// A running oracle.
pub(crate) struct Oracle {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// What the answers took so far, in seconds, measured inside Python.
    pub(crate) seconds: f64,
}

impl Oracle {
    /// Starts an oracle; says why and returns None where it cannot run here.
    pub(crate) fn start() -> Option<Oracle> {
        Self::start_as(false)
    }

    /// One that gives the same answers in less time, for many of them.
    pub(crate) fn start_fast() -> Option<Oracle> {
        Self::start_as(true)
    }

    /// One with the Beautiful Soup of `dialect`.
    pub(crate) fn start_of(dialect: Dialect) -> Option<Oracle> {
        Self::start_with(false, dialect)
    }

    fn start_as(fast: bool) -> Option<Oracle> {
        Self::start_with(fast, Dialect::default())
    }

    fn start_with(fast: bool, dialect: Dialect) -> Option<Oracle> {
        match environment() {
            Ok((python, home)) => Some(Self::run(&python, &home, fast, dialect)),
            Err(why) if env::var("GLASSHOUSE_ORACLE").is_ok_and(|value| value == "required") => panic!("{why}"),
            Err(why) => {
                eprintln!("NOT RUN: the comparison with Python: {why}");
                None
            }
        }
    }

    fn run(python: &Path, home: &Path, fast: bool, dialect: Dialect) -> Oracle {
        let mut folders = vec![home.join(NEWER)];
        if dialect == Dialect::CPython3_11_7Soup4_12 {
            folders.insert(0, home.join(OLDER));
        }
        let mut child = Command::new(python)
            .env("PYTHONPATH", env::join_paths(folders).unwrap())
            .arg("-s")
            .arg(folder().join("serve.py"))
            .env("PYTHONHASHSEED", "0")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("GLASSHOUSE_ORACLE_FAST", if fast { "1" } else { "" })
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let questions = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Oracle { child, questions, answers, seconds: 0.0 }
    }

    /// The oracle's answer to `question`, or the exception that it raised.
    pub(crate) fn ask(&mut self, question: &Value) -> Result<Value, String> {
        writeln!(self.questions, "{question}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let mut said: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        self.seconds += said["seconds"].as_f64().unwrap();
        match said.get("error") {
            Some(error) => Err(error.as_str().unwrap().to_owned()),
            None => Ok(said["ok"].take()),
        }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Another crate's tests ask this oracle as well.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../score/tests/oracle")
}

/// The oracle's interpreter, and the folder with its packages, made if they are missing.
fn environment() -> Result<(PathBuf, PathBuf), String> {
    let python = python::interpreter()?;
    let [requirements, older] = ["requirements.txt", "requirements-older.txt"].map(|name| folder().join(name));
    let pinned = [fs::read(&requirements).unwrap(), fs::read(&older).unwrap()].concat();
    let home = python::cache()?.join("oracle").join(&blake3::hash(&pinned).to_hex()[..16]);
    python::packages(&python, &home, NEWER, &requirements)?;
    python::packages(&python, &home, OLDER, &older)?;
    Ok((python, home))
}
