//! Pictures as the numbers that a vision tower takes: scaled to whole tokens, within a number of pixels, normed, and cut
//! into patches, as transformers' `Qwen2VLImageProcessor` does.

use std::path::Path;

use glasshouse_model::Digest;
use glasshouse_score::picture::{Filter, Picture, pillow_resize};
use serde::Deserialize;

use super::config::VisionShape;
use super::dialect::json;
use crate::ModelError;

/// A picture's patches: how many frames, rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Frames, or pairs of them where a patch spans two.
    pub frames: usize,
    /// Patches from top to bottom.
    pub height: usize,
    /// Patches from left to right.
    pub width: usize,
}

impl Grid {
    /// Patches in all.
    pub fn patches(&self) -> usize {
        self.frames * self.height * self.width
    }
}

/// A picture, ready for a vision tower.
#[derive(Clone, Debug)]
pub struct Pixels {
    grid: Grid,
    numbers: Vec<f32>,
    digest: Digest,
}

impl Pixels {
    /// From numbers that are there already: a row for each patch, tokens from left to right and down, the patches of a
    /// token likewise within it; in a row channel by channel, frame by frame, line by line.
    pub fn new(grid: Grid, numbers: Vec<f32>) -> Self {
        let sides = [grid.frames, grid.height, grid.width].map(|side| (side as u64).to_le_bytes());
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let digest = Digest::of_parts([sides.as_flattened(), bytes.as_slice()]);
        Self { grid, numbers, digest }
    }

    /// How many patches there are each way.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// The numbers, patch by patch.
    pub fn numbers(&self) -> &[f32] {
        &self.numbers
    }

