//! Removes the cgroups of a supervisor that was killed.
//!
//! It is started beside the supervisor with a pipe as its standard input. When the pipe closes, all
//! workers are ending too, so their cgroups soon are empty folders; those it removes.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::system::Step;

const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// Waits for the supervisor's end, then removes `folders`.
pub(crate) fn run(folders: &[String]) -> Step<()> {
    // A Ctrl-C at the terminal reaches the whole group; the janitor's work comes after it.
    // SAFETY: no pointers.
    unsafe { libc::setsid() };
    let mut byte = [0_u8; 1];
    // SAFETY: a live buffer; the pipe never carries data, so this returns at its end.
    while unsafe { libc::read(0, byte.as_mut_ptr().cast(), 1) } > 0 {}
    let mut left: Vec<PathBuf> = folders.iter().map(PathBuf::from).collect();
    for _ in 0..ATTEMPTS {
        left.retain(|folder| !remove(folder));
        if left.is_empty() {
            break;
        }
        thread::sleep(PAUSE);
    }
    // The family's folder, where it is empty and ours to remove; a delegated one is not.
    for family in folders.iter().filter_map(|folder| Path::new(folder).parent()) {
        let _ = std::fs::remove_dir(family);
    }
    Ok(())
}

/// Removes a cgroup with all below it; whether it is gone.
fn remove(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return !folder.exists() };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    std::fs::remove_dir(folder).is_ok() || !folder.exists()
}
