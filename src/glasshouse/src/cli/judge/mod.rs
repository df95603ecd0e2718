//! `glasshouse judge`: rewards for the samples of a run.

#[cfg(feature = "judge")]
mod local;
#[cfg(feature = "judge")]
mod samples;

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
    glasshouse judge out --model models/Qwen2.5-VL-3B-Instruct --rubric my-rubric.toml --threshold 4\n\n\
    Reads the records and pictures of the run in OUT and writes OUT/rewards.jsonl. Rewards are kept in OUT/rewards.sqlite:\n\
    the same command again goes on where it stopped, and judges nothing twice. Nothing is fetched from the network.\n\n\
    Exit codes: 0 every sample that shows something to judge was judged, 1 some were not through a fault of ours,\n\
    3 OUT or the model cannot be used, 130 stopped.")]
pub struct JudgeArgs {
    /// The folder of a run.
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
    /// The folder of a model as Hugging Face lays it out: Qwen2.5-VL of any size, or Qwen3 (dense) for code alone.
    #[arg(long, value_name = "DIR", env = "GLASSHOUSE_JUDGE_MODEL")]
    pub model: PathBuf,
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

#[cfg(feature = "judge")]
pub(super) fn judge(args: &JudgeArgs) -> Result<u8, Failure> {
    local::judge(args)
}

/// This command was built without.
#[cfg(not(feature = "judge"))]
pub(super) fn judge(_: &JudgeArgs) -> Result<u8, Failure> {
    let next =
        "`cargo install --path src/glasshouse --features judge` (or `cargo run --release --features judge -- ...`)";
    Err(Failure::Usage(format!("judge: this command was built without models; {next} builds one with them")))
}
