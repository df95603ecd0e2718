//! One run, watched from outside: its output, its clock, its end.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use glasshouse_model::Limits;
use rustix::event::{PollFd, PollFlags, poll};

use super::cells::Cell;
use super::cgroup::Leaf;
use super::channel::timespec;
use super::zygote::{Answer, Waiting, Zygote};
use crate::run::{Exit, Output, Stop};

/// How often the counters of a running job are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// From the request to the start: a fork of ours and some files to write.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// How long a killed cell's init may outlive the job's main process.
const LAST_BREATH: Duration = Duration::from_millis(20);
/// A killed process ends at once, unless the kernel is stuck.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// What was seen of a run until its main process ended.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) exit: Exit,
    pub(super) stop: Option<Stop>,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
    /// Seconds from the request to the start, and from the start to the end.
    pub(super) start: f64,
    pub(super) run: f64,
    /// Processor time and peak memory of the main process, where no cgroup counts all.
    pub(super) main_cpu: f64,
    pub(super) main_peak: u64,
}

/// One output pipe and what has come out of it.
struct Pipe {
    source: std::fs::File,
    output: Output,
    open: bool,
}

impl Pipe {
    fn new(source: OwnedFd) -> Self {
        Self { source: source.into(), output: Output::default(), open: true }
    }

    /// Takes what is there without waiting; keeps at most `most` bytes of it in all.
    fn drain(&mut self, buffer: &mut [u8], most: u64) {
        while self.open {
            match self.source.read(buffer) {
                Ok(0) => self.open = false,
                Ok(count) => {
                    let room = (most as usize).saturating_sub(self.output.kept.len());
                    self.output.kept.extend_from_slice(&buffer[..count.min(room)]);
                    self.output.total += count as u64;
                    if count < buffer.len() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // A pipe gives no other error; nothing more will come.
                Err(_) => self.open = false,
            }
        }
    }
}

/// A run that has been asked for.
pub(super) struct Watch<'a> {
    pub(super) zygote: &'a Zygote,
    pub(super) child: &'a Waiting,
    pub(super) cell: &'a Cell,
    pub(super) leaf: Option<&'a mut Leaf>,
    pub(super) limits: &'a Limits,
    /// Seconds of processor time that the leaf had counted before the job.
    pub(super) cpu_before: f64,
    pub(super) asked: Instant,
}

