//! The command line: every flag, its environment variable, and examples.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use glasshouse_dataset::Shard;

use super::judge::JudgeArgs;
use super::render::RenderArgs;
use super::score::{DECODE_HELPER, ScoreArgs};
use crate::glass::{BackendChoice, Docker};
use crate::report::THUMBNAIL_HELPER;

/// Runs code that a model wrote, behind glass: nothing gets out, and everything it draws can be seen.
#[derive(Debug, Parser)]
#[command(
    name = "glasshouse",
    version,
    after_help = "Examples:\n  \
        glasshouse demo                              set up what is missing, run the sample rows, write a report\n  \
        glasshouse run rows.jsonl -o out             a dataset in, a dataset out; run it again to resume\n  \
        glasshouse exec plot.py                      one program; its pictures land in this folder\n  \
        glasshouse render page.html -o page.png      a page as a picture\n  \
        glasshouse serve                             keep workers warm for the commands above\n  \
        glasshouse doctor                            what isolation this host gives, and what to do about gaps\n\n\
        Exit codes are listed in docs/contract.md."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sets up what is missing, runs the sample rows and writes a report.
    Demo(DemoArgs),
    /// Runs a dataset: rows in, records out. Resumes by itself.
    Run(RunArgs),
    /// Runs one program or page; its exit code tells the verdict.
    Exec(ExecArgs),
    /// Shows a page or an SVG as a picture.
    Render(RenderArgs),
    /// Keeps workers warm behind a Unix socket; `run`, `exec`, `render` and `demo` of the same user then use them.
    Serve(ServeArgs),
    /// Writes report.html and summary.json of a finished or stopped run.
    Report(ReportArgs),
    /// Tells what isolation this host really gives, layer by layer, and what each gap costs.
    Doctor(DoctorArgs),
    /// Builds, lists and verifies the runtimes' images.
    Images(ImagesArgs),
    /// Shows and checks policies.
    Policy(PolicyArgs),
    /// Compares pages or captures with a reference.
    Score(ScoreArgs),
    /// Adds rewards to a run: a model rates what its samples show.
    Judge(JudgeArgs),
    /// The confined helper that decodes pictures; started by the other commands.
    #[command(hide = true)]
    CheckHelper,
    /// The confined helper that draws SVG; started by the other commands.
    #[command(hide = true)]
    DrawingHelper {
        /// The folder of its fonts.
        fonts: PathBuf,
    },
    /// The confined helper that makes thumbnails; started by `report`.
    #[command(hide = true, name = THUMBNAIL_HELPER)]
    ThumbnailHelper,
    /// The confined helper that decodes pictures to be compared; started by `score`.
    #[command(hide = true, name = DECODE_HELPER)]
    DecodeHelper,
}

/// What decides how jobs run; shared by the commands that run any.
#[derive(Clone, Debug, Args)]
pub struct Setup {
    /// The policy of rows that name none (see `glasshouse policy list`) [default: film for scenes, else default].
    #[arg(long, value_name = "NAME", env = "GLASSHOUSE_POLICY")]
    pub policy: Option<String>,
    /// A folder of policies (NAME.toml) that are added to the built-in ones or replace them.
    #[arg(long, value_name = "DIR", env = "GLASSHOUSE_POLICIES")]
    pub policies: Option<PathBuf>,
    /// Run although this layer of the glass is missing on this host (namespaces, cgroup, seccomp,
    /// landlock, own-uid); each record then says so.
    #[arg(long, value_name = "LAYER", value_delimiter = ',', env = "GLASSHOUSE_ALLOW_MISSING")]
    pub allow_missing: Vec<String>,
    /// Where images are kept [default: $XDG_CACHE_HOME/glasshouse or ~/.cache/glasshouse]
    #[arg(long, value_name = "DIR", env = "GLASSHOUSE_CACHE")]
    pub cache: Option<PathBuf>,
    /// Where programs run.
    #[command(flatten)]
    pub backend: BackendArgs,
}

