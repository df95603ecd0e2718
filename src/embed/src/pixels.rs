//! Pictures as the numbers that the model takes.

use candle_core::{Device, Tensor};
use glasshouse_score::picture::{Picture, clip_view};

use crate::EmbedError;

/// Mean and standard deviation of each channel over the pictures that CLIP was trained on (OpenAI's `preprocess`).
const MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const DEVIATION: [f32; 3] = [0.268_629_54, 0.261_302_58, 0.275_777_11];

/// The numbers that a model of `side` x `side` pixels is given for `picture`: three planes, red, green and blue, row by
/// row. The middle of the picture, scaled by [`clip_view`], each channel from 0 to 1, less its mean, over its deviation;
/// all in single precision and in torchvision's order, so they equal its own to the bit.
///
/// # Errors
/// [`EmbedError::Weights`] where `side` is 0.
pub fn numbers(picture: &Picture, side: usize) -> Result<Vec<f32>, EmbedError> {
    let view = clip_view(picture, side).map_err(|error| EmbedError::Weights(error.to_string()))?;
    let plane = |channel: usize| {
        let levels = view.bytes().iter().skip(channel).step_by(3);
        levels.map(move |&level| (f32::from(level) / 255.0 - MEAN[channel]) / DEVIATION[channel])
    };
    Ok((0..3).flat_map(plane).collect())
}

/// The same as one row for each patch of `patch` x `patch` pixels, patches from left to right and down; in a row channel
/// by channel, line by line, as the weights of the first convolution lie.
pub(crate) fn patches(picture: &Picture, side: usize, patch: usize) -> Result<Tensor, EmbedError> {
    let count = side / patch;
    let numbers = Tensor::from_vec(numbers(picture, side)?, (3, count, patch, count, patch), &Device::Cpu)?;
    Ok(numbers.permute((1, 3, 0, 2, 4))?.contiguous()?.reshape((count * count, 3 * patch * patch))?)
}
