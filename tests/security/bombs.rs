//! Using up processes, memory and time.

use std::time::{Duration, Instant};

use glasshouse_model::{Limits, Requirement};
use glasshouse_sandbox::{Exit, RunRequest, Stop};

use crate::common::control::on_host;
use crate::common::fixture::{GLASS, request, small};
use crate::common::said::{assert_all_done, attempting, outcomes, run, text};

const MIB: u64 = 1 << 20;

/// Forks until it is refused, or 300 times; its children sleep.
const FORKS: &str = r"
import signal, time
children = []
def fork_300():
    while len(children) < 300:
        pid = os.fork()
        if pid == 0:
            time.sleep(600)
            os._exit(0)
        children.append(pid)
attempt('300 children', fork_300)
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
";

#[test]
fn a_fork_bomb_is_refused_at_the_limit_and_flagged() {
    assert_all_done(&on_host(FORKS));
    if !GLASS.has(Requirement::Cgroup) {
        return;
    }
    let mut worker = GLASS.lease();
    let report = run(&mut worker, &request(&attempting(FORKS)));
    assert_eq!(outcomes(&report.stdout.kept)["300 children"], "EAGAIN", "{}", text(&report.stderr.kept));
    assert!(report.refused_forks > 0);
    assert!(report.usage.processes <= small().processes, "{:?}", report.usage);
    // Unbounded, every process of it forking: all are dead when the run is over.
    let bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass";
    let limits = Limits { wall: Duration::from_secs(2), ..small() };
    let report = run(&mut worker, &RunRequest { limits, ..request(bomb) });
    assert!(matches!(report.stop, Some(Stop::Wall | Stop::Cpu | Stop::Memory)), "{report:?}");
    assert!(report.refused_forks > 0);
    assert_eq!(run(&mut worker, &request("")).exit, Exit::Code(0));
}

/// Starts threads until it is refused, or 300.
const THREADS: &str = r"
import threading
stop = threading.Event()
def start_300():
    for _ in range(300):
        threading.Thread(target=stop.wait, daemon=True).start()
attempt('300 threads', start_300)
stop.set()
";

#[test]
fn a_thread_bomb_is_refused_at_the_limit_and_flagged() {
    assert_all_done(&on_host(THREADS));
    if !GLASS.has(Requirement::Cgroup) {
        return;
    }
    let report = run(&mut GLASS.lease(), &request(&attempting(THREADS)));
    let outcome = &outcomes(&report.stdout.kept)["300 threads"];
    assert!(outcome.contains("can't start new thread"), "{outcome}");
    assert!(report.refused_forks > 0);
}

/// Four children fill 100 MB each and hold it; the parent then ends well.
const CHILDREN_FILL: &str = r"
import signal, time
def child(told):
    block = bytearray(os.urandom(1 << 20)) * 100
    os.write(told, b'x')
    time.sleep(600)
def fill():
    seen, told = os.pipe()
    children = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            child(told)
        children.append(pid)
    os.close(told)
    full = 0
    while full < 4 and os.read(seen, 1):
        full += 1
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    if full < 4:
        raise MemoryError(f'only {full} children could fill their memory')
attempt('400 MB in four children', fill)
";

#[test]
fn memory_over_many_children_is_one_sum() {
    assert_all_done(&on_host(CHILDREN_FILL));
    if !GLASS.has(Requirement::Cgroup) {
        return;
    }
    let mut worker = GLASS.lease();
    let report = run(&mut worker, &request(&attempting(CHILDREN_FILL)));
    assert_ne!(outcomes(&report.stdout.kept).get("400 MB in four children").map(String::as_str), Some("done"));
    assert!(report.oom_kills > 0, "{report:?}");
    assert!(report.usage.memory_peak <= small().memory, "{report:?}");
    assert_eq!(run(&mut worker, &request("")).oom_kills, 0, "the next job starts from nothing");
}

#[test]
fn a_child_killed_for_memory_is_flagged_though_its_parent_ends_well() {
    if !GLASS.has(Requirement::Cgroup) {
        return;
    }
    let code = |megabytes: u32| {
        format!(
            "import os\npid = os.fork()\nif pid == 0:\n    block = bytearray(b'x' * (1 << 20)) * {megabytes}\n    os._exit(0)\n\
             print(os.waitpid(pid, 0)[1])"
        )
    };
    let mut worker = GLASS.lease();
    let control = run(&mut worker, &request(&code(50)));
    assert_eq!((control.exit, control.oom_kills, text(&control.stdout.kept).as_str()), (Exit::Code(0), 0, "0\n"));
    let report = run(&mut worker, &request(&code(400)));
    assert!(report.oom_kills > 0, "{report:?}");
}

#[test]
fn the_disk_and_memory_are_one_sum() {
    if !GLASS.has(Requirement::Cgroup) {
        return;
    }
    // Each alone is within its limit; together they are not.
    let code = |disk: u32, memory: u32| {
        format!(
            "with open('/dev/shm/fill', 'wb') as f:\n    for _ in range({disk}): f.write(b'x' * (1 << 20))\n\
             block = bytearray(b'x' * (1 << 20)) * {memory}\nprint('both')"
        )
    };
    let limits = Limits { disk: 200 * MIB, ..small() };
    let mut worker = GLASS.lease();
    let mut both =
        |disk, memory| run(&mut worker, &RunRequest { limits: limits.clone(), ..request(&code(disk, memory)) });
    assert_eq!(text(&both(150, 1).stdout.kept), "both\n");
    assert_eq!(text(&both(1, 150).stdout.kept), "both\n");
    let report = both(150, 150);
    assert_eq!(text(&report.stdout.kept), "");
    assert!(report.oom_kills > 0, "{report:?}");
}

#[test]
fn processor_time_is_summed_over_all_processes() {
    if !GLASS.has(Requirement::Cgroup) {
        return;
    }
    let burn = "import os\nfor _ in range(3):\n    if os.fork() == 0: break\nwhile True: pass";
    let limits = Limits { cpu: Duration::from_millis(1500), wall: Duration::from_secs(60), ..small() };
    let report = run(&mut GLASS.lease(), &RunRequest { limits, ..request(burn) });
    assert_eq!(report.stop, Some(Stop::Cpu));
    assert!(report.usage.cpu > 1.4, "{:?}", report.usage);
}

#[test]
fn the_deadline_holds_whatever_a_program_ignores() {
    let ways = [
        "import time\ntime.sleep(600)",
        "import signal, time\nfor s in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(s, signal.SIG_IGN)\ntime.sleep(600)",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\nwhile True: pass",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
        "import re\nre.match('(a+)+$', 'a' * 64 + 'b')",
    ];
    let mut worker = GLASS.lease();
    for code in ways {
        let limits = Limits { wall: Duration::from_millis(700), ..small() };
        let begin = Instant::now();
        let report = run(&mut worker, &RunRequest { limits, ..request(code) });
        assert_eq!(report.stop, Some(Stop::Wall), "{code}");
        assert!(begin.elapsed() < Duration::from_secs(20), "{code} took {:?}", begin.elapsed());
    }
}
