//! `glasshouse exec`: one program, page or drawing, whose exit code tells the verdict.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use glasshouse_model::{Cause, Job, Outcome, Row, RowError, Stream};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::args::{ExecArgs, Reach, Setup};
use super::save::{Saved, save};
use super::setup::{self, Plan, Wanted};
use super::{Failure, files};
use crate::glass::Jobs;
use crate::pipeline::Answer;
use crate::text::{bytes, plain, seconds};

/// Characters of a line of a page's console that are shown.
const CONSOLE_SHOWN: usize = 2000;
/// Characters of a cause that the summary shows.
const SHOWN: usize = 200;

pub(super) fn exec(args: &ExecArgs) -> Result<u8, Failure> {
    let runtime = args.runtime.as_deref().unwrap_or_else(|| runtime_of(&args.file));
    let mut plan = Plan::new(&args.setup, Some(runtime), true)?;
    // Nobody but the user who asked waits for it.
    plan.context.allow_looser_limits = true;
    let job = job(args, &plan)?;
    let (answer, store) = answered(&plan, &job, &args.setup, &args.reach)?;
    pass_on(&answer.stdout, &mut io::stdout().lock())?;
    pass_on(&answer.stderr, &mut io::stderr().lock())?;
    for line in &answer.console {
        eprintln!("{}: {}", line.kind, plain(&line.text, CONSOLE_SHOWN));
    }
    let saved = save(&answer.artifacts, store.path(), &args.out)?;
    Ok(summary(&answer, &saved))
}

/// The answer to one job, and where its artifacts are as long as the folder lives.
pub(super) fn answered(plan: &Plan, job: &Job, setup: &Setup, reach: &Reach) -> Result<(Answer, TempDir), Failure> {
    let store = tempfile::tempdir().map_err(|error| Failure::Storage(format!("no temporary folder: {error}")))?;
    let wanted = Wanted {
        cache: &setup::cache(setup)?,
        reach,
        runtime: Some(&job.runtime),
        jobs: Jobs::One,
        workers: 1,
        artifacts: store.path(),
    };
    let mut executors = plan.executors(&wanted)?;
    let Some(executor) = executors.first_mut() else { return Err(Failure::Host("there is no worker".to_owned())) };
    Ok((executor.answer(job)?, store))
}

/// By the file's extension.
fn runtime_of(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html" | "htm" | "xhtml") => "web",
        Some("svg") => "svg",
        Some("R" | "r") => "r",
        Some("m") => "octave",
        Some("wl" | "wls") => "wolfram",
        _ => "python",
    }
}

fn job(args: &ExecArgs, plan: &Plan) -> Result<Job, Failure> {
    let mut columns = Map::new();
    columns.insert("code".to_owned(), Value::String(code(&args.file)?));
    columns.insert("args".to_owned(), json!(args.args));
    if let Some(folder) = &args.files {
        columns.insert("files".to_owned(), files::below(folder)?);
    }
    if let Some(timeout) = &args.timeout {
        columns.insert("limits".to_owned(), json!({"wall": timeout}));
    }
    let mut job = Row { index: 0, columns }.job(&plan.context).map_err(|error| match &error {
        // The only limit here is the one that the flag sets.
        RowError::Field { field, message } if field.starts_with("limits") => {
            Failure::Usage(format!("--timeout: {message}"))
        }
        _ => Failure::Usage(error.to_string()),
    })?;
    // Everything is passed on, so everything is kept.
    job.policy.limits.output_kept = job.policy.limits.output;
    Ok(job)
}

pub(super) fn code(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    read.map_err(|error| Failure::Input(format!("cannot read {} as UTF-8 text: {error}", file.display())))
}

/// The exact bytes that the program printed.
fn pass_on(stream: &Stream, to: &mut impl Write) -> Result<(), Failure> {
    let exact = stream.base64.as_ref().and_then(|text| BASE64.decode(text).ok());
    let bytes = exact.as_deref().unwrap_or(stream.text.as_bytes());
    let written = to.write_all(bytes).and_then(|()| to.flush());
    match written {
        // Whoever read our output (`| head`) has enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Failure::Storage(format!("cannot pass on what the program printed: {error}"))),
    }
}

/// One line on stderr; the exit code for the verdict.
pub(super) fn summary(answer: &Answer, saved: &[Saved]) -> u8 {
    let peak = Some(answer.usage.memory_peak).filter(|peak| *peak > 0);
    let memory = peak.map_or_else(String::new, |peak| format!(", {}", bytes(peak)));
    let used = format!("{}{memory}", seconds(answer.usage.wall));
    let shown: Vec<String> = saved.iter().map(ToString::to_string).collect();
    let files = if shown.is_empty() { String::new() } else { format!(": {}", shown.join(", ")) };
    match &answer.outcome {
        Outcome::Verdict { verdict, cause } => {
            eprintln!("glasshouse: {verdict}{} in {used}{files}", because(cause.as_ref()));
            verdict.exit_code()
        }
        Outcome::Fault(fault) => {
            eprintln!("glasshouse: a fault of ours, not of the program: {}", fault.message);
            Failure::Host(String::new()).exit_code()
        }
    }
}

fn because(cause: Option<&Cause>) -> String {
    cause.map(|cause| format!(" ({}: {})", cause.code, plain(&cause.message, SHOWN))).unwrap_or_default()
}
