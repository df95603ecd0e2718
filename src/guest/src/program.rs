//! A sandbox around one long-lived program that is spoken to through two pipes, such as a browser.
//!
//! The program is process 2 of its own pid namespace; this is process 1. What the program can reach is what a
//! job can reach: the image, read-only; a private disk; no network at all, not even a loopback; its cgroup's share.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use crate::children::Children;
use crate::disk::{Disk, FLAGS, WRITABLE};
use crate::landlock::{self, Kernel};
use crate::namespaces::{self, become_user};
use crate::root;
use crate::socket::Supervisor;
use crate::system::{Step, check, close_from, drop_capabilities, failure, fork, mount, open_self, prctl, text};

/// The command line: `program IMAGE USER PROGRAM-USER DISK FILES COMMAND ARGUMENT...`; its environment is exactly the
/// program's environment.
pub(crate) struct Plan {
    image: String,
    /// The id, inside the user namespace, that init has.
    user: u32,
    disk: Disk,
    command: Vec<String>,
}

/// What came with the supervisor's answer: the program's pipes, its seccomp filter (an empty file: none), and the
/// files through which a process moves itself into the cgroup.
struct Given {
    input: OwnedFd,
    output: OwnedFd,
    filter: OwnedFd,
    entrances: Vec<OwnedFd>,
}

/// The descriptors at which the program finds its pipes.
const INPUT: RawFd = 3;
const OUTPUT: RawFd = 4;
/// Longest filter that the kernel takes.
const MOST_INSTRUCTIONS: usize = 4096;
/// Hard and soft: no core files; open files as many as a browser with a few pages needs.
const LIMITS: [(libc::__rlimit_resource_t, u64); 2] = [(libc::RLIMIT_CORE, 0), (libc::RLIMIT_NOFILE, 8192)];
const SECCOMP_SET_MODE_FILTER: libc::c_long = 1;
const SECCOMP_FILTER_FLAG_SPEC_ALLOW: libc::c_long = 4;

impl Plan {
    /// Reads the arguments after `program`.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Step<Self> {
        let mut next = |name: &str| arguments.next().ok_or_else(|| format!("program: {name} is missing"));
        let image = next("IMAGE")?;
        let mut number =
            |name: &str| -> Step<u64> { next(name)?.parse().map_err(|_| format!("program: {name} is not a number")) };
        let (user, program_user) = (number("USER")? as u32, number("PROGRAM-USER")? as u32);
        let disk = Disk { user: program_user, bytes: number("DISK")?, files: number("FILES")? };
        Ok(Self { image, user, disk, command: arguments.collect() })
    }
}

impl Given {
    fn sort(descriptors: Vec<OwnedFd>) -> Step<Self> {
        let mut rest = descriptors.into_iter();
        match (rest.next(), rest.next(), rest.next()) {
            (Some(input), Some(output), Some(filter)) => Ok(Self { input, output, filter, entrances: rest.collect() }),
            _ => Err("program: the supervisor gave too few descriptors".to_owned()),
        }
    }
}

/// Lives as the program's sandbox until the program ends or the supervisor closes its socket.
pub(crate) fn run(plan: Plan) -> Step<()> {
    let supervisor = Supervisor::standard_input();
    let given = Given::sort(namespaces::enter_user(&supervisor)?)?;
    // Before the cgroup namespace is made, so that the leaf is its root. Init is in the leaf, too: it costs little,
    // and if the kernel has to kill it for memory, everything ends and is counted as what it was.
    namespaces::move_into_cgroup(&given.entrances)?;
    namespaces::enter_others(libc::CLONE_NEWCGROUP)?;
    match fork(0, "start the sandbox's init")? {
        None => init(&plan, &supervisor, given),
        Some(pid) => {
            drop(given);
            become_user(plan.user).and_then(|()| namespaces::wait_for(pid))
        }
    }
}

fn init(plan: &Plan, supervisor: &Supervisor, given: Given) -> Step<()> {
    // Before anything else: what init starts can never gain a right.
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1, "set no_new_privs")?;
    root::claim(&plan.image, None)?;
    become_user(plan.user)?;
    root::furnish()?;
    plan.disk.mount()?;
    mount("proc", "/proc", "proc", FLAGS | libc::MS_NOEXEC, "subset=pid")
        .or_else(|_| mount("proc", "/proc", "proc", FLAGS | libc::MS_NOEXEC, ""))?;
    namespaces::name_host()?;
    let children = Children::watch()?;
    let ruleset = landlock::ruleset(&WRITABLE, Kernel::OwnProcesses)?;
    let program = match fork(0, "start the program")? {
        None => {
            let error = become_program(plan, given, ruleset).err().unwrap_or_default();
            supervisor.report_failure(&error);
            std::process::exit(1);
        }
        Some(pid) => pid,
    };
    // The pipes are the program's alone, so that they end with it.
    drop((given, ruleset));
    supervisor.send("ready", &[open_self()?.as_fd()])?;
    prctl(libc::PR_SET_DUMPABLE, 0, "become undumpable")?;
    drop_capabilities()?;
    watch(supervisor, &children, program)
}

