//! The sandbox around one long-lived program, such as a browser: the same walls as a job's, and its end.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use glasshouse_model::{Limits, Requirement};
use glasshouse_sandbox::{Ended, ProgramConfig, Programs, RunningProgram};

use crate::common::control::{in_namespaces, on_host};
use crate::common::fixture::{GLASS, default_profile, root, small, terms, workspace};
use crate::common::said::{Outcomes, assert_all_done, assert_none_done, attempting, outcomes};

const WALLS: &str = include_str!("attacks/walls.py");
const RIGHTS: &str = include_str!("attacks/rights.py");
const EGRESS: &str = include_str!("attacks/egress.py");
/// A program that does what comes through its input pipe and prints to its output pipe.
const OBEY: &str = "import os; os.dup2(4, 1); os.close(4); exec(open(3).read())";

fn browser_profile() -> String {
    fs::read_to_string(workspace().join("policies/seccomp/browser.toml")).unwrap()
}

fn programs(profile: &str, limits: Limits) -> Programs {
    let command = ["/usr/bin/python3.11", "-c", OBEY].map(str::to_owned).to_vec();
    let environment = BTreeMap::from([("PATH".to_owned(), "/usr/bin".to_owned())]);
    Programs::new(ProgramConfig { root: root(), command, environment, limits, terms: terms(profile) }).unwrap()
}

/// Starts the program and gives it `script`; what it prints until it ends.
fn run(programs: &Programs, script: &str) -> (RunningProgram, Vec<u8>) {
    let program = programs.start().unwrap_or_else(|fault| panic!("{fault:?}"));
    let (mut input, mut output) = program.take_pipes().unwrap();
    input.write_all(script.as_bytes()).unwrap();
    drop(input);
    let mut said = Vec::new();
    output.read_to_end(&mut said).unwrap();
    (program, said)
}

fn attempted(profile: &str, script: &str) -> Outcomes {
    let (program, said) = run(&programs(profile, small()), &attempting(script));
    assert!(program.wait(Duration::from_secs(20)), "the sandbox outlives its program");
    assert_eq!(program.ended(), Some(Ended::Code(0)), "{}", String::from_utf8_lossy(&said));
    outcomes(&said)
}

#[test]
fn a_programs_walls_are_those_of_a_job() {
    let functions = WALLS.split("for path in WRITES").next().unwrap();
    let own = "read(sys.executable)\nopen('/tmp/x', 'w').close()\nattempt('write', lambda: write('/tmp/x'))";
    for profile in [default_profile(), browser_profile()] {
        assert_all_done(&attempted(&profile, &format!("{functions}\n{own}")));
        let walled = attempted(&profile, WALLS);
        // Its own files in /proc may be opened: a browser writes the id maps of its renderers there.
        let done: Vec<_> = walled
            .iter()
            .filter(|(name, outcome)| *outcome == "done" && !name.starts_with("write /proc/self/"))
            .map(|(name, _)| name)
            .collect();
        assert!(!walled.is_empty() && done.is_empty(), "{done:?}");
    }
}

#[test]
fn a_program_gains_no_right() {
    let control = in_namespaces(RIGHTS);
    assert_all_done(&control);
    for profile in [default_profile(), browser_profile()] {
        assert_none_done(&attempted(&profile, RIGHTS), &control);
    }
}

#[test]
fn a_program_has_no_network_not_even_a_loopback() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port();
    let only_tcp = EGRESS
        .replace("attempt(\"udp", "0 and attempt(\"udp")
        .replace("attempt(\"abstract", "0 and attempt(\"abstract");
    let script = format!("TCP, TCP6 = {port}, 0\n{only_tcp}");
    let own = "def own():\n    s = socket.create_server(('127.0.0.1', 0))\n    socket.create_connection(s.getsockname(), 2)\n\
               attempt('own loopback', own)";
    let script = format!("{script}\n{own}");
    let control = on_host(&script);
    assert_all_done(&control);
    assert_none_done(&attempted(&browser_profile(), &script), &control);
}

