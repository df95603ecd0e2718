//! Whether the browser's own processes are those that were there when a page was made, and when its job began.
//!
//! A page has a process of its own, whose end is known as the page's. But its pictures are drawn by another one, its requests
//! go through a third, and when a stranger ends one of these, a page hangs through no fault of its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::WebError;
use crate::connection::{CallId, Connection, Inbox, Message};

const METHOD: &str = "SystemInfo.getProcessInfo";
/// The browser's main process answers this itself, at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// The answer to [`METHOD`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Processes {
    process_info: Vec<Process>,
}

#[derive(Deserialize)]
struct Process {
    #[serde(rename = "type")]
    kind: String,
    id: i64,
}

/// What became of the browser itself while a page was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// Nothing that is known.
    Well,
    /// A process that runs, draws or loads ended.
    LostOne,
    /// Its main process, which runs nothing of the page, answers no more.
    Silent,
}

/// What was asked of the browser about its own processes, at several moments.
pub(crate) struct Vitals {
    connection: Connection,
    inbox: Arc<Inbox>,
    asked: Vec<CallId>,
}

impl Vitals {
    /// Nothing is asked yet.
    pub(crate) fn new(connection: &Connection) -> Self {
        Self { connection: connection.clone(), inbox: Arc::default(), asked: Vec::new() }
    }

    /// Asks which processes there are now. Waits for nothing: the answer is read when it is needed, if ever.
    pub(crate) fn ask(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        // A browser that cannot be asked is gone, which shows otherwise.
        if let Ok(id) = self.connection.send_raw(Some(&self.inbox), None, METHOD, &["{}"], deadline) {
            self.asked.push(id);
        }
    }

    /// Whether a process that was there before is not there now.
    pub(crate) fn look(&mut self) -> Health {
        self.ask();
        let Some(last) = self.asked.last().copied() else { return Health::Well };
        let deadline = Instant::now() + PATIENCE;
        let mut before = BTreeSet::new();
        loop {
            match self.inbox.next(deadline) {
                Ok(Message::Answer(answer)) => {
                    let Some(ids) = answer.result.ok().and_then(|answer| helpers(&answer).ok()) else { continue };
                    if answer.id == last {
                        return if before.is_subset(&ids) { Health::Well } else { Health::LostOne };
                    }
                    before.extend(ids);
                }
                Ok(Message::Event(_)) => {}
                Err(_) => return Health::Silent,
            }
        }
    }
}

/// The ids of the processes that are no page's.
fn helpers(answer: &RawValue) -> Result<BTreeSet<i64>, WebError> {
    let processes: Processes = serde_json::from_str(answer.get())
        .map_err(|error| WebError::Form { method: METHOD.to_owned(), message: error.to_string() })?;
    let own = processes.process_info.into_iter().filter(|process| process.kind != "renderer");
    Ok(own.map(|process| process.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_pages_do_not_count() {
        let answer = r#"{"processInfo": [{"type": "browser", "id": 2, "cpuTime": 0.1}, {"type": "renderer", "id": 9},
            {"type": "GPU", "id": 5}]}"#;
        let answer: Box<RawValue> = serde_json::from_str(answer).unwrap();
        assert_eq!(helpers(&answer).unwrap(), BTreeSet::from([2, 5]));
    }
}
