//! Figures that programs leave as SVG: a drawing helper draws them when the run is over, before anything is judged.
//!
//! A document that cannot be drawn is a problem of the figure that was to come of it.

use std::collections::BTreeMap;
use std::time::Instant;

use glasshouse_capture::{Given, VectorFigure};
use glasshouse_model::drawing::{Colour, DrawingRequest};
use glasshouse_model::{Artifact, Fault, Job};
use glasshouse_svg::Ending;

use super::drawings::DrawingRunner;
use super::figures::Shown;
use super::pages::Taker;

/// Two pixels to a point, as pages of a PDF are drawn; a CSS pixel is three quarters of a point.
const ZOOM: f64 = 1.5;
/// As paper.
const BACKGROUND: Colour = Colour([255; 3]);

/// Draws documents that stand for figures.
pub trait VectorDrawer: Send {
    /// Draws each document and puts what comes of it in the place of the artifact that waited for it.
    ///
    /// # Errors
    /// A fault if we failed; nothing in a document is a reason.
    fn draw(&mut self, job: &Job, figures: Vec<VectorFigure>, artifacts: &mut [Artifact]) -> Result<Shown, Fault>;
}

/// Draws with a helper that is started for the first document.
pub struct Vectors<R, T> {
    runner: R,
    taker: T,
}

impl<R: DrawingRunner, T: Taker> Vectors<R, T> {
    /// Documents are drawn by `runner`, and pictures stored by `taker`.
    pub fn new(runner: R, taker: T) -> Self {
        Self { runner, taker }
    }

    /// The picture, or why there is none.
    fn picture(&mut self, job: &Job, document: String) -> Result<Result<Vec<u8>, String>, Fault> {
        let drawing = DrawingRequest { zoom: ZOOM, background: Some(BACKGROUND), ..DrawingRequest::default() };
        let job = Job { code: document, files: BTreeMap::new(), drawing, ..job.clone() };
        Ok(match self.runner.draw(&job)?.ending {
            Ending::Drawn(_, png) => Ok(png),
            Ending::Problem(problem) => Err(problem.to_string()),
            Ending::OutOfTime => Err("needed more processor time than the program may use".to_owned()),
            Ending::OutOfMemory => Err("needed more memory than the program may use".to_owned()),
            Ending::Crashed(_) | Ending::GaveUp => Err("the drawer gave up on it".to_owned()),
        })
    }
}

impl<R: DrawingRunner, T: Taker> VectorDrawer for Vectors<R, T> {
    fn draw(&mut self, job: &Job, figures: Vec<VectorFigure>, artifacts: &mut [Artifact]) -> Result<Shown, Fault> {
        let started = Instant::now();
        let mut shown = Shown::default();
        for VectorFigure { document, figure } in figures {
            let picture = self.picture(job, document)?;
            let Some(waiting) = artifacts.get_mut(figure) else { continue };
            let bytes = match picture {
                Ok(bytes) => bytes,
                Err(why) => {
                    waiting.problem = Some(format!("its document was not drawn: {why}"));
                    continue;
                }
            };
            let (name, origin, facts) = (waiting.name.clone(), waiting.origin.clone(), waiting.facts.clone());
            let given = Given { name, kind: waiting.kind, bytes, origin, facts };
            let taken = self.taker.take(vec![given], &job.policy.limits)?;
            shown.check_seconds += taken.check_seconds;
            if let Some(artifact) = taken.artifacts.into_iter().next() {
                *waiting = artifact;
            }
        }
        shown.seconds = started.elapsed().as_secs_f64() - shown.check_seconds;
        Ok(shown)
    }
}

#[cfg(test)]
mod tests {
    use glasshouse_capture::Taken;
    use glasshouse_model::{BackendInfo, Limits};
    use glasshouse_svg::Sketch;

    use super::*;
    use crate::pipeline::fake::job;

    struct Draws;

    impl DrawingRunner for Draws {
        fn draw(&mut self, job: &Job) -> Result<Sketch, Fault> {
            let ending = if job.code == "slow" { Ending::OutOfTime } else { Ending::GaveUp };
            Ok(Sketch { ending, cpu: 0.0 })
        }

        fn backend(&self, _job: &Job) -> BackendInfo {
            BackendInfo::default()
        }
    }

    struct Takes;

    impl Taker for Takes {
        fn take(&self, _given: Vec<Given>, _limits: &Limits) -> Result<Taken, Fault> {
            Ok(Taken::default())
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_a_problem_of_its_figure() {
        let waiting =
            serde_json::json!({"name": "figure-1.png", "kind": "figure", "media_type": "image/png", "bytes": 0});
        let waiting: Artifact = serde_json::from_value(waiting).unwrap();
        let figure = |document: &str, figure| VectorFigure { document: document.to_owned(), figure };
        let mut artifacts = vec![waiting.clone(), waiting];
        let figures = vec![figure("slow", 0), figure("broken", 1), figure("nowhere", 7)];
        Vectors::new(Draws, Takes).draw(&job(), figures, &mut artifacts).unwrap();
        assert!(artifacts[0].problem.as_ref().unwrap().contains("processor time"));
        assert!(artifacts[1].problem.as_ref().unwrap().contains("gave up"));
    }
}
