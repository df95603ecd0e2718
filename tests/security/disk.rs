//! Filling the disk, and what lies on it at the end.

use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;

use glasshouse_model::{Limits, Requirement};
use glasshouse_sandbox::{Exit, RunReport, RunRequest};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};

use crate::common::control::on_host;
use crate::common::fixture::{GLASS, UNFILTERED, request, small};
use crate::common::said::{attempted, attempting, outcomes, run, text};

const MIB: u64 = 1 << 20;
const FILL: &str = include_str!("attacks/fill.py");
/// statfs(2)'s number of tmpfs.
const TMPFS: i64 = 0x0102_1994;
const PLACES: [&str; 5] = ["/work", "/tmp", "/var/tmp", "/dev/shm", "/home/sample"];

fn filling(what: &str) -> String {
    format!("MOST, MOST_FILES = 64 << 20, 2000\n{FILL}\n{what}")
}

fn run_filling(what: &str) -> RunReport {
    run(&mut GLASS.lease(), &request(&attempting(&filling(what))))
}

#[test]
fn bytes_stop_at_the_limit_wherever_they_go() {
    let control = on_host(&filling("import tempfile\nwith tempfile.NamedTemporaryFile() as f: fill_bytes(f.name)"));
    assert_eq!(control["bytes"], (64 * MIB).to_string(), "{control:?}");
    for place in PLACES {
        let report = run_filling(&format!("fill_bytes('{place}/fill')"));
        let seen = outcomes(&report.stdout.kept);
        // A file's size and the disk's size are the same limit; whichever is met first may answer.
        assert!(["ENOSPC", "EFBIG"].contains(&seen["stopped by"].as_str()), "{place}: {seen:?}");
        let written: u64 = seen["bytes"].parse().unwrap();
        assert!(written <= small().disk && written + MIB > small().disk, "{place}: {written}");
        assert!(report.usage.bytes_written + MIB > small().disk, "{report:?}");
    }
    // All places are one disk: what one takes, the others lack.
    let halves = "for place in ('/tmp', '/dev/shm', '/work'): fill_bytes(place + '/fill') if place != '/tmp' else reserve('/tmp/half', 12 << 20)";
    let report = run_filling(halves);
    let seen = outcomes(&report.stdout.kept);
    assert_eq!((seen["stopped by"].as_str(), report.disk.full), ("ENOSPC", true), "{seen:?}");
    assert_eq!(seen["bytes"], "0", "nothing was left for the last place");
    // It lies in memory, on a disk of its own: the host's has nothing of it.
    assert_eq!(rustix::fs::fstatfs(&report.work).unwrap().f_type, TMPFS);
    assert_ne!(rustix::fs::fstat(&report.work).unwrap().st_dev, rustix::fs::stat("/tmp").unwrap().st_dev);
}

#[test]
fn files_stop_at_the_limit_wherever_they_go() {
    let control = on_host(&filling("import tempfile\nwith tempfile.TemporaryDirectory() as d: fill_files(d)"));
    assert_eq!(control["files"], "2000");
    for place in PLACES {
        let report = run_filling(&format!("fill_files('{place}')"));
        let seen = outcomes(&report.stdout.kept);
        assert_eq!(seen["stopped by"], "ENOSPC", "{place}: {seen:?}");
        let files: u64 = seen["files"].parse().unwrap();
        assert!(files <= small().files && files + 16 > small().files, "{place}: {files}");
        assert!(report.disk.full);
    }
}

#[test]
fn reserving_more_than_the_disk_is_refused() {
    let reserves = "import tempfile\nwith tempfile.TemporaryDirectory() as d:\n    attempt('reserve', lambda: reserve(d + '/r', 64 << 20))";
    assert_eq!(on_host(&filling(reserves))["reserve"], "done");
    let outcome = &attempted(&mut GLASS.lease(), &filling(reserves))["reserve"];
    assert!(["ENOSPC", "EFBIG"].contains(&outcome.as_str()), "{outcome}");
}

#[test]
fn the_captures_folder_is_no_disk_without_limits() {
    if !GLASS.has(Requirement::Cgroup) {
        return;
    }
    let code = filling("MOST = 1 << 30\nfor n in range(64): fill_bytes(f'/opt/glasshouse/out/{n}')");
    let report = run(&mut GLASS.lease(), &request(&attempting(&code)));
    assert!(report.oom_kills > 0, "what is written there is the job's memory: {report:?}");
    let limits = Limits { memory: 1 << 30, wall: small().wall, ..small() };
    let report = run(&mut GLASS.lease(), &RunRequest { limits, ..request(&attempting(&code)) });
    let seen = outcomes(&report.stdout.kept);
    assert_eq!(seen["bytes"], "0", "{seen:?}");
    assert!(["ENOSPC", "EFBIG"].contains(&seen["stopped by"].as_str()), "{seen:?}");
}

