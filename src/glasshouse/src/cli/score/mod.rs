//! `glasshouse score`: numbers that compare pages or captures with a reference.

mod decode;
mod pairs;
mod pixels;
mod webcode2m;

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand, ValueEnum};
use glasshouse_score::Mode;
use glasshouse_score::html::Dialect;

use super::Failure;

pub(super) use decode::{SUBCOMMAND as DECODE_HELPER, serve as decode_helper};

/// `glasshouse score`.
#[derive(Debug, Args)]
pub struct ScoreArgs {
    /// What to compare, and how.
    #[command(subcommand)]
    pub benchmark: Benchmark,
}

/// The benchmarks of `glasshouse score`.
#[derive(Debug, Subcommand)]
pub enum Benchmark {
    /// Pages against the pages that were to be written, as WebCode2M's evaluation does.
    Webcode2m(Webcode2mArgs),
    /// Two captures, pixel by pixel.
    Pixels(PixelsArgs),
}

/// `glasshouse score webcode2m`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    glasshouse score webcode2m results/gpt-4o_short\n  \
    glasshouse score webcode2m results/gpt-4o_short --screenshots outdir/gpt-4o_short -o scores.jsonl\n  \
    glasshouse score webcode2m rows.jsonl --mode fixed\n\n\
    INPUT holds a folder for each pair, with answer.html and prediction.html as the model wrote it; or is a JSONL\n\
    file of rows with `code` and `reference.html`. MSE and SSIM need both pages' screenshots, answer.png and\n\
    prediction.png, in a folder of the same name. The visual score and CLIP need a renderer and a model: they are\n\
    reported as absent.\n\n\
    Exit codes: 0 every pair was read, 1 some were not, 3 there is nothing to score.")]
pub struct Webcode2mArgs {
    /// The folder of a model's results, or rows.
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,
    /// Where the screenshots are, if not in INPUT.
    #[arg(long, value_name = "DIR", env = "GLASSHOUSE_SCREENSHOTS")]
    pub screenshots: Option<PathBuf>,
    /// As published, defects included, or with the defects mended.
    #[arg(long, value_enum, default_value_t = ModeArg::Compat, env = "GLASSHOUSE_SCORE_MODE")]
    pub mode: ModeArg,
    /// Whose HTML parser: Python 3.11.7's under this Beautiful Soup. The papers ran 4.12 to 4.14.
    #[arg(long, value_enum, default_value_t = DialectArg::Soup415, env = "GLASSHOUSE_SCORE_DIALECT")]
    pub dialect: DialectArg,
    /// Write one JSON object for each pair into this file.
    #[arg(short, long, value_name = "FILE", env = "GLASSHOUSE_SCORES")]
    pub out: Option<PathBuf>,
    /// Pairs scored at one time [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096), env = "GLASSHOUSE_WORKERS")]
    pub workers: Option<u16>,
}

/// How scores are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// As the published evaluation computes them.
    Compat,
    /// With its defects mended.
    Fixed,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Compat => Mode::Compat,
            ModeArg::Fixed => Mode::Fixed,
        }
    }
}

/// A version of Beautiful Soup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DialectArg {
    /// 4.15.0, which closes every `<br/>`.
    #[value(name = "soup-4.15")]
    Soup415,
    /// 4.12.3, which leaves a `<br/>` open after a `<br>`.
    #[value(name = "soup-4.12")]
    Soup412,
}

impl From<DialectArg> for Dialect {
    fn from(dialect: DialectArg) -> Self {
        match dialect {
            DialectArg::Soup415 => Dialect::CPython3_11_7,
            DialectArg::Soup412 => Dialect::CPython3_11_7Soup4_12,
        }
    }
}

/// `glasshouse score pixels`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    glasshouse score pixels before.png after.png\n  \
    glasshouse score pixels before.png after.png --threshold 0.2 --json\n\n\
    Exit codes: 0 no pixel differs by more than the threshold, 1 some do or the sizes differ.")]
pub struct PixelsArgs {
    /// A picture.
    #[arg(value_name = "ONE")]
    pub one: PathBuf,
    /// Another one.
    #[arg(value_name = "OTHER")]
    pub other: PathBuf,
    /// How far a pixel's colour may be off: 0 (not at all) to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = share, env = "GLASSHOUSE_THRESHOLD")]
    pub threshold: f64,
    /// Count pixels that only smooth an edge as well.
    #[arg(long, value_parser = FalseyValueParser::new(), env = "GLASSHOUSE_COUNT_SMOOTHING")]
    pub count_smoothing: bool,
    /// Print JSON.
    #[arg(long, value_parser = FalseyValueParser::new(), env = "GLASSHOUSE_JSON")]
    pub json: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "a number from 0 to 1 is expected".to_owned())?;
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err("a number from 0 to 1 is expected".to_owned()) }
}

pub(super) fn score(args: &ScoreArgs) -> Result<u8, Failure> {
    match &args.benchmark {
        Benchmark::Webcode2m(args) => webcode2m::webcode2m(args),
        Benchmark::Pixels(args) => pixels::pixels(args),
    }
}