/// What the browser's profile adds opens exactly what a renderer's sandbox is made of.
#[test]
fn a_browser_may_make_the_namespaces_of_its_renderers_and_no_others() {
    let script = "FLAGS = {'user': 1 << 28, 'user+pid+net': 7 << 28, 'user+mount': (1 << 28) | (1 << 17),\n\
                  'user+ipc': (1 << 28) | (1 << 27), 'user+uts': (1 << 28) | (1 << 26)}\n\
                  def clone(flags):\n    pid = call(56, flags | 17, 0, 0, 0, 0)\n    if pid == 0:\n        os._exit(0)\n    os.waitpid(pid, 0)\n\
                  for name, flags in FLAGS.items():\n    attempt(name, lambda: clone(flags))\n    \
                  attempt('unshare ' + name, lambda: in_child(lambda: call(272, flags)))";
    assert!(attempted(&default_profile(), script).values().all(|outcome| outcome == "EPERM"));
    let browser = attempted(&browser_profile(), script);
    let done: Vec<&str> =
        browser.iter().filter(|(_, outcome)| *outcome == "done").map(|(name, _)| name.as_str()).collect();
    assert_eq!(done, ["unshare user", "user", "user+pid+net"], "{browser:?}");
    // With all rights of its own user namespace it still mounts nothing: Landlock holds.
    let mount = "pid = call(56, (1 << 28) | 17, 0, 0, 0, 0)\nif pid == 0:\n    attempt('mount', lambda: call(165, b'x', b'/tmp', b'tmpfs', 0, 0))\n    os._exit(0)\nos.waitpid(pid, 0)";
    assert!(attempted(&browser_profile(), mount).values().all(|outcome| outcome != "done"));
}

#[test]
fn a_programs_end_is_told_as_it_was() {
    let programs = programs(&browser_profile(), small());
    for (script, ended) in [
        ("os._exit(3)", Ended::Code(3)),
        ("os.kill(os.getpid(), 9)", Ended::Signal(9)),
        ("os.abort()", Ended::Signal(6)),
    ] {
        let (program, _) = run(&programs, script);
        assert!(program.wait(Duration::from_secs(20)));
        assert_eq!(program.ended(), Some(ended), "{script}");
    }
    let (program, said) = run(&programs, "print('here', flush=True)\nos.close(1)\nwhile True: os.getpid()");
    assert_eq!((program.ended(), said.as_slice()), (None, b"here\n".as_slice()));
    program.kill();
    assert_eq!(program.ended(), Some(Ended::Killed));
}

#[test]
fn nothing_of_a_program_outlives_its_kill() {
    let programs = programs(&browser_profile(), small());
    let marker = format!("glasshouse-left-{}", std::process::id());
    let script = format!(
        "for _ in range(5):\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork():\n            os._exit(0)\n        \
         os.execv('/usr/bin/python3.11', ['python3', '-c', 'import os, time; os.close(1); time.sleep(600)', {marker:?}])\n\
         import time; time.sleep(1); os.close(1); time.sleep(600)"
    );
    let (program, _) = run(&programs, &script);
    assert_eq!(alive(&marker), 5, "the control: they run");
    drop(program);
    assert_eq!(alive(&marker), 0);
}

/// Processes of the host with this word on their command line.
fn alive(marker: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(marker)).count()
}

#[test]
fn a_program_is_held_to_its_memory_and_its_processes() {
    if !GLASS.has(Requirement::Cgroup) {
        return;
    }
    let programs = programs(&browser_profile(), small());
    let (program, said) = run(&programs, "x = bytearray(100 << 20)\nprint('fits', flush=True)\nx = bytearray(1 << 30)");
    assert!(program.wait(Duration::from_secs(20)));
    assert_eq!((said.as_slice(), program.ended()), (b"fits\n".as_slice(), Some(Ended::Signal(9))));
    assert!(program.oom_kills() >= 1);
    assert!(program.usage().memory_peak > 100 << 20);
    let bomb = "n = 0\ntry:\n    while n < 200:\n        if os.fork() == 0:\n            os.close(1); __import__('time').sleep(600)\n        n += 1\n\
                except OSError as error:\n    print(n, error.errno, flush=True)";
    let (_, said) = run(&programs, bomb);
    // 32 in all: the program itself and what it forks.
    assert_eq!(String::from_utf8_lossy(&said), "31 11\n");
}
