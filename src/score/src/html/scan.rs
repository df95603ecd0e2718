//! The small patterns of `html.parser`, by hand: the whitespace, names and attributes of tags.

use std::ops::Range;

/// Python's `str.isspace` and its regular expressions' `\s`: Unicode's White_Space and four separators more.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// Python's `str.strip`.
pub(crate) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// The end of the white space that begins at `at`.
pub(super) fn skip_space(text: &str, at: usize) -> usize {
    match text.as_bytes().get(at) {
        Some(byte) if byte.is_ascii_graphic() => at,
        _ => text[at..].find(|c| !is_space(c)).map_or(text.len(), |found| at + found),
    }
}

/// The end of `[\s/]*` at `at`.
fn skip_space_and_slashes(text: &str, at: usize) -> usize {
    text[at..].find(|c| c != '/' && !is_space(c)).map_or(text.len(), |found| at + found)
}

/// The end of `(?:\s|/(?!>))*` at `at`: white space, and slashes that do not end the tag.
pub(super) fn skip_to_attribute(text: &str, mut at: usize) -> usize {
    loop {
        at = skip_space(text, at);
        let rest = &text.as_bytes()[at..];
        if rest.first() != Some(&b'/') || rest.get(1) == Some(&b'>') {
            return at;
        }
        at += 1;
    }
}

/// The end of the tag name at `at` (`[a-zA-Z][^\t\n\r\f />\x00]*`), if one is there.
pub(super) fn tag_name(text: &str, at: usize) -> Option<usize> {
    let bytes = &text.as_bytes()[at..];
    bytes.first().filter(|byte| byte.is_ascii_alphabetic())?;
    let ends = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b'\x0c' | b' ' | b'/' | b'>' | b'\0');
    Some(at + bytes.iter().position(ends).unwrap_or(bytes.len()))
}

/// One attribute as it is written.
pub(super) struct Attribute {
    pub(super) name: Range<usize>,
    /// Without its quotes. None where there is no `=`.
    pub(super) value: Option<Range<usize>>,
    /// Where the next one may begin.
    pub(super) end: usize,
}

/// Finds attributes; knows where the last quotes of the text are, so that a text full of unclosed ones does not take
/// quadratic time.
pub(super) struct Attributes<'a> {
    text: &'a str,
    last_single: usize,
    last_double: usize,
}

impl<'a> Attributes<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let last = |quote| text.rfind(quote).unwrap_or(0);
        Attributes { text, last_single: last('\''), last_double: last('"') }
    }

    /// Where a start tag that begins at `at` stops being one (`locatestarttagend_tolerant`): before `>` or `/>` in a
    /// whole tag.
    pub(super) fn tag_end(&self, at: usize) -> usize {
        let name_end = tag_name(self.text, at + 1).unwrap_or(at + 1);
        let mut end = skip_space_and_slashes(self.text, name_end);
        while let Some(attribute) = self.at(end) {
            end = attribute.end;
        }
        skip_space(self.text, end)
    }

    /// The attribute at `at` (`attrfind_tolerant`).
    pub(super) fn at(&self, at: usize) -> Option<Attribute> {
        let before = self.text[..at].chars().next_back()?;
        if !(matches!(before, '\'' | '"' | '/') || is_space(before)) {
            return None;
        }
        let first = self.text[at..].chars().next().filter(|&c| c != '/' && c != '>' && !is_space(c))?;
        let rest = at + first.len_utf8();
        let ends = |c: char| matches!(c, '/' | '=' | '>') || is_space(c);
        let name_end = self.text[rest..].find(ends).map_or(self.text.len(), |found| rest + found);
        let value = self.value(name_end);
        let after = value.as_ref().map_or(name_end, |(_, after)| *after);
        Some(Attribute {
            name: at..name_end,
            value: value.map(|(value, _)| value),
            end: skip_to_attribute(self.text, after),
        })
    }

    /// `\s*=+\s*('[^']*'|"[^"]*"|(?!['"])[^>\s]*)` at `at`, with the backtracking of an engine: the value, and what
    /// comes after it.
    fn value(&self, at: usize) -> Option<(Range<usize>, usize)> {
        let equals = skip_space(self.text, at);
        let bytes = self.text.as_bytes();
        let signs = bytes[equals..].iter().take_while(|&&byte| byte == b'=').count();
        if signs == 0 {
            return None;
        }
        let after_signs = equals + signs;
        let start = skip_space(self.text, after_signs);
        let Some(&quote @ (b'\'' | b'"')) = bytes.get(start) else {
            return Some(self.bare(start));
        };
        let last = if quote == b'"' { self.last_double } else { self.last_single };
        if last > start {
            let inside = start + 1;
            let length = self.text[inside..].find(char::from(quote)).unwrap_or(last - inside);
            return Some((inside..inside + length, inside + length + 1));
        }
        // The quote is never closed: the engine gives back the last white space, or else the last sign.
        if start > after_signs {
            let space = self.text[..start].chars().next_back().map_or(1, char::len_utf8);
            return Some((start - space..start - space, start - space));
        }
        (signs > 1).then(|| self.bare(after_signs - 1))
    }

    /// `[^>\s]*` at `at`.
    fn bare(&self, at: usize) -> (Range<usize>, usize) {
        let ends = |c: char| c == '>' || is_space(c);
        let end = self.text[at..].find(ends).map_or(self.text.len(), |found| at + found);
        (at..end, end)
    }
}

