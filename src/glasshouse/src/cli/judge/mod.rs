//! `glasshouse judge`: rewards for the samples of a run.

#[cfg(feature = "endpoint")]
mod endpoint;
#[cfg(feature = "judge")]
mod local;
#[cfg(any(feature = "endpoint", feature = "judge"))]
mod samples;
#[cfg(any(feature = "endpoint", feature = "judge"))]
mod work;

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};

use super::Failure;

/// `glasshouse judge`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    glasshouse judge out --model models/Qwen2.5-VL-7B-Instruct\n  \
    glasshouse judge out --model models/Qwen2.5-VL-7B-Instruct --rubric artifact --way score-only\n  \
    glasshouse judge out --model models/Qwen3-8B --rubric code\n  \
    glasshouse judge out --model models/Qwen2.5-VL-3B-Instruct --rubric my-rubric.toml --threshold 4\n  \
    glasshouse judge out --endpoint http://localhost:8000/v1 --model Qwen/Qwen2.5-VL-72B-Instruct --concurrency 64\n\n\
    Reads the records and pictures of the run in OUT and writes OUT/rewards.jsonl. Rewards are kept in OUT/rewards.sqlite:\n\
    the same command again goes on where it stopped, and judges nothing twice. Nothing is asked of the network but of the\n\
    server that --endpoint names, which is sent instructions, code and pictures.\n\n\
    Exit codes: 0 every sample that shows something to judge was judged, 1 some were not through a fault of ours,\n\
    3 OUT, the model or the server cannot be used, 130 stopped.")]
pub struct JudgeArgs {
    /// The folder of a run.
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
    /// The folder of a model as Hugging Face lays it out: Qwen2.5-VL of any size, or Qwen3 (dense) for code alone; with
    /// --endpoint, the model's name at the server.
    #[arg(long, value_name = "DIR|NAME", env = "GLASSHOUSE_JUDGE_MODEL")]
    pub model: String,
    /// A server that speaks OpenAI's protocol (vLLM, SGLang, LMDeploy, llama.cpp), by its address that ends in /v1.
    #[arg(long, value_name = "URL", env = "GLASSHOUSE_JUDGE_ENDPOINT")]
    pub endpoint: Option<String>,
    /// The environment variable that holds the server's key; none is sent without.
    #[arg(long, value_name = "VARIABLE", requires = "endpoint", env = "GLASSHOUSE_JUDGE_API_KEY_ENV")]
    pub api_key_env: Option<String>,
    /// Likelihoods that the server is asked for in each place of an answer (--way score-only); few servers give more.
    #[arg(long, value_name = "N", default_value_t = 20, env = "GLASSHOUSE_JUDGE_TOP_LOGPROBS")]
    pub top_logprobs: u32,
    /// Calls of the server at one time.
    #[arg(long, value_name = "N", default_value_t = 16, env = "GLASSHOUSE_JUDGE_CONCURRENCY")]
    pub concurrency: usize,
    /// How often a call of the server is made again that fails.
    #[arg(long, value_name = "N", default_value_t = 4, env = "GLASSHOUSE_JUDGE_RETRIES")]
    pub retries: u32,
    /// How long one call of the server may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, env = "GLASSHOUSE_JUDGE_TIMEOUT")]
    pub timeout: u64,
    /// How long nothing at all may be had of the server, in seconds, until the command ends.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, env = "GLASSHOUSE_JUDGE_PATIENCE")]
    pub patience: u64,
    /// What the judge is asked: chart, artifact, scene, code, dtvbench, or a file of your own.
    #[arg(long, value_name = "NAME|FILE", default_value = "chart", env = "GLASSHOUSE_JUDGE_RUBRIC")]
    pub rubric: String,
    /// How scores are got. The two are different measures; a reward says which it is.
    #[arg(long, value_enum, default_value_t = WayArg::Reasoned, env = "GLASSHOUSE_JUDGE_WAY")]
    pub way: WayArg,
    /// Where the rubric stands in the prompt; a reward says that too.
    #[arg(long, value_enum, default_value_t = LayoutArg::RubricFirst, env = "GLASSHOUSE_JUDGE_LAYOUT")]
    pub layout: LayoutArg,
    /// Most tokens of reasoning before an answer.
    #[arg(long, value_name = "N", default_value_t = 300, env = "GLASSHOUSE_JUDGE_REASONING")]
    pub reasoning: usize,
    /// From which total on a sample passes [default: the rubric's]
    #[arg(long, value_name = "TOTAL", env = "GLASSHOUSE_JUDGE_THRESHOLD")]
    pub threshold: Option<f64>,
    /// The column that holds what was asked for.
    #[arg(long, value_name = "COLUMN", default_value = "instruction", env = "GLASSHOUSE_JUDGE_INSTRUCTION")]
    pub instruction: String,
    /// Tokens of prompts and answers that are kept in memory at one time, of all samples together.
    #[arg(long, value_name = "N", default_value_t = 32_768, env = "GLASSHOUSE_JUDGE_CACHE_TOKENS")]
    pub cache_tokens: usize,
    /// Tokens that are computed in one step.
    #[arg(long, value_name = "N", default_value_t = 2_048, env = "GLASSHOUSE_JUDGE_STEP_TOKENS")]
    pub step_tokens: usize,
    /// Show no progress.
    #[arg(long, value_parser = FalseyValueParser::new(), env = "GLASSHOUSE_NO_PROGRESS")]
    pub no_progress: bool,
}

/// How scores are got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WayArg {
    /// Reasoning, and then an answer that is held to its form.
    Reasoned,
    /// The scores alone, each as the expectation over the digits, with its entropy.
    ScoreOnly,
}

/// Where the rubric stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LayoutArg {
    /// Before all that differs from sample to sample, so that it is computed once.
    RubricFirst,
    /// After the pictures, as the papers have it that put those at the beginning.
    PicturesFirst,
}

pub(super) fn judge(args: &JudgeArgs) -> Result<u8, Failure> {
    match &args.endpoint {
        Some(url) => at(args, url),
        None => here(args),
    }
}

#[cfg(feature = "endpoint")]
fn at(args: &JudgeArgs, url: &str) -> Result<u8, Failure> {
    endpoint::judge(args, url)
}

#[cfg(not(feature = "endpoint"))]
fn at(_: &JudgeArgs, _: &str) -> Result<u8, Failure> {
    Err(without("judging by servers", "endpoint"))
}

#[cfg(feature = "judge")]
fn here(args: &JudgeArgs) -> Result<u8, Failure> {
    local::judge(args)
}

#[cfg(not(feature = "judge"))]
fn here(_: &JudgeArgs) -> Result<u8, Failure> {
    Err(without("models", "judge"))
}

/// This command was built without something.
#[cfg(not(all(feature = "endpoint", feature = "judge")))]
fn without(what: &str, feature: &str) -> Failure {
    Failure::Usage(format!(
        "judge: this command was built without {what}; `cargo install --path src/glasshouse --features {feature}` (or `cargo run \
         --release --features {feature} -- ...`) builds one with"
    ))
}
