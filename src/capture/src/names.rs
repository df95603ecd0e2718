//! Names of files that a run made: how they are shown and what they claim to be.

use std::fmt::Write;

/// A path as text: what is not printable UTF-8 is written as `\xNN`, a backslash as `\\`.
///
/// No two paths are shown alike, and no name can break a line or steer a terminal.
pub fn shown(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for character in chunk.valid().chars() {
            push_character(&mut text, character);
        }
        push_bytes(&mut text, chunk.invalid());
    }
    text
}

fn push_character(text: &mut String, character: char) {
    match character {
        '\\' => text.push_str("\\\\"),
        _ if character.is_control() || turns_text(character) => {
            push_bytes(text, character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        _ => text.push(character),
    }
}

fn push_bytes(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "\\x{byte:02x}");
    }
}

/// Characters that change the direction or the lines of the text around them.
fn turns_text(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The extension of a name in lower case, if it is one that could mean something.
pub(crate) fn extension(path: &[u8]) -> Option<String> {
    let name = path.rsplit(|byte| *byte == b'/').next()?;
    let at = name.iter().rposition(|byte| *byte == b'.')?;
    let extension = name.get(at + 1..)?;
    let plain = (1..=8).contains(&extension.len()) && extension.iter().all(u8::is_ascii_alphanumeric);
    plain.then(|| extension.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect())
}

/// The media type that an extension claims, for the types whose claims are checked.
pub(crate) fn claimed_type(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "bmp" => "image/bmp",
        "tif" | "tiff" => "image/tiff",
        "svg" | "svgz" => "image/svg+xml",
        "pdf" => "application/pdf",
        "eps" | "ps" => "application/postscript",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_escaped_and_stay_apart() {
        assert_eq!(shown("plots/größe 1.png".as_bytes()), "plots/größe 1.png");
        assert_eq!(shown(b"a\xffb"), "a\\xffb");
        assert_eq!(shown(b"a\\xffb"), "a\\\\xffb");
        assert_eq!(shown(b"\x1b[2J\n"), "\\x1b[2J\\x0a");
        assert_eq!(shown("\u{202e}gnp".as_bytes()), "\\xe2\\x80\\xaegnp");
    }

    #[test]
    fn extensions_are_plain_or_absent() {
        assert_eq!(extension(b"out.d/Plot.PNG").as_deref(), Some("png"));
        assert_eq!(extension(b"out.png/plot"), None);
        assert_eq!(extension(b"plot."), None);
        assert_eq!(extension(b"plot.p\xffg"), None);
        assert_eq!(claimed_type("jpeg"), Some("image/jpeg"));
        assert_eq!(claimed_type("csv"), None);
    }
}