/// Reaps until the program has ended, whose wait status goes to the supervisor, or the supervisor is gone.
fn watch(supervisor: &Supervisor, children: &Children, program: libc::pid_t) -> Step<()> {
    loop {
        let news = children.wait(supervisor);
        if news.ended {
            while let Some((pid, status)) = reap_with_status() {
                if pid == program {
                    return supervisor.send(&format!("ended {status}"), &[]);
                }
            }
        }
        if news.message && supervisor.receive()?.is_none() {
            return Ok(());
        }
    }
}

fn reap_with_status() -> Option<(libc::pid_t, libc::c_int)> {
    let mut status = 0;
    // SAFETY: a live number.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::__WALL) };
    (pid > 0).then_some((pid, status))
}

/// Confines the calling process and becomes the program. Does not return if all goes well.
fn become_program(plan: &Plan, given: Given, ruleset: Option<OwnedFd>) -> Step<()> {
    let filter = read_filter(&given.filter)?;
    let arguments: Vec<CString> = plan.command.iter().map(|word| text(word)).collect();
    let mut pointers: Vec<*const libc::c_char> = arguments.iter().map(|word| word.as_ptr()).collect();
    pointers.push(std::ptr::null());
    std::env::set_current_dir("/work").map_err(|error| format!("enter /work: {error}"))?;
    // SAFETY: numbers only.
    check(unsafe { libc::setsid() }, "make a session")?;
    for (resource, value) in LIMITS {
        let both = libc::rlimit { rlim_cur: value, rlim_max: value };
        // SAFETY: a live structure.
        check(unsafe { libc::setrlimit(resource, &raw const both) }, "set a limit")?;
    }
    become_user(plan.disk.user)?;
    drop_capabilities()?;
    if let Some(ruleset) = &ruleset {
        landlock::restrict(ruleset)?;
    }
    take_streams(&given)?;
    let mut none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: live, NUL-terminated texts in a null-terminated list; signals go back to normal.
    unsafe {
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        install(&filter)?;
        libc::execv(pointers[0], pointers.as_ptr());
    }
    Err(failure(&format!("start {}", plan.command.first().map_or("", String::as_str))))
}

/// Standard input and output are empty, standard error is the sandbox's log, then come the pipes, and nothing else.
fn take_streams(given: &Given) -> Step<()> {
    // SAFETY: a live text; descriptors of this process, whose other owners never run again in it.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
        // Above everything, so that the next calls cannot overwrite them.
        let input = libc::fcntl(given.input.as_raw_fd(), libc::F_DUPFD, 64);
        let output = libc::fcntl(given.output.as_raw_fd(), libc::F_DUPFD, 64);
        if null < 0 || input < 0 || output < 0 {
            return Err(failure("set up the program's streams"));
        }
        for (source, target) in [(null, 0), (null, 1), (input, INPUT), (output, OUTPUT)] {
            check(libc::dup2(source, target), "set up the program's streams")?;
        }
    }
    close_from(OUTPUT + 1);
    Ok(())
}

fn read_filter(file: &OwnedFd) -> Step<Vec<u64>> {
    let mut filter = vec![0_u64; MOST_INSTRUCTIONS];
    let bytes = filter.len() * 8;
    // SAFETY: room for that many bytes.
    let read = unsafe { libc::pread(file.as_raw_fd(), filter.as_mut_ptr().cast(), bytes, 0) };
    let read = check(read as libc::c_int, "read the seccomp filter")?;
    filter.truncate(read as usize / 8);
    Ok(filter)
}

/// The kernel's `struct sock_fprog`.
#[repr(C)]
struct Program {
    length: u16,
    filter: *const u64,
}

/// Installs a seccomp filter; none if it is empty.
///
/// # Safety
/// Nothing is asked of the caller but that the filter lets the rest of the way to exec through.
unsafe fn install(filter: &[u64]) -> Step<()> {
    if filter.is_empty() {
        return Ok(());
    }
    let program = Program { length: filter.len() as u16, filter: filter.as_ptr() };
    let (mode, flags) = (SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
    // SAFETY: the program and its instructions are live.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program) };
    check(result as libc::c_int, "install the seccomp filter").map(|_| ())
}
