//! The languages whose interpreters can be zygotes.

use serde::Deserialize;

/// What a runtime's interpreter reads. Decides how its programs say what they load, and what its driver needs beside itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Python.
    #[default]
    Python,
    /// R.
    R,
    /// Octave, and with it most of what is written for Matlab.
    Octave,
}

impl Language {
    /// The file of the driver that the interpreter is started with.
    pub(crate) fn entry(self) -> &'static str {
        match self {
            Self::Python => "start.py",
            Self::R | Self::Octave => "start.sh",
        }
    }
}
