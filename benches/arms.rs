//! The arms of the benchmark: who runs the programs, and how.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use glasshouse::bench::Bench;
use glasshouse::glass::{BackendChoice, Docker};
use glasshouse_model::Limits;
use glasshouse_sandbox::{Language, RunRequest, Worker, imports};
use serde::Deserialize;

use crate::Outcome;

/// Seeds every arm alike.
const SEED: u64 = 7;

/// One way to run programs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// A fresh `python main.py` each time.
    Plain,
    /// The same driver in a forked child, without isolation.
    Fork,
    /// A bare fork that ends at once.
    Bare,
    /// The product.
    Glass,
    /// The product, its workers in containers.
    Docker,
}

/// An arm with its lanes and the seconds of its blocks.
pub(crate) struct Arm {
    pub(crate) kind: Kind,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) seconds: Vec<f64>,
}

/// One program.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) id: String,
    pub(crate) code: String,
    /// What it imports that zygotes may load.
    pub(crate) modules: Vec<String>,
}

impl Program {
    pub(crate) fn empty() -> Self {
        Self { id: "empty".to_owned(), code: String::new(), modules: Vec::new() }
    }
}

/// How much is measured.
pub(crate) struct Settings {
    rows: Option<PathBuf>,
    count: usize,
    pub(crate) rounds: usize,
    pub(crate) lanes: usize,
    /// Whether containers take part.
    pub(crate) docker: bool,
}

impl Settings {
    pub(crate) fn from_environment() -> Outcome<Self> {
        let number = |name: &str, default: usize| match env::var(name) {
            Ok(text) => text.parse().map_err(|_| format!("{name}={text} is not a number")),
            Err(_) => Ok(default),
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            rows: env::var_os("GLASSHOUSE_BENCH_ROWS").map(PathBuf::from),
            count: number("GLASSHOUSE_BENCH_COUNT", 40)?,
            rounds: number("GLASSHOUSE_BENCH_ROUNDS", 3)?,
            lanes: number("GLASSHOUSE_BENCH_LANES", cores)?,
            docker: number("GLASSHOUSE_BENCH_DOCKER", 0)? == 1,
        })
    }

    /// The programs, evenly spread over the file.
    pub(crate) fn programs(&self) -> Outcome<Vec<Program>> {
        #[derive(Deserialize)]
        struct Row {
            id: String,
            code: String,
            expect: Option<String>,
        }
        let text = match &self.rows {
            Some(path) => fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?,
            None => include_str!("../fixtures/demo.jsonl").to_owned(),
        };
        let rows: Vec<Row> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        // Of the demo only what draws: the rest measures limits, not speed.
        let rows: Vec<Row> = rows
            .into_iter()
            .filter(|row| row.expect.as_deref().is_none_or(|expect| expect == "ok") && row.code.contains("import"))
            .collect();
        let step = (rows.len() as f64 / self.count as f64).max(1.0);
        let chosen =
            (0..self.count).map(|index| (index as f64 * step) as usize).take_while(|index| *index < rows.len());
        Ok(chosen
            .map(|index| {
                let row = &rows[index];
                let modules = imports(Language::Python, &row.code);
                Program { id: row.id.clone(), code: row.code.clone(), modules }
            })
            .collect())
    }
}

/// What lanes are made of.
pub(crate) struct Setup {
    bench: Bench,
    contained: Option<Bench>,
    scripts: tempfile::TempDir,
}

impl Setup {
    pub(crate) fn new(docker: bool) -> Outcome<Self> {
        let scripts = tempfile::tempdir()?;
        fs::write(scripts.path().join("control.py"), include_str!("control/control.py"))?;
        fs::write(scripts.path().join("enter.sh"), include_str!("control/enter.sh"))?;
        let contained = docker.then(|| Bench::new(BackendChoice::Docker(Docker::new(None)))).transpose()?;
        Ok(Self { bench: Bench::new(BackendChoice::Native)?, contained, scripts })
    }

    pub(crate) fn lane(&self, kind: Kind) -> Outcome<Lane> {
        let bench = match kind {
            Kind::Glass => Some(&self.bench),
            Kind::Docker => Some(self.contained.as_ref().ok_or("containers do not take part")?),
            Kind::Plain | Kind::Fork | Kind::Bare => None,
        };
        if let Some(bench) = bench {
            let worker = Box::new(bench.worker().map_err(|fault| fault.message)?);
            return Ok(Lane::Glass { worker, limits: bench.limits() });
        }
        let mut child = Command::new("unshare")
            .args(["--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "sh"])
            .arg(self.scripts.path().join("enter.sh"))
            .args([self.bench.root(), self.bench.driver()])
            .arg(self.scripts.path().join("control.py"))
            .env_clear()
            .envs(self.bench.environment())
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let requests = child.stdin.take().ok_or("no pipe to the control")?;
        let answers = BufReader::new(child.stdout.take().ok_or("no pipe from the control")?);
        Ok(Lane::Control { kind, child, requests, answers, warm: self.bench.warm() })
    }
}

/// One worker of an arm.
pub(crate) enum Lane {
    Control { kind: Kind, child: Child, requests: ChildStdin, answers: BufReader<ChildStdout>, warm: Vec<String> },
    Glass { worker: Box<Worker>, limits: Limits },
}

/// What a lane says of a program.
#[derive(Debug, Deserialize)]
pub(crate) struct Run {
    pub(crate) seconds: f64,
    #[serde(rename = "status")]
    _status: i32,
    pub(crate) pictures: Vec<u32>,
}

impl Lane {
    pub(crate) fn run(&mut self, program: &Program) -> Outcome<Run> {
        match self {
            Self::Control { kind, requests, answers, warm, .. } => {
                let op = match kind {
                    Kind::Plain => "plain",
                    Kind::Fork => "fork",
                    Kind::Bare | Kind::Glass | Kind::Docker => "bare",
                };
                let known = |name: &&String| warm.iter().any(|top| name.split('.').next() == Some(top));
                let modules: Vec<&String> = program.modules.iter().filter(known).collect();
                let request = serde_json::json!({"op": op, "code": program.code, "modules": modules, "seed": SEED});
                writeln!(requests, "{request}")?;
                let mut line = String::new();
                answers.read_line(&mut line)?;
                serde_json::from_str(&line).map_err(|error| format!("the control says {line:?}: {error}").into())
            }
            Self::Glass { worker, limits } => glass(worker, limits, program),
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Self::Control { child, .. } = self {
            // Everything below it goes with it (--kill-child).
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn glass(worker: &mut Worker, limits: &Limits, program: &Program) -> Outcome<Run> {
    let request = RunRequest {
        code: program.code.clone(),
        files: BTreeMap::new(),
        stdin: Vec::new(),
        args: Vec::new(),
        test_code: None,
        seed: SEED,
        options: serde_json::Value::Null,
        limits: limits.clone(),
    };
    let begun = Instant::now();
    let report = worker.run(&request).map_err(|fault| fault.message)?;
    let seconds = begun.elapsed().as_secs_f64();
    worker.get_ready();
    let folder = PathBuf::from(format!("/proc/self/fd/{}", report.captures.as_raw_fd()));
    let mut names: Vec<PathBuf> = fs::read_dir(&folder)?.flatten().map(|entry| entry.path()).collect();
    names.sort();
    let raw = names.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rgba"));
    let pictures = raw.map(|path| Ok(crc32fast::hash(&fs::read(path)?))).collect::<Outcome<_>>()?;
    Ok(Run { seconds, _status: 0, pictures })
}
