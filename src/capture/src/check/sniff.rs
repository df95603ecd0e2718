//! What the first bytes say that a file is.

use image::ImageFormat;

/// What a file is, as far as its first bytes tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Picture(ImageFormat),
    Svg,
    SvgCompressed,
    Pdf,
    Mp4,
    /// Not checked further.
    Other(&'static str),
}

/// Tells the kind from the first bytes; the extension only tells kinds of plain text apart.
pub(super) fn kind(head: &[u8], extension: Option<&str>) -> Kind {
    binary(head, extension).unwrap_or_else(|| text(head, extension))
}

fn binary(head: &[u8], extension: Option<&str>) -> Option<Kind> {
    let starts = |magic: &[u8]| head.starts_with(magic);
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    Some(match () {
        () if starts(b"\x89PNG\r\n\x1a\n") => Kind::Picture(ImageFormat::Png),
        () if starts(b"\xff\xd8\xff") => Kind::Picture(ImageFormat::Jpeg),
        () if starts(b"GIF87a") || starts(b"GIF89a") => Kind::Picture(ImageFormat::Gif),
        () if starts(b"RIFF") && at(8, b"WEBP") => Kind::Picture(ImageFormat::WebP),
        () if starts(b"BM") && at(6, &[0; 4]) && !is_text(head) => Kind::Picture(ImageFormat::Bmp),
        () if starts(b"II*\0") || starts(b"MM\0*") => Kind::Picture(ImageFormat::Tiff),
        () if super::find(&head[..head.len().min(1024)], b"%PDF-").is_some() => Kind::Pdf,
        () if starts(b"%!PS") || starts(b"\xc5\xd0\xd3\xc6") => Kind::Other("application/postscript"),
        () if at(4, b"ftyp") => Kind::Mp4,
        () if starts(b"\x1a\x45\xdf\xa3") => Kind::Other(matroska(head)),
        () if starts(b"\x1f\x8b") && extension == Some("svgz") => Kind::SvgCompressed,
        () if starts(b"\x1f\x8b") => Kind::Other("application/gzip"),
        () if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") => Kind::Other("application/zip"),
        () if starts(b"\x93NUMPY") => Kind::Other("application/x-numpy-data"),
        () if starts(b"SQLite format 3\0") => Kind::Other("application/vnd.sqlite3"),
        () if starts(b"PAR1") => Kind::Other("application/vnd.apache.parquet"),
        () if starts(b"\x7fELF") => Kind::Other("application/x-executable"),
        () => return None,
    })
}

fn matroska(head: &[u8]) -> &'static str {
    let start = &head[..head.len().min(64)];
    if super::find(start, b"webm").is_some() { "video/webm" } else { "video/x-matroska" }
}

fn text(head: &[u8], extension: Option<&str>) -> Kind {
    if !is_text(head) {
        return Kind::Other("application/octet-stream");
    }
    let start = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let begins = |word: &[u8]| start.get(..word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word));
    let is_svg = begins(b"<svg") || (begins(b"<") && super::find(head, b"<svg").is_some());
    if begins(b"<!doctype html") || begins(b"<html") {
        return Kind::Other("text/html");
    }
    if is_svg || (extension == Some("svg") && begins(b"<")) {
        return Kind::Svg;
    }
    Kind::Other(match extension {
        Some("csv") => "text/csv",
        Some("html" | "htm") => "text/html",
        Some("json") if begins(b"{") || begins(b"[") => "application/json",
        Some("md") => "text/markdown",
        _ if begins(b"<?xml") => "application/xml",
        _ => "text/plain",
    })
}

/// UTF-8 without control characters that text does not have; the last character may be cut.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    valid && !head.iter().any(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_their_first_bytes() {
        let cases: [(&[u8], Option<&str>, Kind); 11] = [
            (b"\x89PNG\r\n\x1a\n....", Some("txt"), Kind::Picture(ImageFormat::Png)),
            (b"GIF89a", None, Kind::Picture(ImageFormat::Gif)),
            (b"RIFF\0\0\0\0WEBPVP8 ", None, Kind::Picture(ImageFormat::WebP)),
            (b"%PDF-1.4\n", Some("png"), Kind::Pdf),
            (b"%!PS-Adobe-3.0 EPSF-3.0\n", None, Kind::Other("application/postscript")),
            (b"\0\0\0\x20ftypisom", None, Kind::Mp4),
            (b"\x1a\x45\xdf\xa3\x01\x42\x82\x84webm", None, Kind::Other("video/webm")),
            (b"<?xml version=\"1.0\"?>\n<!-- c --><svg/>", None, Kind::Svg),
            (b" <!DOCTYPE HTML><svg>", Some("svg"), Kind::Other("text/html")),
            (b"BM, said the text, at length", None, Kind::Other("text/plain")),
            ("gr\u{00f6}\u{00df}e".as_bytes(), None, Kind::Other("text/plain")),
        ];
        for (head, extension, expected) in cases {
            assert_eq!(kind(head, extension), expected, "{head:?}");
        }
        assert_eq!(kind(b"a\xffb", None), Kind::Other("application/octet-stream"));
    }

    #[test]
    fn a_character_cut_at_the_end_is_still_text() {
        assert_eq!(kind(&"é".as_bytes()[..1], None), Kind::Other("text/plain"));
    }
}
