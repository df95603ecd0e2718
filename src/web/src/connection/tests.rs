//! The connection against a browser that is played by the test.

use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use chromiumoxide_cdp::cdp::browser_protocol::browser::GetVersionParams;

use super::*;

/// A browser that answers each command with what `answer` makes of it.
fn played(answer: impl Fn(&str) -> String + Send + 'static) -> Connection {
    let (commands_there, commands) = std::io::pipe().unwrap();
    let (messages, mut messages_there) = std::io::pipe().unwrap();
    thread::spawn(move || {
        let mut reader = BufReader::new(commands_there);
        let mut command = Vec::new();
        while reader.read_until(0, &mut command).is_ok_and(|count| count > 0) {
            command.pop();
            let reply = answer(std::str::from_utf8(&command).unwrap());
            if messages_there.write_all(reply.as_bytes()).is_err() {
                return;
            }
            command.clear();
        }
    });
    Connection::start(Pipes { commands: commands.into(), messages: messages.into() }).unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

#[test]
fn answers_and_events_arrive_in_order_and_noise_does_not() {
    let connection = played(|command| {
        assert!(command.contains("\"method\":\"Browser.getVersion\""), "{command}");
        let attached = r#"{"method":"Target.attachedToTarget","params":{"sessionId":"S","targetInfo":{"targetId":"T","browserContextId":"C"}}}"#;
        let event = r#"{"method":"Page.lifecycleEvent","sessionId":"S","params":{"name":"load"}}"#;
        let strange = r#"{"method":"Page.lifecycleEvent","sessionId":"other","params":{}}"#;
        format!("not json\0{{}}\0{attached}\0{strange}\0{event}\0{{\"id\":1,\"result\":{{}}}}\0")
    });
    let inbox = Arc::new(Inbox::default());
    connection.bind_context("C", &inbox);
    let id = connection.send(&inbox, None, &GetVersionParams::default(), soon()).unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(match inbox.next(soon()).unwrap() {
            Message::Event(event) => event.method,
            Message::Answer(answer) => {
                assert_eq!(answer.id, id);
                "answer".to_owned()
            }
        });
    }
    assert_eq!(seen, ["Target.attachedToTarget", "Page.lifecycleEvent", "answer"]);
    assert_eq!(connection.routes(), 3);
    connection.forget(&inbox);
    assert_eq!(connection.routes(), 0);
}

#[test]
fn a_browser_that_ends_ends_all_waiting() {
    let (commands_there, commands) = std::io::pipe().unwrap();
    let (messages, messages_there) = std::io::pipe().unwrap();
    let connection = Connection::start(Pipes { commands: commands.into(), messages: messages.into() }).unwrap();
    let inbox = Arc::new(Inbox::default());
    connection.send(&inbox, None, &GetVersionParams::default(), soon()).unwrap();
    drop((commands_there, messages_there));
    assert!(matches!(inbox.next(soon()), Err(Nothing::Closed(_))));
    let again = connection.send(&inbox, None, &GetVersionParams::default(), soon());
    assert!(matches!(again, Err(WebError::Gone(_))), "{again:?}");
}
