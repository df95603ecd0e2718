//! Every system call number, with arguments that mean nothing.

use std::time::Duration;

use glasshouse_model::{Limits, Requirement};
use glasshouse_sandbox::{Exit, RunRequest};

use crate::common::fixture::{GLASS, request, small};
use crate::common::said::{attempting, outcomes, run, text};

/// Calls each number with zeros and with -1s in a child. Some numbers block or end the child: an alarm
/// and the child's own end are as good an answer as an error.
const SWEEP: &str = r#"
import signal, time
def child(number, word):
    # In a session of its own, so that kill(0) reaches the child alone. kill(-1) has a test of its own.
    os.setsid()
    if (number, word) == (62, -1):
        raise OSError(errno.ESRCH, "left out")
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    call(number, word, word, word, word, word, word)
for number in range(471):
    for word in (0, -1):
        attempt(f"{number} {word}", lambda: in_child(lambda: child(number, word)))
"#;

#[test]
fn the_whole_range_of_system_calls_kills_nobody() {
    let mut worker = GLASS.lease();
    let limits = Limits { wall: Duration::from_secs(120), output_kept: 1 << 20, ..small() };
    let report = run(&mut worker, &RunRequest { limits, ..request(&attempting(SWEEP)) });
    let seen = outcomes(&report.stdout.kept);
    assert_eq!(report.exit, Exit::Code(0), "{}", text(&report.stderr.kept));
    assert_eq!(seen.len(), 2 * 471);
    let by_sigsys: Vec<_> = seen.iter().filter(|(_, outcome)| outcome.contains("signal 31")).collect();
    assert!(by_sigsys.is_empty(), "{by_sigsys:?}");
    if GLASS.has(Requirement::Seccomp) {
        for number in [101, 155, 161, 165, 166, 246, 250, 272, 298, 304, 308, 310, 321, 438] {
            assert_eq!(seen[&format!("{number} 0")], "EPERM", "{number}");
        }
        for number in [323, 425, 435] {
            assert_eq!(seen[&format!("{number} 0")], "ENOSYS", "{number}");
        }
        // Past the last number that the profile knows.
        assert_eq!(seen["470 0"], "EPERM");
    }
    assert_eq!(run(&mut worker, &request("")).exit, Exit::Code(0), "the worker lives on");
}
