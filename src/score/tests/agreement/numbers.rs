//! The same likeness of strings and colours, and the same assignments.

use glasshouse_score::assignment::{Costs, assign};
use glasshouse_score::colour::likeness;
use glasshouse_score::sequence::{Matcher, ratio};
use serde_json::json;

use super::oracle::Oracle;
use super::samples::{Dice, own};
use super::scores::CLOSE;

#[test]
fn strings_are_as_alike() {
    let Some(mut oracle) = Oracle::start() else { return };
    let mut dice = Dice(4);
    let texts: Vec<String> = own().into_iter().map(|(_, page)| page).collect();
    let mut long = 0;
    for round in 0..600 {
        let (a, b) = (string(&texts, &mut dice), string(&texts, &mut dice));
        long += usize::from(b.chars().count() >= 200);
        let theirs = oracle.ask(&json!({"ask": "ratio", "a": a, "b": b})).unwrap().as_f64().unwrap();
        assert_eq!(ratio(&a, &b), theirs, "round {round}: {a:?} {b:?}");
        assert_eq!(Matcher::new(&b).ratio(&a.chars().collect::<Vec<_>>()), theirs, "round {round}: {a:?} {b:?}");
    }
    assert!(long > 100, "{long} long strings only");
}

/// A part of a page, or letters of a small alphabet.
fn string(texts: &[String], dice: &mut Dice) -> String {
    let length = [3, 30, 300, 700, 1500][dice.below(5)];
    let length = dice.below(length);
    if dice.below(3) == 0 {
        return (0..length).map(|_| ['a', 'b', 'c', 'é', ' '][dice.below(5)]).collect();
    }
    let text = &texts[dice.below(texts.len())];
    let skipped = dice.below(text.len());
    text.chars().skip(skipped).take(length).collect()
}

#[test]
fn assignments_are_scipys_own() {
    let Some(mut oracle) = Oracle::start() else { return };
    let mut dice = Dice(5);
    for round in 0..600 {
        let (rows, columns) = (1 + dice.below(14), 1 + dice.below(14));
        // Few different values make many ties.
        let steps = [2, 4, 1000][dice.below(3)];
        let values: Vec<f64> = (0..rows * columns).map(|_| -(dice.below(steps) as f64) / steps as f64).collect();
        let costs = Costs::new(rows, columns, |row, column| values[row * columns + column]);
        let cost: Vec<&[f64]> = values.chunks(columns).collect();
        let theirs = oracle.ask(&json!({"ask": "assignment", "cost": cost})).unwrap();
        assert_eq!(json!(assign(&costs)), theirs, "round {round}: {cost:?}");
    }
    assert_eq!(assign(&Costs::new(0, 3, |_, _| 0.0)), []);
}

#[test]
fn colours_are_as_far_apart() {
    let Some(mut oracle) = Oracle::start() else { return };
    let mut dice = Dice(6);
    for round in 0..600 {
        let mut colour =
            || [(); 3].map(|()| [0, 255, dice.below(256)][dice.below(3)] as f64 / [1.0, 1.0, 2.0][dice.below(3)]);
        let (a, b) = (colour(), colour());
        let theirs = oracle.ask(&json!({"ask": "colour", "a": a, "b": b})).unwrap().as_f64().unwrap();
        let ours = likeness(a, b);
        assert!((ours - theirs).abs() <= CLOSE, "round {round}: {a:?} {b:?}: ours {ours}, theirs {theirs}");
    }
}
