//! One drawing, from its document to its answer: draw, take out, judge.

use std::collections::BTreeMap;
use std::time::Instant;

use glasshouse_capture::{Given, Taken};
use glasshouse_model::page::Refused;
use glasshouse_model::{ArtifactKind, BackendInfo, Fault, Job, Origin, Outcome, Phases, Stream, Usage};
use glasshouse_svg::{Ending, Sketch};

use super::executor::{Answer, Executor};
use super::pages::Taker;
use crate::verdict::{DrawingEvidence, drawing_error, judge_drawing};

/// The picture's name in the record.
const PICTURE: &str = "drawing.png";
/// What records call a reference that was not followed.
const REFERENCE: &str = "reference";

/// What draws documents in a confined helper.
pub trait DrawingRunner: Send {
    /// Draws one document; nothing of it is left afterwards.
    fn draw(&mut self, job: &Job) -> Result<Sketch, Fault>;

    /// Makes the next drawing's start ready.
    fn get_ready(&mut self) {}

    /// What confines the drawings of this job.
    fn backend(&self, job: &Job) -> BackendInfo;
}

/// Answers the jobs of a drawer.
pub struct Drawings<R, T> {
    runner: R,
    taker: T,
}

impl<R: DrawingRunner, T: Taker> Drawings<R, T> {
    /// An executor that draws by `runner` and takes out by `taker`.
    pub fn new(runner: R, taker: T) -> Self {
        Self { runner, taker }
    }
}

impl<R: DrawingRunner, T: Taker> Executor for Drawings<R, T> {
    fn answer(&mut self, job: &Job) -> Result<Answer, Fault> {
        let started = Instant::now();
        let Sketch { mut ending, cpu } = self.runner.draw(job)?;
        let wall = started.elapsed().as_secs_f64();
        let (given, refused) = given(&mut ending);
        let harvesting = Instant::now();
        let taken = match given {
            Some(given) => self.taker.take(vec![given], &job.policy.limits)?,
            None => Taken::default(),
        };
        let harvest = harvesting.elapsed().as_secs_f64() - taken.check_seconds;
        let usage = Usage { wall, cpu, processes: 1, ..Usage::default() };
        let evidence = DrawingEvidence {
            ending: &ending,
            usage,
            limits: &job.policy.limits,
            artifacts: &taken.artifacts,
            capture: &job.capture,
        };
        let (verdict, cause) = judge_drawing(&evidence);
        Ok(Answer {
            outcome: Outcome::Verdict { verdict, cause },
            exit_code: None,
            signal: None,
            error: drawing_error(&ending),
            stdout: Stream::default(),
            stderr: Stream::default(),
            usage,
            phases: Phases { run: wall, harvest, check: taken.check_seconds, ..Phases::default() },
            artifacts: taken.artifacts,
            console: Vec::new(),
            requests: Vec::new(),
            refused,
            versions: BTreeMap::new(),
        })
    }

    fn get_ready(&mut self) {
        self.runner.get_ready();
    }

    fn backend(&self, job: &Job) -> BackendInfo {
        self.runner.backend(job)
    }
}

/// The picture, if there is one, taken out as a file to be checked; and the references that were not followed.
fn given(ending: &mut Ending) -> (Option<Given>, Vec<Refused>) {
    let Ending::Drawn(drawn, png) = ending else { return (None, Vec::new()) };
    let given = Given {
        name: PICTURE.to_owned(),
        kind: ArtifactKind::Figure,
        bytes: std::mem::take(png),
        origin: Some(Origin { call: "draw".to_owned(), ..Origin::default() }),
        facts: serde_json::to_value(&drawn.facts).ok(),
    };
    let refused = |about: &String| Refused { what: REFERENCE.to_owned(), about: about.clone() };
    (Some(given), drawn.refused.iter().map(refused).collect())
}
