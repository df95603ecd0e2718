//! The plain `Rscript main.R`, in the same root and environment, without isolation.

use std::sync::LazyLock;

use glasshouse_images::Image;

use crate::root::{self, Plain};

static IMAGE: LazyLock<Image> = LazyLock::new(|| glasshouse::bench::image_of("r").unwrap());

/// Runs a program.
pub(crate) fn rscript(code: &str) -> Plain {
    root::run(&IMAGE, "main.R", code, &["Rscript", "main.R"])
}
