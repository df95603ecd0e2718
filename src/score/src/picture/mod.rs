//! Pictures and what their pixels say of each other.

mod inpaint;
mod pillow;
mod resize;
mod structure;
mod view;

pub use inpaint::inpaint;
pub use pillow::{Filter, Part, pillow_resize, pillow_resize_part};
pub use resize::lanczos4;
pub use structure::ssim;
pub use view::clip_view;

use crate::ScoreError;

/// A picture of 8-bit RGB pixels without transparency, rows from the top. Decoding is the caller's; the published
/// evaluation drops an alpha channel without blending it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Picture {
    /// A picture of `width` x `height` pixels, three bytes each.
    ///
    /// # Errors
    /// [`ScoreError::BadPicture`] where a side is 0 or the bytes are not as many as the pixels need.
    pub fn new(width: usize, height: usize, rgb: Vec<u8>) -> Result<Self, ScoreError> {
        let bytes = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(3));
        if width == 0 || height == 0 || bytes != Some(rgb.len()) {
            return Err(ScoreError::BadPicture { width, height, bytes: rgb.len() });
        }
        Ok(Picture { width, height, rgb })
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All bytes, row by row.
    pub fn bytes(&self) -> &[u8] {
        &self.rgb
    }

    /// The bytes of one row.
    pub fn row(&self, y: usize) -> &[u8] {
        &self.rgb[y * self.width * 3..][..self.width * 3]
    }

    /// The colour of a pixel; None outside.
    pub fn pixel(&self, x: usize, y: usize) -> Option<[u8; 3]> {
        let inside = x < self.width && y < self.height;
        let at = (y * self.width + x) * 3;
        inside.then(|| [self.rgb[at], self.rgb[at + 1], self.rgb[at + 2]])
    }

    /// Whether both have the same width and height.
    pub fn same_size(&self, other: &Picture) -> bool {
        (self.width, self.height) == (other.width, other.height)
    }
}

/// The sum over the channels of the mean squared difference, channels from 0 to 1: from 0 to 3, as published.
///
/// # Errors
/// [`ScoreError::SizesDiffer`].
pub fn squared_error(one: &Picture, other: &Picture) -> Result<f64, ScoreError> {
    check_sizes(one, other)?;
    let squares = one.rgb.iter().zip(&other.rgb).map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2));
    let pixels = (one.width * one.height) as f64;
    Ok(squares.sum::<u64>() as f64 / (255.0 * 255.0) / pixels)
}

/// An error unless both pictures have one size.
pub(crate) fn check_sizes(one: &Picture, other: &Picture) -> Result<(), ScoreError> {
    match one.same_size(other) {
        true => Ok(()),
        false => Err(ScoreError::SizesDiffer { one: (one.width, one.height), other: (other.width, other.height) }),
    }
}