/// How a command finds a daemon.
#[derive(Clone, Debug, Args)]
pub struct Reach {
    /// The socket of the daemon that runs the jobs (see `glasshouse serve`) [default: serve.sock in the cache, if one is there]
    #[arg(long, value_name = "PATH", env = "GLASSHOUSE_SOCKET", conflicts_with = "no_daemon")]
    pub socket: Option<PathBuf>,
    /// Start workers of this command's own although a daemon is there.
    #[arg(long, value_parser = FalseyValueParser::new(), env = "GLASSHOUSE_NO_DAEMON")]
    pub no_daemon: bool,
}

/// Which backend.
#[derive(Clone, Debug, Args)]
pub struct BackendArgs {
    /// How sandboxes of programs are made; those of pages and drawings are native with either.
    #[arg(long, value_name = "BACKEND", default_value = "native", env = "GLASSHOUSE_BACKEND")]
    pub backend: BackendArg,
    /// The OCI runtime of containers, as the engine knows it; one that shares the host's kernel [default: the engine's own]
    #[arg(long, value_name = "NAME", env = "GLASSHOUSE_DOCKER_RUNTIME")]
    pub docker_runtime: Option<String>,
}

/// A backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BackendArg {
    /// Linux namespaces, no daemon needed.
    Native,
    /// Containers of the engine on this machine (DOCKER_HOST names its socket).
    Docker,
}

impl BackendArgs {
    /// What was chosen.
    pub fn choice(&self) -> BackendChoice {
        match self.backend {
            BackendArg::Native => BackendChoice::Native,
            BackendArg::Docker => BackendChoice::Docker(Docker::new(self.docker_runtime.clone())),
        }
    }
}

/// How a run shows itself.
#[derive(Clone, Debug, Args)]
pub struct Show {
    /// Show no progress.
    #[arg(long, value_parser = FalseyValueParser::new(), env = "GLASSHOUSE_NO_PROGRESS")]
    pub no_progress: bool,
    /// Write no report.html at the end.
    #[arg(long, value_parser = FalseyValueParser::new(), env = "GLASSHOUSE_NO_REPORT")]
    pub no_report: bool,
}

/// `glasshouse run`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    glasshouse run charts.jsonl -o out\n  \
    glasshouse run part-*.parquet -o out --format jsonl --format parquet --workers 8\n  \
    glasshouse run replies.jsonl.zst -o out --runtime python --policy strict\n  \
    glasshouse run rows.jsonl -o out-3 --shard 3/16          the fourth of sixteen machines\n\n\
    Run the same command again to resume: recorded rows are not run twice.")]
pub struct RunArgs {
    /// Datasets: JSONL (also .gz, .zst), Parquet or WebDataset tar, in this order; `-` for JSONL on standard input.
    #[arg(required = true, value_name = "ROWS")]
    pub rows: Vec<PathBuf>,
    /// The folder for records, artifacts, journal and report.
    #[arg(short, long, value_name = "DIR", env = "GLASSHOUSE_OUT")]
    pub out: PathBuf,
    /// Jobs that run at one time [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096), env = "GLASSHOUSE_WORKERS")]
    pub workers: Option<u16>,
    /// The runtime of rows that name none.
    #[arg(long, value_name = "NAME", env = "GLASSHOUSE_RUNTIME")]
    pub runtime: Option<String>,
    /// How records are written; may be given more than once [default: jsonl]
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', env = "GLASSHOUSE_FORMAT")]
    pub format: Vec<FormatArg>,
    /// Only every n-th row, beginning with row i: `0/4` to `3/4` share a dataset among four machines.
    #[arg(long, value_name = "I/N", env = "GLASSHOUSE_SHARD")]
    pub shard: Option<Shard>,
    /// Stop after this many rows.
    #[arg(long, value_name = "N", env = "GLASSHOUSE_LIMIT")]
    pub limit: Option<u64>,
    /// Let rows ask for more than their policy allows.
    #[arg(long, value_parser = FalseyValueParser::new(), env = "GLASSHOUSE_ALLOW_LOOSER_LIMITS")]
    pub allow_looser_limits: bool,
    /// Discard what OUT holds of an earlier run and begin again.
    #[arg(long, value_parser = FalseyValueParser::new(), env = "GLASSHOUSE_FRESH")]
    pub fresh: bool,
    /// Policy, layers, cache.
    #[command(flatten)]
    pub setup: Setup,
    /// The daemon.
    #[command(flatten)]
    pub reach: Reach,
    /// Progress and report.
    #[command(flatten)]
    pub show: Show,
}

