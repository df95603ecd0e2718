//! One check for each verdict: the rules of docs/contract.md, section "Verdicts".

use glasshouse_capture::ErrorLink;
use glasshouse_model::{Artifact, ArtifactKind, CaptureKind, Cause, ErrorInfo};
use glasshouse_sandbox::{Exit, Stop};

use super::headline::headline;
use super::signals::{SIGXCPU, SIGXFSZ, signal_name};
use super::{Evidence, TestOutcome};
use crate::text::{bytes, seconds};

/// Errnos that mean "no room on the disk".
const NO_ROOM: [i32; 2] = [libc::ENOSPC, libc::EDQUOT];
/// Errnos that an empty network gives.
const NO_NETWORK: [i32; 5] =
    [libc::ENETUNREACH, libc::ENETDOWN, libc::EHOSTUNREACH, libc::EAFNOSUPPORT, libc::EPROTONOSUPPORT];

/// How frames that were taken out of a film came about.
const FRAMES: [&str; 2] = ["frame", "last_frame"];

/// How the list of what a program's expressions gave came about: it is ours, and no file of the program's.
const RESULTS: &str = "results";

/// Where the packages are listed of which R says that it has none of that name.
const R_PACKAGES: &str = " (images/r/runtime.toml lists those that there are)";
/// The same for Octave's packages.
const OCTAVE_PACKAGES: &str = " (images/octave/runtime.toml lists the packages that there are)";
/// The same for packages of the Wolfram Language.
const WOLFRAM_PACKAGES: &str = " (images/wolfram/README.md lists those that there are)";
/// The same for files that LaTeX does not find.
const TEX_PACKAGES: &str = " (images/manim/runtime.toml lists what there is of TeX Live)";

pub(super) fn memory(run: &Evidence<'_>) -> Option<Cause> {
    let limit = bytes(run.limits.memory);
    if run.oom_kills > 0 || run.stop == Some(Stop::Memory) {
        let message = format!("the kernel had to kill for memory: more than {limit} were asked for");
        return Some(Cause::new("memory", message));
    }
    // What Python calls a MemoryError is in other languages an error of any kind that comes from ENOMEM.
    let refused = run.chain.iter().any(|link| link.errno == Some(libc::ENOMEM));
    let named = |error: &&ErrorInfo| last_name(&error.kind).ends_with("MemoryError");
    let uncaught = run.error.filter(|error| run.failed() && (refused || named(error)))?;
    let said = if uncaught.message.is_empty() { String::new() } else { format!(": {}", headline(&uncaught.message)) };
    Some(Cause::new("allocation", format!("an allocation was refused under the limit of {limit}{said}")))
}

pub(super) fn time(run: &Evidence<'_>) -> Option<Cause> {
    let killed_for_cpu = run.exit == Exit::Signal(SIGXCPU);
    match run.stop {
        Some(Stop::Wall) => {
            let limit = seconds(run.limits.wall.as_secs_f64());
            Some(Cause::new("wall", format!("still running after {limit} on the clock")))
        }
        Some(Stop::Cpu) => Some(cpu_cause(run)),
        _ if killed_for_cpu => Some(cpu_cause(run)),
        _ => None,
    }
}

fn cpu_cause(run: &Evidence<'_>) -> Cause {
    let limit = seconds(run.limits.cpu.as_secs_f64());
    Cause::new("cpu", format!("used {} of processor time; the limit is {limit}", seconds(run.usage.cpu)))
}

pub(super) fn processes(run: &Evidence<'_>) -> Option<Cause> {
    let refused = run.refused_forks;
    let limit = run.limits.processes;
    (refused > 0).then(|| {
        let times = if refused == 1 { "once".to_owned() } else { format!("{refused} times") };
        Cause::new("processes", format!("a process or thread was refused {times} at the limit of {limit}"))
    })
}

pub(super) fn output(run: &Evidence<'_>) -> Option<Cause> {
    (run.stop == Some(Stop::Output)).then(|| {
        let limit = bytes(run.limits.output);
        Cause::new("output", format!("wrote more than {limit} to stdout and stderr ({})", bytes(run.output_bytes)))
    })
}

