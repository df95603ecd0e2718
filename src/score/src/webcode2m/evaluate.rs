//! A whole pair: both pages, their renders, and every part of the score.

use super::clip::{Embedding, clip_similarities, masked};
use super::pixels::{PixelScores, pixel_scores};
use super::prepare::{prepare, universal_newlines};
use super::tree_bleu::{TreeScores, tree_scores};
use super::visual::{Block, NoBlocks, Renders, SHIFT, Visual, colouring, compare, find_blocks};
use super::words::{WordScores, word_scores};
use crate::html::{Dialect, parse};
use crate::picture::Picture;
use crate::{Mode, ScoreError, Side};

/// Makes pictures of pages, as the published evaluation's Playwright does: 1280 x 720, the full page.
pub trait Renderer {
    /// The picture of `html`.
    ///
    /// # Errors
    /// Why there is none. As published, a page that cannot be rendered counts as a white picture of 1280 x 960;
    /// [`Mode::Fixed`] reports it.
    fn render(&mut self, html: &str) -> Result<Picture, NoPicture>;
}

/// Why a renderer gave no picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPicture {
    /// The page is the reason: it loops, crashes, never loads.
    Page(String),
    /// The renderer is. This never counts against the page.
    Fault(String),
}

/// What the scores are computed with.
#[derive(Default)]
pub struct Setup<'a> {
    /// The published way, or the mended one.
    pub mode: Mode,
    /// Whose parser.
    pub dialect: Dialect,
    /// Without one, the parts that need pictures are absent.
    pub renderer: Option<&'a mut dyn Renderer>,
    /// Without one, CLIP and the part of the visual score that it makes are absent.
    pub model: Option<&'a dyn Embedding>,
}

/// The scores of a pair: each by itself, or why it could not be computed. None is absent: not asked for, for want of
/// a renderer or a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// How they were computed.
    pub mode: Mode,
    /// Whose parser.
    pub dialect: Dialect,
    /// BLEU-1 and ROUGE-1.
    pub words: Result<WordScores, ScoreError>,
    /// TreeBLEU.
    pub tree: Result<TreeScores, ScoreError>,
    /// MSE and SSIM of the screenshots.
    pub pixels: Option<Result<PixelScores, ScoreError>>,
    /// The visual score's parts but CLIP.
    pub visual: Option<Result<Visual, ScoreError>>,
    /// The visual score's CLIP part: of the screenshots without their texts.
    pub visual_clip: Option<Result<f64, ScoreError>>,
    /// CLIP of the whole screenshots, -1 to 1.
    pub clip: Option<f64>,
}

impl Scores {
    /// Why the published evaluation would leave this pair out of its means: the first part that failed.
    pub fn dropped(&self) -> Option<&ScoreError> {
        let parts = [
            self.words.as_ref().err(),
            self.tree.as_ref().err(),
            failure(&self.pixels),
            failure(&self.visual),
            failure(&self.visual_clip),
        ];
        parts.into_iter().flatten().next()
    }

    /// The visual score. None where it is not known: without renders, without a model, or where a part failed.
    pub fn visual_total(&self) -> Option<f64> {
        let clip = self.visual_clip.as_ref().and_then(|clip| clip.as_ref().ok().copied());
        self.visual.as_ref()?.as_ref().ok()?.total(clip)
    }
}

/// Why a part that was asked for could not be computed.
fn failure<T>(part: &Option<Result<T, ScoreError>>) -> Option<&ScoreError> {
    part.as_ref().and_then(|part| part.as_ref().err())
}

/// Scores the page `candidate` against the page `reference`, both as they were written.
///
/// # Errors
/// Those of [`prepare`]: the published evaluation does not score a prediction that cannot be prepared. And
/// [`ScoreError::Fault`] where the renderer or the model failed through no fault of the pages.
pub fn evaluate(reference: &str, candidate: &str, setup: &mut Setup<'_>) -> Result<Scores, ScoreError> {
    let (mode, dialect) = (setup.mode, setup.dialect);
    let candidate = prepare(candidate, dialect, mode)?;
    let reference = match mode {
        Mode::Compat => universal_newlines(reference),
        Mode::Fixed => prepare(reference, dialect, mode)?,
    };
    let trees = parse(&reference, dialect).and_then(|tree| Ok((tree, parse(&candidate, dialect)?)));
    let of_trees = trees.as_ref().map_err(ScoreError::clone);
    let mut scores = Scores {
        mode,
        dialect,
        words: of_trees.clone().and_then(|(reference, candidate)| word_scores(reference, candidate, mode)),
        tree: of_trees.and_then(|(reference, candidate)| tree_scores(reference, candidate, mode)),
        pixels: None,
        visual: None,
        visual_clip: None,
        clip: None,
    };
    if let Some(renderer) = &mut setup.renderer {
        let mut camera = Camera { renderer: &mut **renderer, mode, dialect };
        look(&mut scores, &mut camera, &reference, &candidate, setup.model)?;
    }
    Ok(scores)
}

