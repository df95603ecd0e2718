//! Whether the server is there, as all calls together see it, and when to wait.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Samples in a row that fail, with none between them that is judged, until the run ends.
pub(super) const FAULTS_IN_A_ROW: u32 = 8;
/// Samples that are refused at the very beginning until the run ends: it is not the samples that the server refuses.
const REFUSED_AT_FIRST: u32 = 32;
/// The first wait before a call is made again; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What calls know of the server.
pub(super) struct Health {
    state: Mutex<State>,
    changed: Condvar,
    patience: Duration,
}

#[derive(Default)]
struct State {
    /// Whether it has ever done what was asked.
    answered: bool,
    /// Since when nothing but failures has come.
    silent_since: Option<Instant>,
    faults_in_a_row: u32,
    refused: u32,
    /// No call is made before: the server has asked for that.
    pause_until: Option<Instant>,
    stopped: bool,
    /// Why nothing can be judged any more.
    ended: Option<String>,
}

/// No more calls are to be made.
#[derive(Debug)]
pub(super) struct Stopped;

impl Health {
    /// With how long to wait for a server that gives nothing.
    pub(super) fn new(patience: Duration) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), patience }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long to wait for a server that gives nothing.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// The server has done what was asked.
    pub(super) fn answered(&self) {
        let mut state = self.state();
        state.answered = true;
        state.silent_since = None;
        state.faults_in_a_row = 0;
    }

    /// The server has refused something: it is there.
    pub(super) fn refused(&self) {
        self.state().silent_since = None;
    }

    /// A whole sample was refused. Whether the server has refused too many, and never done anything else.
    pub(super) fn refused_sample(&self) -> bool {
        let mut state = self.state();
        state.refused += 1;
        !state.answered && state.refused >= REFUSED_AT_FIRST
    }

    /// Whether it has ever done what was asked.
    pub(super) fn has_answered(&self) -> bool {
        self.state().answered
    }

    /// The server cannot be asked now. Gives since when that has been so.
    pub(super) fn silent(&self) -> Duration {
        self.state().silent_since.get_or_insert_with(Instant::now).elapsed()
    }

    /// A sample has failed. Gives how many have in a row.
    pub(super) fn failed(&self) -> u32 {
        let mut state = self.state();
        state.faults_in_a_row += 1;
        state.faults_in_a_row
    }

    /// Nothing can be judged any more.
    pub(super) fn end(&self, why: String) {
        let mut state = self.state();
        state.ended.get_or_insert(why);
        state.stopped = true;
        self.changed.notify_all();
    }

    /// Whoever asked wants nothing any more.
    pub(super) fn stop(&self) {
        self.state().stopped = true;
        self.changed.notify_all();
    }

    /// Why nothing can be judged any more.
    pub(super) fn ended(&self) -> Option<String> {
        self.state().ended.clone()
    }

    /// Waits before a call is made: as long as the server has asked all to wait.
    pub(super) fn ready(&self) -> Result<(), Stopped> {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            let left = state.pause_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
            match (state.stopped, left) {
                (true, _) => return Err(Stopped),
                (false, Duration::ZERO) => return Ok(()),
                _ => state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            }
        }
    }

    /// Waits before a call is made again, for the `times`th time, or as long as the server has asked, and a little more so
    /// that not all come back at once.
    pub(super) fn wait(&self, times: u32, asked: Option<Duration>) -> Result<(), Stopped> {
        let mut state = self.state();
        let now = Instant::now();
        let until = match asked {
            Some(asked) => {
                let until = now + asked;
                state.pause_until = Some(state.pause_until.map_or(until, |other| other.max(until)));
                until + FIRST_WAIT.mul_f64(chance())
            }
            None => {
                let longest =
                    FIRST_WAIT.saturating_mul(2_u32.saturating_pow(times.saturating_sub(1))).min(LONGEST_WAIT);
                now + longest.mul_f64(0.5 + 0.5 * chance())
            }
        };
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.stopped {
                return Err(Stopped);
            }
            if left.is_zero() {
                return Ok(());
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A number from 0 to 1 that nobody can tell: the seed that the standard library draws for its hash maps.
fn chance() -> f64 {
    RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_never_shorter_than_asked_for() {
        let health = Health::new(Duration::from_secs(9));
        let took = |times: u32, asked: Option<Duration>| {
            let before = Instant::now();
            health.wait(times, asked).unwrap();
            before.elapsed()
        };
        assert!(took(1, None) >= FIRST_WAIT / 2);
        assert!(took(2, None) >= FIRST_WAIT);
        let asked = Duration::from_millis(700);
        assert!(took(1, Some(asked)) >= asked);
    }

    #[test]
    fn who_waits_is_woken_when_all_ends() {
        let health = Health::new(Duration::from_secs(9));
        let before = Instant::now();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| health.wait(1, Some(Duration::from_secs(60))));
            let other = scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(50));
                health.ready()
            });
            std::thread::sleep(Duration::from_millis(100));
            health.end("it is gone".to_owned());
            assert!(waiting.join().unwrap().is_err() && other.join().unwrap().is_err());
        });
        assert!(before.elapsed() < Duration::from_secs(30));
        assert_eq!(health.ended().as_deref(), Some("it is gone"));
    }
}