pub(super) fn disk(run: &Evidence<'_>) -> Option<Cause> {
    let limits = format!("{} and {} files", bytes(run.limits.disk), run.limits.files);
    if run.disk.full {
        let used = format!("{} in {} files", bytes(run.disk.bytes), run.disk.files);
        return Some(Cause::new("full", format!("the private disk is full with {used}; the limit is {limits}")));
    }
    let no_room = run.failed() && run.chain.iter().any(|link| link.errno.is_some_and(|errno| NO_ROOM.contains(&errno)));
    if no_room || run.exit == Exit::Signal(SIGXFSZ) {
        return Some(Cause::new("no_room", format!("a write found no room on the private disk of {limits}")));
    }
    None
}

pub(super) fn signaled(run: &Evidence<'_>) -> Option<Cause> {
    match run.exit {
        Exit::Signal(number) => {
            let name = signal_name(number);
            Some(Cause::new(name.clone(), format!("ended by {name}")))
        }
        Exit::Code(_) => None,
    }
}

pub(super) fn denied(run: &Evidence<'_>) -> Option<Cause> {
    if !run.failed() {
        return None;
    }
    run.chain.iter().find_map(|link| {
        let code = denial(link)?;
        let what = match code {
            "network" => "the policy gives no network",
            "filesystem" => "the policy does not allow this use of a file",
            _ => "the policy does not allow a system call",
        };
        let said = run.error.map(|error| format!("{}: {}; ", last_name(&error.kind), headline(&error.message)));
        Some(Cause::new(code, format!("{}{what}", said.unwrap_or_default())))
    })
}

/// What kind of wall an error ran into, if it was a wall.
fn denial(link: &ErrorLink) -> Option<&'static str> {
    if last_name(&link.kind) == "gaierror" {
        return Some("network");
    }
    let errno = link.errno?;
    if NO_NETWORK.contains(&errno) {
        return Some("network");
    }
    match errno {
        libc::EROFS | libc::EACCES => Some("filesystem"),
        libc::EPERM | libc::ENOSYS => Some("syscall"),
        _ => None,
    }
}

pub(super) fn runtime_error(run: &Evidence<'_>) -> Option<Cause> {
    let Exit::Code(status) = run.exit else { return None };
    if !run.failed() {
        return None;
    }
    Some(match run.error.filter(|error| !matches!(last_name(&error.kind), "" | "SystemExit")) {
        Some(error) => {
            let place = error.line.map(|line| format!("line {line}: ")).unwrap_or_default();
            let listed = match error.kind.as_str() {
                "packageNotFoundError" => R_PACKAGES,
                "Octave:package-not-installed" | "Octave:undefined-function" => OCTAVE_PACKAGES,
                "Get::noopen" | "Needs::nocont" => WOLFRAM_PACKAGES,
                "LaTeXError" if headline(&error.message).ends_with("not found.") => TEX_PACKAGES,
                _ => "",
            };
            Cause::new(last_name(&error.kind), format!("{place}{}{listed}", headline(&error.message)))
        }
        None => Cause::new("exit_status", format!("left with status {status}")),
    })
}

/// Whether an error says that the program's own text, or a package that it asks for, could not be read. Engines of the Wolfram Language go on
/// with what comes next and leave with status 0 then, but it is not the program that has been run.
pub fn is_unread(error: &ErrorInfo) -> bool {
    error.kind.starts_with("Syntax::") || matches!(error.kind.as_str(), "Get::noopen" | "Needs::nocont")
}

pub(super) fn invalid_artifact(run: &Evidence<'_>) -> Option<Cause> {
    invalid_picture(run.artifacts)
}

