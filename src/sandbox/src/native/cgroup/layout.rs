//! Where the files of a leaf are: in the one tree of v2, or in the trees of v1's controllers.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use glasshouse_model::Limits;
use rustix::fs::{Mode, OFlags};

use super::FAMILY;

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
        let candidates = [v1(&mounts), v2(&mounts)].into_iter().flatten();
        let mut refusal = io::Error::new(io::ErrorKind::NotFound, "no memory and pids controllers are mounted");
        for layout in candidates {
            match layout.make_roots() {
                Ok(()) => return Ok(layout),
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    /// The folders in which an administrator must let us make leaves, in any layout that is mounted.
    pub(crate) fn wanted() -> Vec<PathBuf> {
        let mounts = fs::read_to_string(MOUNTS).unwrap_or_default();
        v1(&mounts).or_else(|| v2(&mounts)).map(|layout| layout.roots()).unwrap_or_default()
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

    /// v2: lets the leaves below `name` have the controllers.
    pub(super) fn delegate(&self, name: &str) -> io::Result<()> {
        let Self::V2 { root } = self else { return Ok(()) };
        let above = root.parent().map(Path::to_path_buf);
        for folder in above.into_iter().chain([root.clone(), root.join(name)]) {
            let control = folder.join("cgroup.subtree_control");
            let enabled = fs::read_to_string(&control)?;
            if ["memory", "pids", "cpu"].iter().any(|wanted| !enabled.split_whitespace().any(|word| word == *wanted)) {
                fs::write(&control, "+memory +pids +cpu").map_err(|error| {
                    io::Error::new(error.kind(), format!("enable controllers in {}: {error}", control.display()))
                })?;
            }
        }
        Ok(())
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
        let file = if self.born_inside() { "cgroup.procs" } else { "tasks" };
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

/// v2 counts only if it has the controllers: beside v1 it is often mounted empty.
fn v2(mounts: &str) -> Option<Layout> {
    let place = hierarchies(mounts).find(|one| one.version == "cgroup2")?.place;
    let base = own_v2_folder(Path::new(place));
    let controllers = fs::read_to_string(base.join("cgroup.controllers")).ok()?;
    let has = |name: &str| controllers.split_whitespace().any(|word| word == name);
    (has("memory") && has("pids")).then(|| Layout::V2 { root: family(&base) })
}

/// Root may use the top of the tree; everyone else starts where they are: in a delegated subtree.
fn own_v2_folder(place: &Path) -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return place.to_path_buf();
    }
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let path = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    // Processes may not sit beside leaves with controllers, so ours go next to our own cgroup.
    let mut folder = place.join(path);
    if !path.is_empty() {
        folder.pop();
    }
    folder
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
