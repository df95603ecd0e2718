//! What benchmarks against a plain tool share: shells in the image's root that run it, and blocks of work for the lanes of an arm.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use glasshouse_images::Image;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A shell in an image's root, without isolation, that runs commands in folders.
pub(crate) struct Shell {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Shell {
    /// Starts one that finds the folders in `scratch`.
    pub(crate) fn start(image: &Image, scratch: &Path) -> Outcome<Self> {
        let path = scratch.join("shell.sh");
        fs::write(&path, include_str!("control/shell.sh"))?;
        let mut child = Command::new("unshare")
            .args(["--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "sh"])
            .args([&path, &image.root])
            .arg(scratch)
            .env_clear()
            .envs(&image.spec.env)
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let requests = child.stdin.take().ok_or("no pipe to the control")?;
        let answers = BufReader::new(child.stdout.take().ok_or("no pipe from the control")?);
        Ok(Self { child, requests, answers })
    }

    /// Runs `command`, words without blanks or quotes, in the folder `name`; seconds until it has ended.
    pub(crate) fn run(&mut self, name: &str, command: &str) -> Outcome<f64> {
        let begun = Instant::now();
        writeln!(self.requests, "{name} {command}")?;
        let mut status = String::new();
        self.answers.read_line(&mut status)?;
        Ok(begun.elapsed().as_secs_f64())
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // Everything below it goes with it (--kill-child).
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Works a block off with all lanes of an arm; seconds from the start to the last one's end, and what `run` said of each item in order.
pub(crate) fn block<L: Send, I: Sync, S: Clone + Send>(
    lanes: &mut [L],
    items: &[I],
    run: impl Fn(&mut L, usize, &I) -> Outcome<S> + Sync,
) -> Outcome<(f64, Vec<S>)> {
    let next = AtomicUsize::new(0);
    let all: Mutex<Vec<Option<S>>> = Mutex::new(vec![None; items.len()]);
    let begun = Instant::now();
    let work = |lane: &mut L| -> Outcome<()> {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(place) else { return Ok(()) };
            let said = run(lane, place, item)?;
            all.lock().map_err(|_| "a lane panicked")?[place] = Some(said);
        }
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = lanes.iter_mut().map(|lane| scope.spawn(|| work(lane))).collect();
        handles.into_iter().try_for_each(|handle| handle.join().map_err(|_| "a lane panicked")?)
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let said = all.into_inner().map_err(|_| "a lane panicked")?;
    Ok((seconds, said.into_iter().flatten().collect()))
}

/// What an arm says of a block: its seconds, and for each item in order seconds and what it left.
pub(crate) type Turn<S> = (f64, Vec<(f64, S)>);

/// `rounds` blocks of each arm, another one first each time: plain's, then ours.
pub(crate) fn in_turns<S>(
    rounds: usize,
    mut plain: impl FnMut(usize) -> Outcome<Turn<S>>,
    mut ours: impl FnMut() -> Outcome<Turn<S>>,
) -> Outcome<[Vec<Turn<S>>; 2]> {
    let (mut by_plain, mut by_ours) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        if round % 2 == 0 {
            by_plain.push(plain(round)?);
            by_ours.push(ours()?);
        } else {
            by_ours.push(ours()?);
            by_plain.push(plain(round)?);
        }
    }
    Ok([by_plain, by_ours])
}

/// Seconds of all blocks together, and the median of their items in milliseconds.
pub(crate) fn times<S>(turns: &[Turn<S>]) -> (f64, f64) {
    let mut all: Vec<f64> = turns.iter().flat_map(|(_, said)| said.iter().map(|(seconds, _)| *seconds)).collect();
    all.sort_by(f64::total_cmp);
    (turns.iter().map(|(seconds, _)| seconds).sum(), all[all.len() / 2] * 1e3)
}
