//! What the helper gives up before it reads the first byte of a sample's file.
//!
//! Seccomp, `no_new_privs` and the resource limits are required: without one of them the helper refuses
//! to work. Landlock and own namespaces are a second wall behind seccomp, which alone forbids opening files,
//! sockets and processes; where the kernel does not grant them, the list of layers says so by their absence.

use std::collections::BTreeMap;

use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{UnshareFlags, set_no_new_privs};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Op, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Address space that the helper may use, in bytes.
const MEMORY: u64 = 2304 << 20;
/// Descriptors: the three standard ones, the file of a request, and a few to spare.
const DESCRIPTORS: u64 = 16;

/// Why a helper cannot confine itself.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// A process attribute or limit could not be set.
    #[error("cannot set {0}: {1}")]
    Attribute(&'static str, rustix::io::Errno),
    /// The filter of system calls could not be built or installed.
    #[error("cannot install the seccomp filter: {0}")]
    Seccomp(String),
}

/// Confines the calling process, which must have one thread, and tells the layers in force.
///
/// # Errors
/// If a required layer cannot be had; the process must then end without reading anything.
pub fn confine() -> Result<Vec<String>, ConfineError> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| ConfineError::Attribute("dumpable", error))?;
    set_no_new_privs(true).map_err(|error| ConfineError::Attribute("no_new_privs", error))?;
    let mut layers = vec!["no_new_privs".to_owned()];
    if own_namespaces() {
        layers.push("namespaces".to_owned());
    }
    if landlock() {
        layers.push("landlock".to_owned());
    }
    limit_resources()?;
    layers.push("rlimits".to_owned());
    filter_system_calls()?;
    layers.push("seccomp".to_owned());
    Ok(layers)
}

/// Leaves the host's users, mounts, network, IPC and names behind; with the user namespace goes all privilege.
fn own_namespaces() -> bool {
    let flags = UnshareFlags::NEWUSER
        | UnshareFlags::NEWNS
        | UnshareFlags::NEWNET
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS
        | UnshareFlags::NEWCGROUP;
    // Deprecated for what `UnshareFlags::FILES` does to other threads; no descriptor table is unshared here.
    #[expect(deprecated)]
    rustix::thread::unshare(flags).is_ok()
}

/// Forbids every file, socket and signal that Landlock knows of; no rule allows any.
fn landlock() -> bool {
    let abi = ABI::V6;
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(abi)))
        .and_then(|ruleset| ruleset.scope(landlock::BitFlags::<Scope>::all()))
        .and_then(Ruleset::create);
    ruleset
        .and_then(landlock::RulesetCreated::restrict_self)
        .is_ok_and(|status| status.ruleset != RulesetStatus::NotEnforced)
}

fn limit_resources() -> Result<(), ConfineError> {
    let limits = [
        (Resource::As, "RLIMIT_AS", MEMORY),
        (Resource::Nofile, "RLIMIT_NOFILE", DESCRIPTORS),
        (Resource::Fsize, "RLIMIT_FSIZE", 0),
        (Resource::Core, "RLIMIT_CORE", 0),
    ];
    for (resource, name, most) in limits {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).map_err(|error| ConfineError::Attribute(name, error))?;
    }
    Ok(())
}

/// Lets this process use `seconds` more of processor time; past that the kernel ends it with `SIGXCPU`.
pub(super) fn limit_processor_time(seconds: u64) -> rustix::io::Result<()> {
    let most = (processor_time().ceil() as u64).saturating_add(seconds);
    setrlimit(Resource::Cpu, Rlimit { current: Some(most), maximum: None })
}

/// Lets this process grow by so many bytes beyond `base`, within what any helper may use.
pub(super) fn limit_memory(base: u64, memory: Option<u64>) -> rustix::io::Result<()> {
    let most = memory.map_or(MEMORY, |memory| base.saturating_add(memory).min(MEMORY));
    setrlimit(Resource::As, Rlimit { current: Some(most), maximum: Some(MEMORY) })
}

/// Bytes of address space that this process has. To be asked before it is confined.
pub(super) fn address_space() -> std::io::Result<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split_whitespace().next().and_then(|pages| pages.parse::<u64>().ok());
    pages.map(|pages| pages * rustix::param::page_size() as u64).ok_or(std::io::ErrorKind::InvalidData.into())
}

/// Seconds of processor time that this process has used.
pub(super) fn processor_time() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    // Precise enough: seconds of one process are far below 2^53.
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn filter_system_calls() -> Result<(), ConfineError> {
    let failed = |error: String| ConfineError::Seccomp(error);
    let rules = rules().map_err(|error| failed(error.to_string()))?;
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| failed(error.to_string()))?;
    // EPERM, not a kill: libraries ask for optional things and go on without them.
    let deny = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, deny, SeccompAction::Allow, arch);
    let program: BpfProgram =
        filter.and_then(TryInto::try_into).map_err(|error: seccompiler::BackendError| failed(error.to_string()))?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| failed(error.to_string()))
}

/// Reading, answering, memory without execution, time, and ending. Nothing that takes a path or makes a descriptor
/// but from the socket.
const ALLOWED: [i64; 27] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_recvmsg,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_close,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

fn rules() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let is = |index, value| SeccompCondition::new(index, Length::Dword, Op::Eq, value);
    let not_executable =
        || SeccompCondition::new(2, Length::Dword, Op::MaskedEq(libc::PROT_EXEC.unsigned_abs().into()), 0);
    let own = u64::from(std::process::id());
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.into_iter().map(|call| (call, Vec::new())).collect();
    rules.insert(libc::SYS_mmap, vec![SeccompRule::new(vec![not_executable()?])?]);
    rules.insert(libc::SYS_mprotect, vec![SeccompRule::new(vec![not_executable()?])?]);
    // The limits on processor time and memory are renewed for each file; abort() signals its own process.
    let renew = |resource| SeccompRule::new(vec![is(0, 0)?, is(1, u64::from(resource))?]);
    rules.insert(libc::SYS_prlimit64, vec![renew(libc::RLIMIT_CPU)?, renew(libc::RLIMIT_AS)?]);
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![is(0, own)?])?]);
    Ok(rules)
}