impl Watch<'_> {
    /// Watches until the main process has ended and no process of the job is left.
    pub(super) fn watch(mut self, stdout: OwnedFd, stderr: OwnedFd) -> io::Result<Seen> {
        let started = self.await_start()?;
        let mut pipes = [Pipe::new(stdout), Pipe::new(stderr)];
        let mut buffer = vec![0; 64 << 10];
        let mut stop: Option<(Stop, Instant)> = None;
        let (status, main_cpu, main_peak) = loop {
            if let Some(end) = self.wait(&mut pipes, &mut buffer, started, stop.is_some())? {
                break end;
            }
            if stop.is_none() {
                stop = self.reason_to_stop(&pipes, started)?.map(|reason| (reason, Instant::now()));
                if stop.is_some() {
                    self.cell.kill();
                }
            } else if stop.is_some_and(|(_, since)| since.elapsed() > KILL_PATIENCE) {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "a killed job did not end"));
            }
        };
        let mut stop = stop.map(|(reason, _)| reason);
        let run = started.elapsed().as_secs_f64();
        if stop.is_none() && exit(status) == Exit::Signal(libc::SIGKILL) && self.cell_died()? {
            return Err(io::Error::other("the job's cell was killed from outside"));
        }
        self.end_all()?;
        for pipe in &mut pipes {
            pipe.drain(&mut buffer, self.limits.output_kept);
        }
        if stop.is_none() && self.too_much_output(&pipes) {
            stop = Some(Stop::Output);
        }
        let [stdout, stderr] = pipes.map(|pipe| pipe.output);
        let start = started.duration_since(self.asked).as_secs_f64();
        Ok(Seen { exit: exit(status), stop, stdout, stderr, start, run, main_cpu, main_peak })
    }

    /// A child that is gone before it started was perhaps never born; its zygote then says why.
    fn await_start(&self) -> io::Result<Instant> {
        self.child.started(Instant::now() + START_PATIENCE).map_err(|error| self.reason_unborn().unwrap_or(error))
    }

    /// What its zygote has said by now of why the child was not forked.
    fn reason_unborn(&self) -> Option<io::Error> {
        loop {
            match self.zygote.answer(Instant::now()).ok()? {
                Answer::Failed { failed, number } if number == Some(self.child.number) => {
                    return Some(io::Error::other(failed));
                }
                // Of a child that waited for a job in vain.
                _ => {}
            }
        }
    }

    /// Waits for output, the end or the next look; the end's status, processor time and peak.
    fn wait(
        &mut self,
        pipes: &mut [Pipe; 2],
        buffer: &mut [u8],
        started: Instant,
        killed: bool,
    ) -> io::Result<Option<(i32, f64, u64)>> {
        let until_deadline = (started + self.limits.wall).saturating_duration_since(Instant::now());
        let patience = if killed { LOOK } else { until_deadline.min(LOOK) };
        let mut watched = vec![PollFd::new(self.zygote, PollFlags::IN)];
        let open: Vec<usize> = (0..2).filter(|index| pipes[*index].open).collect();
        watched.extend(open.iter().map(|index| PollFd::new(&pipes[*index].source, PollFlags::IN)));
        match poll(&mut watched, Some(&timespec(patience))) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<bool> = watched.iter().map(|one| !one.revents().is_empty()).collect();
        drop(watched);
        for (index, ready) in open.iter().zip(&ready[1..]) {
            if *ready {
                pipes[*index].drain(buffer, self.limits.output_kept);
            }
        }
        if !ready[0] {
            return Ok(None);
        }
        match self.zygote.answer(Instant::now() + LOOK)? {
            Answer::Ended { ended, status, cpu, peak } if ended == self.child.number => Ok(Some((status, cpu, peak))),
            // A child that waited for a job in vain, or was given up before it was born.
            Answer::Ended { .. } => Ok(None),
            Answer::Failed { number: Some(number), .. } if number != self.child.number => Ok(None),
            other => Err(io::Error::other(format!("expected a job's end, its zygote says {other:?}"))),
        }
    }

    /// Whether the cell's init is dead, which no sample can kill: then the job was killed along with it,
    /// which says nothing about the sample. The init goes a moment after the last of its processes.
    fn cell_died(&self) -> io::Result<bool> {
        let mut watched = [PollFd::from_borrowed_fd(self.cell.init(), PollFlags::IN)];
        match poll(&mut watched, Some(&timespec(LAST_BREATH))) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn reason_to_stop(&mut self, pipes: &[Pipe; 2], started: Instant) -> io::Result<Option<Stop>> {
        if self.too_much_output(pipes) {
            return Ok(Some(Stop::Output));
        }
        if let Some(leaf) = &mut self.leaf {
            if leaf.oom_kills()? > 0 {
                return Ok(Some(Stop::Memory));
            }
            if leaf.cpu()? - self.cpu_before > self.limits.cpu.as_secs_f64() {
                return Ok(Some(Stop::Cpu));
            }
        }
        Ok((started.elapsed() >= self.limits.wall).then_some(Stop::Wall))
    }

    fn too_much_output(&self, pipes: &[Pipe; 2]) -> bool {
        pipes.iter().map(|pipe| pipe.output.total).sum::<u64>() > self.limits.output
    }

    /// Makes sure that nothing of the job is left alive. Mostly nothing is, which the leaf tells at
    /// once; else the cell is killed, and its init is the last to go.
    fn end_all(&mut self) -> io::Result<()> {
        if let Some(leaf) = &mut self.leaf
            && leaf.is_empty()?
        {
            return Ok(());
        }
        self.cell.kill();
        let mut watched = [PollFd::from_borrowed_fd(self.cell.init(), PollFlags::IN)];
        let deadline = Instant::now() + KILL_PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match poll(&mut watched, Some(&timespec(left))) {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::TimedOut, "a killed job did not end")),
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn exit(status: i32) -> Exit {
    if libc::WIFSIGNALED(status) { Exit::Signal(libc::WTERMSIG(status)) } else { Exit::Code(libc::WEXITSTATUS(status)) }
}

/// A pipe whose reading end does not block: (reading end, writing end).
pub(super) fn output_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(reader.as_fd(), true)?;
    Ok((reader, writer))
}
