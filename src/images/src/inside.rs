//! Runs a command inside a root, in namespaces of its own and without a network.
//!
//! The user becomes root of a user namespace that maps nobody else, so root and ordinary users take the
//! same path, nothing of the host can be changed and no file gets an owner that its builder cannot remove.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::command::run;
use crate::error::ImageError;

const HINT: &str = "entering the root needs unshare, mount and chroot (util-linux and coreutils), and user namespaces";

/// What the mount namespace gets before the root is entered: the few devices that Python's process pools and
/// random numbers need, and a writable /tmp that leaves nothing behind.
const ENTER: &str = r#"
root=$1; shift
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir -m 1777 "$root/dev/shm"
for node in null zero random urandom; do
    : >"$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
exec chroot "$root" "$@"
"#;

/// Namespaces of its own for everything but the files and the clock.
const NAMESPACES: [&str; 8] =
    ["--user", "--map-root-user", "--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child"];

/// Whether this system allows what [`run_inside`] does: asked first, not after minutes of a build.
pub(crate) fn check() -> Result<(), ImageError> {
    let test = "mount -t tmpfs tmpfs /tmp && command -v chroot";
    run("user namespaces", unshare().args(["/bin/sh", "-euc", test]), HINT).map(drop)
}

/// Runs `words` inside `root` with the environment `env` and nothing else; what it wrote on stdout.
pub(crate) fn run_inside(
    step: &'static str,
    root: &Path,
    env: &BTreeMap<String, String>,
    words: &[&str],
) -> Result<String, ImageError> {
    let mut command = unshare();
    command.args(["/bin/sh", "-euc", ENTER, "sh"]).arg(root);
    command.args(["/usr/bin/env", "-i"]).args(env.iter().map(|(name, value)| format!("{name}={value}"))).args(words);
    run(step, &command, HINT)
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    // An ordinary user's PATH may lack the folder of chroot.
    command.args(NAMESPACES).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}