    /// What tells this picture, at this size, from others.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// How a checkpoint wants its pictures.
#[derive(Clone, Debug)]
pub struct Preparation {
    /// Fewest pixels of a scaled picture.
    pub least: usize,
    /// Most pixels of a scaled picture.
    pub most: usize,
    /// Mean of each channel, of 1.
    pub mean: [f32; 3],
    /// Standard deviation of each channel, of 1.
    pub deviation: [f32; 3],
    /// Side of a patch, in pixels.
    pub patch: usize,
    /// Patches along a side that one token stands for.
    pub merge: usize,
    /// Pictures that a patch spans; a still picture is repeated.
    pub frames: usize,
}

/// CLIP's, which Qwen took over.
const MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const DEVIATION: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];
/// A side may be so many times as long as the other.
const LONGEST: usize = 200;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Processor {
    min_pixels: Option<usize>,
    max_pixels: Option<usize>,
    size: Option<Size>,
    image_mean: Option<[f32; 3]>,
    image_std: Option<[f32; 3]>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Size {
    #[serde(alias = "min_pixels")]
    shortest_edge: Option<usize>,
    #[serde(alias = "max_pixels")]
    longest_edge: Option<usize>,
}

#[derive(Deserialize)]
struct Whole {
    image_processor: Processor,
}

impl Preparation {
    /// What the folder's `processor_config.json` or, as older checkpoints have it, `preprocessor_config.json` says; the
    /// family's usual values where there is neither.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn read(folder: &Path, shape: &VisionShape) -> Result<Self, ModelError> {
        let (whole, alone) = (folder.join("processor_config.json"), folder.join("preprocessor_config.json"));
        let processor = if whole.exists() {
            json::<Whole>(&whole)?.image_processor
        } else if alone.exists() {
            json(&alone)?
        } else {
            Processor::default()
        };
        let size = processor.size.unwrap_or_default();
        Ok(Self {
            least: processor.min_pixels.or(size.shortest_edge).unwrap_or(56 * 56),
            most: processor.max_pixels.or(size.longest_edge).unwrap_or(28 * 28 * 1280),
            mean: processor.image_mean.unwrap_or(MEAN),
            deviation: processor.image_std.unwrap_or(DEVIATION),
            patch: shape.patch,
            merge: shape.merge,
            frames: shape.frames,
        })
    }

    /// The size (width, height) at which a picture of this size is shown: both sides whole tokens, the number of pixels
    /// within bounds, the proportions as near as that allows.
    ///
    /// # Errors
    /// [`ModelError::Picture`] where it has no pixels, or one side is more than 200 times the other.
    pub fn size(&self, width: usize, height: usize) -> Result<(usize, usize), ModelError> {
        let (long, short) = (width.max(height), width.min(height));
        if short == 0 || long > LONGEST * short {
            return Err(ModelError::Picture(format!(
                "it is {width} x {height} pixels; a side may be {LONGEST} times as long as the other, and no more"
            )));
        }
        let token = (self.patch * self.merge) as f64;
        let (across, down) = (width as f64, height as f64);
        let near = |side: f64| (side / token).round_ties_even() * token;
        let pixels = near(across) * near(down);
        let (across, down) = if pixels > self.most as f64 {
            let shrink = (across * down / self.most as f64).sqrt();
            let fit = |side: f64| ((side / shrink / token).floor() * token).max(token);
            (fit(across), fit(down))
        } else if pixels < self.least as f64 {
            let grow = (self.least as f64 / (across * down)).sqrt();
            let fit = |side: f64| (side * grow / token).ceil() * token;
            (fit(across), fit(down))
        } else {
            (near(across), near(down))
        };
        Ok((across as usize, down as usize))
    }

    /// A still picture, scaled and cut into patches.
    ///
    /// # Errors
    /// [`ModelError::Picture`] where it has no pixels or is too thin.
    pub fn prepare(&self, picture: &Picture) -> Result<Pixels, ModelError> {
        let size = self.size(picture.width(), picture.height())?;
        let scaled =
            pillow_resize(picture, size, Filter::Bicubic).map_err(|error| ModelError::Picture(error.to_string()))?;
        let (patch, merge) = (self.patch, self.merge);
        let grid = Grid { frames: 1, height: scaled.height() / patch, width: scaled.width() / patch };
        let level = |byte: u8, channel: usize| (f32::from(byte) / 255.0 - self.mean[channel]) / self.deviation[channel];
        let levels: Vec<[f32; 256]> =
            (0..3).map(|channel| std::array::from_fn(|byte| level(byte as u8, channel))).collect();
        let mut numbers = Vec::with_capacity(grid.patches() * 3 * self.frames * patch * patch);
        let tokens = (0..grid.height / merge).flat_map(|y| (0..grid.width / merge).map(move |x| (y, x)));
        let patches = tokens.flat_map(|(y, x)| {
            (0..merge).flat_map(move |dy| (0..merge).map(move |dx| (y * merge + dy, x * merge + dx)))
        });
        for (y, x) in patches {
            for (channel, levels) in levels.iter().enumerate() {
                let start = numbers.len();
                for line in 0..patch {
                    let row = scaled.row(y * patch + line);
                    let part = row[3 * x * patch..3 * (x + 1) * patch].iter().skip(channel).step_by(3);
                    numbers.extend(part.map(|byte| levels[usize::from(*byte)]));
                }
                // The tower looks at pairs of frames; a still picture is its own successor.
                for _ in 1..self.frames {
                    numbers.extend_from_within(start..start + patch * patch);
                }
            }
        }
        Ok(Pixels::new(grid, numbers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> Preparation {
        let (least, most) = (56 * 56, 28 * 28 * 1280);
        Preparation { least, most, mean: MEAN, deviation: DEVIATION, patch: 14, merge: 2, frames: 2 }
    }

    #[test]
    fn sizes_are_the_references() {
        // (asked, given) by transformers 5.17's smart_resize. 70 is between 2 and 3 tokens, and goes to the even one.
        for (asked, given) in [
            ((1024, 768), (1036, 756)),
            ((640, 480), (644, 476)),
            ((1920, 1080), (1316, 728)),
            ((70, 98), (56, 112)),
            ((10, 10), (56, 56)),
            ((3000, 20), (2996, 28)),
            ((5, 900), (28, 756)),
        ] {
            assert_eq!(usual().size(asked.0, asked.1).unwrap(), given, "{asked:?}");
        }
    }

    #[test]
    fn thin_and_empty_pictures_are_refused() {
        assert!(usual().size(2000, 10).is_ok());
        for (width, height) in [(2001, 10), (10, 2001), (0, 5)] {
            let error = usual().size(width, height).unwrap_err();
            assert!(error.to_string().contains(&format!("{width} x {height}")), "{error}");
        }
    }

    #[test]
    fn numbers_lie_as_the_tower_reads_them() {
        let preparation = Preparation { least: 4, most: 1 << 20, patch: 2, merge: 2, ..usual() };
        let rgb: Vec<u8> = (0..8 * 4).flat_map(|at| [at as u8, 100 + at as u8, 200]).collect();
        let pixels = preparation.prepare(&Picture::new(8, 4, rgb).unwrap()).unwrap();
        assert_eq!(pixels.grid(), Grid { frames: 1, height: 2, width: 4 });
        let red = |at: usize| ((at as f32) / 255.0 - MEAN[0]) / DEVIATION[0];
        let patch = |at: usize| &pixels.numbers()[at * 24..(at + 1) * 24];
        // The second patch is to the right of the first, the third beneath it; both frames are the same.
        for (at, corner) in [(0, 0), (1, 2), (2, 16), (3, 18), (4, 4)] {
            let square = [corner, corner + 1, corner + 8, corner + 9].map(red);
            assert_eq!(patch(at)[..4], square, "patch {at}");
            assert_eq!(patch(at)[4..8], square, "patch {at}");
        }
        let green = |at: f32| ((100.0 + at) / 255.0 - MEAN[1]) / DEVIATION[1];
        assert_eq!(patch(0)[8..10], [green(0.0), green(1.0)]);
    }
}
