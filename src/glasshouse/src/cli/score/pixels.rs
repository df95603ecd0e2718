//! `glasshouse score pixels`.

use glasshouse_score::pixels::{Difference, Tolerance, compare};
use serde_json::json;

use super::decode::{DecodeError, Decoder};
use super::{Failure, PixelsArgs};

/// The exit code of pictures that differ.
const DIFFERENT: u8 = 1;

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Helper(_) => Self::Host(error.to_string()),
            DecodeError::Read { .. } | DecodeError::NoPicture(_) => Self::Input(error.to_string()),
        }
    }
}

pub(super) fn pixels(args: &PixelsArgs) -> Result<u8, Failure> {
    let mut decoder = Decoder::default();
    let (one, other) = (decoder.file(&args.one)?, decoder.file(&args.other)?);
    let tolerance = Tolerance { threshold: args.threshold, count_smoothing: args.count_smoothing };
    let difference = compare(&one, &other, tolerance);
    match args.json {
        true => println!("{}", as_json(&difference, tolerance)),
        false => show(&difference),
    }
    let same = difference.pixels.as_ref().is_some_and(|pixels| pixels.different == 0);
    Ok(if same { 0 } else { DIFFERENT })
}

fn as_json(difference: &Difference, tolerance: Tolerance) -> serde_json::Value {
    let size = |(width, height)| json!({"width": width, "height": height});
    let pixels = difference.pixels.as_ref();
    json!({
        "one": size(difference.one),
        "other": size(difference.other),
        "equal": difference.equal,
        "threshold": tolerance.threshold,
        "unequal": pixels.map(|pixels| pixels.unequal),
        "different": pixels.map(|pixels| pixels.different),
        "smoothing": pixels.map(|pixels| pixels.smoothing),
        "share": pixels.map(|pixels| pixels.share),
        "ssim": pixels.and_then(|pixels| pixels.ssim.as_ref().ok()),
        "ssim_absent": pixels.and_then(|pixels| pixels.ssim.as_ref().err()).map(ToString::to_string),
    })
}

fn show(difference: &Difference) {
    let size = |(width, height): (usize, usize)| format!("{width} x {height}");
    let Some(pixels) = &difference.pixels else {
        println!("the sizes differ: {} and {}", size(difference.one), size(difference.other));
        return;
    };
    println!("size       {}", size(difference.one));
    println!("equal      {}", if difference.equal { "yes" } else { "no" });
    println!("unequal    {} pixels", pixels.unequal);
    println!("different  {} pixels, {:.4} %", pixels.different, pixels.share * 100.0);
    println!("smoothing  {} pixels", pixels.smoothing);
    match &pixels.ssim {
        Ok(ssim) => println!("ssim       {ssim:.6}"),
        Err(error) => println!("ssim       absent: {error}"),
    }
}
