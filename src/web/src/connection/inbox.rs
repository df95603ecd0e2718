//! Where one waiter's answers and events arrive, in order and within bounds.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use serde_json::value::RawValue;

use super::{CallId, locked};

/// Above so many waiting messages or bytes, messages that only tell are dropped and counted.
const SOFT_MESSAGES: usize = 4096;
const SOFT_BYTES: usize = 16 << 20;
/// Above so many the inbox takes no more: what sends so much is a flood.
const HARD_MESSAGES: usize = 100_000;
const HARD_BYTES: usize = 512 << 20;

/// Events that only tell. All others are needed to go on, such as a request that waits for its answer.
const TELLING: [&str; 5] = [
    "Runtime.consoleAPICalled",
    "Runtime.exceptionThrown",
    "Log.entryAdded",
    "Network.",
    "Page.frameSubtreeWillBeDetached",
];

/// The answer to a command.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) id: CallId,
    /// The result as JSON, or the browser's words of refusal.
    pub(crate) result: Result<Box<RawValue>, String>,
}

/// Something that happened.
#[derive(Debug)]
pub(crate) struct Event {
    /// The session in which it happened.
    pub(crate) session: Option<String>,
    pub(crate) method: String,
    pub(crate) params: Box<RawValue>,
}

/// What an inbox holds.
#[derive(Debug)]
pub(crate) enum Message {
    Answer(Answer),
    Event(Event),
}

impl Message {
    fn size(&self) -> usize {
        let params = match self {
            Self::Answer(answer) => answer.result.as_ref().map_or(0, |value| value.get().len()),
            Self::Event(event) => event.params.get().len(),
        };
        params + 128
    }

    fn only_tells(&self) -> bool {
        match self {
            Self::Answer(_) => false,
            Self::Event(event) => TELLING.iter().any(|prefix| event.method.starts_with(prefix)),
        }
    }
}

/// Why there is no message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Nothing {
    /// The deadline passed.
    Late,
    /// The browser is gone, for this reason.
    Closed(String),
    /// More came than is taken: the page floods us.
    Flooded,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Message>,
    bytes: usize,
    dropped: u64,
    flooded: bool,
    closed: Option<String>,
}

/// A bounded queue of messages with one reader.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

impl Inbox {
    /// Adds a message, or drops it when too much waits.
    pub(super) fn put(&self, message: Message) {
        let mut queue = locked(&self.queue);
        let size = message.size();
        let (count, bytes) = (queue.messages.len() + 1, queue.bytes + size);
        if message.only_tells() && (count > SOFT_MESSAGES || bytes > SOFT_BYTES) {
            queue.dropped += 1;
            return;
        }
        // An answer is asked for, so it may exceed the bound; there are only as many as there were commands.
        if matches!(message, Message::Event(_)) && (count > HARD_MESSAGES || bytes > HARD_BYTES) {
            queue.flooded = true;
            self.arrived.notify_one();
            return;
        }
        queue.bytes = bytes;
        queue.messages.push_back(message);
        self.arrived.notify_one();
    }

    pub(super) fn close(&self, reason: &str) {
        locked(&self.queue).closed.get_or_insert_with(|| reason.to_owned());
        self.arrived.notify_one();
    }

    /// The next message, at the latest at `deadline`. What had arrived before the browser was gone is still given.
    pub(crate) fn next(&self, deadline: Instant) -> Result<Message, Nothing> {
        let mut queue = locked(&self.queue);
        loop {
            if queue.flooded {
                return Err(Nothing::Flooded);
            }
            if let Some(message) = queue.messages.pop_front() {
                queue.bytes -= message.size();
                return Ok(message);
            }
            if let Some(reason) = &queue.closed {
                return Err(Nothing::Closed(reason.clone()));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Nothing::Late);
            }
            queue = self.arrived.wait_timeout(queue, left).unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    /// How many messages that only tell were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        locked(&self.queue).dropped
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn event(method: &str) -> Message {
        let params = RawValue::from_string("{}".to_owned()).unwrap();
        Message::Event(Event { session: None, method: method.to_owned(), params })
    }

    #[test]
    fn a_flood_of_news_is_dropped_and_counted_but_not_what_waits_for_an_answer() {
        let inbox = Inbox::default();
        for _ in 0..SOFT_MESSAGES + 10 {
            inbox.put(event("Runtime.consoleAPICalled"));
        }
        inbox.put(event("Fetch.requestPaused"));
        assert_eq!(inbox.dropped(), 10);
        let mut last = None;
        while let Ok(message) = inbox.next(Instant::now()) {
            last = Some(message);
        }
        assert!(matches!(last, Some(Message::Event(event)) if event.method == "Fetch.requestPaused"));
    }

    #[test]
    fn a_flood_that_wants_answers_closes_the_inbox() {
        let inbox = Inbox::default();
        for _ in 0..=HARD_MESSAGES {
            inbox.put(event("Fetch.requestPaused"));
        }
        assert_eq!(inbox.next(Instant::now()).unwrap_err(), Nothing::Flooded);
    }

    #[test]
    fn what_came_before_the_end_is_still_read() {
        let inbox = Inbox::default();
        inbox.put(event("Page.lifecycleEvent"));
        inbox.close("ended");
        assert!(inbox.next(Instant::now()).is_ok());
        assert_eq!(inbox.next(Instant::now()).unwrap_err(), Nothing::Closed("ended".into()));
    }

    #[test]
    fn waiting_ends_at_the_deadline() {
        let start = Instant::now();
        assert_eq!(Inbox::default().next(start + Duration::from_millis(20)).unwrap_err(), Nothing::Late);
        assert!(start.elapsed() >= Duration::from_millis(20));
    }
}
