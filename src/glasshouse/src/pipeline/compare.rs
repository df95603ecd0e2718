//! Whether a program printed what a test expects.

use glasshouse_model::Cause;

use crate::text::plain;

/// Characters of a line that a cause shows.
const SHOWN: usize = 80;

/// The first difference between what was printed and what was expected; `None` if there is none.
///
/// White space at the end of each line, and empty lines at the end of the whole, do not count.
pub(crate) fn first_difference(expected: &[u8], printed: &[u8]) -> Option<String> {
    let (wanted, got) = (lines(expected), lines(printed));
    let place = wanted.iter().zip(&got).position(|(want, have)| want != have);
    let place = place.or_else(|| (wanted.len() != got.len()).then(|| wanted.len().min(got.len())))?;
    Some(format!("line {}: expected {}, got {}", place + 1, show(wanted.get(place)), show(got.get(place))))
}

/// The cause of a test that did not hold.
pub(crate) fn cause(test: usize, tests: usize, code: &str, difference: &str) -> Cause {
    Cause::new(code, format!("test {} of {tests}: {difference}", test + 1))
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.trim_ascii_end().split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).collect()
}

fn show(line: Option<&&[u8]>) -> String {
    match line {
        Some(line) => format!("\"{}\"", plain(&String::from_utf8_lossy(line), SHOWN)),
        None => "the end".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_at_ends_does_not_count() {
        let same: [(&str, &str); 5] =
            [("6", "6\n"), ("a\nb\n", "a  \r\nb\n\n \n"), ("", "\n\n"), ("", ""), ("  a", "  a\t")];
        for (expected, printed) in same {
            assert_eq!(first_difference(expected.as_bytes(), printed.as_bytes()), None, "{expected:?} {printed:?}");
        }
    }

    #[test]
    fn the_first_different_line_is_named() {
        let cases = [
            ("a\nb", "a\nc", "line 2: expected \"b\", got \"c\""),
            ("a", "a\nb", "line 2: expected the end, got \"b\""),
            ("a\n\nb", "a", "line 2: expected \"\", got the end"),
            (" a", "a", "line 1: expected \" a\", got \"a\""),
            ("6", "", "line 1: expected \"6\", got \"\""),
        ];
        for (expected, printed, message) in cases {
            assert_eq!(first_difference(expected.as_bytes(), printed.as_bytes()).as_deref(), Some(message));
        }
    }

    #[test]
    fn bytes_that_are_no_text_differ_too() {
        assert!(first_difference(b"\xff", b"\xfe").is_some());
    }
}
