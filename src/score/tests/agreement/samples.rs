//! Pages to compare: the test's own, what becomes of them by mutation, and real ones where a file names them.

use std::env;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// Names a file of rows with `id` ("set/model/task") and `code`.
const ROWS: &str = "GLASSHOUSE_SCORE_ROWS";

/// The test's own pages, by file name.
pub(crate) fn own() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pages");
    let mut pages: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap()))
        .collect();
    pages.sort();
    assert!(pages.len() >= 8, "only {} pages", pages.len());
    pages
}

/// Real pages, if a file of them is named: task, model, page.
pub(crate) fn real() -> Option<Vec<(String, String, String)>> {
    let Some(path) = env::var_os(ROWS) else {
        eprintln!("NOT RUN: the comparison of real pages: {ROWS} names no file of them");
        return None;
    };
    let read = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let (rest, task) = row["id"].as_str().unwrap().rsplit_once('/').unwrap();
        (task.to_owned(), rest.to_owned(), row["code"].as_str().unwrap().to_owned())
    };
    Some(fs::read_to_string(path).unwrap().lines().filter(|line| !line.is_empty()).map(read).collect())
}

/// Pairs of real pages, two models' answers to one task: name, reference, candidate.
pub(crate) fn real_pairs() -> Option<Vec<(String, String, String)>> {
    let pages = real()?;
    let mut pairs = Vec::new();
    for (task, model, reference) in &pages {
        for (other_task, other, candidate) in &pages {
            if task == other_task && model != other {
                pairs.push((format!("{task}: {model} <- {other}"), reference.clone(), candidate.clone()));
            }
        }
    }
    Some(pairs)
}

/// A small generator of numbers (SplitMix64), so that every run makes the same pages.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }
}

/// Pieces of markup at which parsers differ.
const PIECES: [&str; 60] = [
    "<",
    ">",
    "</",
    "/>",
    "<!",
    "<!--",
    "-->",
    "--!>",
    "-- >",
    "<!-->",
    "<!---->",
    "<![CDATA[",
    "]]>",
    "] ]>",
    "<![if x]>",
    "<![endif]>",
    "<?php ",
    "?>",
    "&",
    "&amp",
    "&amp;",
    "&nbsp;",
    "&notit;",
    "&#38;",
    "&#x26;",
    "&#38",
    "&#x",
    "&#12a;",
    "&#150;",
    "&#0;",
    "&bogus;",
    "&a",
    "&a-",
    "'",
    "\"",
    "=",
    " = ",
    "='",
    "=\"",
    "<script>",
    "</script>",
    "</script >",
    "</script foo>",
    "<style>",
    "</ style>",
    "<pre>",
    "</pre>",
    "<textarea>",
    "<br>",
    "</br>",
    "<br/>",
    "<p>",
    "</p>",
    "<div class=' a  b '>",
    "</div>",
    "<svg:rect a/b>",
    "<a b=c d='e' f>",
    "<!DOCTYPE html>",
    "<template><b>x</b></template>",
    "\u{a0}\u{1c}\u{212a}\u{130}",
];

/// `page` with a few cuts, copies and insertions.
pub(crate) fn mutate(page: &str, dice: &mut Dice) -> String {
    let mut chars: Vec<char> = page.chars().collect();
    for _ in 0..=dice.below(6) {
        let at = dice.below(chars.len() + 1);
        let to = (at + dice.below(40)).min(chars.len());
        match dice.below(4) {
            0 => drop(chars.drain(at..to)),
            1 => {
                let copy = chars[at..to].to_vec();
                let place = dice.below(chars.len() + 1);
                drop(chars.splice(place..place, copy));
            }
            _ => drop(chars.splice(at..at, PIECES[dice.below(PIECES.len())].chars())),
        }
    }
    chars.into_iter().collect()
}

/// A page of pieces alone.
pub(crate) fn soup(dice: &mut Dice) -> String {
    let pick = |dice: &mut Dice| match dice.below(3) {
        0 => ["x", " ", "\n", "a b", "é", "0;"][dice.below(6)],
        _ => PIECES[dice.below(PIECES.len())],
    };
    (0..dice.below(14) + 1).map(|_| pick(dice)).collect()
}
