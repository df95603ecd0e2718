//! The verdict on a drawing: the rules of docs/contract.md, section "Drawings".

use glasshouse_model::{Artifact, CaptureKind, Cause, ErrorInfo, Limits, Usage, Verdict};
use glasshouse_svg::{Ending, Problem};

use super::checks::{blank_picture, invalid_picture};
use super::signals::signal_name;
use crate::text::{bytes, plain, seconds};

/// Characters of a document's own words in a cause.
const SHOWN: usize = 200;

/// All that is known of a drawing.
#[derive(Clone, Copy, Debug)]
pub struct DrawingEvidence<'a> {
    /// How it ended.
    pub ending: &'a Ending,
    /// What was used.
    pub usage: Usage,
    /// What could be used.
    pub limits: &'a Limits,
    /// The picture, already checked.
    pub artifacts: &'a [Artifact],
    /// The captures that the row insists on.
    pub capture: &'a [CaptureKind],
}

/// The verdict, and what stood behind it unless it is `ok`.
pub fn judge_drawing(drawing: &DrawingEvidence<'_>) -> (Verdict, Option<Cause>) {
    let found = ending(drawing).or_else(|| captures(drawing));
    found.map_or((Verdict::Ok, None), |(verdict, cause)| (verdict, Some(cause)))
}

/// What is wrong with the document, as records have errors.
pub fn drawing_error(ending: &Ending) -> Option<ErrorInfo> {
    let Ending::Problem(problem) = ending else { return None };
    let message = plain(&problem.to_string(), SHOWN);
    Some(ErrorInfo {
        kind: code(problem).to_owned(),
        message: message.clone(),
        line: line(problem),
        traceback: message,
    })
}

fn ending(drawing: &DrawingEvidence<'_>) -> Option<(Verdict, Cause)> {
    Some(match drawing.ending {
        Ending::Drawn(..) => return None,
        Ending::OutOfMemory => {
            let message = format!("drawing it takes more memory than {}", bytes(drawing.limits.memory));
            (Verdict::MemoryLimitExceeded, Cause::new("memory", message))
        }
        Ending::OutOfTime => {
            let message = format!("not drawn after {} of processor time", seconds(drawing.usage.cpu));
            (Verdict::TimeLimitExceeded, Cause::new("cpu", message))
        }
        Ending::Crashed(signal) => {
            let name = signal_name(*signal);
            let message = format!("drawing it ended by {name}, as where elements are nested too deeply");
            (Verdict::Signaled, Cause::new(name, message))
        }
        Ending::GaveUp => {
            (Verdict::InvalidArtifact, Cause::new("not_drawn", "resvg gave up on this document: a fault in resvg"))
        }
        Ending::Problem(problem @ Problem::TooLarge { .. }) => {
            (Verdict::InvalidArtifact, Cause::new(code(problem), format!("the picture {problem}")))
        }
        Ending::Problem(problem) => {
            let message = format!("the document {}", plain(&problem.to_string(), SHOWN));
            (Verdict::RuntimeError, Cause::new(code(problem), message))
        }
    })
}

fn code(problem: &Problem) -> &'static str {
    match problem {
        Problem::Malformed(_) => "malformed",
        Problem::NoSize => "no_size",
        Problem::TooMany => "too_many_elements",
        Problem::TooLarge { .. } => "picture",
    }
}

/// The line that a parser's words name: they end with "at LINE:COLUMN".
fn line(problem: &Problem) -> Option<u64> {
    let Problem::Malformed(said) = problem else { return None };
    let (_, place) = said.rsplit_once(" at ")?;
    place.split(':').next()?.parse().ok()
}

fn captures(drawing: &DrawingEvidence<'_>) -> Option<(Verdict, Cause)> {
    if let Some(cause) = invalid_picture(drawing.artifacts) {
        return Some((Verdict::InvalidArtifact, cause));
    }
    let shown = |kind: &&CaptureKind| !matches!(kind, CaptureKind::Image | CaptureKind::Facts | CaptureKind::File);
    if let Some(absent) = drawing.capture.iter().find(shown) {
        return Some((Verdict::NoArtifact, Cause::new(absent.name(), "a drawing does not show this")));
    }
    blank_picture(drawing.artifacts).map(|cause| (Verdict::BlankArtifact, cause))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use glasshouse_model::PolicySet;

    use super::*;

    fn judged(ending: &Ending) -> String {
        let mut policies = PolicySet::default();
        policies.add("default", "[limits]\ncpu = \"3s\"\nmemory = \"1GiB\"").unwrap();
        let limits = policies.get("default").unwrap().limits;
        assert_eq!(limits.cpu, Duration::from_secs(3));
        let usage = Usage { cpu: 3.0, ..Usage::default() };
        let (verdict, cause) =
            judge_drawing(&DrawingEvidence { ending, usage, limits: &limits, artifacts: &[], capture: &[] });
        let cause = cause.unwrap();
        format!("{verdict} {}: {}", cause.code, cause.message)
    }

    #[test]
    fn each_ending_has_its_verdict() {
        let malformed = Problem::Malformed("expected '>' at 3:17".into());
        let large = Problem::TooLarge { width: 99_999, height: 2 };
        for (ending, expected) in [
            (Ending::OutOfMemory, "memory_limit_exceeded memory: drawing it takes more memory than 1 GiB"),
            (Ending::OutOfTime, "time_limit_exceeded cpu: not drawn after 3 s"),
            (Ending::Crashed(11), "signaled SIGSEGV"),
            (Ending::GaveUp, "invalid_artifact not_drawn"),
            (Ending::Problem(malformed), "runtime_error malformed: the document is not well-formed SVG"),
            (Ending::Problem(Problem::NoSize), "runtime_error no_size: the document states no size"),
            (Ending::Problem(large), "invalid_artifact picture: the picture would be 99999 by 2 pixels"),
        ] {
            assert!(judged(&ending).starts_with(expected), "{}", judged(&ending));
        }
    }

    #[test]
    fn the_line_is_that_of_the_parser() {
        let error = drawing_error(&Ending::Problem(Problem::Malformed("unknown token at 3:17".into()))).unwrap();
        assert_eq!((error.kind.as_str(), error.line), ("malformed", Some(3)));
        assert_eq!(drawing_error(&Ending::Problem(Problem::NoSize)).unwrap().line, None);
    }
}
