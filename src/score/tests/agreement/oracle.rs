//! The oracle: a Python process that answers one question a line.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use glasshouse_score::html::Dialect;
use serde_json::Value;

/// The interpreter whose `html.parser` is ported.
const PYTHON: &str = "3.11.7";

/// Where an older Beautiful Soup lies, which takes precedence where it is asked for.
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
            Ok(home) => Some(Self::run(&home, fast, dialect)),
            Err(why) if env::var("GLASSHOUSE_ORACLE").is_ok_and(|value| value == "required") => panic!("{why}"),
            Err(why) => {
                eprintln!("NOT RUN: the comparison with Python: {why}");
                None
            }
        }
    }

    fn run(home: &Path, fast: bool, dialect: Dialect) -> Oracle {
        let older = match dialect {
            Dialect::CPython3_11_7 => PathBuf::new(),
            Dialect::CPython3_11_7Soup4_12 => home.join(OLDER),
        };
        let mut child = Command::new(home.join("venv/bin/python"))
            .env("PYTHONPATH", older)
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

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle")
}

/// The folder of the oracle's own environment, made if it is missing.
fn environment() -> Result<PathBuf, String> {
    let base = interpreter()?;
    let [requirements, older] = ["requirements.txt", "requirements-older.txt"].map(|name| folder().join(name));
    let pinned = [fs::read(&requirements).unwrap(), fs::read(&older).unwrap()].concat();
    let hash = blake3::hash(&pinned).to_hex();
    let home = cache()?.join("oracle").join(format!("{PYTHON}-{}", &hash[..16]));
    fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
    // Two tests at a time must not build the same environment.
    let lock = File::create(home.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let python = home.join("venv/bin/python");
    if !home.join("complete").exists() {
        eprintln!("making the oracle's Python environment in {} (once, about a minute)", home.display());
        step(Command::new(base).args(["-m", "venv", "--clear"]).arg(home.join("venv")))?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"];
        step(Command::new(&python).args(install).arg(requirements))?;
        step(Command::new(&python).args(install).arg(older).args(["--no-deps", "--target"]).arg(home.join(OLDER)))?;
        File::create(home.join("complete")).map_err(|error| error.to_string())?;
    }
    Ok(home)
}

fn step(command: &mut Command) -> Result<(), String> {
    let done = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    done.success().then_some(()).ok_or_else(|| format!("{command:?} failed"))
}

fn interpreter() -> Result<PathBuf, String> {
    let named = env::var_os("GLASSHOUSE_ORACLE_PYTHON").map(PathBuf::from);
    let usual = ["python3.11", "python3", "python"].map(PathBuf::from);
    let fits = |python: &PathBuf| {
        let said = Command::new(python).args(["-c", "import platform; print(platform.python_version())"]).output();
        said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).trim() == PYTHON)
    };
    let missing = format!("it needs CPython {PYTHON}; name one in GLASSHOUSE_ORACLE_PYTHON");
    named.into_iter().chain(usual).find(fits).ok_or(missing)
}

fn cache() -> Result<PathBuf, String> {
    let from = |name| env::var_os(name).map(PathBuf::from);
    from("GLASSHOUSE_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|base| base.join("glasshouse")))
        .or_else(|| from("HOME").map(|home| home.join(".cache/glasshouse")))
        .ok_or_else(|| "no cache folder: set GLASSHOUSE_CACHE".to_owned())
}
