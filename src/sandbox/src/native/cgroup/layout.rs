//! Where the files of a leaf are: in the one tree of v2, or in the trees of v1's controllers.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use glasshouse_model::Limits;
use rustix::fs::{Mode, OFlags};

use super::FAMILY;

mod v2;

/// The layout of this host and the folders in which we may make leaves.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Layout {
    /// One folder for each controller.
    V1 { memory: PathBuf, pids: PathBuf, cpuacct: PathBuf },
    /// One folder for all.
    V2 { root: PathBuf },
}

/// Files of a new leaf that are opened at once.
pub(super) struct LeafFiles {
    pub(super) entrances: Vec<PathBuf>,
    pub(super) cpu: Option<PathBuf>,
    pub(super) oom: PathBuf,
    pub(super) pids_current: PathBuf,
}

/// Files that are read once, for the record.
pub(super) struct Facts {
    pub(super) memory_now: PathBuf,
    pub(super) memory_peak: PathBuf,
    pub(super) pids_peak: PathBuf,
    pub(super) pids_events: PathBuf,
}

const MOUNTS: &str = "/proc/self/mountinfo";
const NEEDED: [&str; 3] = ["memory", "pids", "cpuacct"];

impl Layout {
    /// Finds controllers that we may use: ours by delegation, or everything for root.
    pub(crate) fn find() -> io::Result<Self> {
        let mounts = fs::read_to_string(MOUNTS)?;
        let candidates = [v1(&mounts), v2::find(&mounts)].into_iter().flatten();
        let mut refusal = io::Error::new(io::ErrorKind::NotFound, "no memory and pids controllers are mounted");
        for layout in candidates {
            match layout.make_roots().and_then(|()| layout.check_way_in()) {
                Ok(()) => return Ok(layout),
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    /// The layout of this host, whether we may use it or not.
    pub(crate) fn mounted() -> Option<Self> {
        let mounts = fs::read_to_string(MOUNTS).unwrap_or_default();
        v1(&mounts).or_else(|| v2::find(&mounts))
    }

    /// `v1` or `v2`.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::V1 { .. } => "v1",
            Self::V2 { .. } => "v2",
        }
    }

    /// Our folder in each hierarchy, without repetition.
    pub(crate) fn roots(&self) -> Vec<PathBuf> {
        match self {
            Self::V1 { memory, pids, cpuacct } => vec![memory.clone(), pids.clone(), cpuacct.clone()],
            Self::V2 { root } => vec![root.clone()],
        }
    }

    fn make_roots(&self) -> io::Result<()> {
        // Threads of one process may probe at the same time.
        let probe = format!("probe-{}-{:?}", std::process::id(), std::thread::current().id());
        for root in self.roots() {
            let probe = root.join(&probe);
            super::make_folder(&probe).map_err(|error| {
                io::Error::new(error.kind(), format!("make a folder in {}: {error}", root.display()))
            })?;
            fs::remove_dir(&probe)?;
        }
        Ok(())
    }

    fn check_way_in(&self) -> io::Result<()> {
        match self {
            Self::V1 { .. } => Ok(()),
            Self::V2 { root } => v2::check_way_in(root),
        }
    }

    /// What the folder `name` needs before there can be leaves in it.
    pub(super) fn delegate(&self, name: &str) -> io::Result<()> {
        match self {
            Self::V1 { .. } => Ok(()),
            Self::V2 { root } => v2::delegate(root, &root.join(name)),
        }
    }

    /// Lets workers fork jobs into the leaf that is in these folders.
    pub(super) fn admit_workers(&self, folders: &[PathBuf]) -> io::Result<()> {
        if !self.born_inside() {
            return Ok(());
        }
        folders.iter().try_for_each(|folder| v2::admit_workers(folder))
    }

    /// The files through which a worker of the folder `name` moves itself to where it may fork into leaves from.
    pub(super) fn home_doors(&self, name: &str) -> Vec<PathBuf> {
        match self {
            Self::V1 { .. } => Vec::new(),
            Self::V2 { root } => vec![v2::home(&root.join(name)).join(v2::PROCESSES)],
        }
    }

    /// Whether a child can be born into a leaf (CLONE_INTO_CGROUP); else it moves itself in.
    pub(super) fn born_inside(&self) -> bool {
        matches!(self, Self::V2 { .. })
    }

    pub(super) fn files(&self, name: &str) -> LeafFiles {
        match self {
            Self::V1 { memory, pids, cpuacct } => LeafFiles {
                entrances: [memory, pids, cpuacct].map(|root| root.join(name).join("tasks")).to_vec(),
                cpu: Some(cpuacct.join(name).join("cpuacct.usage")),
                oom: memory.join(name).join("memory.oom_control"),
                pids_current: pids.join(name).join("pids.current"),
            },
            Self::V2 { root } => {
                let leaf = root.join(name);
                LeafFiles {
                    entrances: vec![leaf.clone()],
                    cpu: Some(leaf.join("cpu.stat")),
                    oom: leaf.join("memory.events"),
                    pids_current: leaf.join("pids.current"),
                }
            }
        }
    }

    /// The files through which a living process moves itself in.
    pub(super) fn doors(&self, folders: &[PathBuf]) -> Vec<PathBuf> {
        let file = if self.born_inside() { v2::PROCESSES } else { "tasks" };
        folders.iter().map(|folder| folder.join(file)).collect()
    }

    pub(super) fn open_entrance(&self, path: &Path) -> io::Result<OwnedFd> {
        if self.born_inside() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            return Ok(rustix::fs::open(path, flags, Mode::empty())?);
        }
        Ok(OpenOptions::new().write(true).open(path)?.into())
    }

