//! `glasshouse score`: numbers that compare pages or captures with a reference.

mod camera;
mod clip;
mod decode;
mod pairs;
mod parts;
mod pixels;
mod results;
mod tally;
mod webcode2m;

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand, ValueEnum};
use glasshouse_score::Mode;
use glasshouse_score::html::Dialect;

use super::Failure;
use super::args::Setup;

#[cfg(any(feature = "endpoint", feature = "judge"))]
pub(super) use decode::Decoder;
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
    glasshouse score webcode2m results/gpt-4o_short -o scores.jsonl --published outdir/gpt-4o_short\n  \
    glasshouse score webcode2m rows.parquet -o scores.jsonl --mode fixed\n  \
    glasshouse score webcode2m rows.parquet --clip models/clip-vit-base-patch32\n\n\
    INPUT holds a folder for each pair, with answer.html and prediction.html as the model wrote it; or is a dataset\n\
    (JSONL, also .gz or .zst, Parquet, WebDataset tar) of rows with `code` and `reference.html`. Both pages are rendered\n\
    behind glass, as the published evaluation renders them; nothing is loaded from the network. CLIP needs a model, for\n\
    which --clip names a folder; without one it is reported as absent.\n\n\
    With -o the same command again goes on where it stopped.\n\
    Exit codes: 0 every pair was scored, 1 some were not, 3 there is nothing to score, 4 this host cannot, 130 stopped.")]
pub struct Webcode2mArgs {
    /// The folder of a model's results, or a dataset; `-` for JSONL on standard input.
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,
    /// Write one JSON object for each pair into this file, in the order in which they are done.
    #[arg(short, long, value_name = "FILE", env = "GLASSHOUSE_SCORES")]
    pub out: Option<PathBuf>,
    /// Write metrics_result.csv and avg_result.txt into this folder, as the published evaluation does.
    #[arg(long, value_name = "DIR", env = "GLASSHOUSE_PUBLISHED")]
    pub published: Option<PathBuf>,
    /// Begin the file of -o anew, whatever it holds.
    #[arg(long, value_parser = FalseyValueParser::new(), env = "GLASSHOUSE_FRESH")]
    pub fresh: bool,
    /// As published, defects included, or with the defects mended.
    #[arg(long, value_enum, default_value_t = ModeArg::Compat, env = "GLASSHOUSE_SCORE_MODE")]
    pub mode: ModeArg,
    /// Whose HTML parser: Python 3.11.7's under this Beautiful Soup. The papers ran 4.12 to 4.14.
    #[arg(long, value_enum, default_value_t = DialectArg::Soup415, env = "GLASSHOUSE_SCORE_DIALECT")]
    pub dialect: DialectArg,
    /// Compute the CLIP parts with the model in this folder: config.json and model.safetensors as Hugging Face has them, or
    /// one safetensors file with OpenAI's names. The published evaluation takes ViT-B/32.
    #[arg(long, value_name = "DIR", env = "GLASSHOUSE_CLIP")]
    pub clip: Option<PathBuf>,
    /// Start no browser: only what the pages' texts tell, and MSE, SSIM and CLIP of screenshots that lie in INPUT.
    #[arg(long, value_parser = FalseyValueParser::new(), env = "GLASSHOUSE_NO_RENDER")]
    pub no_render: bool,
    /// Start no browser, and take answer.png and prediction.png from the folders of this one for MSE, SSIM and CLIP.
    #[arg(long, value_name = "DIR", env = "GLASSHOUSE_SCREENSHOTS")]
    pub screenshots: Option<PathBuf>,
    /// Pairs scored at one time, each with a browser [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096), env = "GLASSHOUSE_WORKERS")]
    pub workers: Option<u16>,
    /// Show no progress.
    #[arg(long, value_parser = FalseyValueParser::new(), env = "GLASSHOUSE_NO_PROGRESS")]
    pub no_progress: bool,
    /// Policy, layers, cache.
    #[command(flatten)]
    pub setup: Setup,
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
