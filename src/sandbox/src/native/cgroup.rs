//! One cgroup leaf for each job: its limits, its counters, its end.
//!
//! Two layouts are supported: v1 controllers, each with a tree of its own, and the one tree of v2.
//! A leaf is never reused: counters and limits of a fresh one are known to be right.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use glasshouse_model::Limits;

mod layout;

pub(crate) use layout::Layout;

/// The name of our folder under each hierarchy; below it one folder for each supervisor.
pub(crate) const FAMILY: &str = "glasshouse";

/// How many trees this process has made: each has a folder of its own, so that one pool's end (or a
/// probe by `doctor`) takes no other pool's leaves away.
static TREES: AtomicU64 = AtomicU64::new(0);

/// How often a folder is made again whose parent went away meanwhile.
const MAKING_ATTEMPTS: u32 = 50;
/// A child that waited in vain is still being torn down when its leaf comes back.
const REMOVAL_ATTEMPTS: u32 = 200;
const REMOVAL_PAUSE: Duration = Duration::from_millis(5);

/// This supervisor's part of the cgroup tree.
#[derive(Debug)]
pub(crate) struct Tree {
    layout: Layout,
    name: String,
    next: AtomicU64,
}

impl Tree {
    /// Makes the supervisor's folder(s), after removing those that dead supervisors left.
    pub(crate) fn new() -> io::Result<Self> {
        let layout = Layout::find()?;
        let tree = TREES.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{tree}", supervisor_name(std::process::id()));
        for root in layout.roots() {
            reap_dead(&root);
            make_folder(&root.join(&name))?;
        }
        layout.delegate(&name)?;
        Ok(Self { layout, name, next: AtomicU64::new(0) })
    }

    /// What `doctor` and records call this layout.
    pub(crate) fn describe(&self) -> &'static str {
        self.layout.describe()
    }

    /// The folders to remove when this supervisor is gone.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        self.layout.roots().into_iter().map(|root| root.join(&self.name)).collect()
    }

    /// The files through which a worker moves itself to where it may fork jobs into leaves from; none on v1.
    pub(crate) fn home_doors(&self) -> io::Result<Vec<OwnedFd>> {
        open_doors(self.layout.home_doors(&self.name))
    }

    /// A fresh leaf without limits; see [`Leaf::limit`].
    pub(crate) fn leaf(&self) -> io::Result<Leaf> {
        let name = format!("{}/{}", self.name, self.next.fetch_add(1, Ordering::Relaxed));
        Leaf::new(&self.layout, &name)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        for folder in self.folders() {
            remove_tree(&folder);
            if let Some(family) = folder.parent().filter(|_| rustix::process::geteuid().is_root()) {
                // Root makes it again at will; an ordinary user was given it. Busy: another command lives.
                let _ = fs::remove_dir(family);
            }
        }
    }
}

/// Makes a folder and those above it. Another command that ends may remove the family's folder, while it is empty, between
/// its making and that of what is to be in it: then both are made again.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut made = fs::create_dir_all(folder);
    for _ in 0..MAKING_ATTEMPTS {
        match made {
            Err(error) if error.kind() == io::ErrorKind::NotFound => made = fs::create_dir_all(folder),
            other => return other,
        }
    }
    made
}

/// Names a supervisor by its pid and its start time, so that a reused pid is not taken for it.
fn supervisor_name(pid: u32) -> String {
    format!("{pid}-{}", start_time(pid).unwrap_or(0))
}

/// Field 22 of /proc/PID/stat: clock ticks from boot to the start of the process.
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

fn reap_dead(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.split('-').next().and_then(|pid| pid.parse().ok());
        if pid.is_some_and(|pid| !name.starts_with(&format!("{}-", supervisor_name(pid)))) {
            remove_tree(&entry.path());
        }
    }
}

/// Removes a folder of empty cgroups; one that still holds processes stays for the next reaping.
fn remove_tree(folder: &Path) {
    if let Ok(entries) = fs::read_dir(folder) {
        for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
            remove_tree(&entry.path());
        }
    }
    // An error means that it is gone already, or busy: both are left to others.
    let _ = fs::remove_dir(folder);
}

/// One job's cgroup, with the files that are read while it runs held open.
#[derive(Debug)]
pub(crate) struct Leaf {
    layout: Layout,
    folders: Vec<PathBuf>,
    entrances: Vec<OwnedFd>,
    cpu: Option<File>,
    oom: File,
    current: File,
}

/// What a leaf counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counters {
    /// Seconds of processor time.
    pub(crate) cpu: f64,
    /// Highest memory use in bytes.
    pub(crate) memory_peak: u64,
    /// Kills for memory.
    pub(crate) oom_kills: u64,
    /// Most processes at one time; 0 where the kernel does not tell.
    pub(crate) processes: u64,
    /// Forks refused at the limit.
    pub(crate) refused_forks: u64,
}