/// Fills in the parts that need pictures. An error is a fault of the renderer's or the model's.
fn look(
    scores: &mut Scores,
    camera: &mut Camera<'_>,
    reference: &str,
    candidate: &str,
    model: Option<&dyn Embedding>,
) -> Result<(), ScoreError> {
    let shots = camera
        .shoot(reference, Side::Reference)
        .and_then(|reference| Ok((reference, camera.shoot(candidate, Side::Candidate)?)));
    let (of_reference, of_candidate) = match shots {
        Ok(shots) => shots,
        Err(error) => {
            let error = of_the_pages(error)?;
            scores.pixels = Some(Err(error.clone()));
            scores.visual = Some(Err(error));
            return Ok(());
        }
    };
    scores.pixels = Some(pixel_scores(&of_reference, &of_candidate, camera.mode));
    let blocks = camera
        .blocks(candidate, &of_candidate, Side::Candidate)
        .and_then(|found| Ok((found, camera.blocks(reference, &of_reference, Side::Reference)?)));
    let mut covered = None;
    match blocks {
        Err(error) => scores.visual = Some(Err(of_the_pages(error)?)),
        Ok((found, wanted)) => {
            // As published, the reference's blocks are covered as they were found, the candidate's as they were joined.
            let apart = [found.clone(), wanted.clone()].map(Result::unwrap_or_default);
            let visual = compare(found, wanted);
            if let (Some(_), Visual::NoPairs(matching) | Visual::Matched(_, matching)) = (model, &visual) {
                let blocks = match camera.mode {
                    Mode::Compat => &matching.candidate,
                    Mode::Fixed => &apart[0],
                };
                let one = masked(&of_candidate, blocks);
                covered = Some(one.and_then(|one| Ok([one, masked(&of_reference, &apart[1])?])));
            }
            scores.visual = Some(Ok(visual));
        }
    }
    let Some(model) = model else { return Ok(()) };
    let mut pairs = vec![[&of_candidate, &of_reference]];
    match &covered {
        Some(Ok([one, other])) => pairs.push([one, other]),
        Some(Err(error)) => scores.visual_clip = Some(Err(error.clone())),
        None => {}
    }
    let alike = clip_similarities(model, &pairs)?;
    scores.clip = alike.first().copied();
    if let Some(alike) = alike.get(1) {
        scores.visual_clip = Some(Ok(*alike));
    }
    Ok(())
}

/// Tells what is true of the pages from a fault.
fn of_the_pages(error: ScoreError) -> Result<ScoreError, ScoreError> {
    if matches!(error, ScoreError::Fault(_)) { Err(error) } else { Ok(error) }
}

/// A renderer, and what to do where it fails.
struct Camera<'a> {
    renderer: &'a mut dyn Renderer,
    mode: Mode,
    dialect: Dialect,
}

impl Camera<'_> {
    fn shoot(&mut self, html: &str, side: Side) -> Result<Picture, ScoreError> {
        const BLANK: (usize, usize) = (1280, 960);
        match self.renderer.render(html) {
            Ok(picture) => Ok(picture),
            Err(NoPicture::Fault(why)) => Err(ScoreError::Fault(why)),
            Err(NoPicture::Page(_)) if self.mode == Mode::Compat => {
                Picture::new(BLANK.0, BLANK.1, vec![255; BLANK.0 * BLANK.1 * 3])
            }
            Err(NoPicture::Page(why)) => Err(ScoreError::Render { side, why }),
        }
    }

    fn blocks(
        &mut self,
        page: &str,
        original: &Picture,
        side: Side,
    ) -> Result<Result<Vec<Block>, NoBlocks>, ScoreError> {
        let first = self.shoot(&colouring(page, 0, self.dialect)?, side)?;
        let second = self.shoot(&colouring(page, SHIFT, self.dialect)?, side)?;
        find_blocks(page, Renders { original, first: &first, second: &second }, self.dialect, self.mode)
    }
}
