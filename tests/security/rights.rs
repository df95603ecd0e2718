//! Files, rights and limits that were not given.

use glasshouse_model::Requirement;
use glasshouse_sandbox::Exit;

use crate::common::control::{in_namespaces, on_host};
use crate::common::fixture::{GLASS, UNFILTERED, request, workspace};
use crate::common::said::{assert_all_done, assert_none_done, attempted, attempting, outcomes, run, text};

const WALLS: &str = include_str!("attacks/walls.py");
const RIGHTS: &str = include_str!("attacks/rights.py");

#[test]
fn nothing_of_the_host_and_the_image_can_be_written_and_little_read() {
    // The control writes nothing dangerous: the same two functions on files that may be used.
    let own = "read(sys.executable)\nopen('/tmp/x', 'w').close()\nattempt('read', lambda: read('/etc/passwd'))\n\
               attempt('write', lambda: write('/tmp/x'))\nos.unlink('/tmp/x')";
    let functions = WALLS.split("for path in WRITES").next().unwrap();
    assert_all_done(&on_host(&format!("{functions}\n{own}")));
    assert_all_done(&attempted(&mut GLASS.lease(), &format!("{functions}\n{own}")));
    let read_by_root = on_host(&format!("{functions}\nfor path in READS: attempt('read ' + path, lambda: read(path))"));
    let readable = read_by_root.values().filter(|outcome| *outcome == "done").count();
    assert!(readable > 5, "the host has things to read: {read_by_root:?}");
    for shared in [&GLASS, &UNFILTERED] {
        let walled = attempted(&mut shared.lease(), WALLS);
        let done: Vec<_> =
            walled.iter().filter(|(_, outcome)| *outcome == "done").map(|(name, _)| name.as_str()).collect();
        assert!(done.is_empty(), "{done:?}");
    }
}

#[test]
fn the_daemon_and_its_secrets_are_not_in_sight() {
    // What cargo sets in this process, the workers' parent, is what a daemon's secrets would be.
    let report = run(
        &mut GLASS.lease(),
        &request("import os\nprint(sorted(os.environ))\nprint(open('/proc/self/environ').read())"),
    );
    let said = text(&report.stdout.kept);
    assert!(said.contains("MPLBACKEND"), "{said}");
    for (name, value) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO") || name.starts_with("RUST")) {
        assert!(!said.contains(&name) && (value.len() < 8 || !said.contains(&value)), "{name} is in sight: {said}");
    }
    let here = workspace();
    let looks =
        format!("import os\nprint(os.path.exists({here:?}), os.path.exists('/root/.cargo'), os.listdir('/root'))");
    assert_eq!(text(&run(&mut GLASS.lease(), &request(&looks)).stdout.kept), "False False []\n");
}

#[test]
fn no_right_is_gained() {
    let control = in_namespaces(RIGHTS);
    assert_all_done(&control);
    assert_none_done(&attempted(&mut GLASS.lease(), RIGHTS), &control);
    assert_none_done(&attempted(&mut UNFILTERED.lease(), RIGHTS), &control);
}

/// A program of another owner with the setuid bit, made where a job may make one.
#[test]
fn setuid_programs_give_nothing() {
    let code = "import os, shutil, subprocess\nshutil.copy('/usr/bin/id', '/tmp/id')\nos.chmod('/tmp/id', 0o6755)\n\
                print(oct(os.stat('/tmp/id').st_mode & 0o7000), subprocess.run(['/tmp/id', '-u'], capture_output=True, text=True).stdout.strip())\n\
                print([l.split()[1] for l in open('/proc/self/status') if l.startswith(('NoNewPrivs', 'CapEff', 'CapPrm', 'CapInh', 'CapAmb'))])\n\
                print([l.split()[4] for l in open('/proc/self/mountinfo') if 'nosuid' not in l.split()[5]])";
    let report = run(&mut GLASS.lease(), &request(code));
    let said = text(&report.stdout.kept);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[0], "0o6000 1000", "{} {}", said, text(&report.stderr.kept));
    assert_eq!(lines[1], "['0000000000000000', '0000000000000000', '0000000000000000', '0000000000000000', '1']");
    // Device nodes are bound from the host one by one, or from a container's /dev, which is `nosuid`; nothing can be run
    // from them.
    let bound = ["['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom']", "[]"];
    assert!(bound.contains(&lines[2]), "{}", lines[2]);
}

