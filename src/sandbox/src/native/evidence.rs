//! From what was seen of a run to its report: counters, disk, the word of the tests.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use glasshouse_model::Usage;
use rustix::fs::{Mode, OFlags, ResolveFlags};

use super::cells::Cell;
use super::cgroup::Leaf;
use super::sandbox::Berth;
use super::supervise::Seen;
use crate::run::{Disk, RunReport, RunRequest, Stop, Timing};

/// The state of a cell's disk, less what was on it before.
fn disk(cell: &Cell, bytes_before: u64) -> io::Result<Disk> {
    let facts = rustix::fs::fstatvfs(cell.work.as_fd())?;
    let used = (facts.f_blocks - facts.f_bfree) * facts.f_frsize;
    Ok(Disk {
        bytes: used.saturating_sub(bytes_before),
        files: facts.f_files - facts.f_ffree,
        full: facts.f_bfree == 0 || facts.f_ffree == 0,
    })
}

/// A program can close its folders even to its own user, who may be the supervisor's.
fn open_doors(cell: &Cell) -> io::Result<()> {
    for folder in [&cell.work, &cell.captures] {
        rustix::fs::fchmod(folder, Mode::RWXU)?;
    }
    Ok(())
}

/// A run that has ended, with all that is needed to report it.
pub(super) struct End<'a> {
    pub(super) berth: &'a mut Berth,
    pub(super) seen: Seen,
    pub(super) before: Before,
    /// The word that only a test that ran to its end leaves.
    pub(super) nonce: &'a str,
    /// Seconds until the child was there.
    pub(super) lease: f64,
    /// When the last process was seen to be dead.
    pub(super) stopped: Instant,
}

/// What a berth had used before its job came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    /// Bytes on the disk.
    disk: u64,
    /// Seconds of processor time.
    pub(super) cpu: f64,
}

impl Before {
    pub(super) fn look(berth: &mut Berth) -> io::Result<Self> {
        let cpu = berth.leaf.as_deref_mut().map_or(Ok(0.0), Leaf::cpu)?;
        Ok(Self { disk: disk(&berth.cell, 0)?.bytes, cpu })
    }
}

impl End<'_> {
    pub(super) fn report(self, request: &RunRequest, script: &str) -> io::Result<RunReport> {
        let Self { berth, seen, before, .. } = self;
        let cell = &berth.cell;
        open_doors(cell)?;
        let counters = berth.leaf.as_deref_mut().map(Leaf::counters).transpose()?;
        let disk = disk(cell, before.disk)?;
        let counted = counters.unwrap_or_default();
        let usage = Usage {
            wall: seen.run,
            cpu: counters.map_or(seen.main_cpu, |counters| (counters.cpu - before.cpu).max(0.0)),
            memory_peak: counters.map_or(seen.main_peak, |counters| counters.memory_peak),
            processes: counted.processes,
            bytes_written: disk.bytes,
        };
        let over_cpu = usage.cpu > request.limits.cpu.as_secs_f64();
        Ok(RunReport {
            exit: seen.exit,
            stop: seen.stop.or(over_cpu.then_some(Stop::Cpu)),
            oom_kills: counted.oom_kills,
            refused_forks: counted.refused_forks,
            disk,
            stdout: seen.stdout,
            stderr: seen.stderr,
            usage,
            timing: Timing {
                lease: self.lease,
                start: seen.start,
                run: seen.run,
                stop: self.stopped.elapsed().as_secs_f64(),
            },
            test_passed: request.test_code.as_ref().map(|_| test_passed(cell, self.nonce)),
            work: cell.work.as_fd().try_clone_to_owned()?,
            captures: cell.captures.as_fd().try_clone_to_owned()?,
            script: script.to_owned(),
        })
    }
}

/// Whether the driver left the word that it writes when the test code has run to its end. A program
/// that leaves early, by whatever door, does not leave it.
fn test_passed(cell: &Cell, nonce: &str) -> bool {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let Ok(file) = rustix::fs::openat2(cell.captures.as_fd(), "tests.json", flags, Mode::empty(), resolve) else {
        return false;
    };
    let regular = rustix::fs::fstat(&file).is_ok_and(|facts| facts.st_mode & libc::S_IFMT == libc::S_IFREG);
    let mut text = [0_u8; 256];
    let length = if regular { rustix::io::read(&file, &mut text).unwrap_or(0) } else { 0 };
    let said: Option<serde_json::Value> = serde_json::from_slice(&text[..length]).ok();
    said.is_some_and(|said| said["nonce"] == nonce)
}
