//! Character references as Python and Beautiful Soup resolve them.

use std::collections::HashMap;
use std::sync::OnceLock;

use entities::ENTITIES;

use super::Dialect;

/// Windows-1252 where it differs from Latin-1, 0x80 to 0x9f; 0 where it has no character.
const WINDOWS_1252: [u16; 32] = [
    0x20ac, 0, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0, 0x17d, 0, 0,
    0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0, 0x17e, 0x178,
];
/// Python refuses to read a decimal number of more digits.
const MOST_DIGITS: usize = 4300;
const REPLACEMENT: char = '\u{fffd}';

/// A number that Python refuses to read: it raises ValueError, which no caller catches.
pub(super) struct TooLong;

/// The characters of a reference by its name, with its semicolon where it has one (`html.entities.html5`).
fn html5(name: &str) -> Option<&'static str> {
    static TABLE: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    TABLE
        .get_or_init(|| ENTITIES.iter().map(|entity| (&entity.entity[1..], entity.characters)).collect())
        .get(name)
        .copied()
}

/// The characters of the reference `name`, which has no semicolon, in text (`HTML_ENTITY_TO_CHARACTER`).
pub(super) fn named(name: &str) -> Option<&'static str> {
    html5(name).or_else(|| html5(&format!("{name};")))
}

/// The character of the numeric reference `digits` ("38", "x26") in text, as Beautiful Soup resolves it. None for a
/// surrogate, which older versions keep; no file can be written with it.
pub(super) fn numbered(digits: &str, dialect: Dialect) -> Result<Option<char>, TooLong> {
    let number = number(digits)?;
    Ok(match number {
        0x80..=0x9f => Some(windows(number).unwrap_or_else(|| character(number))),
        0 if dialect == Dialect::CPython3_11_7 => Some(REPLACEMENT),
        0xd800..=0xdfff if dialect == Dialect::CPython3_11_7Soup4_12 => None,
        _ => Some(character(number)),
    })
}

fn character(number: u32) -> char {
    char::from_u32(number).unwrap_or(REPLACEMENT)
}

fn windows(number: u32) -> Option<char> {
    let code = WINDOWS_1252[(number - 0x80) as usize];
    (code != 0).then(|| character(code.into()))
}

/// The value of decimal or `x` hexadecimal digits, at most `u32::MAX`.
fn number(digits: &str) -> Result<u32, TooLong> {
    let (digits, radix) = match digits.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (digits, 10),
    };
    if radix == 10 && digits.len() > MOST_DIGITS {
        return Err(TooLong);
    }
    let add = |sum: u32, c: char| sum.saturating_mul(radix).saturating_add(c.to_digit(radix).unwrap_or(0));
    Ok(digits.chars().fold(0, add))
}

/// `html.unescape`: what attribute values go through.
pub(super) fn unescape(text: &str) -> Result<String, TooLong> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        rest = match numeric_length(rest) {
            Some(length) => {
                push_numbered(&mut out, rest[1..length].trim_end_matches(';'))?;
                &rest[length..]
            }
            None => {
                let length = named_length(rest);
                push_named(&mut out, &rest[..length]);
                &rest[length..]
            }
        };
    }
    out.push_str(rest);
    Ok(out)
}

/// The length of `#[0-9]+;?` or `#[xX][0-9a-fA-F]+;?` at the start.
fn numeric_length(text: &str) -> Option<usize> {
    let digits = text.strip_prefix('#')?;
    let run = |text: &str, radix| text.chars().take_while(|c| c.is_digit(radix)).count();
    let decimal = run(digits, 10);
    let length = match decimal {
        0 => 1 + Some(run(digits.strip_prefix(['x', 'X'])?, 16)).filter(|&length| length > 0)?,
        _ => decimal,
    };
    Some(1 + length + usize::from(digits[length..].starts_with(';')))
}

/// The length of `[^\t\n\f <&#;]{1,32};?` at the start; 0 where there is none.
fn named_length(text: &str) -> usize {
    let ends = |c: char| matches!(c, '\t' | '\n' | '\x0c' | ' ' | '<' | '&' | '#' | ';');
    let length: usize = text.chars().take_while(|&c| !ends(c)).take(32).map(char::len_utf8).sum();
    length + usize::from(length > 0 && text[length..].starts_with(';'))
}

fn push_numbered(out: &mut String, digits: &str) -> Result<(), TooLong> {
    let number = number(digits)?;
    match number {
        0 => out.push(REPLACEMENT),
        0x0d => out.push('\r'),
        0x80..=0x9f => out.push(windows(number).unwrap_or_else(|| character(number))),
        _ if number > 0x0010_ffff || (0xd800..=0xdfff).contains(&number) => out.push(REPLACEMENT),
        _ if is_dropped(number) => {}
        _ => out.push(character(number)),
    }
    Ok(())
}

/// Code points that `html.unescape` turns to nothing.
fn is_dropped(number: u32) -> bool {
    matches!(number, 0x1..=0x8 | 0xb | 0xe..=0x1f | 0x7f..=0x9f | 0xfdd0..=0xfdef) || number & 0xfffe == 0xfffe
}

fn push_named(out: &mut String, name: &str) {
    if let Some(characters) = html5(name) {
        out.push_str(characters);
        return;
    }
    // The longest known prefix of at least two characters, shorter than the whole.
    let ends: Vec<usize> = name.char_indices().map(|(at, _)| at).skip(2).collect();
    for &end in ends.iter().rev() {
        if let Some(characters) = html5(&name[..end]) {
            out.push_str(characters);
            out.push_str(&name[end..]);
            return;
        }
    }
    out.push('&');
    out.push_str(name);
}
