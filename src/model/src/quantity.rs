//! Durations and sizes as people write them in policies and rows.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// Seconds as a number, or a text with a unit: `2`, `0.5`, `"500ms"`, `"2s"`, `"5min"`, `"1h"`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split_unit(text)?;
    let seconds = match unit {
        "" | "s" => number,
        "ms" => number / 1e3,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err(format!("unknown unit {unit:?} in {text:?}; use ms, s, min or h")),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("{text:?} is not a duration"))
}

/// Bytes as a number, or a text with a unit: `1048576`, `"512KiB"`, `"2GiB"`, `"1.5GB"`.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split_unit(text)?;
    let factor = match unit {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" | "K" => 1024.0,
        "MiB" | "M" => 1024.0 * 1024.0,
        "GiB" | "G" => 1024.0 * 1024.0 * 1024.0,
        _ => {
            return Err(format!("unknown unit {unit:?} in {text:?}; use B, kB, MB, GB, KiB, MiB or GiB"));
        }
    };
    Ok((number * factor).round() as u64)
}

fn split_unit(text: &str) -> Result<(f64, &str), String> {
    let text = text.trim();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let number: f64 = text[..digits].parse().map_err(|_| format!("{text:?} does not begin with a number"))?;
    Ok((number, text[digits..].trim()))
}

/// A number or a text, as JSON and TOML allow both.
#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(f64),
    Text(String),
}

/// Deserializes an optional duration (see [`parse_duration`]).
pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let value = NumberOrText::deserialize(deserializer).map_err(|_| {
        serde::de::Error::custom("expected seconds as a number, or a text such as \"500ms\" or \"2min\"")
    })?;
    let parsed = match value {
        NumberOrText::Number(seconds) => {
            Duration::try_from_secs_f64(seconds).map_err(|_| format!("{seconds} is not a duration"))
        }
        NumberOrText::Text(text) => parse_duration(&text),
    };
    parsed.map(Some).map_err(serde::de::Error::custom)
}

/// Deserializes an optional size in bytes (see [`parse_bytes`]).
pub(crate) fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let value = NumberOrText::deserialize(deserializer)
        .map_err(|_| serde::de::Error::custom("expected bytes as a number, or a text such as \"512MiB\""))?;
    let parsed = match value {
        NumberOrText::Number(count) if count >= 0.0 && count.fract() == 0.0 => Ok(count as u64),
        NumberOrText::Number(count) => Err(format!("{count} is not a whole number of bytes")),
        NumberOrText::Text(text) => parse_bytes(&text),
    };
    parsed.map(Some).map_err(serde::de::Error::custom)
}

/// A size for people: `2 GiB`, `1.5 MiB`, `640 B`.
pub(crate) fn show_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value.fract() == 0.0 { format!("{value:.0} {}", UNITS[unit]) } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(parse_duration("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(parse_duration("2").unwrap(), Duration::from_secs(2));
        assert_eq!(parse_duration("1.5 min").unwrap(), Duration::from_secs(90));
        assert!(parse_duration("soon").is_err());
        assert!(parse_duration("2 weeks").is_err());
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_bytes("2GiB").unwrap(), 2 << 30);
        assert_eq!(parse_bytes("10").unwrap(), 10);
        assert!(parse_bytes("10 apples").is_err());
        assert_eq!(show_bytes(2 << 30), "2 GiB");
        assert_eq!(show_bytes(1536), "1.5 KiB");
    }
}
