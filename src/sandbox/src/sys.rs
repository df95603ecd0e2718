//! The one file of this crate with unsafe code: calls that no safe library wraps.
#![allow(unsafe_code)]

/// The ABI version of the kernel's Landlock; 0 if it has none or has it disabled.
pub(crate) fn landlock_version() -> u32 {
    const CREATE_RULESET_VERSION: u32 = 1;
    // SAFETY: the documented way to ask for the version: no attributes, size 0, flag 1.
    let version = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, CREATE_RULESET_VERSION)
    };
    version.max(0) as u32
}
