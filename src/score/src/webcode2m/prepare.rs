//! What is done to a page before it is rendered and scored.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

use crate::html::{Dialect, NodeId, Tree, parse};
use crate::{Mode, ScoreError};

/// How often the same markup may occur before its further copies are removed.
pub const MOST_REPEATS: usize = 50;

/// The page that is rendered and scored in place of `page`.
///
/// The published evaluation ([`Mode::Compat`]) does this to predictions alone: a text that does not *begin* with an
/// `<html>` tag, be it only for its doctype, is wrapped in `<html><body><p>`, elements whose markup has come more
/// than [`MOST_REPEATS`] times are removed, and the rest is written with each tag on a line of its own, which adds
/// white space. [`Mode::Fixed`] wraps only a text that has no `<html>` tag at all, and writes the tree as it is; it
/// is meant for both sides, so that a page equals itself.
///
/// # Errors
/// Those of [`parse`].
pub fn prepare(page: &str, dialect: Dialect, mode: Mode) -> Result<String, ScoreError> {
    let page = universal_newlines(page);
    let whole = match mode {
        Mode::Compat => html_tag(&page, 0),
        Mode::Fixed => page.match_indices('<').any(|(at, _)| html_tag(&page, at)),
    };
    let tree = match whole {
        true => parse(&page, dialect)?,
        false => parse(&format!("<html><body><p>{page}</p></body></html>"), dialect)?,
    };
    let repeated = repeated(&tree);
    let tree = if repeated.is_empty() { tree } else { tree.without(&repeated) };
    let written = match mode {
        Mode::Compat => tree.prettify(),
        Mode::Fixed => tree.to_html(),
    };
    // It goes through a file, which Python reads as text again.
    Ok(universal_newlines(&written))
}

/// Line ends as Python reads them from a text file.
pub fn universal_newlines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Whether `<html[^>]*>` matches at `at`.
fn html_tag(page: &str, at: usize) -> bool {
    let start = page.as_bytes().get(at..at + 5);
    start.is_some_and(|start| start.eq_ignore_ascii_case(b"<html")) && page[at + 5..].contains('>')
}

/// The elements whose markup has come more than [`MOST_REPEATS`] times before them.
fn repeated(tree: &Tree) -> Vec<NodeId> {
    if tree.elements().count() <= MOST_REPEATS {
        return Vec::new();
    }
    let (html, parts) = tree.to_html_with_parts();
    let hashes = Hashes::new(html.as_bytes());
    // By hash and length: how many came, and where the first one is written.
    let mut seen: HashMap<(u64, usize), (usize, Range<usize>)> = HashMap::new();
    let mut gone: Vec<NodeId> = Vec::new();
    let mut gone_to = 0;
    for (id, _) in tree.elements().filter(|(id, _)| parts[*id].end > parts[*id].start) {
        // What lies in a removed element is counted by the reference as empty markup, which nothing else is.
        if id < gone_to {
            continue;
        }
        let part = parts[id].clone();
        match seen.entry((hashes.of(&part), part.len())) {
            Entry::Vacant(entry) => drop(entry.insert((1, part))),
            Entry::Occupied(mut entry) => {
                let (count, first) = entry.get_mut();
                *count += 1;
                if *count > MOST_REPEATS && html[first.clone()] == html[part] {
                    gone.push(id);
                    gone_to = tree.within(id).end;
                }
            }
        }
    }
    gone
}

/// Polynomial hashes of a text's parts, each in constant time: elements lie in one another, so hashing each by
/// itself would take quadratic time.
struct Hashes {
    prefixes: Vec<u64>,
    powers: Vec<u64>,
}

impl Hashes {
    const PRIME: u64 = (1 << 61) - 1;
    const BASE: u64 = 0x0123_4567_89ab_cdef;

    fn new(text: &[u8]) -> Self {
        let mut prefixes = vec![0];
        let mut powers = vec![1];
        for (at, &byte) in text.iter().enumerate() {
            prefixes.push((Self::times(prefixes[at], Self::BASE) + u64::from(byte) + 1) % Self::PRIME);
            powers.push(Self::times(powers[at], Self::BASE));
        }
        Hashes { prefixes, powers }
    }

    fn times(a: u64, b: u64) -> u64 {
        // The prime is one less than a power of two, so the remainder needs no division.
        let product = u128::from(a) * u128::from(b);
        let folded = (product as u64 & Self::PRIME) + (product >> 61) as u64;
        if folded >= Self::PRIME { folded - Self::PRIME } else { folded }
    }

    fn of(&self, part: &Range<usize>) -> u64 {
        let before = Self::times(self.prefixes[part.start], self.powers[part.len()]);
        (self.prefixes[part.end] + Self::PRIME - before) % Self::PRIME
    }
}
