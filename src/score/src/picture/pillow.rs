//! Pillow's resizing of 8-bit pictures with `LANCZOS`, to the bit: first across, then down, each pass rounded to
//! bytes, weights in fixed point of 22 bits.

use std::f64::consts::PI;

use super::Picture;
use crate::ScoreError;

const REACH: f64 = 3.0;
const BITS: u32 = 22;

/// The source pixels from `first` on that make a target column or row, by weight.
struct Tap {
    first: usize,
    weights: Vec<i32>,
}

/// `picture` at another size.
///
/// # Errors
/// [`ScoreError::BadPicture`] where a side is 0 or the size is too large to hold.
pub fn pillow_lanczos(picture: &Picture, width: usize, height: usize) -> Result<Picture, ScoreError> {
    if width == 0 || height == 0 || width.checked_mul(height).and_then(|pixels| pixels.checked_mul(3)).is_none() {
        return Err(ScoreError::BadPicture { width, height, bytes: 0 });
    }
    let wide = if width == picture.width() { picture.clone() } else { across(picture, width)? };
    if height == picture.height() { Ok(wide) } else { down(&wide, height) }
}

fn across(picture: &Picture, width: usize) -> Result<Picture, ScoreError> {
    let taps = taps(picture.width(), width);
    let mut rgb = Vec::with_capacity(width * picture.height() * 3);
    for y in 0..picture.height() {
        let row = picture.row(y);
        for tap in &taps {
            let mut sums = [1_i32 << (BITS - 1); 3];
            for (pixel, weight) in row[tap.first * 3..].chunks_exact(3).zip(&tap.weights) {
                sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += i32::from(value) * weight);
            }
            rgb.extend(sums.map(byte));
        }
    }
    Picture::new(width, picture.height(), rgb)
}

fn down(picture: &Picture, height: usize) -> Result<Picture, ScoreError> {
    let mut rgb = Vec::with_capacity(picture.width() * height * 3);
    let mut sums = vec![0; picture.width() * 3];
    for tap in taps(picture.height(), height) {
        sums.fill(1_i32 << (BITS - 1));
        for (at, weight) in tap.weights.iter().enumerate() {
            let row = picture.row(tap.first + at);
            sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += i32::from(value) * weight);
        }
        rgb.extend(sums.iter().copied().map(byte));
    }
    Picture::new(picture.width(), height, rgb)
}

fn byte(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

fn taps(source: usize, target: usize) -> Vec<Tap> {
    let scale = source as f64 / target as f64;
    let filter_scale = scale.max(1.0);
    let reach = REACH * filter_scale;
    let tap = |at: usize| {
        let centre = (at as f64 + 0.5) * scale;
        let first = (centre - reach + 0.5).max(0.0) as usize;
        let end = ((centre + reach + 0.5) as usize).min(source);
        let raw: Vec<f64> = (first..end).map(|x| weight((x as f64 - centre + 0.5) * (1.0 / filter_scale))).collect();
        let whole: f64 = raw.iter().sum();
        let fixed = |weight: f64| {
            let scaled = weight / whole * f64::from(1 << BITS);
            (scaled + if weight < 0.0 { -0.5 } else { 0.5 }) as i32
        };
        Tap { first, weights: raw.into_iter().map(fixed).collect() }
    };
    (0..target).map(tap).collect()
}

fn weight(x: f64) -> f64 {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) };
    if (-REACH..REACH).contains(&x) { sinc(x) * sinc(x / REACH) } else { 0.0 }
}
