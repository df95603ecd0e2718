//! One worker: from the host's namespaces, or a container's, into its own, then a loop that makes cells.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use crate::children::Children;
use crate::namespaces::{self, become_user};
use crate::socket::{self, Supervisor};
use crate::system::{Step, check, fork, prctl, reap_one};
use crate::{cell, container, landlock, root, zygote};

/// The worker's command line: `worker IMAGE DRIVER USER INTERPRETER ARGUMENT...`; its environment is
/// exactly the job's environment.
pub(crate) struct Plan {
    image: Image,
    /// The id, inside the user namespace, that init and zygotes have.
    user: u32,
    interpreter: Vec<String>,
}

/// Where the image is.
enum Image {
    /// In a folder of the host, and the driver in another.
    Folder { image: String, driver: String },
    /// It is the root of this container, in which the driver is mounted already.
    Container,
}

impl Plan {
    /// Reads the arguments after `worker`.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Step<Self> {
        let mut next = |name: &str| arguments.next().ok_or_else(|| format!("worker: {name} is missing"));
        let (image, driver) = (next("IMAGE")?, next("DRIVER")?);
        let user = next("USER")?.parse().map_err(|_| "worker: USER is not a number".to_owned())?;
        Ok(Self { image: Image::Folder { image, driver }, user, interpreter: arguments.collect() })
    }

    /// Reads the arguments after `contained`, `SOCKET USER INTERPRETER ARGUMENT...`, and connects to the supervisor.
    pub(crate) fn parse_contained(mut arguments: impl Iterator<Item = String>) -> Step<Self> {
        let mut next = |name: &str| arguments.next().ok_or_else(|| format!("contained: {name} is missing"));
        container::connect(&next("SOCKET")?)?;
        container::tidy_environment();
        let user = next("USER")?.parse().map_err(|_| "contained: USER is not a number".to_owned())?;
        Ok(Self { image: Image::Container, user, interpreter: arguments.collect() })
    }
}

/// Lives as a worker until the supervisor closes its socket.
pub(crate) fn run(plan: &Plan) -> Step<()> {
    let supervisor = Supervisor::standard_input();
    take(namespaces::enter_user(&supervisor)?, &plan.image)?;
    // Each job makes a cgroup namespace of its own: one around the worker's home would shut the leaves out.
    namespaces::enter_others(0)?;
    match fork(0, "start the worker's init")? {
        None => init(plan, &supervisor),
        Some(pid) => become_user(plan.user).and_then(|()| namespaces::wait_for(pid)),
    }
}

/// What the supervisor sends with the maps: the ways to the worker's home in the tree of cgroups, from which it may fork
/// jobs into their leaves, and before them, for a container, where to write what it has to say.
fn take(mut sent: Vec<OwnedFd>, image: &Image) -> Step<()> {
    if matches!(image, Image::Container) && !sent.is_empty() {
        let log = sent.remove(0);
        // SAFETY: numbers of descriptors that are open.
        check(unsafe { libc::dup2(log.as_raw_fd(), 2) }, "take the log")?;
    }
    namespaces::move_into_cgroup(&sent)
}

fn init(plan: &Plan, supervisor: &Supervisor) -> Step<()> {
    // Before anything else: what init starts can never gain a right.
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1, "set no_new_privs")?;
    match &plan.image {
        Image::Folder { image, driver } => root::claim(image, Some(driver))?,
        Image::Container => container::claim()?,
    }
    become_user(plan.user)?;
    if matches!(plan.image, Image::Container) {
        container::cover()?;
    }
    root::furnish()?;
    namespaces::name_host()?;
    raise_loopback();
    let children = Children::watch()?;
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
fn serve(supervisor: &Supervisor, children: &Children) -> Step<()> {
    loop {
        let news = children.wait(supervisor);
        if news.ended {
            while reap_one().is_some() {}
        }
        if news.message {
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
