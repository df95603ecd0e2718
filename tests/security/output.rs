//! Floods and odd bytes on the output streams.

use std::fs;
use std::time::Duration;

use glasshouse_model::Limits;
use glasshouse_sandbox::{Exit, RunRequest, Stop};

use crate::common::fixture::{GLASS, request, small};
use crate::common::said::run;

const MIB: u64 = 1 << 20;

fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn both_streams_at_once_never_block_a_program() {
    // 3 MiB on each, one after the other and mixed: more than any pipe holds.
    let code = "import os\nfor _ in range(48):\n    for stream in (1, 2): os.write(stream, b'x' * 65536)";
    let limits = Limits { output: 16 * MIB, output_kept: 1 << 16, ..small() };
    let report = run(&mut GLASS.lease(), &RunRequest { limits, ..request(code) });
    assert_eq!((report.exit, report.stop), (Exit::Code(0), None));
    for stream in [&report.stdout, &report.stderr] {
        assert_eq!((stream.total, stream.kept.len()), (3 * MIB, 1 << 16));
    }
}

#[test]
fn a_flood_is_ended_and_costs_no_memory() {
    let code = "import os\nif os.fork() == 0:\n    while True: os.write(2, b'x' * 65536)\nwhile True: os.write(1, b'y' * 65536)";
    let mut worker = GLASS.lease();
    run(&mut worker, &request(""));
    let before = resident();
    let limits = Limits { output: 256 * MIB, output_kept: 1 << 16, wall: Duration::from_secs(60), ..small() };
    let report = run(&mut worker, &RunRequest { limits, ..request(code) });
    assert_eq!(report.stop, Some(Stop::Output));
    let kept = report.stdout.kept.len() + report.stderr.kept.len();
    assert!(kept <= 2 << 16, "{kept}");
    // The control is the amount itself: 256 MiB came through. Other tests run beside this one.
    assert!(report.stdout.total + report.stderr.total > 256 * MIB);
    assert!(resident() < before + 64 * MIB, "{before} before, {} after", resident());
}

#[test]
fn bytes_come_through_as_they_are() {
    let code = "import os\nos.write(1, bytes(range(256)) + b'\\x1b[31m')\nos.write(2, b'\\xff\\xfe')";
    let report = run(&mut GLASS.lease(), &request(code));
    let all: Vec<u8> = (0..=255).chain(*b"\x1b[31m").collect();
    assert_eq!((report.stdout.kept, report.stderr.kept), (all, vec![0xff, 0xfe]));
}
