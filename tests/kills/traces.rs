//! What a command may leave on the host, and may not.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::family;

/// What was killed last may still be on its way out.
const PATIENCE: Duration = Duration::from_secs(10);
/// Deeper than any delegated folder that is made for us.
const DEPTH: u32 = 6;

/// Fails if a process, a cgroup, a mount or a temporary file of these commands is there and stays.
pub(crate) fn assert_none(commands: &[i32], temporary: &Path) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        family::bury_orphans();
        let left = left(commands, temporary);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "left behind:\n{}", left.join("\n"));
        thread::sleep(Duration::from_millis(100));
    }
}

/// Namespaces live as long as a process or a mount holds them, so they need no search of their own.
fn left(commands: &[i32], temporary: &Path) -> Vec<String> {
    let mut left: Vec<String> = family::descendants().into_iter().map(|process| format!("process {process}")).collect();
    left.extend(cgroups(commands).into_iter().map(|folder| format!("cgroup {}", folder.display())));
    left.extend(mounts().into_iter().map(|mount| format!("mount {mount}")));
    left.extend(fs::read_dir(temporary).unwrap().map(|entry| format!("file {}", entry.unwrap().path().display())));
    left
}

/// Folders of these commands; each is named PID-.. below a folder glasshouse...
fn cgroups(commands: &[i32]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let hierarchies = mounts.lines().filter(|line| line.contains(" - cgroup"));
    for place in hierarchies.filter_map(|line| line.split(' ').nth(4)) {
        search(Path::new(place), DEPTH, commands, &mut found);
    }
    found
}

fn search(folder: &Path, depth: u32, commands: &[i32], found: &mut Vec<PathBuf>) {
    let ours = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("glasshouse"));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if ours && commands.iter().any(|pid| name.starts_with(&format!("{pid}-"))) {
            found.push(entry.path());
        } else if depth > 0 {
            search(&entry.path(), depth - 1, commands, found);
        }
    }
}

/// Mounts of ours belong into namespaces of ours; on the host there is none at any time.
fn mounts() -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let ours = |line: &&str| line.contains("/glasshouse/") || line.contains(" nsfs ");
    mounts.lines().filter(ours).map(str::to_owned).collect()
}
