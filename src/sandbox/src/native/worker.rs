//! One sandbox with a runtime started in it, and the running of one job after another in it.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use glasshouse_model::{Fault, FaultKind};

use super::evidence::{Before, End};
use super::payload::{in_memory, payload};
use super::pool::Shared;
use super::sandbox::{Berth, Sandbox};
use super::stock::Stock;
use super::supervise::{Watch, output_pipe};
use super::zygote::{Inputs, no_input};
use crate::imports::imports;
use crate::run::{RunReport, RunRequest};

/// A worker: dropping it ends every process in it.
#[derive(Debug)]
pub struct Worker {
    shared: Arc<Shared>,
    stock: Arc<Stock>,
    number: u64,
    sandbox: Option<Sandbox>,
    /// What the last job ran in and what it imported, until it is taken away.
    spent: Option<(Berth, Vec<String>)>,
    jobs: u64,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, stock: Arc<Stock>, number: u64) -> Result<Self, Fault> {
        let mut worker = Self { shared, stock, number, sandbox: None, spent: None, jobs: 0 };
        worker.sandbox()?;
        Ok(worker)
    }

    /// Runs one job to its end. A fault says that we failed; the worker has then replaced what broke.
    ///
    /// Nothing of the job is alive afterwards. [`Worker::get_ready`] is for when the report has been handed on.
    pub fn run(&mut self, request: &RunRequest) -> Result<RunReport, Fault> {
        self.spent = None;
        let result = self.attempt(request, Instant::now());
        if result.is_err() {
            self.sandbox = None;
        }
        self.jobs += 1;
        result
    }

    /// Takes away what the last job ran in and lets a child get ready for the next one, which mostly is of the same
    /// kind. Without this the next job finds no child and waits for one; nothing else depends on it.
    pub fn get_ready(&mut self) {
        let Some((berth, imports)) = self.spent.take() else { return };
        drop(berth);
        self.stock.replenish();
        self.recycle();
        let shared = Arc::clone(&self.shared);
        let prepared = self.sandbox.as_mut().map(|sandbox| sandbox.prepare(&shared, &imports));
        if prepared.is_some_and(|prepared| prepared.is_err()) {
            // No job is lost: the next one gets a new sandbox, or the fault that keeps it from one.
            self.sandbox = None;
        }
    }

    /// Lets a spare take the sandbox's place where it has served for long enough. Without a spare it serves on, unless it
    /// was for one job only.
    fn recycle(&mut self) {
        let recycling = self.shared.config.recycling;
        if !self.sandbox.as_ref().is_some_and(|sandbox| sandbox.is_due(&recycling)) {
            return;
        }
        if recycling.jobs == 1 {
            self.sandbox = None;
        }
        if let Some(fresh) = self.stock.ready() {
            self.sandbox = Some(fresh);
        }
    }

    fn attempt(&mut self, request: &RunRequest, leased: Instant) -> Result<RunReport, Fault> {
        let shared = Arc::clone(&self.shared);
        let nonce = format!("{:016x}{:08x}{:08x}", shared.nonce(), self.number, self.jobs);
        let broken = |doing: &'static str| move |error: io::Error| fault(FaultKind::Worker, doing, &error);
        let sandbox = self.sandbox()?;
        let imports = imports(shared.config.language, &request.code);
        let place = sandbox.place(&imports).map_err(broken("get a zygote"))?;
        let mut berth = sandbox.berth(&shared, place, &request.limits).map_err(broken("get a child"))?;
        let asked = Instant::now();
        let before = Before::look(&mut berth).map_err(broken("look at the disk"))?;
        let ((stdout, stdout_end), (stderr, stderr_end)) = output_pipe()
            .and_then(|first| output_pipe().map(|second| (first, second)))
            .map_err(broken("make pipes"))?;
        let inputs = Inputs {
            payload: payload(request, &shared.config.script, &nonce).map_err(broken("write the payload"))?,
            stdin: stdin(&request.stdin).map_err(broken("write the input"))?,
            stdout: stdout_end,
            stderr: stderr_end,
        };
        berth.child.go(&inputs, &request.limits, berth.leaf.is_some()).map_err(broken("start a job"))?;
        // The job's end of the pipes is the job's alone, so that they end with it.
        drop(inputs);
        let watch = Watch {
            zygote: sandbox.forest.handle(place),
            child: &berth.child,
            cell: &berth.cell,
            leaf: berth.leaf.as_deref_mut(),
            limits: &request.limits,
            cpu_before: before.cpu,
            asked,
        };
        let seen = watch.watch(stdout, stderr).map_err(broken("run a job"))?;
        let stopped = Instant::now();
        let lease = asked.duration_since(leased).as_secs_f64();
        let end = End { berth: &mut berth, seen, before, nonce: &nonce, lease, stopped };
        let report = end
            .report(request, &shared.config.script)
            .map_err(|error| fault(FaultKind::Harvest, "read what the run left", &error))?;
        self.spent = Some((berth, imports));
        Ok(report)
    }

    fn sandbox(&mut self) -> Result<&mut Sandbox, Fault> {
        // One that died while no job was in it has cost nobody anything. It is looked for where others stand by only.
        let has_spares = self.shared.config.spares.most > 0;
        let sandbox = match self.sandbox.take().filter(|sandbox| !has_spares || sandbox.is_alive()) {
            Some(sandbox) => sandbox,
            None => self.stock.take().map_err(|error| fault(FaultKind::Start, "start a worker", &error))?,
        };
        Ok(self.sandbox.insert(sandbox))
    }
}

fn fault(kind: FaultKind, doing: &str, error: &io::Error) -> Fault {
    Fault::new(kind, format!("failed to {doing}: {error}"))
}

fn stdin(content: &[u8]) -> io::Result<std::os::fd::OwnedFd> {
    if content.is_empty() { no_input() } else { in_memory("glasshouse-stdin", &[], &[content]) }
}
