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

/// Runs `words` inside `root` with the environment `env` and nothing else; what it wrote on stdout.
pub(crate) fn run_inside(
    step: &'static str,
    root: &Path,
    env: &BTreeMap<String, String>,
    words: &[&str],
) -> Result<String, ImageError> {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child"]);
    command.args(["/bin/sh", "-euc", ENTER, "sh"]).arg(root);
    command.args(["/usr/bin/env", "-i"]).args(env.iter().map(|(name, value)| format!("{name}={value}"))).args(words);
    // An ordinary user's PATH may lack the folder of chroot.
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    run(step, &mut command, HINT)
}
