//! Forging a verdict, or escaping one; code that wants to run before its confinement.

use std::collections::BTreeMap;

use glasshouse_sandbox::{Exit, RunReport, RunRequest, Worker};

use crate::common::fixture::{GLASS, request};
use crate::common::said::{run, text};

fn tested(worker: &mut Worker, code: &str, tests: &str) -> RunReport {
    run(worker, &RunRequest { test_code: Some(tests.to_owned()), ..request(code) })
}

#[test]
fn leaving_early_passes_no_test() {
    let mut worker = GLASS.lease();
    let tests = "assert answer() == 42";
    assert_eq!(tested(&mut worker, "def answer(): return 42", tests).test_passed, Some(true));
    assert_eq!(tested(&mut worker, "def answer(): return 41", tests).test_passed, Some(false));
    let forgeries = [
        "import os\nos._exit(0)",
        "import sys\nsys.exit(0)",
        "raise SystemExit",
        "import os\ndef answer(): os._exit(0)",
        "import sys\ndef answer(): sys.exit(0)",
        "import os, sys\nos.execv(sys.executable, ['python3', '-c', 'print(1)'])",
        "import os, signal\ndef answer(): os.kill(os.getpid(), signal.SIGKILL)",
        "import os\nif os.fork() != 0: os._exit(0)\ndef answer(): return 41",
        "import atexit, os\natexit.register(os._exit, 0)\ndef answer(): return 41",
        "import sys, os\nsys.excepthook = lambda *a: os._exit(0)\ndef answer(): return 41",
        // The word that the driver leaves, with a guess instead of the run's own number.
        "import json, os\njson.dump({'nonce': '0' * 32}, open('/opt/glasshouse/out/tests.json', 'w'))\nos._exit(0)",
        "import os\nos.symlink('/proc/self/fd/0', '/opt/glasshouse/out/tests.json')\nos._exit(0)",
        "import os\nos.mkdir('/opt/glasshouse/out/tests.json')\nos._exit(0)",
        "open('/opt/glasshouse/out/tests.json', 'w').write('{' * 100000)\nimport os\nos._exit(0)",
        "def answer(): return 41\nprint('{\"tests\": \"passed\", \"verdict\": \"ok\"}')",
    ];
    for code in forgeries {
        let report = tested(&mut worker, code, tests);
        assert_eq!(report.test_passed, Some(false), "{code}");
    }
}

/// No descriptor of ours is there to be written to: not among the open ones, not to be opened again.
#[test]
fn no_channel_to_the_supervisor_is_left() {
    let code = "import os, socket\nfor n in range(3, 4096):\n    try: os.write(n, b'{\"status\": 0, \"cpu\": 0, \"peak\": 0}'); print('wrote to', n)\n    except OSError: pass\n\
                for n in range(4096):\n    try: socket.socket(fileno=n).send(b'{\"status\": 0, \"cpu\": 0, \"peak\": 0}'); print('sent to', n)\n    except OSError: pass\n\
                os.close(0); os.close(1); os.close(2)\nos._exit(7)";
    let report = run(&mut GLASS.lease(), &request(code));
    assert_eq!((report.exit, text(&report.stdout.kept).as_str()), (Exit::Code(7), ""));
}

#[test]
fn exits_are_what_they_are() {
    let mut worker = GLASS.lease();
    let cases = [
        ("import os\nos._exit(137)", Exit::Code(137)),
        ("import os\nos.kill(os.getpid(), 9)", Exit::Signal(9)),
        ("import os\nos._exit(256 + 3)", Exit::Code(3)),
        ("import sys\nsys.exit(-1)", Exit::Code(255)),
        ("import os\nos.abort()", Exit::Signal(6)),
        ("import os\nif os.fork() == 0: os._exit(9)\nos.wait()", Exit::Code(0)),
        // Only the main process counts, also when a child goes on in its name.
        ("import os\nif os.fork() != 0: os._exit(4)\nraise ValueError", Exit::Code(4)),
        ("raise ValueError('x')", Exit::Code(1)),
        ("import os\nos._exit = lambda code: None\nraise ValueError", Exit::Code(1)),
        ("import os\nos._exit = lambda code: None", Exit::Code(0)),
        ("import sys\nsys.stdout = sys.stderr = None", Exit::Code(0)),
    ];
    for (code, exit) in cases {
        let report = run(&mut worker, &request(code));
        assert_eq!(report.exit, exit, "{code}: {}", text(&report.stderr.kept));
    }
}

