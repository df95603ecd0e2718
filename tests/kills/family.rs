//! The processes that descend from this test, whatever of what lay between has died.

use std::collections::BTreeMap;
use std::fs;

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, wait};

/// What a process is to the command under test.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    /// The command itself.
    Command,
    /// The process that waits outside a worker's namespaces.
    Worker,
    /// Process 1 of a worker.
    Init,
    /// Process 1 of a job's namespaces.
    Cell,
    /// An interpreter that forks jobs.
    Zygote,
    /// What decodes pictures.
    Helper,
    /// What removes cgroups.
    Janitor,
}

/// What the command starts.
pub(crate) const COMPONENTS: [Kind; 6] =
    [Kind::Worker, Kind::Init, Kind::Cell, Kind::Zygote, Kind::Helper, Kind::Janitor];

#[derive(Debug)]
struct Process {
    parent: i32,
    /// Empty for a zombie.
    arguments: Vec<String>,
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let arguments = line
            .split(|byte| *byte == 0)
            .filter(|part| !part.is_empty())
            .map(|part| String::from_utf8_lossy(part).into());
        Some(Self { parent, arguments: arguments.collect() })
    }

    fn has(&self, word: &str) -> bool {
        self.arguments.iter().any(|argument| argument == word || argument.ends_with(&format!("/{word}")))
    }
}

/// Orphans become children of this process, so that none gets out of sight.
pub(crate) fn adopt_orphans() {
    set_child_subreaper(Some(getpid())).unwrap();
}

/// Takes leave of orphans that have ended. Only while no command is running, whose status would be lost.
pub(crate) fn bury_orphans() {
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}

/// A living descendant of `command` of this kind, if there is one: the `choice`-th, counted around.
pub(crate) fn find(kind: Kind, command: i32, choice: usize) -> Option<i32> {
    let all = processes();
    let of_kind: Vec<i32> = all.keys().copied().filter(|pid| kind_of(&all, command, *pid) == Some(kind)).collect();
    (!of_kind.is_empty()).then(|| of_kind[choice % of_kind.len()])
}

/// Kills a process; whether it was still there.
pub(crate) fn kill(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}

/// Descendants of this process, described.
pub(crate) fn descendants() -> Vec<String> {
    let all = processes();
    let me = getpid().as_raw_pid();
    let below = all.iter().filter(|(pid, _)| **pid != me && descends(&all, **pid, me));
    below.map(|(pid, process)| format!("{pid}: {}", process.arguments.join(" "))).collect()
}

fn processes() -> BTreeMap<i32, Process> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, Process::read(pid)?))).collect()
}

fn descends(all: &BTreeMap<i32, Process>, mut pid: i32, from: i32) -> bool {
    while let Some(process) = all.get(&pid) {
        if process.parent == from {
            return true;
        }
        pid = process.parent;
    }
    false
}

fn kind_of(all: &BTreeMap<i32, Process>, command: i32, pid: i32) -> Option<Kind> {
    if pid == command {
        return Some(Kind::Command);
    }
    let process = all.get(&pid)?;
    let above = kind_of(all, command, process.parent)?;
    match above {
        Kind::Command if process.has("check-helper") => Some(Kind::Helper),
        Kind::Command if process.has("janitor") => Some(Kind::Janitor),
        Kind::Command if process.has("worker") => Some(Kind::Worker),
        Kind::Worker if process.has("worker") => Some(Kind::Init),
        Kind::Init if process.has("worker") => Some(Kind::Cell),
        // Interpreters below a zygote are jobs: killed from outside, one looks like a sample that kills itself.
        Kind::Init if process.has("start.py") => Some(Kind::Zygote),
        _ => None,
    }
}