/// A format of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// One JSON object per line.
    Jsonl,
    /// Parquet parts with picture columns that Hugging Face `datasets` reads.
    Parquet,
    /// Tar shards of samples.
    Webdataset,
}

/// `glasshouse exec`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    glasshouse exec plot.py                      pictures land in this folder\n  \
    glasshouse exec plot.py --timeout 5s -o shots\n  \
    echo 'print(6 * 7)' | glasshouse exec -\n  \
    glasshouse exec tool.py -- --size 3          arguments for the program after `--`\n  \
    glasshouse exec page.html                    a page: its picture lands in this folder\n\n\
    Exit codes: 0 ok, 10 runtime_error, 11 signaled, 12 time, 13 memory, 14 processes, 15 output, 16 disk,\n\
    17 denied, 18 no_artifact, 19 blank_artifact, 20 invalid_artifact, 4 a fault of ours.")]
pub struct ExecArgs {
    /// The program or page; `-` for standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Arguments for the program.
    #[arg(value_name = "ARG", last = true)]
    pub args: Vec<String>,
    /// Where captures and written files land.
    #[arg(short, long, value_name = "DIR", default_value = ".", env = "GLASSHOUSE_OUT")]
    pub out: PathBuf,
    /// Time on the clock: seconds, or with a unit (`500ms`, `2min`).
    #[arg(long, value_name = "TIME", env = "GLASSHOUSE_TIMEOUT")]
    pub timeout: Option<String>,
    /// The runtime [default: by the file's extension, else python]
    #[arg(long, value_name = "NAME", env = "GLASSHOUSE_RUNTIME")]
    pub runtime: Option<String>,
    /// A folder whose files the program or page finds beside itself.
    #[arg(long, value_name = "DIR", env = "GLASSHOUSE_FILES")]
    pub files: Option<PathBuf>,
    /// Policy, layers, cache.
    #[command(flatten)]
    pub setup: Setup,
    /// The daemon.
    #[command(flatten)]
    pub reach: Reach,
}

/// `glasshouse demo`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  glasshouse demo\n  glasshouse demo -o /tmp/demo --workers 4")]
pub struct DemoArgs {
    /// The folder for records and the report.
    #[arg(short, long, value_name = "DIR", default_value = "glasshouse-demo", env = "GLASSHOUSE_OUT")]
    pub out: PathBuf,
    /// Jobs that run at one time [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096), env = "GLASSHOUSE_WORKERS")]
    pub workers: Option<u16>,
    /// Policy, layers, cache.
    #[command(flatten)]
    pub setup: Setup,
    /// The daemon.
    #[command(flatten)]
    pub reach: Reach,
    /// Show no progress.
    #[arg(long, value_parser = FalseyValueParser::new(), env = "GLASSHOUSE_NO_PROGRESS")]
    pub no_progress: bool,
}

/// `glasshouse serve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    glasshouse serve --warm python,web           in one terminal, or as a service\n  \
    glasshouse exec plot.py                      in another: its worker is started already\n\n\
    The daemon runs jobs for its own user alone, by the policies of the command that asks. It ends by Ctrl-C or SIGTERM; jobs that run get a few seconds.")]
pub struct ServeArgs {
    /// The socket to serve [default: serve.sock in the cache]
    #[arg(long, value_name = "PATH", env = "GLASSHOUSE_SOCKET")]
    pub socket: Option<PathBuf>,
    /// Jobs that run at one time, of all commands together [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096), env = "GLASSHOUSE_WORKERS")]
    pub workers: Option<u16>,
    /// Runtimes that are started in each worker before the first job.
    #[arg(long, value_name = "RUNTIME", value_delimiter = ',', default_value = "python", env = "GLASSHOUSE_WARM")]
    pub warm: Vec<String>,
    /// Seconds without a job after which a worker gives back what it holds; its next job starts it again.
    #[arg(long, value_name = "SECONDS", default_value_t = 1800, env = "GLASSHOUSE_REST")]
    pub rest: u64,
    /// Policy, layers, cache.
    #[command(flatten)]
    pub setup: Setup,
}

/// `glasshouse report`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  glasshouse report out")]
pub struct ReportArgs {
    /// The folder of a run.
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
}

