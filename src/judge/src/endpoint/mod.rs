//! A judge that a server runs: vLLM, SGLang, LMDeploy, llama.cpp, or any that speaks OpenAI's protocol of chat completions.
//!
//! Several samples are asked about at one time, each on a thread of its own: a call is all waiting. What goes wrong with
//! one sample is its own fault; a server that is not there, or fails at everything, ends the run.

mod ask;
mod client;
mod digits;
mod health;
mod offers;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use glasshouse_model::Digest;
use glasshouse_score::picture::Picture;
use thiserror::Error;

use crate::rubric::{Piece, Role, Rubric, Sample};
use crate::stage::{Judge, Judged};
use crate::way::Manner;
use ask::{Asker, Said};
use client::{CallError, Client};
use offers::Offers;

/// A server and how it is asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address that ends in `/v1`; `/chat/completions` is added.
    pub url: String,
    /// The model's name at the server.
    pub model: String,
    /// What is sent as a bearer token.
    pub key: Option<String>,
    /// Likelihoods that are asked for in each place of an answer, where scores alone are wanted.
    pub likelihoods: u32,
    /// Calls at one time.
    pub concurrency: usize,
    /// How often a call is made again that fails though the server is there.
    pub retries: u32,
    /// How long one call may take.
    pub timeout: Duration,
    /// How long nothing at all may be had of the server until the run ends.
    pub patience: Duration,
}

/// Why a server cannot be asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The address is none.
    #[error("{0:?} is no address of a server; it begins with http:// or https:// and ends in /v1")]
    Url(String),
    /// No thread can be started.
    #[error("no thread can be started: {0}")]
    Thread(std::io::Error),
}

/// What has been asked so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Calls, those that failed included.
    pub calls: u64,
    /// Those that were made again.
    pub again: u64,
    /// Tokens of prompts of samples that were judged, as the server counts them.
    pub prompt_tokens: u64,
    /// Those of them that the server found in its cache, where it tells.
    pub cached_tokens: u64,
    /// Tokens of answers.
    pub answer_tokens: u64,
}

struct Task {
    id: u64,
    messages: Vec<(Role, Vec<Piece>)>,
    pictures: Vec<Picture>,
}

#[derive(Default)]
struct Tokens {
    prompt: AtomicU64,
    cached: AtomicU64,
    answer: AtomicU64,
}

struct Shared {
    asker: Asker,
    tasks: Mutex<Receiver<Task>>,
    tokens: Tokens,
}

/// A server at work.
pub struct Endpoint {
    shared: Arc<Shared>,
    tasks: Sender<Task>,
    judged: Receiver<Judged>,
    identity: Digest,
    concurrency: usize,
    /// Samples that were submitted and are not finished.
    under_way: usize,
}

/// How long a step waits for something to be finished.
const STEP: Duration = Duration::from_millis(100);

impl Endpoint {
    /// Makes ready to ask. Nothing is sent before there is a sample.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub fn new(settings: &Settings, rubric: Rubric, manner: Manner) -> Result<Self, EndpointError> {
        let client = Client::new(settings)?;
        let concurrency = settings.concurrency.max(1);
        // The address is left out: the same model may be served elsewhere the next time.
        let said = format!("{manner:?} {}", env!("CARGO_PKG_VERSION"));
        let asked = rubric.digest();
        let parts = [b"endpoint".as_slice(), settings.model.as_bytes(), asked.as_bytes(), said.as_bytes()];
        let identity = Digest::of_parts(parts);
        let (tasks, taken) = channel();
        let (give, judged) = channel();
        let asker = Asker {
            client,
            offers: Offers::default(),
            model: settings.model.clone(),
            likelihoods: settings.likelihoods,
            rubric,
            manner,
        };
        let shared = Arc::new(Shared { asker, tasks: Mutex::new(taken), tokens: Tokens::default() });
        for _ in 0..concurrency {
            let (shared, give) = (shared.clone(), give.clone());
            let work = move || shared.work(&give);
            thread::Builder::new().name("judge".to_owned()).spawn(work).map_err(EndpointError::Thread)?;
        }
        Ok(Self { shared, tasks, judged, identity, concurrency, under_way: 0 })
    }

    /// What is asked.
    pub fn rubric(&self) -> &Rubric {
        &self.shared.asker.rubric
    }

    /// What has been asked so far.
    pub fn asked(&self) -> Asked {
        let Shared { asker, tokens, .. } = self.shared.as_ref();
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Asked {
            calls: read(&asker.client.calls),
            again: read(&asker.client.again),
            prompt_tokens: read(&tokens.prompt),
            cached_tokens: read(&tokens.cached),
            answer_tokens: read(&tokens.answer),
        }
    }
}

impl Judge for Endpoint {
    fn identity(&self) -> Digest {
        self.identity
    }

    fn is_hungry(&self) -> bool {
        // One for each thread, and for each one that waits: pictures are read meanwhile.
        self.under_way < 2 * self.concurrency
    }

    fn submit(&mut self, id: u64, sample: &Sample, pictures: Vec<Picture>) -> Result<(), String> {
        let messages = self.shared.asker.messages(sample)?;
        self.tasks.send(Task { id, messages, pictures }).map_err(|_| "no thread is left to ask".to_owned())?;
        self.under_way += 1;
        Ok(())
    }

    fn step(&mut self) -> Result<Vec<Judged>, String> {
        let mut finished = Vec::new();
        let mut gone = false;
        if self.under_way > 0 {
            match self.judged.recv_timeout(STEP) {
                Ok(judged) => finished.push(judged),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => gone = true,
            }
        }
        finished.extend(self.judged.try_iter());
        self.under_way -= finished.len();
        // What is finished is recorded first.
        match self.shared.asker.client.health.ended().filter(|_| finished.is_empty()) {
            Some(why) => Err(why),
            None if gone => Err("the threads that ask are gone".to_owned()),
            None => Ok(finished),
        }
    }

    fn is_idle(&self) -> bool {
        self.under_way == 0
    }
}

impl Drop for Endpoint {
    /// Threads that wait end now, and those in a call at its end; nobody waits for them.
    fn drop(&mut self) {
        self.shared.asker.client.health.stop();
    }
}

impl Shared {
    fn work(&self, give: &Sender<Judged>) {
        loop {
            let task = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Task { id, messages, pictures }) = task else { return };
            let judged = match self.asker.ask(&messages, &pictures) {
                Ok(Said { outcome, usage }) => {
                    let add = |to: &AtomicU64, count: u64| to.fetch_add(count, Ordering::Relaxed);
                    add(&self.tokens.prompt, usage.prompt);
                    add(&self.tokens.cached, usage.cached);
                    add(&self.tokens.answer, usage.answer);
                    let (prompt_tokens, answer_tokens) = (usage.prompt as usize, usage.answer as usize);
                    Judged { id, result: Ok(outcome), prompt_tokens, answer_tokens }
                }
                Err(CallError::Refused(why)) => fault(id, format!("the server refuses it: {why}")),
                Err(CallError::Failed(why)) => fault(id, why),
                // The sample is not to blame: it is judged the next time.
                Err(CallError::Stopped) => return,
            };
            if give.send(judged).is_err() {
                return;
            }
        }
    }
}

fn fault(id: u64, why: String) -> Judged {
    Judged { id, result: Err(why), prompt_tokens: 0, answer_tokens: 0 }
}
