//! Judging by a server.

use std::env;
use std::time::Duration;

use glasshouse_judge::endpoint::{Endpoint, Settings};

use super::JudgeArgs;
use super::work::Work;
use crate::cli::Failure;
use crate::text::count;

pub(super) fn judge(args: &JudgeArgs, url: &str) -> Result<u8, Failure> {
    let work = Work::open(args)?;
    let key = match &args.api_key_env {
        None => None,
        Some(name) => match env::var(name) {
            Ok(key) if !key.trim().is_empty() => Some(key.trim().to_owned()),
            _ => {
                return Err(Failure::Usage(format!(
                    "--api-key-env {name}: no such variable is set; it must hold the key"
                )));
            }
        },
    };
    let settings = Settings {
        url: url.to_owned(),
        model: args.model.clone(),
        key,
        likelihoods: args.top_logprobs,
        concurrency: args.concurrency.max(1),
        retries: args.retries,
        timeout: Duration::from_secs(args.timeout.max(1)),
        patience: Duration::from_secs(args.patience),
    };
    let endpoint = Endpoint::new(&settings, work.rubric.clone(), work.manner);
    let mut endpoint = endpoint.map_err(|error| Failure::Usage(format!("--endpoint: {error}")))?;
    work.judge(&mut endpoint, "endpoint", &args.model, done)
}

fn done(endpoint: &Endpoint) -> Vec<String> {
    let asked = endpoint.asked();
    vec![
        format!("calls      {}, {} of them made again", count(asked.calls), count(asked.again)),
        format!(
            "tokens     {} of prompts, {} of them in the server's cache, {} of answers",
            count(asked.prompt_tokens),
            count(asked.cached_tokens),
            count(asked.answer_tokens)
        ),
    ]
}
