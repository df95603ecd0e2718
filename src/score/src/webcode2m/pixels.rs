//! MSE and SSIM of two screenshots.

use crate::picture::{Picture, lanczos4, squared_error, ssim};
use crate::{Mode, ScoreError};

/// How the pixels of two screenshots differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelScores {
    /// The mean squared difference of channels from 0 to 1. As published, summed over the three channels (0 to 3);
    /// [`Mode::Fixed`] takes their mean (0 to 1).
    pub mse: f64,
    /// SSIM, -1 to 1.
    pub ssim: f64,
}

/// MSE and SSIM; the reference is first brought to the candidate's size, as published.
///
/// # Errors
/// [`ScoreError::TooSmall`] where the candidate is smaller than SSIM's window.
pub fn pixel_scores(reference: &Picture, candidate: &Picture, mode: Mode) -> Result<PixelScores, ScoreError> {
    let reference = lanczos4(reference, candidate.width(), candidate.height())?;
    let sum = squared_error(candidate, &reference)?;
    let mse = match mode {
        Mode::Compat => sum,
        Mode::Fixed => sum / 3.0,
    };
    Ok(PixelScores { mse, ssim: ssim(candidate, &reference)? })
}
