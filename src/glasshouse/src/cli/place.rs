//! Where things are kept on this machine.

use std::env;
use std::path::{Path, PathBuf};

use super::Failure;

/// The folder of images and other things that can be made again.
pub fn cache(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let from = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let found = named
        .map(Path::to_owned)
        .or_else(|| from("XDG_CACHE_HOME").map(|base| base.join("glasshouse")))
        .or_else(|| from("HOME").map(|home| home.join(".cache/glasshouse")));
    found.ok_or_else(|| Failure::Usage("no place for images: HOME is not set; pass --cache DIR".to_owned()))
}

/// As many workers as the user named, or as there are processors.
pub(super) fn workers(named: Option<u16>) -> usize {
    let processors = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    named.map_or_else(processors, usize::from)
}

/// Where the daemon's socket is: the one that the user named, or the one that belongs to the cache.
pub(super) fn socket(named: Option<&Path>, cache: &Path) -> PathBuf {
    named.map_or_else(|| cache.join("serve.sock"), Path::to_owned)
}
