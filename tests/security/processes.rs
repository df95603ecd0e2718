//! Other processes: seeing, touching, outliving them.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use glasshouse_model::{Limits, Requirement};
use glasshouse_sandbox::{Exit, RunRequest};

use crate::common::control::on_host;
use crate::common::fixture::{GLASS, UNFILTERED, request, small};
use crate::common::said::{assert_all_done, assert_none_done, attempted, attempting, outcomes, run, text};

const SPYING: &str = include_str!("attacks/spying.py");
const SIGNALS: &str = include_str!("attacks/signals.py");
const DAEMON: &str = include_str!("attacks/daemon.py");

/// A process of ours for controls to attack.
struct Victim(Child);

impl Victim {
    fn new() -> Self {
        Self(Command::new("sleep").arg("600").env_clear().env("SECRET", "1").stdin(Stdio::null()).spawn().unwrap())
    }

    fn named(&self, script: &str) -> String {
        format!("os.environ['VICTIM'] = '{}'\n{script}", self.0.id())
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn no_other_process_can_be_read_or_traced() {
    let victim = Victim::new();
    let control = on_host(&victim.named(SPYING));
    assert_all_done(&control);
    assert_none_done(&attempted(&mut GLASS.lease(), SPYING), &control);
    // Namespaces and undumpable parents hold without the filter too.
    assert_none_done(&attempted(&mut UNFILTERED.lease(), SPYING), &control);
}

#[test]
fn no_other_process_can_be_signalled_or_limited() {
    let victim = Victim::new();
    let control = on_host(&victim.named(SIGNALS));
    assert_all_done(&control);
    let mut worker = GLASS.lease();
    assert_none_done(&attempted(&mut worker, SIGNALS), &control);
    // Everything at once: the program kills what it can reach, which is its own children.
    let all = "import os, signal\npid = os.fork()\nif pid == 0: signal.pause()\nos.kill(-1, signal.SIGKILL)\nprint(os.waitpid(pid, 0)[1])";
    let report = run(&mut worker, &request(all));
    assert_eq!((report.exit, text(&report.stdout.kept).as_str()), (Exit::Code(0), "9\n"));
    assert_eq!(run(&mut worker, &request("")).exit, Exit::Code(0), "init, zygote and the next cell live on");
}

/// Processes of the host whose name is `mark`.
fn alive(mark: &str) -> usize {
    let named =
        |entry: fs::DirEntry| fs::read_to_string(entry.path().join("comm")).is_ok_and(|name| name.trim() == mark);
    fs::read_dir("/proc").unwrap().flatten().map(named).filter(|found| *found).count()
}

#[test]
fn a_daemon_is_dead_when_its_run_is_over() {
    let mark = format!("gh-d{}", std::process::id());
    let script = format!("MARK = '{mark}'\n{DAEMON}");
    // Without the glass it lives on after its parent has ended.
    let mut plain = Command::new("python3")
        .arg("-c")
        .arg(format!("import ctypes, os\n{script}"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    assert!(plain.wait().unwrap().success());
    assert_eq!(alive(&mark), 1, "the control's daemon is alive");
    let status = Command::new("sh")
        .arg("-c")
        .arg(format!("grep -lx {mark} /proc/[0-9]*/comm | cut -d/ -f3 | xargs kill -9"))
        .status();
    assert!(status.unwrap().success());

    let begin = Instant::now();
    let report = run(&mut GLASS.lease(), &request(&format!("import ctypes, os\n{script}")));
    assert_eq!((report.exit, report.stop), (Exit::Code(0), None));
    assert_eq!(text(&report.stdout.kept), "DAEMON\n");
    // The run ends with the program, though the daemon holds its output open for ten minutes.
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    let deadline = Instant::now() + Duration::from_secs(10);
    while alive(&mark) > 0 {
        assert!(Instant::now() < deadline, "the daemon lives");
    }
}

/// Makes children of the zygote (CLONE_PARENT), which nobody would wait for: the dead would keep their cell.
const FOSTER: &str = "
def foster():
    if call(56, 0x8000 | 17, 0, 0, 0, 0) == 0:
        os._exit(0)
attempt('a child of the zygote', foster)
";

#[test]
fn no_process_is_made_a_child_of_the_zygote() {
    if !GLASS.has(Requirement::Seccomp) {
        return;
    }
    // Where it works, the worker cannot end the run: a fault that a sample brings about at will.
    let control = UNFILTERED.lease().run(&request(&attempting(FOSTER)));
    let worked =
        control.as_ref().map_or(true, |report| outcomes(&report.stdout.kept)["a child of the zygote"] == "done");
    assert!(worked, "{control:?}");
    assert_eq!(attempted(&mut GLASS.lease(), FOSTER)["a child of the zygote"], "EPERM");
}

#[test]
fn a_run_without_output_ends_when_its_program_does() {
    let closes = "import os, time\nif os.fork() == 0:\n    time.sleep(600)\nos.close(1)\nos.close(2)\nos._exit(3)";
    let limits = Limits { wall: Duration::from_secs(60), ..small() };
    let begin = Instant::now();
    let report = run(&mut GLASS.lease(), &RunRequest { limits, ..request(closes) });
    assert_eq!((report.exit, report.stop), (Exit::Code(3), None));
    assert!(begin.elapsed() < Duration::from_secs(20));
}
