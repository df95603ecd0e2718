//! Pillow's resizing of 8-bit pictures, to the bit: first across, then down, each pass rounded to bytes, weights in
//! fixed point of 22 bits. (Pillow 13 goes down first where that is cheaper, and rounds otherwise then; all before it, and
//! so what published numbers were made with, do as is done here.)

use std::f64::consts::PI;
use std::ops::Range;

use super::Picture;
use crate::ScoreError;

const BITS: u32 = 22;

/// The filters that are here, by Pillow's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Windowed sinc over three pixels each way.
    Lanczos,
    /// Cubic convolution with a = -0.5, over two pixels each way.
    Bicubic,
}

/// A part of a picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// From the left.
    pub left: usize,
    /// From the top.
    pub top: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// `picture` at another size.
///
/// # Errors
/// [`ScoreError::BadPicture`] where a side is 0 or the size is too large to hold.
pub fn pillow_resize(
    picture: &Picture,
    (width, height): (usize, usize),
    filter: Filter,
) -> Result<Picture, ScoreError> {
    pillow_resize_part(picture, (width, height), Part { left: 0, top: 0, width, height }, filter)
}

/// A part of what `picture` would be at another size (width, height); the rest of it is not computed.
///
/// # Errors
/// [`ScoreError::BadPicture`] where the part has no pixels, does not lie inside, or is too large to hold.
pub fn pillow_resize_part(
    picture: &Picture,
    (width, height): (usize, usize),
    part: Part,
    filter: Filter,
) -> Result<Picture, ScoreError> {
    let inside =
        |from: usize, length: usize, all: usize| length > 0 && from.checked_add(length).is_some_and(|end| end <= all);
    let bytes = part.width.checked_mul(part.height).and_then(|pixels| pixels.checked_mul(3));
    if !inside(part.left, part.width, width) || !inside(part.top, part.height, height) || bytes.is_none() {
        return Err(ScoreError::BadPicture { width, height, bytes: 0 });
    }
    let rows = filter.taps(picture.height(), height, part.top..part.top + part.height);
    // Rows of the source that no row of the part needs are left out of the first pass.
    let first = rows.iter().map(|tap| tap.first).min().unwrap_or_default();
    let end = rows.iter().map(|tap| tap.first + tap.weights.len()).max().unwrap_or_default();
    let columns = part.left..part.left + part.width;
    let wide = match width == picture.width() {
        true => cut(picture, columns, first..end)?,
        false => across(picture, &filter.taps(picture.width(), width, columns), first..end)?,
    };
    match height == picture.height() {
        true => Ok(wide),
        false => down(&wide, &rows, first),
    }
}

/// The source pixels from `first` on that make a target column or row, by weight.
struct Tap {
    first: usize,
    weights: Vec<i32>,
}

fn cut(picture: &Picture, columns: Range<usize>, rows: Range<usize>) -> Result<Picture, ScoreError> {
    let (width, height) = (columns.len(), rows.len());
    let row = |y| &picture.row(y)[columns.start * 3..columns.end * 3];
    Picture::new(width, height, rows.flat_map(row).copied().collect())
}

fn across(picture: &Picture, columns: &[Tap], rows: Range<usize>) -> Result<Picture, ScoreError> {
    let height = rows.len();
    let mut rgb = Vec::with_capacity(columns.len() * height * 3);
    for y in rows {
        let row = picture.row(y);
        for tap in columns {
            let mut sums = [1_i32 << (BITS - 1); 3];
            for (pixel, weight) in row[tap.first * 3..].chunks_exact(3).zip(&tap.weights) {
                sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += i32::from(value) * weight);
            }
            rgb.extend(sums.map(byte));
        }
    }
    Picture::new(columns.len(), height, rgb)
}

/// `picture` begins with row `offset` of what the taps count.
fn down(picture: &Picture, rows: &[Tap], offset: usize) -> Result<Picture, ScoreError> {
    let mut rgb = Vec::with_capacity(picture.width() * rows.len() * 3);
    let mut sums = vec![0; picture.width() * 3];
    for tap in rows {
        sums.fill(1_i32 << (BITS - 1));
        for (at, weight) in tap.weights.iter().enumerate() {
            let row = picture.row(tap.first - offset + at);
            sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += i32::from(value) * weight);
        }
        rgb.extend(sums.iter().copied().map(byte));
    }
    Picture::new(picture.width(), rows.len(), rgb)
}

fn byte(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

impl Filter {
    /// How far it reaches, in pixels of the source where that is the smaller picture.
    fn reach(self) -> f64 {
        match self {
            Filter::Lanczos => 3.0,
            Filter::Bicubic => 2.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        match self {
            Filter::Lanczos => {
                let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) };
                if (-3.0..3.0).contains(&x) { sinc(x) * sinc(x / 3.0) } else { 0.0 }
            }
            Filter::Bicubic => {
                const A: f64 = -0.5;
                let x = x.abs();
                if x < 1.0 {
                    ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
                } else if x < 2.0 {
                    (((x - 5.0) * x + 8.0) * x - 4.0) * A
                } else {
                    0.0
                }
            }
        }
    }

    /// What makes the columns or rows `wanted` of `target`, from `source` of them.
    fn taps(self, source: usize, target: usize, wanted: Range<usize>) -> Vec<Tap> {
        if source == target {
            return wanted.map(|at| Tap { first: at, weights: vec![1 << BITS] }).collect();
        }
        let scale = source as f64 / target as f64;
        let filter_scale = scale.max(1.0);
        let reach = self.reach() * filter_scale;
        let tap = |at: usize| {
            let centre = (at as f64 + 0.5) * scale;
            let first = (centre - reach + 0.5).max(0.0) as usize;
            let end = ((centre + reach + 0.5) as usize).min(source);
            let raw: Vec<f64> =
                (first..end).map(|x| self.weight((x as f64 - centre + 0.5) * (1.0 / filter_scale))).collect();
            let whole: f64 = raw.iter().sum();
            let fixed = |weight: f64| {
                let scaled = weight / whole * f64::from(1 << BITS);
                (scaled + if weight < 0.0 { -0.5 } else { 0.5 }) as i32
            };
            Tap { first, weights: raw.into_iter().map(fixed).collect() }
        };
        wanted.map(tap).collect()
    }
}
