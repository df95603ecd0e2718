//! What a helper cannot do, each first shown to work without confinement.
//!
//! The test starts itself twice, as it is and confined, has each try the same things, and compares.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::OnceLock;

use rustix::process::{Pid, Resource, Rlimit, prlimit, setrlimit};

/// The parent, found out while that is still allowed.
static PARENT: OnceLock<Option<Pid>> = OnceLock::new();

fn parent() -> Option<Pid> {
    *PARENT.get_or_init(rustix::process::getppid)
}

/// What is tried: a name and an attempt.
type Attempt = (&'static str, fn() -> bool);

const ATTEMPTS: [Attempt; 13] = [
    ("open a file", || File::open("/etc/passwd").is_ok()),
    ("list a folder", || fs::read_dir("/").is_ok()),
    ("stat a path", || fs::metadata("/etc/passwd").is_ok()),
    ("make a file", || {
        let path = std::env::temp_dir().join(format!("glasshouse-escape-{}", std::process::id()));
        File::create(&path).and_then(|_| fs::remove_file(&path)).is_ok()
    }),
    ("make a network socket", || std::net::UdpSocket::bind("127.0.0.1:0").is_ok()),
    ("make a unix socket", || std::os::unix::net::UnixStream::pair().is_ok()),
    ("start a program", || Command::new("/bin/true").status().is_ok()),
    ("start a thread", || std::thread::Builder::new().spawn(|| {}).map(|thread| thread.join()).is_ok()),
    ("signal the parent", || parent().is_some_and(|parent| rustix::process::test_kill_process(parent).is_ok())),
    ("set the parent's limits", || {
        let same = Rlimit { current: None, maximum: None };
        parent().is_some_and(|parent| prlimit(Some(parent), Resource::Cpu, same).is_ok())
    }),
    ("set a limit on memory", || {
        let limit = Rlimit { current: Some(1 << 40), maximum: Some(1 << 40) };
        setrlimit(Resource::As, limit).is_ok()
    }),
    ("make a pipe", || rustix::pipe::pipe().is_ok()),
    ("make a file in memory", || rustix::fs::memfd_create(c"x", rustix::fs::MemfdFlags::CLOEXEC).is_ok()),
];

/// Tries everything and writes one line each to the descriptor that was opened before.
fn attempt_all(confined: bool) -> ExitCode {
    let out = std::io::stdout().as_fd().try_clone_to_owned();
    let Ok(out) = out else { return ExitCode::FAILURE };
    let mut out = File::from(out);
    parent();
    if confined {
        match glasshouse_capture::helper::confine() {
            Ok(layers) => drop(writeln!(out, "layers\t{}", layers.join(" "))),
            Err(error) => {
                drop(writeln!(out, "refused\t{error}"));
                return ExitCode::FAILURE;
            }
        }
    }
    for (name, attempt) in ATTEMPTS {
        drop(writeln!(out, "{name}\t{}", if attempt() { "yes" } else { "no" }));
    }
    ExitCode::SUCCESS
}

fn results(how: &str) -> BTreeMap<String, String> {
    let program = std::env::current_exe().expect("own program");
    let output = Command::new(program).arg(how).stdin(Stdio::null()).stderr(Stdio::null()).output().expect("a child");
    assert!(output.status.success(), "{how}: {output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().filter_map(|line| line.split_once('\t')).map(|(name, result)| (name.into(), result.into())).collect()
}

/// Uses processor time without end; the limit is set as for each file, only lower.
fn spin() -> ExitCode {
    let limited = glasshouse_capture::helper::confine().is_ok()
        && setrlimit(Resource::Cpu, Rlimit { current: Some(1), maximum: None }).is_ok();
    if !limited {
        return ExitCode::FAILURE;
    }
    loop {
        std::hint::spin_loop();
    }
}

/// Asks for more memory than the helper may have.
fn grow() -> ExitCode {
    let grew = |bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok();
    let (before, confined) = (grew(8 << 30), glasshouse_capture::helper::confine().is_ok());
    if before && confined && grew(1 << 30) && !grew(8 << 30) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn status_of(how: &str) -> std::process::ExitStatus {
    Command::new(std::env::current_exe().expect("own program")).arg(how).status().expect("a child")
}

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("attempt-free") => return attempt_all(false),
        Some("attempt-confined") => return attempt_all(true),
        Some("spin") => return spin(),
        Some("grow") => return grow(),
        _ => {}
    }
    let free = results("attempt-free");
    let confined = results("attempt-confined");
    println!("confined by: {}", confined["layers"]);
    assert!(confined["layers"].contains("seccomp"), "{confined:?}");
    for (name, _) in ATTEMPTS {
        assert_eq!(free[name], "yes", "the control could not {name}, so the test shows nothing");
        assert_eq!(confined[name], "no", "the confined helper could {name}");
        println!("a helper cannot {name} ... ok");
    }
    assert_eq!(status_of("spin").signal(), Some(libc::SIGXCPU), "processor time is not limited");
    println!("a helper cannot use processor time without end ... ok");
    assert!(status_of("grow").success(), "memory is not limited, or not for this test");
    println!("a helper cannot use memory without end ... ok");
    ExitCode::SUCCESS
}