/// Things in place of outputs that a careless reader would follow, wait for or read for ever. What the
/// harvest makes of each is in src/capture/tests/collect.rs.
const TRAPS: &str = "
os.symlink('/etc/passwd', 'absolute.png')
os.symlink('../../../../../../etc/passwd', 'upwards.png')
os.symlink('loop.png', 'loop.png')
os.symlink('nowhere', 'dangling.png')
os.symlink('/proc/self/fd/0', 'magic.png')
attempt('fifo', lambda: os.mkfifo('fifo.png'))
socket.socket(socket.AF_UNIX).bind('socket.png')
open('sparse.png', 'w').close()
attempt('1 TB sparse', lambda: os.truncate('sparse.png', 1 << 40))
attempt('8 MB sparse', lambda: os.truncate('sparse.png', 8 << 20))
attempt('device', lambda: os.mknod('device.png', 0o020666, 0x103))
attempt('hard link to the image', lambda: os.link('/etc/passwd', 'hard.png'))
attempt('hard link to /tmp', lambda: (open('/tmp/a', 'w').close(), os.link('/tmp/a', 'hard.png')))
attempt('rename over the image', lambda: os.rename('loop.png', '/etc/passwd'))
os.mkdir('a' * 255)
open(b'\\xff\\xfe bad', 'w').close()
";

#[test]
fn traps_among_the_outputs_are_not_followed() {
    let traps = format!("import socket\n{TRAPS}");
    if GLASS.has(Requirement::Seccomp) {
        let seen = attempted(&mut GLASS.lease(), &traps);
        assert_eq!((seen["fifo"].as_str(), seen["device"].as_str()), ("done", "EPERM"), "named pipes and no devices");
    }
    let report = run(&mut UNFILTERED.lease(), &request(&attempting(&traps)));
    let seen = outcomes(&report.stdout.kept);
    assert_eq!(report.exit, Exit::Code(0), "{}", text(&report.stderr.kept));
    let expected =
        [("fifo", "done"), ("8 MB sparse", "done"), ("1 TB sparse", "EFBIG"), ("hard link to /tmp", "EXDEV")];
    for (name, outcome) in expected {
        assert_eq!(seen[name], outcome, "{name}");
    }
    for name in ["device", "hard link to the image", "rename over the image"] {
        assert_ne!(seen[name], "done", "{name}");
    }
    // The positive control: opened by path and followed, a link leads to the host's own file.
    let work = report.work.as_fd();
    let followed = format!("/proc/self/fd/{}/absolute.png", std::os::fd::AsRawFd::as_raw_fd(&work));
    let mut host = String::new();
    std::fs::File::open(Path::new(&followed)).unwrap().read_to_string(&mut host).unwrap();
    assert_eq!(host, std::fs::read_to_string("/etc/passwd").unwrap(), "the trap works on the careless");
    // As the harvest opens: beneath the folder, no links of any kind.
    for name in ["absolute.png", "upwards.png", "loop.png", "dangling.png", "magic.png"] {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let opened = rustix::fs::openat2(work, name, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty(), resolve);
        assert_eq!(opened.unwrap_err(), rustix::io::Errno::LOOP, "{name}");
    }
    for (name, kind) in
        [("fifo.png", FileType::Fifo), ("socket.png", FileType::Socket), ("sparse.png", FileType::RegularFile)]
    {
        let facts = rustix::fs::statat(work, name, AtFlags::SYMLINK_NOFOLLOW).unwrap();
        assert_eq!(FileType::from_raw_mode(facts.st_mode), kind, "{name}");
    }
}

#[test]
fn a_closed_folder_is_read_all_the_same() {
    let code = "import os\nopen('out.png', 'w').close()\nfor f in ('/work', '/opt/glasshouse/out'): os.chmod(f, 0)\n\
                attempt('the folder is closed', lambda: os.listdir('/work'))";
    let report = run(&mut GLASS.lease(), &request(&attempting(code)));
    assert_eq!(outcomes(&report.stdout.kept)["the folder is closed"], "EACCES");
    for folder in [&report.work, &report.captures] {
        rustix::fs::openat(folder, ".", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    rustix::fs::openat(&report.work, "out.png", OFlags::RDONLY, Mode::empty()).unwrap();
}
