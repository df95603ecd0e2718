//! The colour that an inline style gives to text, as the published evaluation reads it: through Python's `int` and
//! Pillow's `ImageColor`.

use super::names::named;
use crate::html::{is_space, strip};
use crate::{Mode, ScoreError};

/// A declared colour, as hexadecimal digits behind `#`, or what else stood there behind a `#`.
///
/// The last declaration counts that has "color" anywhere and "background-color" nowhere in it: `border-color`, too.
/// None where there is none, or none that can be read.
///
/// # Errors
/// [`ScoreError::BadColour`] where the published code raises, which drops the pair; [`Mode::Fixed`] reads no colour
/// there, and takes `color` alone.
pub fn declared_colour(style: &str, mode: Mode) -> Result<Option<String>, ScoreError> {
    let counts = |part: &&str| match mode {
        Mode::Compat => part.contains("color") && !part.contains("background-color"),
        Mode::Fixed => part.split(':').next().is_some_and(|name| strip(name).eq_ignore_ascii_case("color")),
    };
    let Some(declaration) = style.split(';').rfind(counts) else { return Ok(None) };
    match read(declaration) {
        Ok(colour) => Ok(colour),
        Err(()) if mode == Mode::Fixed => Ok(None),
        Err(()) => Err(ScoreError::BadColour(declaration.to_owned())),
    }
}

/// Err where Python raises an IndexError.
fn read(declaration: &str) -> Result<Option<String>, ()> {
    let value = strip(declaration.split(':').nth(1).ok_or(())?).replace(" !important", "");
    match value.chars().next().ok_or(())? {
        '#' => Ok(Some(value)),
        _ if value.starts_with("rgb") => {
            let inside: String = value.chars().skip(4).collect();
            let inside = &inside[..inside.char_indices().next_back().map_or(0, |(at, _)| at)];
            let Some(channels) = inside.split(',').map(python_int).collect::<Option<Vec<_>>>() else {
                return Ok(None);
            };
            channels.get(..3).map(|channels| Some(hexadecimal(channels))).ok_or(())
        }
        _ => Ok(pillow(&value).map(|channels| hexadecimal(&channels))),
    }
}

/// `'#{:02x}{:02x}{:02x}'.format(...)`.
fn hexadecimal(channels: &[i64]) -> String {
    let digits = channels.iter().map(|&channel| match channel < 0 {
        true => format!("-{:01x}", channel.unsigned_abs()),
        false => format!("{channel:02x}"),
    });
    format!("#{}", digits.collect::<String>())
}

/// `int(text)`, for ASCII digits.
fn python_int(text: &str) -> Option<i64> {
    let text = strip(text);
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (if text.starts_with('-') { -1 } else { 1 }, digits),
        None => (1, text),
    };
    let well_placed = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.ends_with(|c: char| c.is_ascii_digit())
        && !digits.contains("__");
    let value: i64 = well_placed.then(|| digits.replace('_', "").parse().ok())??;
    Some(sign * value)
}

/// `ImageColor.getrgb`: the first three channels.
fn pillow(text: &str) -> Option<Vec<i64>> {
    if text.chars().count() > 100 {
        return None;
    }
    let text = text.to_lowercase();
    if let Some(rgb) = named(&text) {
        return Some(rgb.map(i64::from).to_vec());
    }
    let (function, inside) = text.strip_suffix(')')?.split_once('(')?;
    let parts: Vec<&str> = inside.split(',').map(|part| part.trim_matches(is_space)).collect();
    let wanted = if function == "rgba" { 4 } else { 3 };
    if parts.len() != wanted {
        return None;
    }
    let percent = |part: &str| part.strip_suffix('%').and_then(decimal);
    match function {
        "rgb" if inside.contains('%') => {
            let whole = |part: &&str| part.strip_suffix('%').and_then(digits);
            parts.iter().map(|part| Some(((whole(part)? * 255) as f64 / 100.0 + 0.5) as i64)).collect()
        }
        "rgb" | "rgba" => Some(parts.into_iter().map(digits).collect::<Option<Vec<_>>>()?[..3].to_vec()),
        "hsl" | "hsb" | "hsv" => {
            let hue = decimal(parts[0])? / 360.0;
            let (second, third) = (percent(parts[1])? / 100.0, percent(parts[2])? / 100.0);
            let rgb = if function == "hsl" { from_hls(hue, third, second) } else { from_hsv(hue, second, third) };
            Some(rgb.map(|channel| (channel * 255.0 + 0.5) as i64).to_vec())
        }
        _ => None,
    }
}

/// `\d+`.
fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `\d+\.?\d*`.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && !text.starts_with('.');
    plain.then(|| text.parse().ok())?
}

/// Python's `colorsys.hls_to_rgb`.
fn from_hls(hue: f64, lightness: f64, saturation: f64) -> [f64; 3] {
    if saturation == 0.0 {
        return [lightness; 3];
    }
    let high = match lightness <= 0.5 {
        true => lightness * (1.0 + saturation),
        false => lightness + saturation - lightness * saturation,
    };
    let low = 2.0 * lightness - high;
    [hue + 1.0 / 3.0, hue, hue - 1.0 / 3.0].map(|hue| {
        let hue = hue.rem_euclid(1.0);
        if hue < 1.0 / 6.0 {
            low + (high - low) * hue * 6.0
        } else if hue < 0.5 {
            high
        } else if hue < 2.0 / 3.0 {
            low + (high - low) * (2.0 / 3.0 - hue) * 6.0
        } else {
            low
        }
    })
}

/// Python's `colorsys.hsv_to_rgb`.
fn from_hsv(hue: f64, saturation: f64, value: f64) -> [f64; 3] {
    if saturation == 0.0 {
        return [value; 3];
    }
    let sector = (hue * 6.0).trunc();
    let rest = hue * 6.0 - sector;
    let p = value * (1.0 - saturation);
    let q = value * (1.0 - saturation * rest);
    let t = value * (1.0 - saturation * (1.0 - rest));
    match sector as i64 % 6 {
        0 => [value, t, p],
        1 => [q, value, p],
        2 => [p, value, t],
        3 => [p, q, value],
        4 => [t, p, value],
        _ => [value, p, q],
    }
}

/// The channels of the first six of a colour's digits, two by two as `int(.., 16)` reads them.
pub(super) fn channels(colour: &str) -> Option<[u8; 3]> {
    let digits: Vec<char> = colour.trim_start_matches('#').chars().collect();
    let channel = |at: usize| {
        let pair: String = digits.get(at..(at + 2).min(digits.len()))?.iter().collect();
        let pair = strip(&pair);
        let value = pair.strip_prefix('+').unwrap_or(pair);
        match value {
            "-0" => Some(0),
            _ if value.starts_with(['+', '-']) => None,
            _ => u8::from_str_radix(value, 16).ok(),
        }
    };
    Some([channel(0)?, channel(2)?, channel(4)?])
}