    /// (file, value, whether the limit is void without it)
    pub(super) fn limits(&self, folders: &[PathBuf], limits: &Limits) -> Vec<(PathBuf, String, bool)> {
        let memory = limits.memory.to_string();
        let processes = limits.processes.to_string();
        match folders {
            [memory_leaf, pids_leaf, _] => vec![
                // The limit with swap may never be below the one without, also while a leaf's limits are raised.
                (memory_leaf.join("memory.memsw.limit_in_bytes"), "-1".to_owned(), false),
                (memory_leaf.join("memory.limit_in_bytes"), memory.clone(), true),
                (memory_leaf.join("memory.memsw.limit_in_bytes"), memory, false),
                (memory_leaf.join("memory.swappiness"), "0".to_owned(), false),
                (pids_leaf.join("pids.max"), processes, true),
            ],
            [leaf, ..] => vec![
                (leaf.join("memory.max"), memory, true),
                (leaf.join("memory.swap.max"), "0".to_owned(), false),
                (leaf.join("memory.oom.group"), "1".to_owned(), true),
                (leaf.join("pids.max"), processes, true),
            ],
            [] => Vec::new(),
        }
    }

    pub(super) fn facts(&self, folders: &[PathBuf]) -> Facts {
        let none = PathBuf::new();
        let (memory, pids, now, peak) = match (self, folders) {
            (Self::V1 { .. }, [memory, pids, _]) => {
                (memory, pids, "memory.usage_in_bytes", "memory.max_usage_in_bytes")
            }
            (_, [leaf, ..]) => (leaf, leaf, "memory.current", "memory.peak"),
            (_, []) => (&none, &none, "", ""),
        };
        Facts {
            memory_now: memory.join(now),
            memory_peak: memory.join(peak),
            pids_peak: pids.join("pids.peak"),
            pids_events: pids.join("pids.events"),
        }
    }

    /// Seconds from `cpuacct.usage` (nanoseconds) or `cpu.stat` (`usage_usec`).
    pub(super) fn parse_cpu(&self, text: &str) -> f64 {
        match self {
            Self::V1 { .. } => text.trim().parse::<u64>().unwrap_or(0) as f64 / 1e9,
            Self::V2 { .. } => super::field(text, "usage_usec") as f64 / 1e6,
        }
    }
}

/// One mounted hierarchy: its place and, for v1, its controllers.
struct Hierarchy<'a> {
    place: &'a str,
    version: &'a str,
    options: &'a str,
}

fn hierarchies(mounts: &str) -> impl Iterator<Item = Hierarchy<'_>> {
    mounts.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut after = after.split(' ');
        let version = after.next()?;
        let options = after.nth(1)?;
        let place = before.split(' ').nth(4)?;
        version.starts_with("cgroup").then_some(Hierarchy { place, version, options })
    })
}

fn v1(mounts: &str) -> Option<Layout> {
    let find = |controller: &str| {
        let mut all = hierarchies(mounts);
        let found =
            all.find(|one| one.version == "cgroup" && one.options.split(',').any(|option| option == controller));
        found.map(|one| family(Path::new(one.place)))
    };
    let [memory, pids, cpuacct] = NEEDED.map(find);
    Some(Layout::V1 { memory: memory?, pids: pids?, cpuacct: cpuacct? })
}

/// Our folder in a hierarchy: one for each user, so that one user's is not in another's way.
fn family(place: &Path) -> PathBuf {
    let user = rustix::process::geteuid();
    if user.is_root() { place.join(FAMILY) } else { place.join(format!("{FAMILY}-{}", user.as_raw())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1_MOUNTS: &str = "\
        24 23 0:21 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
        25 23 0:22 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n\
        26 23 0:23 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n";

    #[test]
    fn controllers_that_share_a_hierarchy_are_found() {
        let Some(Layout::V1 { cpuacct, .. }) = v1(V1_MOUNTS) else { panic!("no v1 layout") };
        assert!(cpuacct.starts_with("/sys/fs/cgroup/cpu,cpuacct"));
        assert_eq!(v1("25 23 0:22 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"), None);
    }

    #[test]
    fn processor_time_is_in_seconds() {
        let Some(v1) = v1(V1_MOUNTS) else { panic!("no v1 layout") };
        assert_eq!(v1.parse_cpu("1500000000\n"), 1.5);
        let v2 = Layout::V2 { root: PathBuf::new() };
        assert_eq!(v2.parse_cpu("usage_usec 2500000\nuser_usec 1\n"), 2.5);
    }
}