/// The first thing shown that cannot be what it claims to be.
pub(super) fn invalid_picture(artifacts: &[Artifact]) -> Option<Cause> {
    let (artifact, problem) =
        artifacts.iter().find_map(|artifact| artifact.problem.as_ref().map(|problem| (artifact, problem)))?;
    let code = match artifact.kind {
        ArtifactKind::Figure | ArtifactKind::Screenshot | ArtifactKind::Image => "picture",
        ArtifactKind::Video => "video",
        ArtifactKind::Document => "document",
        ArtifactKind::File => "file",
    };
    Some(Cause::new(code, format!("{}: {problem}", artifact.name)))
}

pub(super) fn no_artifact(run: &Evidence<'_>) -> Option<Cause> {
    if let Some(missing) = run.missing {
        return Some(Cause::new("frame", missing));
    }
    let absent = run.capture.iter().find(|kind| !shows(run, **kind))?;
    let message = match absent {
        CaptureKind::Image => "no figure was shown, saved or left open, and no picture was written",
        CaptureKind::Video => "no moving picture was written",
        CaptureKind::File => "no file was written",
        CaptureKind::Facts => "there is no figure to state facts about",
        CaptureKind::Text => "nothing was written to stdout",
        CaptureKind::Dom => "there is no page whose document could be taken",
    };
    Some(Cause::new(absent.name(), message))
}

fn shows(run: &Evidence<'_>, kind: CaptureKind) -> bool {
    let any = |test: fn(&Artifact) -> bool| run.artifacts.iter().any(test);
    match kind {
        CaptureKind::Image => any(is_picture),
        CaptureKind::Video => any(|artifact| artifact.kind == ArtifactKind::Video),
        CaptureKind::File => any(|artifact| {
            let ours = artifact.origin.as_ref().is_some_and(|origin| origin.call == RESULTS);
            !ours && !matches!(artifact.kind, ArtifactKind::Figure | ArtifactKind::Screenshot)
        }),
        CaptureKind::Facts => any(|artifact| artifact.facts.is_some()),
        CaptureKind::Text => run.stdout_bytes > 0,
        CaptureKind::Dom => false,
    }
}

/// A still picture, or a moving one in a picture format (an animated GIF is both).
fn is_picture(artifact: &Artifact) -> bool {
    match artifact.kind {
        ArtifactKind::Figure | ArtifactKind::Screenshot | ArtifactKind::Image => true,
        ArtifactKind::Video => artifact.media_type.starts_with("image/"),
        ArtifactKind::Document | ArtifactKind::File => false,
    }
}

pub(super) fn blank_artifact(run: &Evidence<'_>) -> Option<Cause> {
    blank_picture(run.artifacts)
}

/// Whether there are pictures, all of them of one colour.
pub(super) fn blank_picture(artifacts: &[Artifact]) -> Option<Cause> {
    let mut count = 0;
    for blank in artifacts.iter().filter_map(seen_blank) {
        if !blank {
            return None;
        }
        count += 1;
    }
    if count == 0 {
        return None;
    }
    let which = if count == 1 { "the only picture".to_owned() } else { format!("each of the {count} pictures") };
    Some(Cause::new("blank", format!("all pixels of {which} are one colour")))
}

/// Whether a picture is of one colour; `None`: it is no picture, or not one that is judged by itself.
fn seen_blank(artifact: &Artifact) -> Option<bool> {
    // A film begins and often ends with nothing to see: what it shows in between decides, and the driver has looked at that.
    if artifact.origin.as_ref().is_some_and(|origin| FRAMES.contains(&origin.call.as_str())) {
        return None;
    }
    if artifact.kind == ArtifactKind::Video
        && let Some(blank) = artifact.facts.as_ref().and_then(|facts| facts["blank"].as_bool())
    {
        return Some(blank);
    }
    is_picture(artifact).then_some(artifact.blank == Some(true))
}

pub(super) fn wrong_answer(run: &Evidence<'_>) -> Option<Cause> {
    match run.tests {
        TestOutcome::Failed(cause) => Some(cause.clone()),
        TestOutcome::Held | TestOutcome::NotJudged => None,
    }
}

/// `numpy._core._exceptions._ArrayMemoryError` is `_ArrayMemoryError`.
fn last_name(kind: &str) -> &str {
    kind.rsplit('.').next().unwrap_or(kind)
}
