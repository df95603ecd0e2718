//! What only the one tree of v2 asks for: controllers handed down, and the right to be born in a leaf.
//!
//! The kernel lets a process fork into a leaf (`CLONE_INTO_CGROUP`) if it may write the `cgroup.procs` of the leaf and
//! that of the first folder above both the leaf and itself. So workers live beside the leaves, below one folder of the
//! supervisor; and root's workers, which are users of their own, are let in through the group that they share.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::{Layout, family, hierarchies};
use crate::native::identity::WORKERS_GROUP;

/// The file that lists a folder's processes; what writes `0` to it moves itself there.
pub(super) const PROCESSES: &str = "cgroup.procs";

/// Where workers live, beside the leaves of their jobs.
pub(super) fn home(tree: &Path) -> PathBuf {
    tree.join("home")
}

/// v2 counts only if it has the controllers: beside v1 it is often mounted empty.
pub(super) fn find(mounts: &str) -> Option<Layout> {
    let place = hierarchies(mounts).find(|one| one.version == "cgroup2")?.place;
    let base = base(Path::new(place));
    let controllers = fs::read_to_string(base.join("cgroup.controllers")).ok()?;
    let has = |name: &str| controllers.split_whitespace().any(|word| word == name);
    (has("memory") && has("pids")).then(|| Layout::V2 { root: family(&base) })
}

/// Root may use the top of the tree; everyone else starts where they are: in a delegated subtree.
fn base(place: &Path) -> PathBuf {
    let own = place.join(own_path());
    if rustix::process::geteuid().is_root() || own == place {
        return place.to_path_buf();
    }
    // Processes may not sit beside leaves with controllers, so ours go next to our own cgroup.
    own.parent().unwrap_or(place).to_path_buf()
}

/// The cgroup in which this process is, from the top of the tree.
fn own_path() -> String {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default().to_owned()
}

/// Whether our processes may be moved from where they are to below `root`, which is made already.
pub(super) fn check_way_in(root: &Path) -> io::Result<()> {
    let own = own_path();
    // Root's folder is at the top, an ordinary user's beside the own cgroup: the folder above holds both.
    let above = root.parent().unwrap_or(root);
    rustix::fs::access(above.join(PROCESSES), Access::WRITE_OK).map_err(|error| {
        let error = io::Error::from(error);
        let text = format!("move a process from the cgroup /{own} to {}: {error}", root.display());
        io::Error::new(error.kind(), text)
    })
}

/// Makes the workers' home in `tree`, a folder of `root`; lets leaves beside it have the controllers, and workers fork into them.
pub(super) fn delegate(root: &Path, tree: &Path) -> io::Result<()> {
    fs::create_dir(home(tree))?;
    for folder in root.parent().into_iter().chain([root, tree]) {
        enable_controllers(folder)?;
    }
    admit_workers(tree)
}

fn enable_controllers(folder: &Path) -> io::Result<()> {
    let control = folder.join("cgroup.subtree_control");
    let enabled = fs::read_to_string(&control)?;
    if ["memory", "pids"].iter().all(|wanted| enabled.split_whitespace().any(|word| word == *wanted)) {
        return Ok(());
    }
    fs::write(&control, "+memory +pids").map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("enable the memory and pids controllers in {}: {error}", control.display()),
        )
    })
}

/// Lets root's workers fork into `folder`. An ordinary user's workers are that user on the outside: nothing to do.
pub(super) fn admit_workers(folder: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let file = folder.join(PROCESSES);
    chown(&file, None, Some(WORKERS_GROUP))?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o664))
}
