//! The surface: subcommands, their messages and exit codes (docs/contract.md, section "Exit codes").

mod args;
mod batch;
mod container_images;
mod demo;
mod doctor;
mod exec;
mod failure;
mod files;
mod images;
mod judge;
mod place;
mod policy;
mod render;
mod report;
mod run;
mod save;
mod score;
mod serve;
mod setup;

use std::process::ExitCode;

use clap::Parser as _;

pub use args::{Cli, Command};
pub use failure::Failure;
pub use place::cache as cache_folder;
pub use setup::definitions;

/// The exit code of a run in which some rows have no verdict.
const INCOMPLETE: u8 = 1;

/// Parses the command line and does what it says.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Demo(args) => demo::demo(&args),
        Command::Run(args) => run::run(&args),
        Command::Exec(args) => exec::exec(&args),
        Command::Render(args) => render::render(&args),
        Command::Serve(args) => serve::serve(&args),
        Command::Report(args) => report::report(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Images(args) => images::images(&args),
        Command::Policy(args) => policy::policy(&args),
        Command::Score(args) => score::score(&args),
        Command::Judge(args) => judge::judge(&args),
        Command::CheckHelper => return glasshouse_capture::helper::main(),
        Command::DrawingHelper { fonts } => return glasshouse_svg::serve(&fonts),
        Command::ThumbnailHelper => return crate::report::thumbnail_helper(),
        Command::DecodeHelper => return score::decode_helper(),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("glasshouse: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