impl Leaf {
    fn new(layout: &Layout, name: &str) -> io::Result<Self> {
        let folders: Vec<PathBuf> = layout.roots().into_iter().map(|root| root.join(name)).collect();
        for folder in &folders {
            fs::create_dir(folder)?;
        }
        layout.admit_workers(&folders)?;
        let paths = layout.files(name);
        let entrances = paths.entrances.iter().map(|path| layout.open_entrance(path)).collect::<io::Result<_>>()?;
        Ok(Self {
            layout: layout.clone(),
            entrances,
            cpu: paths.cpu.map(File::open).transpose()?,
            oom: File::open(paths.oom)?,
            current: File::open(paths.pids_current)?,
            folders,
        })
    }

    /// Sets the limits. Swap is not to be had; a limit that the kernel refuses is an error.
    pub(crate) fn limit(&self, limits: &Limits) -> io::Result<()> {
        for (path, value, needed) in self.layout.limits(&self.folders, limits) {
            let written =
                OpenOptions::new().write(true).open(&path).and_then(|mut file| file.write_all(value.as_bytes()));
            match written {
                Err(error) if needed => {
                    return Err(io::Error::new(error.kind(), format!("write {value} to {}: {error}", path.display())));
                }
                // Files for swap exist only where the kernel counts swap.
                _ => {}
            }
        }
        Ok(())
    }

    /// v1: the `tasks` files through which the job's child moves itself in.
    pub(crate) fn tasks(&self) -> Vec<BorrowedFd<'_>> {
        if self.layout.born_inside() { Vec::new() } else { self.entrances.iter().map(AsFd::as_fd).collect() }
    }

    /// The files through which a process that is alive moves itself in, on either layout.
    pub(crate) fn doors(&self) -> io::Result<Vec<OwnedFd>> {
        open_doors(self.layout.doors(&self.folders))
    }

    /// Bytes of memory in use now.
    pub(crate) fn memory(&self) -> io::Result<u64> {
        let path = self.layout.facts(&self.folders).memory_now;
        fs::read_to_string(path)?.trim().parse().map_err(io::Error::other)
    }

    /// v2: the folder into which the job's child is born.
    pub(crate) fn birthplace(&self) -> Option<BorrowedFd<'_>> {
        if self.layout.born_inside() { self.entrances.first().map(AsFd::as_fd) } else { None }
    }

    /// Seconds of processor time so far.
    pub(crate) fn cpu(&mut self) -> io::Result<f64> {
        let layout = &self.layout;
        match &mut self.cpu {
            Some(file) => reread(file).map(|text| layout.parse_cpu(&text)),
            None => Ok(0.0),
        }
    }

    /// Kills for memory so far.
    pub(crate) fn oom_kills(&mut self) -> io::Result<u64> {
        Ok(field(&reread(&mut self.oom)?, "oom_kill"))
    }

    /// Whether no process is in it.
    pub(crate) fn is_empty(&mut self) -> io::Result<bool> {
        Ok(reread(&mut self.current)?.trim() == "0")
    }

    /// All counters, for the record.
    pub(crate) fn counters(&mut self) -> io::Result<Counters> {
        let facts = self.layout.facts(&self.folders);
        let number = |path: &Path| -> u64 {
            fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
        };
        Ok(Counters {
            cpu: self.cpu()?,
            memory_peak: number(&facts.memory_peak),
            oom_kills: self.oom_kills()?,
            processes: number(&facts.pids_peak),
            refused_forks: field(&fs::read_to_string(&facts.pids_events)?, "max"),
        })
    }

    /// Removes the leaf; its processes must be dead. Takes milliseconds: not for the path of a sample.
    pub(crate) fn remove(self) {
        let Self { folders, entrances, .. } = self;
        drop(entrances);
        for folder in folders {
            for _ in 0..REMOVAL_ATTEMPTS {
                match fs::remove_dir(&folder) {
                    Err(error) if error.kind() == io::ErrorKind::ResourceBusy => std::thread::sleep(REMOVAL_PAUSE),
                    // Gone, or not to be had: the supervisor's end tries once more.
                    _ => break,
                }
            }
        }
    }
}

fn open_doors(paths: Vec<PathBuf>) -> io::Result<Vec<OwnedFd>> {
    paths.into_iter().map(|path| Ok(OpenOptions::new().write(true).open(path)?.into())).collect()
}

/// Reads a small file of the kernel again from its start.
fn reread(file: &mut File) -> io::Result<String> {
    let mut text = String::new();
    file.rewind()?;
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// The number after `name` in lines of `name number`.
fn field(text: &str, name: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok());
    value.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_whole_words() {
        let text = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n";
        assert_eq!(field(text, "oom_kill"), 3);
        assert_eq!(field(text, "oom"), 0);
    }

    #[test]
    fn a_supervisor_is_known_by_more_than_its_pid() {
        let me = supervisor_name(std::process::id());
        assert!(me.starts_with(&format!("{}-", std::process::id())));
        assert!(!me.ends_with("-0"));
    }
}
