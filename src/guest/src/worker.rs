//! One worker: from the host's namespaces into its own, then a loop that makes cells.

use std::os::fd::{AsFd, FromRawFd, OwnedFd, AsRawFd};

use crate::socket::{self, Supervisor};
use crate::system::{Step, check, failure, fork, prctl, reap_one, unshare};
use crate::{cell, landlock, root, zygote};

/// The worker's command line: `worker IMAGE DRIVER USER INTERPRETER ARGUMENT...`; its environment is
/// exactly the job's environment.
pub(crate) struct Plan {
    image: String,
    driver: String,
    /// The id, inside the user namespace, that init and zygotes have.
    user: u32,
    interpreter: Vec<String>,
}

impl Plan {
    /// Reads the arguments after `worker`.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Step<Self> {
        let mut next = |name: &str| arguments.next().ok_or_else(|| format!("worker: {name} is missing"));
        let (image, driver) = (next("IMAGE")?, next("DRIVER")?);
        let user = next("USER")?.parse().map_err(|_| "worker: USER is not a number".to_owned())?;
        Ok(Self { image, driver, user, interpreter: arguments.collect() })
    }
}

/// Lives as a worker until the supervisor closes its socket.
pub(crate) fn run(plan: &Plan) -> Step<()> {
    let supervisor = Supervisor::standard_input();
    enter_user_namespace(&supervisor)?;
    let others = libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP;
    unshare(others, "make namespaces")?;
    match fork(0, "start the worker's init")? {
        None => init(plan, &supervisor),
        Some(pid) => become_user(plan.user).and_then(|()| wait_for(pid)),
    }
}

/// The supervisor writes the id maps: only a process outside may give more than one id.
fn enter_user_namespace(supervisor: &Supervisor) -> Step<()> {
    unshare(libc::CLONE_NEWUSER, "make a user namespace")?;
    supervisor.send(&format!("map {}", std::process::id()), &[])?;
    match supervisor.receive()?.as_deref() {
        Some("mapped") => {}
        other => return Err(format!("expected \"mapped\" from the supervisor, got {other:?}")),
    }
    Ok(())
}

/// Until here we were the user who started us, on the outside; from here on we are the worker's own.
fn become_user(user: u32) -> Step<()> {
    // SAFETY: numbers and an empty list. setgroups is refused where one id is mapped, and not needed there.
    unsafe {
        libc::setgroups(0, std::ptr::null());
        check(libc::setresgid(user, user, user), "become the worker's group")?;
        check(libc::setresuid(user, user, user), "become the worker's user")?;
    }
    Ok(())
}

fn wait_for(pid: libc::pid_t) -> Step<()> {
    // SAFETY: a null status is allowed. The socket is init's alone from here on.
    unsafe {
        libc::close(0);
        libc::waitpid(pid, std::ptr::null_mut(), 0);
    }
    Ok(())
}

fn init(plan: &Plan, supervisor: &Supervisor) -> Step<()> {
    // Before anything else: what init starts can never gain a right.
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1, "set no_new_privs")?;
    root::claim(&plan.image, &plan.driver)?;
    become_user(plan.user)?;
    root::furnish()?;
    name_host()?;
    raise_loopback();
    let children = block_child_signals()?;
    start_zygote(plan, supervisor)?;
    let loaded = serve(supervisor, &children);
    if let Err(message) = &loaded {
        supervisor.report_failure(message);
    }
    loaded
}

fn start_zygote(plan: &Plan, supervisor: &Supervisor) -> Step<()> {
    let (ours, theirs) = socket::pair()?;
    if fork(0, "start the zygote")?.is_none() {
        let result = zygote::become_interpreter(&plan.interpreter, &theirs);
        eprintln!("glasshouse-guest: {}", result.err().unwrap_or_default());
        std::process::exit(1);
    }
    supervisor.send(&format!("ready landlock={}", landlock::version()), &[ours.as_fd()])
}

/// Makes cells and reaps until the supervisor is gone; then init's end ends the whole worker.
fn serve(supervisor: &Supervisor, children: &OwnedFd) -> Step<()> {
    loop {
        let mut watched = [readable(supervisor.descriptor()), readable(children.as_raw_fd())];
        // SAFETY: two live entries.
        let ready = unsafe { libc::poll(watched.as_mut_ptr(), 2, -1) };
        if ready < 0 {
            continue;
        }
        if watched[1].revents != 0 {
            drain(children);
            while reap_one().is_some() {}
        }
        if watched[0].revents != 0 {
            match supervisor.receive()? {
                None => return Ok(()),
                Some(message) => answer(supervisor, &message)?,
            }
        }
    }
}

fn answer(supervisor: &Supervisor, message: &str) -> Step<()> {
    let words: Vec<&str> = message.split(' ').collect();
    match words.split_first() {
        Some((&"cell", rest)) => {
            let plan = cell::Plan::parse(rest)?;
            let namespaces = libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWIPC;
            if fork(namespaces, "make a cell")?.is_none() {
                plan.live(supervisor)
            }
            Ok(())
        }
        _ => Err(format!("unknown request {message:?}")),
    }
}

fn readable(descriptor: libc::c_int) -> libc::pollfd {
    libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 }
}

/// SIGCHLD arrives through a descriptor, so that one poll waits for everything.
fn block_child_signals() -> Step<OwnedFd> {
    // SAFETY: sigemptyset initialises the set; the descriptor is new.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        let descriptor = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        Ok(OwnedFd::from_raw_fd(check(descriptor, "make a signalfd")?))
    }
}

fn drain(signals: &OwnedFd) {
    let mut buffer = [0_u8; 1024];
    // SAFETY: the buffer is live; the descriptor does not block.
    while unsafe { libc::read(signals.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) } > 0 {}
}

fn name_host() -> Step<()> {
    let name = "glasshouse";
    // SAFETY: a live text of the length given.
    if unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) } < 0 {
        return Err(failure("set the host name"));
    }
    Ok(())
}

/// Programs may talk to themselves over 127.0.0.1; nothing else is on this network. A kernel that
/// refuses leaves a network with nothing on it at all, which is as safe.
fn raise_loopback() {
    // SAFETY: an all-zero request with the name "lo"; the socket is closed again.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
        libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw const request);
        libc::close(socket);
    }
}
