//! What a worker is asked to run, and what it saw. Evidence only: verdicts are made elsewhere.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use glasshouse_model::{Limits, Usage};

/// One execution: everything that a sandbox needs to know of a job.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The program.
    pub code: String,
    /// Files in the work folder, by relative path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Standard input.
    pub stdin: Vec<u8>,
    /// Arguments without the program's own name.
    pub args: Vec<String>,
    /// Code that runs after the program in its namespace, and must not raise.
    pub test_code: Option<String>,
    /// Seed for the interpreter's global generators.
    pub seed: u64,
    /// What else the runtime's driver is told of the job; null: nothing.
    pub options: serde_json::Value,
    /// What it may use.
    pub limits: Limits,
}

/// How the program's main process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It left with this status.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// Why the supervisor ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The deadline on the clock passed.
    Wall,
    /// The processor time was used up.
    Cpu,
    /// Too much was written to stdout and stderr.
    Output,
    /// The kernel had to kill for memory.
    Memory,
}

/// What came through one output pipe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// The first bytes, up to the limit on what is kept.
    pub kept: Vec<u8>,
    /// All bytes that were read, kept or not.
    pub total: u64,
}

/// The private disk as it was at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Bytes in use.
    pub bytes: u64,
    /// Files and folders in use.
    pub files: u64,
    /// Whether no further page, or no further file, would have fitted.
    pub full: bool,
}

/// Seconds that a run spent in its stages inside the sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timing {
    /// Until a cell and a zygote with the right imports were there.
    pub lease: f64,
    /// From the request until the child existed.
    pub start: f64,
    /// From then until the main process ended.
    pub run: f64,
    /// Ending every other process of the job.
    pub stop: f64,
}

/// What the supervisor saw of a run. Every process of the run is dead when this exists.
#[derive(Debug)]
pub struct RunReport {
    /// How the main process ended.
    pub exit: Exit,
    /// Why we ended the run, if we did.
    pub stop: Option<Stop>,
    /// Kills by the kernel for memory inside the job's cgroup.
    pub oom_kills: u64,
    /// Forks and threads refused at the limit on processes.
    pub refused_forks: u64,
    /// The private disk.
    pub disk: Disk,
    /// Standard output.
    pub stdout: Output,
    /// Standard error.
    pub stderr: Output,
    /// What it used.
    pub usage: Usage,
    /// Where the time went.
    pub timing: Timing,
    /// Whether the test code ran to its end; `None` if there was none.
    pub test_passed: Option<bool>,
    /// The work folder, dead and still, for reading.
    pub work: OwnedFd,
    /// The folder in which the hooks left captures and `error.json`, dead and still, for reading.
    pub captures: OwnedFd,
    /// The program's name in the work folder, such as `main.py`, which is no artifact.
    pub script: String,
}
