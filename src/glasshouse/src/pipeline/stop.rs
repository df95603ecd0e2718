//! Stopping: by the user, or because going on makes no sense.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use thiserror::Error;

/// The exit code of a command that was interrupted.
pub const INTERRUPTED: u8 = 130;

/// Why a run ended before its last row.
#[derive(Clone, Debug, Error)]
pub enum Halt {
    /// The host fails every job.
    #[error(
        "every one of the first {jobs} jobs failed through no fault of its own; the last time: {message}\n\
         run `glasshouse doctor` to see what this host lacks"
    )]
    Host {
        /// Jobs that failed.
        jobs: u64,
        /// The last fault.
        message: String,
    },
    /// No worker can be started any more.
    #[error(
        "no worker could be started for the last {jobs} jobs; the last time: {message}\n\
         when that is mended, run the same command again: it goes on where it stopped"
    )]
    NoWorker {
        /// Jobs that failed, one after the other.
        jobs: u64,
        /// The last fault.
        message: String,
    },
    /// Records or artifacts cannot be written.
    #[error("{0}\nmake room or choose another folder, then run the same command again: it goes on where it stopped")]
    Storage(String),
    /// The input cannot be read further.
    #[error("{0}")]
    Input(String),
}

/// Shared by all threads of a run: whether it should end, and why.
#[derive(Clone, Default)]
pub struct Stop {
    interrupted: Arc<AtomicBool>,
    halted: Arc<AtomicBool>,
    why: Arc<Mutex<Option<Halt>>>,
}

impl Stop {
    /// A stop that Ctrl-C and SIGTERM pull. A second one of them ends the command at once.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag unset, the second one set.
            flag::register_conditional_shutdown(signal, i32::from(INTERRUPTED), Arc::clone(&stop.interrupted))?;
            flag::register(signal, Arc::clone(&stop.interrupted))?;
        }
        Ok(stop)
    }

    /// Whether no new job may begin.
    pub fn requested(&self) -> bool {
        self.interrupted() || self.halted.load(Ordering::Acquire)
    }

    /// Whether the user asked for it.
    pub fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Acquire)
    }

    /// Ends the run; of several reasons the first is kept.
    pub fn halt(&self, why: Halt) {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        self.halted.store(true, Ordering::Release);
    }

    /// Why the run was ended, unless by the user.
    pub fn why(&self) -> Option<Halt> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_is_kept() {
        let stop = Stop::default();
        assert!(!stop.requested());
        stop.halt(Halt::Storage("full".into()));
        stop.halt(Halt::Input("cut".into()));
        assert!(stop.requested() && !stop.interrupted());
        assert!(stop.why().unwrap().to_string().starts_with("full"));
    }
}
