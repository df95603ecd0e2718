//! From the host's namespaces into a sandbox's own.

use std::os::fd::{AsRawFd, OwnedFd};

use crate::socket::Supervisor;
use crate::system::{Step, check, failure, unshare};

/// A user namespace; the descriptors that came with the supervisor's answer.
///
/// The supervisor writes the id maps: only a process outside may give more than one id.
pub(crate) fn enter_user(supervisor: &Supervisor) -> Step<Vec<OwnedFd>> {
    unshare(libc::CLONE_NEWUSER, "make a user namespace")?;
    supervisor.send(&format!("map {}", std::process::id()), &[])?;
    match supervisor.receive_with_descriptors()? {
        Some((message, descriptors)) if message == "mapped" => Ok(descriptors),
        other => Err(format!("expected \"mapped\" from the supervisor, got {:?}", other.map(|(message, _)| message))),
    }
}

/// All other kinds that every sandbox has, and those in `more`; the calling process's next child is process 1 of the
/// pid namespace.
pub(crate) fn enter_others(more: libc::c_int) -> Step<()> {
    let others = libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWNET | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
    unshare(others | more, "make namespaces")
}

/// Moves the calling process through the files that the supervisor opened, with the supervisor's right to do so.
pub(crate) fn move_into_cgroup(entrances: &[OwnedFd]) -> Step<()> {
    for entrance in entrances {
        // SAFETY: a live text of the length given.
        let written = unsafe { libc::write(entrance.as_raw_fd(), c"0".as_ptr().cast(), 1) };
        check(written as libc::c_int, "move into the cgroup")?;
    }
    Ok(())
}

/// Until here we were the user who started us, on the outside; from here on we are the worker's own.
pub(crate) fn become_user(user: u32) -> Step<()> {
    // SAFETY: numbers and an empty list. setgroups is refused where one id is mapped, and not needed there.
    unsafe {
        libc::setgroups(0, std::ptr::null());
        check(libc::setresgid(user, user, user), "become the worker's group")?;
        check(libc::setresuid(user, user, user), "become the worker's user")?;
    }
    Ok(())
}

/// What the process outside of the pid namespace does: nothing, until its child, the sandbox's init, is over.
pub(crate) fn wait_for(pid: libc::pid_t) -> Step<()> {
    // SAFETY: a null status is allowed. The socket is init's alone from here on.
    unsafe {
        libc::close(0);
        libc::waitpid(pid, std::ptr::null_mut(), 0);
    }
    Ok(())
}

/// What programs in the sandbox are told that this machine is called.
pub(crate) fn name_host() -> Step<()> {
    let name = "glasshouse";
    // SAFETY: a live text of the length given.
    if unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) } < 0 {
        return Err(failure("set the host name"));
    }
    Ok(())
}
