//! What is embedded in the command, so that one binary is enough: images, policies, the sample rows.

use include_dir::{Dir, include_dir};

/// The runtimes' definitions and drivers: one folder each.
pub static IMAGES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../images");
/// The built-in policies, and their seccomp profiles in `seccomp/`.
pub static POLICIES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../policies");
/// The rows of `glasshouse demo`.
pub static DEMO: &str = include_str!("../../../fixtures/demo.jsonl");
