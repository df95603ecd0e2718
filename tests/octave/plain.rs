//! The plain `octave-cli main.m`, in the same root and environment, without isolation.

use std::sync::LazyLock;

use glasshouse_images::Image;

use crate::root::{self, Plain};

static IMAGE: LazyLock<Image> = LazyLock::new(|| glasshouse::bench::image_of("octave").unwrap());

/// Runs a program.
pub(crate) fn octave(code: &str) -> Plain {
    octave_with(code, &[])
}

/// Runs a program with arguments.
pub(crate) fn octave_with(code: &str, arguments: &[&str]) -> Plain {
    root::run(&IMAGE, "main.m", code, &[&["octave-cli", "main.m"], arguments].concat())
}
