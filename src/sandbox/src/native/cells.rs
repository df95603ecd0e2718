//! Cells that are ready before a job wants one.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use glasshouse_model::Limits;
use rustix::process::{Signal, pidfd_send_signal};

use super::channel::{Channel, Message};
use super::identity::JOB_USER;

/// Cells that are asked for ahead.
const SPARE: usize = 2;
const PATIENCE: Duration = Duration::from_secs(20);
/// Room for raw pixels and facts, beside the sample's own disk.
const CAPTURE_DISK: u64 = 512 << 20;

/// The namespaces and the disk of one job. Dropping it kills everything in it.
#[derive(Debug)]
pub(crate) struct Cell {
    init: OwnedFd,
    /// The work folder, on the disk.
    pub(crate) work: OwnedFd,
    /// The captures folder.
    pub(crate) captures: OwnedFd,
    /// Handles to its pid, mount and ipc namespaces.
    pub(crate) namespaces: [OwnedFd; 3],
    /// Landlock rules for this cell's disk, if the kernel has Landlock.
    pub(crate) ruleset: Option<OwnedFd>,
}

impl Cell {
    /// pidfd of the cell's init.
    pub(crate) fn init(&self) -> BorrowedFd<'_> {
        self.init.as_fd()
    }

    /// Kills every process in the cell; they are dead when the pidfd is readable.
    pub(crate) fn kill(&self) {
        // An error means that it is dead already.
        let _ = pidfd_send_signal(&self.init, Signal::KILL);
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The size of a cell's disk.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Size {
    disk: u64,
    files: u64,
}

/// Asks a worker's init for cells and keeps those that came early.
#[derive(Debug)]
pub(crate) struct Cells {
    usual: Size,
    ready: VecDeque<(u64, Cell)>,
    /// Numbers of cells that were asked for and have not come, with their sizes.
    asked: VecDeque<(u64, Size)>,
    next: u64,
}

impl Cells {
    /// Cells for jobs with (mostly) these limits.
    pub(crate) fn new(usual: &Limits) -> Self {
        let usual = Size { disk: usual.disk, files: usual.files };
        Self { usual, ready: VecDeque::new(), asked: VecDeque::new(), next: 0 }
    }

    /// Asks for as many cells as should be in reserve.
    pub(crate) fn refill(&mut self, init: &Channel) -> io::Result<()> {
        while self.ready.len() + self.asked.len() < SPARE {
            self.ask(init, self.usual)?;
        }
        Ok(())
    }

    /// A cell for a job with these limits, and requests for its successors.
    pub(crate) fn take(&mut self, init: &Channel, limits: &Limits) -> io::Result<Cell> {
        let size = Size { disk: limits.disk, files: limits.files };
        if size == self.usual {
            self.refill(init)?;
            if self.ready.is_empty() {
                self.receive(init)?;
            }
            let cell = self.ready.pop_front().map(|(_, cell)| cell);
            return cell.ok_or_else(|| io::Error::other("a cell came and was lost"));
        }
        // An unusual size is made to order; what was asked for before comes first.
        let number = self.ask(init, size)?;
        loop {
            if let Some(place) = self.ready.iter().position(|(ready, _)| *ready == number)
                && let Some((_, cell)) = self.ready.remove(place)
            {
                return Ok(cell);
            }
            self.receive(init)?;
        }
    }

    fn ask(&mut self, init: &Channel, size: Size) -> io::Result<u64> {
        let number = self.next;
        self.next += 1;
        let request = format!("cell {number} {JOB_USER} {} {} {CAPTURE_DISK}", size.disk, size.files);
        init.send(request.as_bytes(), &[])?;
        self.asked.push_back((number, size));
        Ok(number)
    }

    fn receive(&mut self, init: &Channel) -> io::Result<()> {
        let message = init.receive_until(Instant::now() + PATIENCE)?;
        let number = message.text().strip_prefix("cell ").and_then(|rest| rest.parse::<u64>().ok());
        let place = number.and_then(|number| self.asked.iter().position(|(asked, _)| *asked == number));
        let (Some(number), Some(place)) = (number, place) else {
            return Err(io::Error::other(format!("the worker's init says: {}", message.text())));
        };
        self.asked.remove(place);
        self.ready.push_back((number, cell(message)?));
        Ok(())
    }
}

fn cell(message: Message) -> io::Result<Cell> {
    let mut descriptors = message.descriptors.into_iter();
    let mut next = || descriptors.next().ok_or_else(|| io::Error::other("a cell came without its descriptors"));
    let (init, work, captures) = (next()?, next()?, next()?);
    let namespaces = [next()?, next()?, next()?];
    Ok(Cell { init, work, captures, namespaces, ruleset: descriptors.next() })
}
