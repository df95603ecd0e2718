//! The mirror: npm packages on this machine, from which pages are answered in place of the network.
//!
//! A definition names a lock (packages by version and hash) and tables (which addresses stand for which files). What
//! the user added lies in the cache as a lock of its own. Each package is kept in one file, its pack, shared by all
//! mirrors that hold it; a mirror is a folder with the list of its packs and the tables. Its address is a hash of all
//! that decides an answer.

mod library;
mod lock;
mod npm;
mod pack;
mod plan;
mod store;
mod tarball;

pub use library::{Library, Release, Resolution};
pub use lock::{Keep, Lock};
pub use plan::MirrorPlan;
pub use store::{Added, Files, StoredMirror, add, assemble, ensure_mirror, find_mirror, verify_mirror};

/// The step that errors of this module name.
const STEP: &str = "mirror";
