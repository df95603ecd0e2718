//! A server of the tests: it listens, takes note of what it is asked, and answers as a test says, well or badly.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What a server was asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// By their names in small letters.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Value,
    pub(crate) at: Instant,
}

impl Request {
    /// All text of the messages.
    pub(crate) fn text(&self) -> String {
        let content = |message: &Value| match &message["content"] {
            Value::String(text) => text.clone(),
            parts => parts.as_array().unwrap().iter().filter_map(|part| part["text"].as_str()).collect(),
        };
        self.body["messages"].as_array().unwrap().iter().map(content).collect()
    }
}

/// What it does then.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A status, headers of its own, and a body.
    Say(u16, Vec<(&'static str, String)>, String),
    /// Promises more than comes.
    Cut,
    /// Says nothing for a while, and then hangs up.
    Hang(Duration),
}

/// A chat completion.
pub(crate) fn says(text: &str) -> Reply {
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 60}});
    let message = json!({"role": "assistant", "content": text});
    let body = json!({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage});
    Reply::Say(200, Vec::new(), body.to_string())
}

/// A refusal, or a failure.
pub(crate) fn fails(status: u16, why: &str) -> Reply {
    Reply::Say(status, Vec::new(), json!({"error": {"message": why}}).to_string())
}

pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Request>>>,
    most: Arc<AtomicUsize>,
    closed: Arc<AtomicBool>,
}

impl Server {
    /// Answers each request as `reply` says of it and of how many came before.
    pub(crate) fn start(reply: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (asked, most) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (now, closed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let reply = Arc::new(reply);
        let server = Self { url, asked: asked.clone(), most: most.clone(), closed: closed.clone() };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if closed.load(Ordering::SeqCst) {
                    return;
                }
                let (asked, most, now, reply) = (asked.clone(), most.clone(), now.clone(), reply.clone());
                thread::spawn(move || {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let request = read(&stream);
                    let before = {
                        let mut asked = asked.lock().unwrap();
                        asked.push(request.clone());
                        asked.len() - 1
                    };
                    let reply = reply(&request, before);
                    // Counted as over before it is: the next call may follow at once.
                    now.fetch_sub(1, Ordering::SeqCst);
                    // Whoever asked may have gone.
                    let _ = write(&stream, &reply);
                });
            }
        });
        server
    }

    /// All that it was asked.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    /// Most requests at one time.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        let address = self.url.trim_start_matches("http://").trim_end_matches("/v1");
        let _ = TcpStream::connect(address);
    }
}

fn read(stream: &TcpStream) -> Request {
    let at = Instant::now();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length: &String| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Request { path, headers, body: serde_json::from_slice(&body).unwrap_or_default(), at }
}

fn write(mut stream: &TcpStream, reply: &Reply) -> std::io::Result<()> {
    match reply {
        Reply::Say(status, headers, body) => {
            let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
            )
        }
        Reply::Cut => write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{{\"choices\": [{{\"mess"),
        Reply::Hang(time) => {
            thread::sleep(*time);
            Ok(())
        }
    }
}