/// Whoever owns the nodes: `fopen(path, "w")` is what libraries do (SciPy's Delaunay triangulation, for one).
#[test]
fn devices_open_in_every_mode() {
    let code = "for device in ('null', 'zero', 'full', 'random', 'urandom'):\n    for mode in ('rb', 'wb', 'ab', 'r+b', 'w+b'):\n        open('/dev/' + device, mode, buffering=0).close()";
    let report = run(&mut GLASS.lease(), &request(code));
    assert_eq!(report.exit, Exit::Code(0), "{}", text(&report.stderr.kept));
}

#[test]
fn a_crash_starts_nothing_and_leaves_nothing() {
    let code = "import os, signal\nimport ctypes\nctypes.string_at(0)";
    let limits = "import resource\nattempt('core', lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))\n\
                  say('soft', open('/proc/self/limits').read().split('Max core file size')[1].split()[0])";
    assert_eq!(on_host(limits)["core"], "done");
    let mut worker = GLASS.lease();
    let seen = attempted(&mut worker, limits);
    assert_eq!(seen["soft"], "1", "the one value for which the kernel starts no core_pattern program");
    if GLASS.has(Requirement::Seccomp) {
        assert_ne!(seen["core"], "done");
    }
    let report = run(&mut worker, &request(code));
    assert_eq!(report.exit, Exit::Signal(11));
    let names: Vec<_> =
        rustix::fs::Dir::read_from(&report.work).unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("core")), "{names:?}");
}

#[test]
fn only_the_three_streams_are_open_and_no_terminal() {
    let code = "import os, fcntl\nsay('open', ' '.join(sorted(f for f in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + f) or int(f) < 3)))\n\
                say('links', ' '.join(os.readlink(f'/proc/self/fd/{n}').split(':')[0] for n in range(3)))\n\
                attempt('type into the terminal', lambda: fcntl.ioctl(0, 0x5412, b'x'))\n\
                attempt('type into it with high bits', lambda: call(16, 0, 0x100005412, b'x'))\n\
                attempt('open the terminal', lambda: os.open('/dev/tty', os.O_RDWR))\n\
                attempt('use up descriptors', lambda: [os.dup(0) for _ in range(5000)])";
    let report = run(&mut GLASS.lease(), &request(&attempting(code)));
    let seen = outcomes(&report.stdout.kept);
    assert_eq!(seen["open"], "0 1 2", "{seen:?}");
    assert_eq!(seen["links"], "/dev/null pipe pipe");
    assert_eq!(seen["use up descriptors"], "EMFILE");
    assert!(["EPERM", "ENOTTY"].contains(&seen["type into the terminal"].as_str()));
    assert!(seen.values().all(|outcome| outcome != "done"), "{seen:?}");
    // With the filter away it is the missing terminal that refuses.
    let seen = outcomes(&run(&mut UNFILTERED.lease(), &request(&attempting(code))).stdout.kept);
    assert_eq!(seen["type into the terminal"], "ENOTTY");
}

/// What other jobs read from the image's files, which all share.
#[test]
fn the_reading_of_others_cannot_be_watched() {
    let watches = "import fcntl, signal\n\
                   def watch():\n    if call(254, call(294, 0), WATCHED, 0x20) < 0: raise OSError(errno.EPERM, '')\n\
                   attempt('inotify', watch)\n\
                   attempt('F_NOTIFY', lambda: fcntl.fcntl(os.open(os.path.dirname(WATCHED), os.O_RDONLY), 0x402, 1))";
    let script = format!("WATCHED = os.__file__.encode()\n{watches}");
    let control = attempted(&mut UNFILTERED.lease(), &script);
    assert!(control.values().all(|outcome| outcome == "done"), "{control:?}");
    if GLASS.has(Requirement::Seccomp) {
        assert_none_done(&attempted(&mut GLASS.lease(), &script), &control);
    }
}

/// Which cgroups a process is in names the supervisor's pid and the number of the job, unless it has a namespace of its own.
#[test]
fn the_host_s_cgroups_have_no_names_for_a_job() {
    let look = "for line in open('/proc/self/cgroup'): print(line.strip().split(':')[2])";
    let seen = text(&run(&mut GLASS.lease(), &request(look)).stdout.kept);
    assert!(seen.lines().count() > 0 && seen.lines().all(|path| path == "/"), "{seen}");
    // The control: to the host, the cgroups in which jobs run have names.
    std::thread::scope(|scope| {
        let job = scope.spawn(|| run(&mut GLASS.lease(), &request("import time\ntime.sleep(2)")));
        let named = || processes().any(|cgroups| cgroups.contains("/glasshouse"));
        while !job.is_finished() && !named() {}
        assert!(!job.is_finished(), "no process on this host is in a cgroup of ours");
    });
}

/// Of each process on the host that may be looked at, which cgroups it is in.
fn processes() -> impl Iterator<Item = String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("cgroup")).ok())
}
