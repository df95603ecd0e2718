//! `html.parser.HTMLParser` with `convert_charrefs` off, as Beautiful Soup drives it: `feed`, then `close`.

use memchr::memchr2;

use super::Dialect;
use super::builder::Builder;
use super::entities::{TooLong, named, numbered, unescape};
use super::scan::{
    Attributes, comment_end, declared_name, raw_end, skip_to_attribute, spaced, strict_end_tag, strip, tag_name,
};
use super::tree::{TextKind, Tree};
use crate::ScoreError;

/// Bytes that may be looked at in vain. A text of unclosed tags alone makes the reference take quadratic time.
const MOST_WASTE: usize = 1 << 28;

/// What became of a construct.
enum Step {
    /// It is done; the text goes on there.
    To(usize),
    /// It is not complete.
    Incomplete,
}

/// One document on its way to a tree.
pub(super) struct Parser<'a> {
    text: &'a str,
    dialect: Dialect,
    attributes: Attributes<'a>,
    builder: Builder,
    /// The element whose content is raw: "script" or "style".
    raw: Option<&'static str>,
    /// Where the last `>` is.
    last_close: usize,
    /// Constructs that are not closed by the end of the text: not looked for again.
    no_comment_end: bool,
    no_section_end: [bool; 2],
    waste: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, dialect: Dialect) -> Self {
        Parser {
            text,
            dialect,
            attributes: Attributes::new(text),
            builder: Builder::new(dialect),
            raw: None,
            last_close: text.rfind('>').unwrap_or(0),
            no_comment_end: false,
            no_section_end: [false; 2],
            waste: 0,
        }
    }

    /// The whole document. `feed` stops at the first thing that may be incomplete; `close` goes on from there.
    pub(super) fn run(mut self) -> Result<Tree, ScoreError> {
        let at = self.go_ahead(0, false)?;
        self.go_ahead(at, true)?;
        Ok(self.builder.finish())
    }

    /// `goahead`: handles what it can from `at`; `end` says that nothing follows. Returns where it stopped.
    fn go_ahead(&mut self, mut at: usize, end: bool) -> Result<usize, ScoreError> {
        let text = self.text;
        while at < text.len() {
            let next = match self.raw {
                Some(name) => match raw_end(text, name, at) {
                    Some(found) => found,
                    None => break,
                },
                None => memchr2(b'&', b'<', &text.as_bytes()[at..]).map_or(text.len(), |found| at + found),
            };
            self.builder.data(&text[at..next]);
            at = next;
            let rest = &text[at..];
            let went_on = if rest.is_empty() {
                break;
            } else if rest.starts_with('<') {
                self.markup(at, end)?
            } else if rest.starts_with("&#") {
                self.numeric_reference(&mut at)?
            } else {
                self.named_reference(&mut at, end)
            };
            match went_on {
                Some(next) => at = next,
                None => break,
            }
        }
        if end && at < text.len() && self.raw.is_none() {
            self.builder.data(&text[at..]);
        }
        Ok(at)
    }

    /// What begins with `<` at `at`: where the text goes on, or None where `goahead` waits for more.
    fn markup(&mut self, at: usize, end: bool) -> Result<Option<usize>, ScoreError> {
        let rest = &self.text.as_bytes()[at..];
        let step = match rest.get(1) {
            Some(byte) if byte.is_ascii_alphabetic() => self.start_tag(at)?,
            Some(b'/') => self.end_tag(at),
            Some(b'!') if rest.starts_with(b"<!--") => self.comment(at),
            Some(b'?') => self.instruction(at),
            Some(b'!') => self.declaration(at)?,
            Some(_) => {
                self.builder.data("<");
                Step::To(at + 1)
            }
            None => return Ok(None),
        };
        Ok(match step {
            Step::To(next) => Some(next),
            Step::Incomplete if end => Some(self.give_up(at)),
            Step::Incomplete => None,
        })
    }

    /// At the end, an incomplete construct is text up to the next `>`, or else the next `<`, or else one character.
    fn give_up(&mut self, at: usize) -> usize {
        let open = || self.text[at + 1..].find('<').map(|found| at + 1 + found);
        let next = self.close_from(at + 1).map(|close| close + 1).or_else(open).unwrap_or(at + 1);
        self.builder.data(&self.text[at..next]);
        next
    }

    /// The first `>` at or after `at`.
    fn close_from(&self, at: usize) -> Option<usize> {
        let may = at <= self.last_close;
        may.then(|| self.text[at..].find('>').map(|found| at + found))?
    }

    fn start_tag(&mut self, at: usize) -> Result<Step, ScoreError> {
        let text = self.text;
        let close = self.attributes.tag_end(at);
        let end = match text.as_bytes().get(close) {
            Some(b'>') => close + 1,
            Some(b'/') if text[close..].starts_with("/>") => close + 2,
            None | Some(b'/' | b'=') => return self.wasted(at, close),
            Some(byte) if byte.is_ascii_alphabetic() => return self.wasted(at, close),
            // `at` is an ASCII letter's, so there is always more than nothing before `close`.
            Some(_) => close,
        };
        let Some(name_end) = tag_name(text, at + 1) else { return Ok(Step::Incomplete) };
        let mut here = skip_to_attribute(text, name_end);
        let mut attributes = Vec::new();
        while here < end {
            let Some(attribute) = self.attributes.at(here) else { break };
            let value = match attribute.value {
                Some(range) => unescape(&text[range]).map_err(|TooLong| too_long(at))?,
                None => String::new(),
            };
            attributes.push((lower(&text[attribute.name]), value));
            here = attribute.end;
        }
        let rest = if here < end { strip(&text[here..end]) } else { "" };
        if rest != ">" && rest != "/>" {
            self.builder.data(&text[at..end]);
            return Ok(Step::To(end));
        }
        let name = lower(&text[at + 1..name_end]);
        let raw = ["script", "style"].into_iter().find(|raw| *raw == name);
        if rest == "/>" {
            self.builder.start_and_end(name, attributes)?;
        } else {
            self.builder.start(name, attributes)?;
            self.raw = raw.or(self.raw);
        }
        Ok(Step::To(end))
    }

    /// A start tag that never ends.
    fn wasted(&mut self, from: usize, to: usize) -> Result<Step, ScoreError> {
        self.waste += to - from;
        match self.waste > MOST_WASTE {
            true => Err(ScoreError::Rejected { at: from, why: "too many tags are never closed" }),
            false => Ok(Step::Incomplete),
        }
    }

    fn end_tag(&mut self, at: usize) -> Step {
        let text = self.text;
        let Some(close) = self.close_from(at + 1) else { return Step::Incomplete };
        let strict = strict_end_tag(text, at).map(lower);
        if let Some(raw) = self.raw
            && strict.as_deref() != Some(raw)
        {
            self.builder.data(&text[at..=close]);
            return Step::To(close + 1);
        }
        if let Some(name) = strict {
            self.builder.end(&name);
            self.raw = None;
            return Step::To(close + 1);
        }
        match tag_name(text, at + 2) {
            Some(name_end) => {
                self.builder.end(&lower(&text[at + 2..name_end]));
                let after = skip_to_attribute(text, name_end);
                Step::To(self.close_from(after).unwrap_or(close) + 1)
            }
            None if text[at..].starts_with("</>") => Step::To(at + 3),
            None => self.bogus_comment(at),
        }
    }

    fn comment(&mut self, at: usize) -> Step {
        if self.no_comment_end {
            return Step::Incomplete;
        }
        match comment_end(self.text, at + 4) {
            Some((start, end)) => {
                self.builder.special(&self.text[at + 4..start], TextKind::Comment);
                Step::To(end)
            }
            None => {
                self.no_comment_end = true;
                Step::Incomplete
            }
        }
    }

    /// `<!...>` and `</...>` that are nothing else.
    fn bogus_comment(&mut self, at: usize) -> Step {
        self.up_to_close(at, TextKind::Comment, 0)
    }

    fn instruction(&mut self, at: usize) -> Step {
        self.up_to_close(at, TextKind::Instruction, 0)
    }

    /// A construct of two characters' opening that ends at the next `>`; the first `dropped` characters of what is
    /// in it are left out.
    fn up_to_close(&mut self, at: usize, kind: TextKind, dropped: usize) -> Step {
        let inside = at + 2;
        match self.close_from(inside) {
            Some(close) => {
                let data = &self.text[inside..close];
                let start = data.char_indices().nth(dropped).map_or(data.len(), |(start, _)| start);
                self.builder.special(&data[start..], kind);
                Step::To(close + 1)
            }
            None => Step::Incomplete,
        }
    }

    fn declaration(&mut self, at: usize) -> Result<Step, ScoreError> {
        let rest = &self.text.as_bytes()[at..];
        if rest.starts_with(b"<![") {
            self.marked_section(at)
        } else if rest.get(..9).is_some_and(|start| start.eq_ignore_ascii_case(b"<!doctype")) {
            // The reference looks for the end behind the keyword, which holds no `>` itself.
            Ok(self.up_to_close(at, TextKind::Doctype, "DOCTYPE ".len()))
        } else {
            Ok(self.bogus_comment(at))
        }
    }

    /// `<![NAME...]]>` and Microsoft's `<![if ...]>`.
    fn marked_section(&mut self, at: usize) -> Result<Step, ScoreError> {
        let text = self.text;
        let inside = at + 3;
        if inside == text.len() {
            return Ok(Step::Incomplete);
        }
        let Some((name, after)) = declared_name(text, inside) else {
            return Err(ScoreError::Rejected { at, why: "a marked section has no name" });
        };
        if after == text.len() {
            return Ok(Step::Incomplete);
        }
        let (marks, memo): (&[u8], usize) = match name.to_ascii_lowercase().as_str() {
            "temp" | "cdata" | "ignore" | "include" | "rcdata" => (b"]]>", 0),
            "if" | "else" | "endif" => (b"]>", 1),
            _ => return Err(ScoreError::Rejected { at, why: "a marked section has an unknown name" }),
        };
        if self.no_section_end[memo] {
            return Ok(Step::Incomplete);
        }
        let Some((start, end)) = spaced(text, marks, inside) else {
            self.no_section_end[memo] = true;
            return Ok(Step::Incomplete);
        };
        let data = &text[inside..start];
        match data.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("CDATA[")) {
            true => self.builder.special(&data[6..], TextKind::CData),
            false => self.builder.special(data, TextKind::Declaration),
        }
        Ok(Step::To(end))
    }

    /// `&#` at `at`. A malformed reference ends the pass, with `&#` consumed where a semicolon follows anywhere.
    fn numeric_reference(&mut self, at: &mut usize) -> Result<Option<usize>, ScoreError> {
        let text = self.text;
        let digits = &text[*at + 2..];
        let run = |text: &str, hex: bool| {
            text.bytes().take_while(|byte| if hex { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() }).count()
        };
        let length = match run(digits, false) {
            0 if digits.starts_with(['x', 'X']) => Some(run(&digits[1..], true)).filter(|&n| n > 0).map(|n| n + 1),
            0 => None,
            length => Some(length),
        };
        let ends = |c: char| !c.is_ascii_hexdigit();
        match length.filter(|&length| digits[length..].starts_with(ends)) {
            Some(length) => {
                let character = numbered(&digits[..length], self.dialect).map_err(|TooLong| too_long(*at))?;
                let Some(character) = character else {
                    return Err(ScoreError::Rejected { at: *at, why: "a reference to half a character" });
                };
                self.builder.data(character.encode_utf8(&mut [0; 4]));
                let end = *at + 2 + length;
                Ok(Some(end + usize::from(text[end..].starts_with(';'))))
            }
            None => {
                if digits.contains(';') {
                    self.builder.data("&#");
                    *at += 2;
                }
                Ok(None)
            }
        }
    }

    /// `&` at `at`, without `#` behind it. Where the text ends in a reference, the pass ends.
    fn named_reference(&mut self, at: &mut usize, end: bool) -> Option<usize> {
        let rest = &self.text[*at + 1..];
        if let Some(length) = reference_name(rest) {
            let name = &rest[..length];
            match named(name) {
                Some(characters) => self.builder.data(characters),
                None => {
                    self.builder.data("&");
                    self.builder.data(name);
                }
            }
            let next = *at + 1 + length;
            return Some(next + usize::from(self.text[next..].starts_with(';')));
        }
        if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            // An ampersand and one letter at the very end: the ampersand is lost.
            if end && rest.len() == 1 {
                *at += 1;
            }
            return None;
        }
        if rest.is_empty() {
            return None;
        }
        self.builder.data("&");
        Some(*at + 1)
    }
}

/// The length of the name in `[a-zA-Z][-.a-zA-Z0-9]*[^a-zA-Z0-9]`: a name that ends the text gives back up to its
/// last `-` or `.`.
fn reference_name(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    bytes.first().filter(|byte| byte.is_ascii_alphabetic())?;
    let belongs = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let run = bytes.iter().take_while(belongs).count();
    if run < bytes.len() {
        return Some(run);
    }
    bytes.iter().rposition(|byte| !byte.is_ascii_alphanumeric())
}

/// `str.lower()`; names are ASCII as a rule.
fn lower(name: &str) -> String {
    if name.is_ascii() { name.to_ascii_lowercase() } else { name.to_lowercase() }
}

fn too_long(at: usize) -> ScoreError {
    ScoreError::Rejected { at, why: "a character reference has more digits than Python reads" }
}
