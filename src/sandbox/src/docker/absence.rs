//! How long an engine that does not answer is waited for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// An engine may be restarted, which takes seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);

/// The time since when the engine has not answered. All who ask it share one: an engine that is gone is waited for once,
/// not once more for each worker and row.
#[derive(Debug, Default)]
pub(super) struct Absence {
    since: Mutex<Option<Instant>>,
}

impl Absence {
    /// The engine did not answer `now`. Says whether it is worth asking again.
    pub(super) fn is_bearable(&self, now: Instant) -> bool {
        now.saturating_duration_since(*self.since().get_or_insert(now)) < PATIENCE
    }

    /// The engine answered.
    pub(super) fn end(&self) {
        *self.since() = None;
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absence_is_borne_once_and_each_answer_ends_it() {
        let absence = Absence::default();
        let start = Instant::now();
        assert!(absence.is_bearable(start));
        assert!(absence.is_bearable(start + PATIENCE / 2));
        assert!(!absence.is_bearable(start + PATIENCE));
        // Whoever asks next does not wait anew.
        assert!(!absence.is_bearable(start + PATIENCE * 2));
        absence.end();
        assert!(absence.is_bearable(start + PATIENCE * 2));
    }
}
