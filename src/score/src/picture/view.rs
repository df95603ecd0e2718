//! What a CLIP model is shown of a picture.

use super::pillow::{Filter, Part, pillow_resize_part};
use super::{Picture, ScoreError};

/// A square of `side` pixels from the middle of `picture`, whose shorter side is scaled to `side` first: OpenAI's
/// `preprocess` up to the point where pixels become numbers (`Resize(side, BICUBIC)` and `CenterCrop(side)` of
/// torchvision on a Pillow picture). What is cut off is never computed, so a very long page costs no more than its
/// middle.
///
/// # Errors
/// [`ScoreError::BadPicture`] where `side` is 0.
pub fn clip_view(picture: &Picture, side: usize) -> Result<Picture, ScoreError> {
    let (width, height) = (picture.width(), picture.height());
    let short = width.min(height);
    // torchvision: int(side * long / short), and round() of half of what is too much, which rounds halves to even.
    let scaled = |length: usize| side.saturating_mul(length) / short;
    let size = (scaled(width), scaled(height));
    let margin = |length: usize| ((length - side.min(length)) as f64 / 2.0).round_ties_even() as usize;
    let part = Part { left: margin(size.0), top: margin(size.1), width: side, height: side };
    pillow_resize_part(picture, size, part, Filter::Bicubic)
}
