//! The parts of the visual score.

use super::blocks::{Block, NoBlocks};
use super::matching::{Matching, join_and_match};
use crate::colour::likeness;

/// Pairs whose texts are less alike are no pairs.
const LEAST_RATIO: f64 = 0.5;
/// Each of the five parts' share of the whole.
const SHARE: f64 = 0.2;

/// The four parts that need no model, each from 0 to 1 (`position` below 0 at worst).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parts {
    /// The area of matched blocks over the area of all, both sides together.
    pub size: f64,
    /// The mean likeness of matched texts.
    pub text: f64,
    /// 1 less the mean of how far matched centres lie apart, in the direction in which they are farther.
    pub position: f64,
    /// The mean likeness of matched colours.
    pub colour: f64,
}

/// What came of comparing two pages.
#[derive(Clone, Debug, PartialEq)]
pub enum Visual {
    /// One side has no blocks: all parts, CLIP included, are 0 as published.
    NoBlocks,
    /// There are blocks but no pairs: all parts but CLIP are 0.
    NoPairs(Matching),
    /// The parts, and the pairs that they were computed from.
    Matched(Parts, Matching),
}

impl Visual {
    /// The parts; zeros where nothing matched.
    pub fn parts(&self) -> Parts {
        match self {
            Visual::Matched(parts, _) => *parts,
            Visual::NoBlocks | Visual::NoPairs(_) => Parts::default(),
        }
    }

    /// The whole: a fifth of the five parts' sum. None where CLIP is needed and absent (`clip` None): it is then not
    /// known, and [`without_clip`](Visual::without_clip) gives the part of it that is.
    pub fn total(&self, clip: Option<f64>) -> Option<f64> {
        match self {
            Visual::NoBlocks => Some(0.0),
            Visual::NoPairs(_) | Visual::Matched(..) => Some(self.without_clip() + SHARE * clip?),
        }
    }

    /// A fifth of the four parts' sum, 0.8 at most: the whole score less its CLIP part.
    pub fn without_clip(&self) -> f64 {
        let Parts { size, text, position, colour } = self.parts();
        SHARE * (size + text + position + colour)
    }
}

/// Compares the blocks of two pages.
pub fn compare(candidate: Result<Vec<Block>, NoBlocks>, reference: Result<Vec<Block>, NoBlocks>) -> Visual {
    let (Ok(candidate), Ok(reference)) = (candidate, reference) else { return Visual::NoBlocks };
    if candidate.is_empty() || reference.is_empty() {
        return Visual::NoBlocks;
    }
    let mut matching = join_and_match(candidate, reference);
    matching.pairs.retain(|(_, _, ratio)| *ratio >= LEAST_RATIO);
    match matching.pairs.is_empty() {
        true => Visual::NoPairs(matching),
        false => Visual::Matched(parts(&matching), matching),
    }
}

fn parts(matching: &Matching) -> Parts {
    let pairs: Vec<(&Block, &Block)> =
        matching.pairs.iter().map(|&(i, j, _)| (&matching.candidate[i], &matching.reference[j])).collect();
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let matched: f64 = pairs.iter().map(|(one, two)| area(one) + area(two)).sum();
    let of_candidate = unmatched(&matching.candidate, matching.pairs.iter().map(|pair| pair.0));
    let of_reference = unmatched(&matching.reference, matching.pairs.iter().map(|pair| pair.1));
    Parts {
        size: matched / (matched + (of_candidate + of_reference)),
        text: mean(matching.pairs.iter().map(|pair| pair.2).collect()),
        position: mean(pairs.iter().map(|(one, two)| 1.0 - distance(one, two)).collect()),
        colour: mean(pairs.iter().map(|(one, two)| likeness(one.colour, two.colour)).collect()),
    }
}

fn area(block: &Block) -> f64 {
    block.bounds[2] * block.bounds[3]
}

fn unmatched(blocks: &[Block], matched: impl Iterator<Item = usize>) -> f64 {
    let mut lone = vec![true; blocks.len()];
    matched.for_each(|at| lone[at] = false);
    blocks.iter().zip(lone).filter(|(_, lone)| *lone).map(|(block, _)| area(block)).sum()
}

fn distance(one: &Block, two: &Block) -> f64 {
    let centre = |block: &Block| {
        let [left, top, wide, high] = block.bounds;
        (left + wide / 2.0, top + high / 2.0)
    };
    let ((ax, ay), (bx, by)) = (centre(one), centre(two));
    (bx - ax).abs().max((by - ay).abs())
}
