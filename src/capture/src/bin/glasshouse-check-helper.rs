//! The confined helper as a program of its own, for tests and fuzzing.
//!
//! The `glasshouse` command carries the same helper inside and starts itself instead.

use std::process::ExitCode;

fn main() -> ExitCode {
    glasshouse_capture::helper::main()
}
