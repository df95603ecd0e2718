//! An error's message on one line.

use std::borrow::Cow;

/// Lines that a line ending in a colon announces, and that are taken up.
const ANNOUNCED: usize = 3;

/// The first line of a message, and what it leaves open: the lines that a line ending in a colon announces (R's `unexpected symbol
/// in:`), and of an error that has others as its causes, as rlang writes them, the deepest one's words.
pub(super) fn headline(message: &str) -> Cow<'_, str> {
    let mut lines = message.trim_start().lines();
    let first = lines.next().unwrap_or_default();
    if first.ends_with(':') {
        let announced: Vec<&str> = lines.map(str::trim).filter(|line| !line.is_empty()).take(ANNOUNCED).collect();
        return Cow::Owned(std::iter::once(first).chain(announced).collect::<Vec<_>>().join(" "));
    }
    match deepest_cause(message) {
        Some(cause) => Cow::Owned(format!("{}: {cause}", first.trim_end_matches('.'))),
        None => Cow::Borrowed(first),
    }
}

/// What stands after the exclamation mark of the last `Caused by error`.
fn deepest_cause(message: &str) -> Option<&str> {
    let (_, after) = message.rsplit_once("\nCaused by error")?;
    after.lines().find_map(|line| line.strip_prefix("! "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_s_first_line_says_it_unless_it_leaves_something_open() {
        for (message, expected) in [
            ("", ""),
            ("one\ntwo", "one"),
            ("unexpected symbol in:\n\"x <- c(1,2\nplot\"", "unexpected symbol in: \"x <- c(1,2 plot\""),
            (
                "Problem while computing aesthetics.\nℹ In layer 1.\nCaused by error in `FUN()`:\n! object 'a' not found",
                "Problem while computing aesthetics: object 'a' not found",
            ),
            ("Outer.\nCaused by error:\n! middle\nCaused by error in `f()`:\n! inner\nmore", "Outer: inner"),
            ("Outer.\nCaused by error:\n", "Outer."),
        ] {
            assert_eq!(headline(message), expected);
        }
    }
}
