//! The same scores of pages' trees and words, and the same preparation.

use glasshouse_score::html::{Dialect, parse};
use glasshouse_score::webcode2m::{prepare, tree_scores, universal_newlines, word_scores};
use glasshouse_score::{Mode, ScoreError};
use serde_json::json;

use super::oracle::Oracle;
use super::samples::{self, Dice, mutate};

/// How far two implementations' numbers may be apart.
pub(crate) const CLOSE: f64 = 1e-9;

#[test]
fn own_pages_score_the_same() {
    let Some(mut oracle) = Oracle::start() else { return };
    let pages = samples::own();
    let mut tally = Tally::default();
    for (name, reference) in &pages {
        for (other, candidate) in &pages {
            check(&mut oracle, &format!("{name} <- {other}"), reference, candidate, &mut tally);
        }
    }
    assert!(tally.scored > 50 && tally.dropped > 5, "{tally:?}");
}

#[test]
fn mutated_pages_score_the_same() {
    let Some(mut oracle) = Oracle::start() else { return };
    let pages = samples::own();
    let mut dice = Dice(3);
    let mut tally = Tally::default();
    for round in 0..200 {
        let pick = |dice: &mut Dice| mutate(&pages[dice.below(pages.len())].1, dice);
        let (reference, candidate) = (pick(&mut dice), pick(&mut dice));
        check(&mut oracle, &format!("round {round}"), &reference, &candidate, &mut tally);
    }
    assert!(tally.scored > 100, "{tally:?}");
}

#[test]
fn real_pages_score_the_same() {
    let (Some(pairs), Some(mut oracle)) = (samples::real_pairs(), Oracle::start()) else { return };
    let mut tally = Tally::default();
    for (name, reference, candidate) in &pairs {
        check(&mut oracle, name, reference, candidate, &mut tally);
    }
    println!("{} pairs of real pages: TreeBLEU, BLEU, ROUGE and preparation agree, {tally:?}", pairs.len());
}

/// What came of the pairs.
#[derive(Debug, Default)]
struct Tally {
    scored: usize,
    /// One of the scores is an exception there and an error here.
    dropped: usize,
}

fn check(oracle: &mut Oracle, name: &str, reference: &str, candidate: &str, tally: &mut Tally) {
    let dialect = Dialect::default();
    let reference = universal_newlines(reference);
    let theirs = oracle.ask(&json!({"ask": "preprocess", "text": candidate}));
    let ours = prepare(candidate, dialect, Mode::Compat);
    let (Ok(theirs), Ok(candidate)) = (&theirs, &ours) else {
        assert!(theirs.is_err() && ours.is_err(), "{name}: ours {ours:?}, theirs {theirs:?}");
        tally.dropped += 1;
        return;
    };
    assert_eq!(theirs.as_str().unwrap(), candidate, "{name}");
    let trees = parse(&reference, dialect).and_then(|reference| Ok((reference, parse(candidate, dialect)?)));
    let ask = |what| json!({"ask": what, "reference": reference, "candidate": candidate});
    let tree = trees.clone().and_then(|(reference, candidate)| tree_scores(&reference, &candidate, Mode::Compat));
    let words = trees.and_then(|(reference, candidate)| word_scores(&reference, &candidate, Mode::Compat));
    let same = same(name, oracle.ask(&ask("tree_scores")), tree.map(|tree| vec![tree.precision, tree.recall]))
        & same(name, oracle.ask(&ask("text_scores")), words.map(|words| vec![words.bleu, words.rouge]));
    tally.scored += usize::from(same);
    tally.dropped += usize::from(!same);
}

/// Whether there are numbers; panics where they are not the same on both sides.
pub(crate) fn same(name: &str, theirs: Result<serde_json::Value, String>, ours: Result<Vec<f64>, ScoreError>) -> bool {
    match (&theirs, &ours) {
        (Ok(theirs), Ok(ours)) => {
            let theirs: Vec<f64> = theirs.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect();
            assert_eq!(theirs.len(), ours.len(), "{name}");
            let close = theirs.iter().zip(ours).all(|(theirs, ours)| (theirs - ours).abs() <= CLOSE);
            assert!(close, "{name}: ours {ours:?}, theirs {theirs:?}");
            true
        }
        (Err(_), Err(_)) => false,
        _ => panic!("{name}: ours {ours:?}, theirs {theirs:?}"),
    }
}
