//! Locking the door, in two turns: no new privileges, no capabilities, Landlock; then no descriptors, seccomp.

use crate::{at, sys};

/// What is installed last.
#[repr(C)]
pub struct Confinement {
    /// Number of instructions in `filter`; 0: no seccomp.
    pub filter_length: u16,
    /// The seccomp program (`struct sock_filter[]`).
    pub filter: *const u64,
}

/// The kernel's `struct sock_fprog`.
#[repr(C)]
struct Program {
    length: u16,
    filter: *const u64,
}

const SECCOMP_SET_MODE_FILTER: usize = 1;
/// Without this the kernel turns speculation mitigations on for the process, which slows all code.
const SECCOMP_FILTER_FLAG_SPEC_ALLOW: usize = 4;
const SYS_LANDLOCK_RESTRICT_SELF: i64 = 446;
const LINUX_CAPABILITY_VERSION_3: u32 = 0x2008_0522;
const LAST_CAPABILITY: usize = 63;

/// Takes every right from the calling process for good. `ruleset`: Landlock rules made for this cell, or -1.
///
/// What a job's birth still does afterwards, a job may do as well, so it need not wait for the job.
#[unsafe(no_mangle)]
pub extern "C" fn gh_lock(ruleset: i32) -> isize {
    match lock(ruleset) {
        Ok(()) => 0,
        Err(failure) => failure,
    }
}

fn lock(ruleset: i32) -> Result<(), isize> {
    at(1, sys!(libc::SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1))?;
    at(2, sys!(libc::SYS_prctl, libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL))?;
    drop_bounding_set();
    drop_capabilities()?;
    if ruleset >= 0 {
        at(4, sys!(SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0))?;
    }
    Ok(())
}

/// Closes every descriptor from 3 upwards and installs the filter, which would forbid all that went before.
///
/// # Safety
/// `confinement` must point to a [`Confinement`] whose `filter` has `filter_length` instructions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gh_confine(confinement: *const Confinement) -> isize {
    // SAFETY: the caller vouches for the pointer.
    match confine(unsafe { &*confinement }) {
        Ok(()) => 0,
        Err(failure) => failure,
    }
}

fn confine(confinement: &Confinement) -> Result<(), isize> {
    at(1, sys!(libc::SYS_close_range, 3, u32::MAX, 0))?;
    if confinement.filter_length > 0 {
        let program = Program { length: confinement.filter_length, filter: confinement.filter };
        let flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
        at(2, sys!(libc::SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &raw const program))?;
    }
    Ok(())
}

/// Works while CAP_SETPCAP is held, that is when the job's user is the zygote's; where the user has
/// changed, the capabilities are gone already and nothing can bring one back (no_new_privs, nosuid).
fn drop_bounding_set() {
    for capability in 0..=LAST_CAPABILITY {
        if sys!(libc::SYS_prctl, libc::PR_CAPBSET_DROP, capability) < 0 {
            break;
        }
    }
}

fn drop_capabilities() -> Result<(), isize> {
    let header = [LINUX_CAPABILITY_VERSION_3, 0];
    let none = [0_u32; 6];
    at(3, sys!(libc::SYS_capset, &raw const header, &raw const none)).map(|_| ())
}
