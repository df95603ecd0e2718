//! What a program printed, as a record keeps it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use glasshouse_model::Stream;
use glasshouse_sandbox::Output;

/// The first `most` bytes of a stream as text, and exactly where they are not UTF-8.
pub(crate) fn stream(output: &Output, most: u64) -> Stream {
    let most = usize::try_from(most).unwrap_or(usize::MAX).min(output.kept.len());
    let mut kept = &output.kept[..most];
    let truncated = (kept.len() as u64) < output.total;
    if truncated {
        kept = &kept[..kept.len() - cut_character(kept)];
    }
    let (text, base64) = match std::str::from_utf8(kept) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (String::from_utf8_lossy(kept).into_owned(), Some(BASE64.encode(kept))),
    };
    Stream { text, base64, bytes: output.total, truncated }
}

/// Bytes at the end that begin a character which the cut took apart.
fn cut_character(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        // No length: the end of the input came before the end of the character.
        Err(error) if error.error_len().is_none() => bytes.len() - error.valid_up_to(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(kept: &[u8], total: u64) -> Output {
        Output { kept: kept.to_vec(), total }
    }

    #[test]
    fn text_stays_text() {
        let kept = stream(&output("naïve".as_bytes(), 6), 64);
        assert_eq!((kept.text.as_str(), kept.base64, kept.truncated), ("naïve", None, false));
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_exactly() {
        let kept = stream(&output(b"a\xff", 2), 64);
        assert_eq!(kept.text, "a\u{fffd}");
        assert_eq!(BASE64.decode(kept.base64.unwrap()).unwrap(), b"a\xff");
    }

    #[test]
    fn a_cut_spares_characters() {
        let kept = stream(&output("aé".as_bytes(), 3), 2);
        assert_eq!((kept.text.as_str(), kept.base64, kept.bytes, kept.truncated), ("a", None, 3, true));
        let cut_before = stream(&output(b"abc", 90), 64);
        assert_eq!((cut_before.text.as_str(), cut_before.truncated), ("abc", true));
    }
}
