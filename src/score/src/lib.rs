//! Scores: pure functions from a reference and a candidate to named numbers.
//!
//! WebCode2M's scores are computed as its published evaluation computes them, its defects included
//! ([`Mode::Compat`], the default), or with those defects mended ([`Mode::Fixed`]). What the published evaluation
//! takes from Python packages is ported: [`html`] is CPython's `html.parser` under Beautiful Soup, [`sequence`] its
//! difflib, [`assignment`] SciPy's, [`colour`] colormath's, [`picture`] OpenCV's and scikit-image's.
//!
//! Nothing here does I/O, and nothing panics on bad input: what cannot be scored is a [`ScoreError`], never a
//! silent zero.

pub mod assignment;
pub mod colour;
mod error;
pub mod html;
mod mode;
pub mod picture;
pub mod pixels;
pub mod sequence;
pub mod webcode2m;

pub use error::{ScoreError, Side};
pub use mode::Mode;
