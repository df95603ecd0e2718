//! The oracle: a Python process that scores one pair a line, with the image's browser.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use glasshouse_model::Digest;
use serde_json::{Value, json};

use super::{Pair, answers, common, python, root};

/// A running oracle.
pub(crate) struct Oracle {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Holds its pictures.
    _folder: tempfile::TempDir,
}

impl Oracle {
    /// Starts an oracle, one that takes every short cut or one to be measured, with the CLIP model in a folder if there
    /// is one; says why and returns None where it cannot run here.
    pub(crate) fn start(fast: bool, clip: Option<&Path>) -> Option<Oracle> {
        match environment() {
            Ok((python, folders)) => Some(Self::run(&python, &folders, fast, clip)),
            Err(why) if env::var("GLASSHOUSE_ORACLE").is_ok_and(|value| value == "required") => panic!("{why}"),
            Err(why) => {
                eprintln!("NOT RUN: the comparison with Python: {why}");
                None
            }
        }
    }

    fn run(python: &Path, folders: &[PathBuf], fast: bool, clip: Option<&Path>) -> Oracle {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("answers");
        answers::serve(&socket, Arc::new(common::mirror()));
        let fast = if fast { "1" } else { "" };
        let mut child = Command::new(python)
            .arg("-s")
            .arg(root().join("tests/webcode2m/oracle.py"))
            .args([&socket, &common::browser()])
            .arg(folder.path())
            .arg(if fast.is_empty() { "0" } else { fast })
            .args(clip)
            .env("PYTHONPATH", env::join_paths(folders).unwrap())
            .env("PYTHONHASHSEED", "0")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("GLASSHOUSE_ORACLE_FAST", fast)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let questions = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Oracle { child, questions, answers, _folder: folder }
    }

    /// The oracle's line for a pair.
    pub(crate) fn ask(&mut self, pair: &Pair) -> Value {
        let question = json!({"id": pair.id, "reference": pair.reference, "candidate": pair.candidate});
        writeln!(self.questions, "{question}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The interpreter, and where it finds the oracle's modules and packages.
fn environment() -> Result<(PathBuf, Vec<PathBuf>), String> {
    let python = python::interpreter()?;
    let modules = root().join("src/score/tests/oracle");
    let requirements = [modules.join("requirements.txt"), root().join("tests/webcode2m/requirements.txt")];
    let mut folders = vec![modules];
    for requirements in requirements {
        let hash = Digest::of(&fs::read(&requirements).map_err(|error| error.to_string())?).hex();
        let home = python::cache()?.join("oracle").join(&hash[..16]);
        folders.push(python::packages(&python, &home, "packages", &requirements)?);
    }
    Ok((python, folders))
}