/// `glasshouse doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  glasshouse doctor\n  glasshouse doctor --backend docker\n  glasshouse doctor --json\n\n\
    Exit codes: 0 every layer is in force, 4 at least one is not."
)]
pub struct DoctorArgs {
    /// Print JSON.
    #[arg(long, value_parser = FalseyValueParser::new(), env = "GLASSHOUSE_JSON")]
    pub json: bool,
    /// The backend that is asked about.
    #[command(flatten)]
    pub backend: BackendArgs,
    /// Where images are kept [default: $XDG_CACHE_HOME/glasshouse or ~/.cache/glasshouse]
    #[arg(long, value_name = "DIR", env = "GLASSHOUSE_CACHE")]
    pub cache: Option<PathBuf>,
}

/// `glasshouse images`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  glasshouse images list\n  glasshouse images build python\n  glasshouse images verify\n  \
    glasshouse images build python --backend docker    the container engine's copy as well"
)]
pub struct ImagesArgs {
    /// What to do with the images.
    #[command(subcommand)]
    pub action: ImagesAction,
    /// Where images are kept [default: $XDG_CACHE_HOME/glasshouse or ~/.cache/glasshouse]
    #[arg(long, value_name = "DIR", env = "GLASSHOUSE_CACHE", global = true)]
    pub cache: Option<PathBuf>,
    /// With `docker`, the container engine's copies as well.
    #[arg(long, value_name = "BACKEND", default_value = "native", env = "GLASSHOUSE_BACKEND", global = true)]
    pub backend: BackendArg,
}

/// The actions of `glasshouse images`.
#[derive(Debug, Subcommand)]
pub enum ImagesAction {
    /// Builds what is missing.
    Build {
        /// The runtime; all of them if absent.
        name: Option<String>,
    },
    /// Lists runtimes and whether their images are built.
    List,
    /// Checks that built images are whole.
    Verify {
        /// The runtime; all of them if absent.
        name: Option<String>,
    },
    /// What answers pages in place of the network.
    #[command(subcommand)]
    Mirror(MirrorAction),
}

/// The actions of `glasshouse images mirror`.
#[derive(Debug, Subcommand)]
pub enum MirrorAction {
    /// Fetches packages and adds them to the mirror.
    #[command(after_help = "Example:\n  glasshouse images mirror add npm:three@0.160.0 npm:d3@7")]
    Add {
        /// Packages as npm:NAME@VERSION; a range gives its newest version.
        #[arg(required = true, value_name = "PACKAGE")]
        packages: Vec<String>,
        /// The runtime whose mirror it is.
        #[arg(long, default_value = "web", env = "GLASSHOUSE_RUNTIME")]
        runtime: String,
        /// The lock that they are written to [default: one of your own in the cache, beside the built-in one]
        #[arg(long, value_name = "FILE", env = "GLASSHOUSE_LOCK")]
        lock: Option<PathBuf>,
    },
    /// Lists the packages of the mirror.
    List {
        /// The runtime whose mirror it is.
        #[arg(long, default_value = "web", env = "GLASSHOUSE_RUNTIME")]
        runtime: String,
    },
}

/// `glasshouse policy`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  glasshouse policy list\n  glasshouse policy show strict\n  glasshouse policy check mine.toml"
)]
pub struct PolicyArgs {
    /// What to do with policies.
    #[command(subcommand)]
    pub action: PolicyAction,
    /// A folder of policies (NAME.toml) that are added to the built-in ones or replace them.
    #[arg(long, value_name = "DIR", env = "GLASSHOUSE_POLICIES", global = true)]
    pub policies: Option<PathBuf>,
}

/// The actions of `glasshouse policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyAction {
    /// Lists all policies.
    List,
    /// Prints a policy with everything that it inherits.
    Show {
        /// The policy.
        name: String,
    },
    /// Checks a policy file, and names the key that is wrong.
    Check {
        /// The file.
        file: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definitions_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_an_environment_variable() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments() {
                let id = argument.get_id().as_str();
                if argument.is_positional() || matches!(id, "help" | "version") {
                    continue;
                }
                let variable = argument.get_env().and_then(|name| name.to_str()).unwrap_or_default();
                assert!(variable.starts_with("GLASSHOUSE_"), "{} {id}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
