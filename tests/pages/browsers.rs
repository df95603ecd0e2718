//! The browsers' processes, as the host sees them.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// A process, told from a later one of the same number by its start.
#[derive(Debug, PartialEq)]
pub(crate) struct Process {
    pid: i32,
    parent: i32,
    start: u64,
    line: String,
}

impl Process {
    fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        // A zombie runs nothing and holds nothing.
        if fields[0] == "Z" {
            return None;
        }
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        Some(Self { pid, parent: fields[1].parse().ok()?, start: fields[19].parse().ok()?, line })
    }

    pub(crate) fn is_alive(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| now.start == self.start)
    }
}

fn all() -> Vec<Process> {
    let names = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.to_str()?.parse().ok()).filter_map(Process::of).collect()
}

/// The processes of browsers below a command.
pub(crate) fn below(command: u32) -> Vec<Process> {
    let processes = all();
    let mut family = vec![command.cast_signed()];
    let mut at = 0;
    while at < family.len() {
        let parent = family[at];
        family.extend(processes.iter().filter(|process| process.parent == parent).map(|process| process.pid));
        at += 1;
    }
    let of_browser = |process: &Process| family.contains(&process.pid) && process.line.contains("headless-shell");
    processes.into_iter().filter(of_browser).collect()
}

/// Kills one process of a browser below the command: the main process, a renderer, a helper in turn.
pub(crate) fn kill_one(command: u32, turn: u32) -> bool {
    let kinds = ["--type=renderer", "--remote-debugging-pipe", "--type=gpu-process", "--type=zygote"];
    let kind = kinds[turn as usize % kinds.len()];
    let is_kind = |process: &&Process| {
        process.line.contains(kind) && (kind.starts_with("--type") || !process.line.contains("--type="))
    };
    let found = below(command);
    let victim = found.iter().filter(is_kind).max_by_key(|process| process.start);
    victim.is_some_and(|victim| {
        let pid = Pid::from_raw(victim.pid).unwrap();
        kill_process(pid, Signal::KILL).is_ok()
    })
}
