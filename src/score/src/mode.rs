//! Which of two ways a score is computed.

use std::fmt;

/// The published way, or the mended one. A result always says which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// As the published evaluation computes it, its defects included: numbers compare with published tables.
    #[default]
    Compat,
    /// With the defects mended; each function says which. Numbers do not compare with published tables.
    Fixed,
}

impl Mode {
    /// The name for results and options.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Compat => "compat",
            Mode::Fixed => "fixed",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
