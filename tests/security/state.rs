//! What one run leaves for another, earlier, later or at the same time.

use std::thread;
use std::time::Duration;

use glasshouse_sandbox::{Exit, Worker};

use crate::common::fixture::{GLASS, request};
use crate::common::said::{Outcomes, assert_all_done, assert_none_done, attempted, attempting, outcomes, run, text};

const HIDE: &str = include_str!("attacks/hide.py");
const SEEK: &str = include_str!("attacks/seek.py");
const POISON: &str = include_str!("attacks/poison.py");
const FINGERPRINT: &str = include_str!("attacks/fingerprint.py");

/// A sleeping child stands for the hider's process: its environment is what a seeker may see of it.
fn search_inside_the_hiding_run(worker: &mut Worker) -> Outcomes {
    let control = attempted(worker, &format!("{HIDE}\nif os.fork() == 0:\n    time.sleep(600)\n{SEEK}"));
    assert!(control.values().all(|outcome| outcome == "done"), "{control:?}");
    control
}

#[test]
fn nothing_is_left_for_the_next_run() {
    let mut worker = GLASS.lease();
    let control = search_inside_the_hiding_run(&mut worker);
    assert_none_done(&attempted(&mut worker, SEEK), &control);
    // POSIX queues: refused by Landlock, else of the run's own. Made anew each time, never found.
    let queue = "attempt('queue', lambda: call(240, b'neighbour', os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666, None))";
    for _ in 0..2 {
        let outcome = &attempted(&mut worker, queue)["queue"];
        assert!(["done", "EACCES"].contains(&outcome.as_str()), "{outcome}");
    }
    // Also where no place but the shared image could hold it.
    let shared = "for folder in ('/run/lock', '/run', '/dev', '/dev/mqueue', '/var/lock', '/usr', '/etc', '/opt/glasshouse/driver', '/proc', '/sys', '/'):\n\
                  \x20   attempt(folder, lambda: open(folder + '/left', 'w'))";
    let walled = attempted(&mut worker, shared);
    assert!(walled.len() == 11 && walled.values().all(|outcome| outcome != "done"), "{walled:?}");
}

#[test]
fn runs_at_the_same_time_cannot_meet() {
    let control = search_inside_the_hiding_run(&mut GLASS.lease());
    // The clock is the machine's, so the two can tell whether they really were there together.
    let hides =
        format!("{HIDE}\nsay('from', str(time.monotonic()))\ntime.sleep(SECONDS)\nsay('to', str(time.monotonic()))");
    let seeks = format!("import time\nsay('from', str(time.monotonic()))\n{SEEK}\nsay('to', str(time.monotonic()))");
    let (mut first, mut second) = (GLASS.lease(), GLASS.lease());
    for seconds in [3, 10, 30] {
        let hides = hides.replace("SECONDS", &seconds.to_string());
        let (hidden, mut walled) = thread::scope(|scope| {
            let hider = scope.spawn(|| attempted(&mut first, &hides));
            thread::sleep(Duration::from_secs(1));
            let walled = attempted(&mut second, &seeks);
            (hider.join().unwrap(), walled)
        });
        let time = |outcomes: &Outcomes, name: &str| outcomes[name].parse::<f64>().unwrap();
        let together = time(&hidden, "from") < time(&walled, "from") && time(&walled, "to") < time(&hidden, "to");
        walled.retain(|name, _| name != "from" && name != "to");
        assert_none_done(&walled, &control);
        if together {
            return;
        }
    }
    panic!("the two runs were never there at the same time");
}

fn fingerprint(worker: &mut Worker) -> serde_json::Value {
    let report = run(worker, &request(&format!("import os\n{FINGERPRINT}")));
    assert_eq!(report.exit, Exit::Code(0), "{}", text(&report.stderr.kept));
    serde_json::from_slice(&report.stdout.kept).unwrap()
}

#[test]
fn a_poisoned_interpreter_poisons_nobody() {
    let fresh = fingerprint(&mut GLASS.pool.worker().unwrap());
    let mut worker = GLASS.lease();
    for _ in 0..3 {
        let report = run(&mut worker, &request(&format!("import os\n{POISON}")));
        assert_eq!(report.exit, Exit::Code(77), "the poison took: {}", text(&report.stderr.kept));
    }
    assert_eq!(fingerprint(&mut worker), fresh);
    // The control: in the poisoned process itself the fingerprint is another one.
    let survives = "import os, json, glob\nkept = (open, json.dumps)\n".to_owned()
        + &POISON
            .replace("sys.setrecursionlimit(77)", "")
            .replace("atexit.register(os._exit, 77)", "atexit.register(int)")
            .replace("sys.settrace(lambda *a: None)", "")
        + "\nbuiltins.open, json.dumps = kept\nsys.modules['poison'] = type(sys)('poison')\n"
        + FINGERPRINT;
    let report = run(&mut worker, &request(&survives));
    let poisoned: serde_json::Value =
        serde_json::from_slice(&report.stdout.kept).unwrap_or_else(|_| panic!("{}", text(&report.stderr.kept)));
    let same: Vec<_> = fresh
        .as_object()
        .unwrap()
        .iter()
        .filter(|(key, value)| poisoned[key.as_str()] == **value)
        .map(|(key, _)| key)
        .collect();
    assert!(same.len() < 12, "what the control did not bend: {same:?}");
}

#[test]
fn random_numbers_differ_where_they_must_and_repeat_where_they_may() {
    let code = "import os, random, uuid, secrets, tempfile\nimport numpy, matplotlib.pyplot\nprint(random.random(), numpy.random.random())\n\
                print(uuid.uuid4(), secrets.token_hex(), os.urandom(8).hex(), tempfile.mkdtemp(), numpy.random.default_rng().random())";
    let mut worker = GLASS.lease();
    let mut lines = || {
        let printed = text(&run(&mut worker, &request(code)).stdout.kept);
        printed.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (first, second) = (lines(), lines());
    assert_eq!(first[0], second[0], "the recorded seed");
    let pairs = first[1].split(' ').zip(second[1].split(' '));
    let same: Vec<_> = pairs.filter(|(a, b)| a == b).collect();
    assert!(same.is_empty(), "{same:?}");
}

/// Modules that an image has and that do unusual things when imported: a row can name them, and a
/// zygote then imports them before any confinement.
#[test]
fn odd_imports_break_no_worker() {
    const LOADED: &str = "import sys\nprint(sys.argv, sorted(sys.modules))";
    let mut worker = GLASS.lease();
    let mut fresh = GLASS.pool.worker().unwrap();
    for module in [
        "numpy.f2py.__main__",
        "PIL.__main__",
        "matplotlib.backends.backend_webagg",
        "matplotlib.testing.conftest",
        "numpy.nothing.there",
        "matplotlib.pyplot.figure",
    ] {
        // A zygote of its own comes at the second time.
        for _ in 0..3 {
            let guarded = format!("import {module}\n");
            run(&mut worker, &request(&guarded));
        }
    }
    // What those imports printed, loaded or bent is nobody else's.
    assert_eq!(
        text(&run(&mut worker, &request(LOADED)).stdout.kept),
        text(&run(&mut fresh, &request(LOADED)).stdout.kept)
    );
    assert_eq!(run(&mut worker, &request("import matplotlib.pyplot as plt\nplt.figure()")).exit, Exit::Code(0));
    let threads = "attempt('one thread', lambda: [1][len(os.listdir('/proc/self/task')) - 1])";
    assert_all_done(&outcomes(&run(&mut worker, &request(&attempting(threads))).stdout.kept));
}
