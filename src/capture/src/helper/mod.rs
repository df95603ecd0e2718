//! Confined helpers: processes of their own that work on hostile bytes, and can do nothing else. The check helper
//! decodes what a run left; other crates have helpers of other work ([`serve`], [`Client::ask`]).
//!
//! The `glasshouse` command starts itself again as a helper and talks to it over a Unix socket on the
//! helper's standard input. One request is one opened file; the answer is what it turned out to be and,
//! for captured pixels, a PNG. The helper confines itself before the first byte of any file
//! ([`confine`]), and ends when its socket closes, so it never outlives the command.
//!
//! A file cannot bring the helper down unnoticed: one that needs more processor time or memory than
//! allowed, or that crashes the decoder twice, is invalid. A helper that is killed from outside or cannot
//! be started is a fault of ours and says nothing about the file.

mod checking;
mod client;
mod confine;
mod protocol;
mod serve;

pub(crate) use checking::Pages;
pub use checking::{Answer, main};
pub use client::{Client, HelperCommand, Said};
pub use confine::{ConfineError, confine};
pub use protocol::Bounds;
pub use serve::serve;
