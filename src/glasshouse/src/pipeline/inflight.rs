//! Identical jobs run once: who runs one, and who waits for its answer.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use glasshouse_model::Digest;

use super::Task;

/// What is to be done with a task.
pub enum Turn {
    /// Run it: nobody else does.
    Run(Box<Task>),
    /// Nothing: whoever runs the identical job answers this task too.
    Shared,
}

/// Jobs that run now with the tasks that wait for them, and how many rows are under way in all.
pub struct Inflight {
    state: Mutex<State>,
    room: Condvar,
    most: usize,
}

#[derive(Default)]
struct State {
    waiting: HashMap<Digest, Vec<Task>>,
    rows: usize,
}

impl Inflight {
    /// Lets at most `most` rows be under way, so that memory does not grow with the dataset.
    pub fn new(most: usize) -> Self {
        Self { state: Mutex::default(), room: Condvar::new(), most: most.max(1) }
    }

    /// Waits until one more row may be under way; `false` if `give_up` says so first.
    pub fn enter(&self, give_up: impl Fn() -> bool) -> bool {
        let mut state = self.lock();
        while state.rows >= self.most {
            if give_up() {
                return false;
            }
            let pause = std::time::Duration::from_millis(100);
            state = self.room.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
        }
        if give_up() {
            return false;
        }
        state.rows += 1;
        true
    }

    /// A row is no longer under way.
    pub fn leave(&self) {
        let mut state = self.lock();
        state.rows = state.rows.saturating_sub(1);
        self.room.notify_one();
    }

    /// Takes a task: to run it, or to let it wait for the identical one that runs already.
    pub fn begin(&self, task: Task) -> Turn {
        let mut state = self.lock();
        match state.waiting.get_mut(&task.job_id) {
            Some(waiting) => {
                waiting.push(task);
                Turn::Shared
            }
            None => {
                state.waiting.insert(task.job_id, Vec::new());
                Turn::Run(Box::new(task))
            }
        }
    }

    /// The job has its answer, which is recorded; gives the tasks that waited for it.
    pub fn end(&self, job: &Digest) -> Vec<Task> {
        self.lock().waiting.remove(job).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