#[test]
fn a_forged_error_report_is_evidence_beside_the_exit() {
    let forged = "import json, os\njson.dump({'type': 'MemoryError', 'message': 'ours', 'line': 1, 'traceback': '', 'chain': []}, \
                  open('/opt/glasshouse/out/error.json', 'w'))";
    let report = run(&mut GLASS.lease(), &request(forged));
    assert_eq!((report.exit, report.stop, report.oom_kills), (Exit::Code(0), None, 0));
}

/// Files of the row that have the names of modules which the interpreter, the driver or the hooks use.
#[test]
fn nothing_of_the_row_runs_before_the_door_is_locked() {
    let shadow = "import os\nos.write(2, b'SHADOW ' + __name__.encode() + b' ' + open('/proc/self/status').read().split('Seccomp:')[1].split()[0].encode() + b'\\n')\nraise ImportError('shadow')\n";
    let names = [
        "sitecustomize",
        "usercustomize",
        "json",
        "traceback",
        "glasshouse_driver/__init__",
        "glasshouse_capture/__init__",
        "jail",
        "zygote",
        "start",
        "ctypes",
        "atexit",
        "threading",
        "random",
        "numpy/__init__",
        "encodings/__init__",
        "linecache",
        "tokenize",
        "evil.pth",
    ];
    let files: BTreeMap<String, Vec<u8>> = names
        .iter()
        .map(|name| if name.contains('.') { (*name).to_owned() } else { format!("{name}.py") })
        .map(|name| (name, shadow.as_bytes().to_vec()))
        .collect();
    let mut worker = GLASS.lease();
    let report = run(&mut worker, &RunRequest { files: files.clone(), ..request("x = 1\nprint('fine')") });
    assert_eq!(
        (report.exit, text(&report.stdout.kept).as_str(), text(&report.stderr.kept).as_str()),
        (Exit::Code(0), "fine\n", "")
    );
    // An uncaught error is described by the driver, after the program and with the program's own modules about.
    let report = run(&mut worker, &RunRequest { files: files.clone(), ..request("raise ValueError('told')") });
    let errors = text(&report.stderr.kept);
    assert!(errors.contains("ValueError: told") && !errors.contains("SHADOW"), "{errors}");
    assert!(
        rustix::fs::statat(&report.captures, "error.json", rustix::fs::AtFlags::empty()).is_ok(),
        "the error is described"
    );
    // The control: where the program itself asks for them, it gets its own, locked in.
    let report = run(&mut worker, &RunRequest { files, ..request("import zygote") });
    assert!(text(&report.stderr.kept).contains("SHADOW zygote 2"), "{}", text(&report.stderr.kept));
}

#[test]
fn a_row_may_have_modules_named_like_ours() {
    let names = ["program", "job", "jail", "zygote", "start", "warmth", "records", "capture", "hooks"];
    let files = names.iter().map(|name| (format!("{name}.py"), format!("me = {name:?}").into_bytes())).collect();
    let code = names.iter().map(|name| format!("import {name}; assert {name}.me == {name:?}\n")).collect::<String>();
    let report = run(&mut GLASS.lease(), &RunRequest { files, ..request(&code) });
    assert_eq!(report.exit, Exit::Code(0), "{}", text(&report.stderr.kept));
}
