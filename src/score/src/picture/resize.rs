//! OpenCV's resizing of 8-bit pictures with `INTER_LANCZOS4`, to the bit: eight taps in each direction, weights in
//! fixed point of 11 bits, edges repeated.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_4};

use super::Picture;
use crate::ScoreError;

const TAPS: usize = 8;
const SCALE: f32 = 2048.0;
const SHIFT: u32 = 22;

/// The source pixels and weights of one target column or row.
struct Tap {
    places: [usize; TAPS],
    weights: [i32; TAPS],
}

/// `picture` at another size. The same size gives the same picture.
///
/// # Errors
/// [`ScoreError::BadPicture`] where a side is 0 or the size is too large to hold.
pub fn lanczos4(picture: &Picture, width: usize, height: usize) -> Result<Picture, ScoreError> {
    if (picture.width(), picture.height()) == (width, height) {
        return Ok(picture.clone());
    }
    let bytes = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(3));
    let Some(bytes) = bytes.filter(|&bytes| bytes > 0) else {
        return Err(ScoreError::BadPicture { width, height, bytes: 0 });
    };
    let across = taps(picture.width(), width);
    let down = taps(picture.height(), height);
    // Rows that were stretched already, by their number; a target row needs eight of them.
    let mut rows: Vec<(usize, Vec<i32>)> = vec![(usize::MAX, vec![0; width * 3]); TAPS];
    let mut sums = vec![0; width * 3];
    let mut out = Vec::with_capacity(bytes);
    for tap in &down {
        for &place in &tap.places {
            let kept = &mut rows[place % TAPS];
            if kept.0 != place {
                kept.0 = place;
                stretch(picture.row(place), &across, &mut kept.1);
            }
        }
        sums.fill(1 << (SHIFT - 1));
        for (place, weight) in tap.places.into_iter().zip(tap.weights).filter(|(_, weight)| *weight != 0) {
            let row = &rows[place % TAPS].1;
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value * weight);
        }
        out.extend(sums.iter().map(|sum| (sum >> SHIFT).clamp(0, 255) as u8));
    }
    Picture::new(width, height, out)
}

fn stretch(row: &[u8], across: &[Tap], out: &mut [i32]) {
    if row.len() == out.len() {
        // No stretching: all the weight is on the pixel itself.
        out.iter_mut().zip(row).for_each(|(out, &value)| *out = i32::from(value) * SCALE as i32);
        return;
    }
    for (pixel, tap) in out.chunks_exact_mut(3).zip(across) {
        let mut sums = [0; 3];
        for (&place, weight) in tap.places.iter().zip(tap.weights) {
            let source = &row[place * 3..place * 3 + 3];
            sums.iter_mut().zip(source).for_each(|(sum, &value)| *sum += i32::from(value) * weight);
        }
        pixel.copy_from_slice(&sums);
    }
}

fn taps(source: usize, target: usize) -> Vec<Tap> {
    let scale = 1.0 / (target as f64 / source as f64);
    let last = source as isize - 1;
    let tap = |at: usize| {
        let place = ((at as f64 + 0.5) * scale - 0.5) as f32;
        let floor = place.floor();
        let first = floor as isize - 3;
        Tap {
            places: std::array::from_fn(|tap| (first + tap as isize).clamp(0, last) as usize),
            weights: weights(place - floor),
        }
    };
    (0..target).map(tap).collect()
}

/// The weights for a place `x` between two pixels, from 0 to 1.
fn weights(x: f32) -> [i32; TAPS] {
    const S: f64 = FRAC_1_SQRT_2;
    const TURNS: [(f64, f64); TAPS] =
        [(1.0, 0.0), (-S, -S), (0.0, 1.0), (S, -S), (-1.0, 0.0), (S, S), (0.0, -1.0), (-S, S)];
    let (sin, cos) = (-f64::from(x + 3.0) * FRAC_PI_4).sin_cos();
    let raw: [f32; TAPS] = std::array::from_fn(|tap| {
        let distance = x + 3.0 - tap as f32;
        if distance.abs() < 1e-6 {
            // The pixel itself: all the weight.
            return 1e30;
        }
        let y = -f64::from(distance) * FRAC_PI_4;
        ((TURNS[tap].0 * sin + TURNS[tap].1 * cos) / (y * y)) as f32
    });
    let whole = 1.0 / raw.iter().sum::<f32>();
    raw.map(|weight| (weight * whole * SCALE).round_ties_even() as i32)
}
