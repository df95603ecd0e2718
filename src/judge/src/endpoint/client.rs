//! Calls over HTTP: what is made again, what is waited for, what is an answer.

use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use ureq::http::{Response, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Timeout};

use super::health::{Health, Stopped};
use super::{EndpointError, Settings};

/// How often a call is made that gets no answer in time: such a call has cost its whole time already.
const TRIES_IN_TIME: u32 = 2;
/// Bytes of an answer that are read.
const LONGEST_ANSWER: u64 = 16 << 20;
/// Servers close connections on which nothing was said for a while, the shortest known after 5 s (uvicorn). A call on one that
/// is just being closed fails and is made again.
const IDLE: Duration = Duration::from_secs(4);
const CONNECTING: Duration = Duration::from_secs(20);
/// Characters of what a server says that are shown.
const SHOWN: usize = 300;

/// A server's one address.
pub(super) struct Client {
    agent: Agent,
    url: String,
    key: Option<String>,
    timeout: Duration,
    tries: u32,
    pub(super) health: Health,
    pub(super) calls: AtomicU64,
    pub(super) again: AtomicU64,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum CallError {
    /// The server does not take such a request.
    Refused(String),
    /// It has failed as often as it is tried: a fault of this sample's.
    Failed(String),
    /// No more calls are to be made.
    Stopped,
}

impl From<Stopped> for CallError {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// What came of one call.
enum Attempt {
    Answer(Value),
    Refused(String),
    /// The server fails at it; it may not the next time.
    Again(String),
    /// As `Again`, after the whole time.
    Late(String),
    /// The server cannot be asked now.
    Wait(String, Option<Duration>),
    /// Nothing can be judged.
    End(String),
}

impl Client {
    /// For `URL/chat/completions`.
    pub(super) fn new(settings: &Settings) -> Result<Self, EndpointError> {
        let base = settings.url.trim().trim_end_matches('/');
        let base = base.strip_suffix("/chat/completions").unwrap_or(base);
        let url = format!("{base}/chat/completions");
        let uri: Uri = url.parse().map_err(|_| EndpointError::Url(settings.url.clone()))?;
        let host =
            uri.host().filter(|host| !host.is_empty()).ok_or_else(|| EndpointError::Url(settings.url.clone()))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(EndpointError::Url(settings.url.clone()));
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(settings.timeout))
            .timeout_connect(Some(CONNECTING.min(settings.timeout)))
            .max_idle_connections(settings.concurrency)
            .max_idle_connections_per_host(settings.concurrency)
            .max_idle_age(IDLE)
            .user_agent(concat!("glasshouse/", env!("CARGO_PKG_VERSION")))
            // The system's own certificates (or SSL_CERT_FILE's): judges often stand behind a company's.
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build());
        if matches!(host, "localhost" | "[::1]") || host.starts_with("127.") {
            config = config.proxy(None);
        }
        Ok(Self {
            agent: config.build().new_agent(),
            url,
            key: settings.key.clone(),
            timeout: settings.timeout,
            tries: settings.retries.saturating_add(1),
            health: Health::new(settings.patience),
            calls: AtomicU64::new(0),
            again: AtomicU64::new(0),
        })
    }

    /// Asks until there is an answer, a chat completion, or none is to be had.
    pub(super) fn call(&self, body: &Value) -> Result<Value, CallError> {
        let body = body.to_string();
        let (mut failed, mut late, mut waited) = (0, 0, 0);
        let mut waiting: Option<Instant> = None;
        loop {
            self.health.ready()?;
            self.calls.fetch_add(1, Ordering::Relaxed);
            let asked = match self.attempt(&body) {
                Attempt::Answer(answer) => {
                    self.health.answered();
                    return Ok(answer);
                }
                Attempt::Refused(why) => {
                    self.health.refused();
                    return Err(CallError::Refused(why));
                }
                Attempt::End(why) => return self.end(why),
                Attempt::Late(why) => {
                    late += 1;
                    if late >= TRIES_IN_TIME.min(self.tries) {
                        return self.give_up(late, &why, !self.health.has_answered());
                    }
                    None
                }
                Attempt::Again(why) => {
                    failed += 1;
                    if failed >= self.tries {
                        return self.give_up(failed, &why, false);
                    }
                    waiting = None;
                    None
                }
                Attempt::Wait(why, asked) => {
                    let patience = self.health.patience();
                    if let Some(asked) = asked.filter(|asked| *asked > patience) {
                        let seconds = asked.as_secs();
                        return self.end(format!("the server asks to be left alone for {seconds} s ({why})"));
                    }
                    if self.health.silent() >= patience {
                        return self
                            .end(format!("nothing was to be had of the server for {} s: {why}", patience.as_secs()));
                    }
                    // Others are served: this one is not waited for without end either.
                    if waiting.get_or_insert_with(Instant::now).elapsed() >= patience {
                        return Err(CallError::Failed(format!("after {} s of waiting: {why}", patience.as_secs())));
                    }
                    asked
                }
            };
            waited += 1;
            self.again.fetch_add(1, Ordering::Relaxed);
            self.health.wait(waited, asked)?;
        }
    }

    /// A sample has failed; with it the run, where all do.
    fn give_up(&self, times: u32, why: &str, all: bool) -> Result<Value, CallError> {
        let row = self.health.failed();
        if all || row >= super::health::FAULTS_IN_A_ROW {
            return self.end(format!("{row} samples in a row failed, the last with: {why}"));
        }
        Err(CallError::Failed(format!("{why} (tried {times} times)")))
    }

