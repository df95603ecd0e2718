//! Where tests find the workspace and keep what is made once.

#![allow(dead_code, reason = "each test target uses a part of it")]

use std::env;
use std::path::{Path, PathBuf};

/// The folder of the workspace.
pub(crate) fn workspace() -> PathBuf {
    // Tests run in the folder of their package, src/NAME.
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The cache folder: as the command has it, unless GLASSHOUSE_CACHE names another.
pub(crate) fn cache() -> PathBuf {
    let from = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    from("GLASSHOUSE_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|base| base.join("glasshouse")))
        .or_else(|| from("HOME").map(|home| home.join(".cache/glasshouse")))
        .expect("GLASSHOUSE_CACHE, XDG_CACHE_HOME or HOME is set")
}
