//! What isolation this host really gives, layer by layer, and what each gap costs.

use std::fs;
use std::process::Command;

use glasshouse_model::Requirement;
use serde::Serialize;

use crate::native::{Layout, Tree};

/// One layer of the glass on this host.
#[derive(Clone, Debug, Serialize)]
pub struct Layer {
    /// Which layer.
    pub requirement: Requirement,
    /// Whether the host gives it, tried just now.
    pub in_force: bool,
    /// The version, where the layer has versions.
    pub version: Option<u32>,
    /// What was found.
    pub detail: String,
    /// What its absence would cost, or costs.
    pub cost: &'static str,
    /// What an administrator must do once to get it; empty if it is in force.
    pub remedy: String,
}

/// Tries every layer.
pub fn layers() -> Vec<Layer> {
    vec![namespaces(), cgroup(), seccomp(), landlock(), own_uid()]
}

fn layer(
    requirement: Requirement,
    found: Result<(String, Option<u32>), (String, String)>,
    cost: &'static str,
) -> Layer {
    match found {
        Ok((detail, version)) => Layer { requirement, in_force: true, version, detail, cost, remedy: String::new() },
        Err((detail, remedy)) => Layer { requirement, in_force: false, version: None, detail, cost, remedy },
    }
}

fn namespaces() -> Layer {
    // A child tries for real: settings, LSM profiles and container runtimes all may forbid it.
    let tried = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "true"])
        .output();
    let found = match tried {
        Ok(output) if output.status.success() => Ok(("user, mount, pid, ipc, uts, network, cgroup".to_owned(), None)),
        Ok(output) => Err((
            format!("making them fails: {}", String::from_utf8_lossy(&output.stderr).trim()),
            "an administrator can allow them: sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=16384 \
             (Ubuntu also: kernel.apparmor_restrict_unprivileged_userns=0)".to_owned(),
        )),
        Err(error) => Err((format!("unshare cannot be started: {error}"), "install util-linux".to_owned())),
    };
    layer(Requirement::Namespaces, found, "without them there is no sandbox, and nothing is run")
}

fn cgroup() -> Layer {
    let found = match Tree::new() {
        Ok(tree) => Ok((tree.describe().to_owned(), None)),
        Err(error) => Err((error.to_string(), delegation())),
    };
    layer(
        Requirement::Cgroup,
        found,
        "memory and processor time are then limited for each process, not for a job; a fork bomb is stopped by a limit on the user's processes",
    )
}

/// The commands that give this user the cgroup folders it needs.
fn delegation() -> String {
    let Some(layout) = Layout::mounted() else {
        return "mount the cgroup file system with the memory and pids controllers".to_owned();
    };
    let paths: Vec<String> = layout.roots().iter().map(|folder| folder.display().to_string()).collect();
    let user = rustix::process::geteuid();
    match layout {
        _ if user.is_root() => format!("see that root may make folders in {}", paths.join(" ")),
        Layout::V1 { .. } => format!(
            "an administrator can grant it once (until the next boot):\n  mkdir -p {0} && chown -R {1} {0}",
            paths.join(" "),
            user.as_raw()
        ),
        // A folder of one's own is not enough there: the process that starts us must be below it.
        Layout::V2 { .. } => "start it in a cgroup that is yours, as systemd gives one to each user:\n  \
            systemd-run --user --scope --quiet glasshouse ...\n\
            if that finds no bus, an administrator can allow it once: loginctl enable-linger, and then XDG_RUNTIME_DIR=/run/user/ID before it"
            .to_owned(),
    }
}

fn seccomp() -> Layer {
    let has = fs::read_to_string("/proc/self/status").is_ok_and(|status| status.contains("\nSeccomp:"));
    let found = if has {
        Ok(("filters".to_owned(), None))
    } else {
        Err(("the kernel has no seccomp".to_owned(), "use a kernel built with CONFIG_SECCOMP_FILTER".to_owned()))
    };
    layer(Requirement::Seccomp, found, "all system calls of the kernel are open to attack by a sample")
}

fn landlock() -> Layer {
    let found = match crate::sys::landlock_version() {
        0 => Err((
            "the kernel has no Landlock, or it is not enabled".to_owned(),
            "use Linux 5.13 or newer with CONFIG_SECURITY_LANDLOCK and lsm=landlock,...".to_owned(),
        )),
        version => Ok((format!("ABI {version}"), Some(version))),
    };
    layer(Requirement::Landlock, found, "files are then guarded by mounts and users alone")
}

fn own_uid() -> Layer {
    let found = if rustix::process::geteuid().is_root() {
        Ok(("each worker has a range of ids that nobody else has".to_owned(), None))
    } else {
        Ok(("jobs share your id on the host; inside, each is alone in its pid namespace and cannot see or signal others".to_owned(), None))
    };
    layer(Requirement::OwnUid, found, "a job that broke out of every namespace would be you")
}