/// The name at `at` in a marked section (`[a-zA-Z][-_.a-zA-Z0-9]*\s*`), and the end of the white space after it.
pub(super) fn declared_name(text: &str, at: usize) -> Option<(&str, usize)> {
    let bytes = &text.as_bytes()[at..];
    bytes.first().filter(|byte| byte.is_ascii_alphabetic())?;
    let belongs = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let end = at + bytes.iter().take_while(belongs).count();
    Some((&text[at..end], skip_space(text, end)))
}

/// The end tag at `at` in its strict form (`</\s*([a-zA-Z][-.a-zA-Z0-9:_]*)\s*>`): its name.
pub(super) fn strict_end_tag(text: &str, at: usize) -> Option<&str> {
    let start = skip_space(text, at + 2);
    let bytes = &text.as_bytes()[start..];
    bytes.first().filter(|byte| byte.is_ascii_alphabetic())?;
    let belongs = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':' | b'_');
    let end = start + bytes.iter().take_while(belongs).count();
    let close = skip_space(text, end);
    (text.as_bytes().get(close) == Some(&b'>')).then(|| &text[start..end])
}

/// The first place at or after `at` where the end tag of a raw element begins (`</\s*NAME\s*>`, case ignored as
/// Python ignores it).
pub(super) fn raw_end(text: &str, name: &str, at: usize) -> Option<usize> {
    let mut from = at;
    loop {
        let start = from + text[from..].find("</")?;
        let mut rest = text[skip_space(text, start + 2)..].chars();
        if name.chars().all(|wanted| rest.next().is_some_and(|c| same_letter(wanted, c)))
            && rest.as_str().trim_start_matches(is_space).starts_with('>')
        {
            return Some(start);
        }
        from = start + 2;
    }
}

/// Whether `c` is the lower-case ASCII letter `wanted` to `re.IGNORECASE`, which also takes the long s and the
/// Turkish i for theirs.
fn same_letter(wanted: char, c: char) -> bool {
    c.to_ascii_lowercase() == wanted
        || (wanted == 's' && c == '\u{17f}')
        || (wanted == 'i' && matches!(c, '\u{130}' | '\u{131}'))
}

/// The first match of `opening \s* .. closing` at or after `at`, where `marks` are single bytes with white space
/// between them allowed: its start and its end. `]\s*]\s*>` is `b"]]>"`, `--\s*>` has its own function.
pub(super) fn spaced(text: &str, marks: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut from = at;
    loop {
        let start = from + text[from..].find(char::from(marks[0]))?;
        let mut end = start + 1;
        let fits = marks[1..].iter().all(|&mark| {
            let next = skip_space(text, end);
            end = next + 1;
            text.as_bytes().get(next) == Some(&mark)
        });
        if fits {
            return Some((start, end));
        }
        from = start + 1;
    }
}

/// The first `--\s*>` at or after `at`: its start and its end.
pub(super) fn comment_end(text: &str, at: usize) -> Option<(usize, usize)> {
    let mut from = at;
    loop {
        let start = from + text[from..].find("--")?;
        let close = skip_space(text, start + 2);
        if text.as_bytes().get(close) == Some(&b'>') {
            return Some((start, close + 1));
        }
        from = start + 1;
    }
}