    /// Nothing can be judged any more.
    pub(super) fn end(&self, why: String) -> Result<Value, CallError> {
        self.health.end(format!("{}: {why}", self.url));
        Err(CallError::Stopped)
    }

    fn attempt(&self, body: &str) -> Attempt {
        let mut request =
            self.agent.post(&self.url).content_type("application/json").header("accept", "application/json");
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        match request.send(body) {
            Ok(response) => self.read(response),
            Err(error) => self.failure(error),
        }
    }

    fn read(&self, mut response: Response<Body>) -> Attempt {
        let status = response.status();
        let asked = retry_after(&response);
        let location = response.headers().get("location").map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
        let body = match response.body_mut().with_config().limit(LONGEST_ANSWER).read_to_vec() {
            Ok(body) => body,
            Err(error) if status.is_success() => return self.failure(error),
            Err(_) => Vec::new(),
        };
        let said = || format!("{status}{}", said(&body));
        match status.as_u16() {
            200..=299 => match serde_json::from_slice::<Value>(&body) {
                Ok(answer) if answer["choices"][0]["message"].is_object() => Attempt::Answer(answer),
                Ok(_) => Attempt::Again(format!("the answer is no chat completion: {}", said())),
                Err(error) => Attempt::Again(format!("the answer is no JSON ({error})")),
            },
            300..=399 => {
                let to = location.map(|to| format!(", to {to}")).unwrap_or_default();
                Attempt::End(format!("the server sends elsewhere ({status}{to}); give the address that it names"))
            }
            401 => Attempt::End(format!(
                "the server wants a key, or another one: {}; --api-key-env names the variable that holds it",
                said()
            )),
            403 if !self.health.has_answered() => Attempt::End(format!("the server forbids it: {}", said())),
            404 | 405 if !self.health.has_answered() => Attempt::End(format!(
                "no such address or model: {}; the URL is the one that ends in /v1, and --model is a name that URL/models tells",
                said()
            )),
            429 | 502 | 503 | 529 => Attempt::Wait(said(), asked),
            408 | 409 | 425 => Attempt::Again(said()),
            501 => Attempt::Refused(said()),
            400..=499 => Attempt::Refused(said()),
            _ => Attempt::Again(said()),
        }
    }

    /// What went wrong before there was an answer, or in the middle of it.
    fn failure(&self, error: ureq::Error) -> Attempt {
        use ErrorKind::{
            AddrNotAvailable, ConnectionRefused, HostUnreachable, InvalidData, NetworkDown, NetworkUnreachable,
        };
        let away = |error: &io::Error| {
            matches!(
                error.kind(),
                ConnectionRefused | HostUnreachable | NetworkUnreachable | NetworkDown | AddrNotAvailable
            )
        };
        match error {
            ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
                Attempt::Wait("it cannot be reached in time".to_owned(), None)
            }
            ureq::Error::Timeout(_) => {
                Attempt::Late(format!("no answer within {} s (--timeout)", self.timeout.as_secs()))
            }
            ureq::Error::HostNotFound => Attempt::Wait("there is no such host".to_owned(), None),
            ureq::Error::Io(error) if away(&error) => Attempt::Wait(error.to_string(), None),
            ureq::Error::ConnectionFailed => Attempt::Wait("it cannot be reached".to_owned(), None),
            ureq::Error::ConnectProxyFailed(why) => Attempt::Wait(format!("the proxy: {why}"), None),
            // So is said what is wrong with a certificate, or that the server does not speak TLS at all.
            ureq::Error::Io(error) if error.kind() == InvalidData && !self.health.has_answered() => untrusted(&error),
            ureq::Error::Io(error) => Attempt::Again(format!("the connection was cut ({error})")),
            ureq::Error::Protocol(error) => {
                Attempt::Again(format!("the connection was cut, or this is not HTTP ({error})"))
            }
            ureq::Error::BodyExceedsLimit(most) => Attempt::Again(format!("the answer has more than {most} bytes")),
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) => untrusted(&error),
            error => Attempt::End(error.to_string()),
        }
    }
}

/// There is no talking to the server in private.
fn untrusted(error: &dyn Display) -> Attempt {
    Attempt::End(format!(
        "no TLS with the server: {error}; it must speak https, and its certificate be trusted: ca-certificates must be installed, \
         or SSL_CERT_FILE name the authority"
    ))
}

/// How long a server asks to wait: seconds, or a date.
fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let asked = response.headers().get("retry-after")?.to_str().ok()?.trim();
    match asked.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => {
            let date = httpdate::parse_http_date(asked).ok()?;
            Some(date.duration_since(SystemTime::now()).unwrap_or_default())
        }
    }
}

/// What a server says is wrong, in one line: `{"error": {"message": ..}}`, `{"detail": ..}`, or its text.
fn said(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let found = [&value["error"]["message"], &value["message"], &value["detail"], &value["error"]];
    let message = found.into_iter().find(|value| !value.is_null()).map(|value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    let words: Vec<String> =
        message.unwrap_or_else(|| text.into_owned()).split_whitespace().map(str::to_owned).collect();
    let line: String = words.join(" ").chars().filter(|letter| !letter.is_control()).take(SHOWN).collect();
    if line.is_empty() { String::new() } else { format!(": {line}") }
}
