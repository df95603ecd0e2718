//! What a CLIP model is shown, and how alike it finds two pictures. The model itself is the caller's.

use super::visual::Block;
use crate::ScoreError;
use crate::picture::{Picture, inpaint, pillow_lanczos};

/// A model that turns a picture into a vector (the published evaluation takes CLIP ViT-B/32). Scaling and cutting
/// the picture to what the model takes is its own affair, CLIP's `preprocess`.
pub trait Embedding {
    /// The vector of `picture`, not normalised.
    ///
    /// # Errors
    /// Why the model gives none.
    fn embed(&self, picture: &Picture) -> Result<Vec<f32>, String>;
}

/// How alike the model finds two whole screenshots: the cosine of their vectors (the "CLIP" of the published tables).
///
/// # Errors
/// [`ScoreError::Embedding`] where the model fails.
pub fn clip_similarity(model: &dyn Embedding, one: &Picture, other: &Picture) -> Result<f64, ScoreError> {
    let vector = |picture| model.embed(picture).map_err(ScoreError::Embedding);
    cosine(&vector(one)?, &vector(other)?)
}

/// The screenshot with its blocks painted over, as a square of its shorter side: what the visual score's CLIP part is
/// computed from. As published, the candidate's blocks are those after joining, the reference's those before.
///
/// # Errors
/// None in practice: the square is no larger than the picture.
pub fn masked(screenshot: &Picture, blocks: &[Block]) -> Result<Picture, ScoreError> {
    let (width, height) = (screenshot.width(), screenshot.height());
    let mut covered = vec![false; width * height];
    for block in blocks {
        let [left, top, wide, high] = block.bounds;
        let part = |share: f64, side: usize| (share * side as f64) as usize;
        let (left, top) = (part(left, width), part(top, height));
        let (right, bottom) = (left.saturating_add(part(wide, width)), top.saturating_add(part(high, height)));
        for y in top..bottom.min(height) {
            covered[y * width + left.min(width)..y * width + right.min(width)].fill(true);
        }
    }
    let painted = inpaint(screenshot, |x, y| covered[y * width + x]);
    let side = width.min(height);
    pillow_lanczos(&painted, side, side)
}

fn cosine(one: &[f32], other: &[f32]) -> Result<f64, ScoreError> {
    let length = |vector: &[f32]| vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    let (a, b) = (length(one), length(other));
    if one.len() != other.len() || !(a > 0.0 && b > 0.0) {
        return Err(ScoreError::Embedding("the vectors cannot be compared".to_owned()));
    }
    Ok(one.iter().zip(other).map(|(x, y)| f64::from((x / a) * (y / b))).sum())
}
