//! Runs a root's program from outside, on the host's file system, with the root's own libraries.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::error::ImageError;
use crate::unpack::within;

/// A command that starts `program`, an absolute path in `root`, by the root's dynamic loader. The host's settings,
/// certificates and resolver are what it sees.
pub(crate) fn from_root(step: &'static str, root: &Path, program: &str) -> Result<Command, ImageError> {
    let (loader, triplet) = match env::consts::ARCH {
        "x86_64" => ("/lib64/ld-linux-x86-64.so.2", "x86_64-linux-gnu"),
        "aarch64" => ("/lib/ld-linux-aarch64.so.1", "aarch64-linux-gnu"),
        other => {
            let problem = format!("images are built on x86_64 and aarch64 only; this machine is {other}");
            return Err(ImageError::Unfit { step, problem });
        }
    };
    let libraries = ["/lib", "/usr/lib"].map(|folder| within(root, folder).join(triplet));
    let libraries = env::join_paths(libraries).map_err(|error| ImageError::Unfit {
        step,
        problem: format!("the cache folder's path cannot be used: {error}"),
    })?;
    let mut command = Command::new(within(root, loader));
    command.arg("--library-path").arg(libraries).arg(within(root, program));
    Ok(command)
}
