//! Gives Playwright the answers that our renderer gives, over a socket: a line of JSON asks, a line answers.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use glasshouse_web::mirror::Mirror;
use glasshouse_web::{Answers, Asked, failure};
use serde_json::{Value, json};

pub(crate) fn serve(path: &Path, mirror: Arc<Mirror>) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mirror = Arc::clone(&mirror);
            thread::spawn(move || answer_all(&stream, &mirror));
        }
    });
}

fn answer_all(stream: &UnixStream, mirror: &Mirror) {
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let asked: Value = serde_json::from_str(&line).unwrap();
        let text = |key: &str| asked[key].as_str().unwrap();
        let answer = Answers::answer(mirror, &Asked { url: text("url"), method: text("method"), kind: text("kind") });
        let said = match answer {
            None => json!({ "failure": failure(text("url")) }),
            Some(answer) => {
                json!({ "status": answer.status, "headers": answer.headers, "body": BASE64.encode(answer.body.bytes()) })
            }
        };
        let mut stream = stream;
        if writeln!(stream, "{said}").is_err() {
            return;
        }
    }
}
