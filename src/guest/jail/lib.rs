//! What an interpreter loads to fork a job into its cell and to lock it in there.
//!
//! Raw system calls only: the library asks its process for no symbol at all (a test of the sandbox
//! crate checks that), so it loads into an image with any libc. All functions return a value of 0
//! or more on success and `-(step * 4096 + errno)` on failure, where `step` says which call failed.
//!
//! Order of a job's birth: [`gh_fork`] in the zygote; in the child [`gh_enter`] and [`gh_lock`], a wait for
//! the job, then [`gh_start`]; the driver writes the job's inputs; then [`gh_confine`], and only then the sample's
//! first instruction.
#![no_std]

mod confine;
mod enter;
mod fork;
mod memory;
mod message;
pub mod syscall;

pub use confine::{Confinement, gh_confine, gh_lock};
pub use enter::{Entry, Limit, Start, gh_enter, gh_start};
pub use fork::gh_fork;
pub use message::{gh_receive, gh_send};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // Nothing here can panic in a sound way to go on; a process that is half in its jail must end.
    loop {
        sys!(libc::SYS_exit_group, 127);
    }
}

/// Tags a failed call with the step at which it happened.
fn at(step: isize, result: isize) -> Result<isize, isize> {
    if result < 0 { Err(-(step * 4096 - result)) } else { Ok(result) }
}
