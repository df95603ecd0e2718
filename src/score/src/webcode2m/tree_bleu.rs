//! TreeBLEU: how many of the reference's small trees, an element and the elements in it, the candidate has.

use std::collections::HashSet;

use crate::html::{Tree, strip};
use crate::{Mode, ScoreError, Side};

/// The two numbers that the published code computes. Its tables report the recall as TreeBLEU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TreeScores {
    /// The share of the reference's distinct small trees that the candidate has: `tree_rouge_1` in the published
    /// code, "TreeBLEU" in its tables.
    pub recall: f64,
    /// The share of the candidate's small trees, repeats counted, that the reference has: `tree_bleu` in the
    /// published code.
    pub precision: f64,
}

/// TreeBLEU of two pages, both numbers from 0 to 1. As published, a reference without `<html>` gives zero.
///
/// [`Mode::Fixed`] gives a candidate without small trees zero instead of an error.
///
/// # Errors
/// [`ScoreError::NoInnerElement`] where the published code divides by zero.
pub fn tree_scores(reference: &Tree, candidate: &Tree, mode: Mode) -> Result<TreeScores, ScoreError> {
    let Some(of_reference) = keys(reference) else {
        return Ok(TreeScores { recall: 0.0, precision: 0.0 });
    };
    let of_candidate = keys(candidate).unwrap_or_default();
    let known: HashSet<&str> = of_reference.iter().map(String::as_str).collect();
    if known.is_empty() {
        return Err(ScoreError::NoInnerElement(Side::Reference));
    }
    if of_candidate.is_empty() {
        return match mode {
            Mode::Compat => Err(ScoreError::NoInnerElement(Side::Candidate)),
            Mode::Fixed => Ok(TreeScores { recall: 0.0, precision: 0.0 }),
        };
    }
    let distinct: HashSet<&str> = of_candidate.iter().map(String::as_str).collect();
    let shared = distinct.intersection(&known).count();
    let known_copies = of_candidate.iter().filter(|key| known.contains(key.as_str())).count();
    Ok(TreeScores {
        recall: shared as f64 / known.len() as f64,
        precision: known_copies as f64 / of_candidate.len() as f64,
    })
}

/// For each element with elements in it, from the first `<html>` on: its name and theirs. None without `<html>`.
fn keys(tree: &Tree) -> Option<Vec<String>> {
    let root = tree.first("html")?;
    let mut keys = Vec::new();
    for id in tree.within(root) {
        let Some(name) = tree.name(id) else { continue };
        let mut key = strip(name).to_owned();
        let own = key.len();
        for child in tree.children(id).filter_map(|child| tree.name(child)) {
            key.push('_');
            key.push_str(strip(child));
        }
        if key.len() > own {
            keys.push(key);
        }
    }
    Some(keys)
}
