//! What a CLIP model is shown, and how alike it finds two pictures. The model itself is the caller's.

use super::visual::Block;
use crate::ScoreError;
use crate::picture::{Filter, Picture, inpaint, pillow_resize};

/// A model that turns pictures into vectors (the published evaluation takes CLIP ViT-B/32). Scaling and cutting
/// pictures to what the model takes is its own affair, CLIP's `preprocess`
/// ([`clip_view`](crate::picture::clip_view) is the part of it that needs no model).
pub trait Embedding {
    /// One vector for each picture, in their order, not normalised, all of one length.
    ///
    /// # Errors
    /// Why the model gives none.
    fn embed(&self, pictures: &[&Picture]) -> Result<Vec<Vec<f32>>, String>;
}

/// How alike the model finds the two pictures of each pair: the cosine of their vectors. All are shown to it in one
/// batch. Of whole screenshots this is the "CLIP" of the published tables.
///
/// # Errors
/// [`ScoreError::Fault`] where the model fails: that says nothing about the pictures.
pub fn clip_similarities(model: &dyn Embedding, pairs: &[[&Picture; 2]]) -> Result<Vec<f64>, ScoreError> {
    let pictures: Vec<&Picture> = pairs.iter().flatten().copied().collect();
    let failed = |why: &str| ScoreError::Fault(format!("the embedding model: {why}"));
    let vectors = model.embed(&pictures).map_err(|why| failed(&why))?;
    if vectors.len() != pictures.len() {
        return Err(failed(&format!("{} vectors for {} pictures", vectors.len(), pictures.len())));
    }
    let alike = vectors.chunks_exact(2).map(|pair| cosine(&pair[0], &pair[1]));
    alike.collect::<Option<_>>().ok_or_else(|| failed("its vectors cannot be compared: they are not numbers, or all 0"))
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
    pillow_resize(&painted, (side, side), Filter::Lanczos)
}

/// `None` where there is none.
fn cosine(one: &[f32], other: &[f32]) -> Option<f64> {
    let length = |vector: &[f32]| vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    let (a, b) = (length(one), length(other));
    let fit = one.len() == other.len() && a > 0.0 && b > 0.0 && a.is_finite() && b.is_finite();
    fit.then(|| one.iter().zip(other).map(|(x, y)| f64::from((x / a) * (y / b))).sum())
}
