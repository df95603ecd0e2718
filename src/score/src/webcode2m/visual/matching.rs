//! Which block of the candidate is which of the reference, after joining neighbours that match better together.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::blocks::Block;
use crate::Side;
use crate::assignment::{Costs, assign};
use crate::sequence::Matcher;

/// A join must better the mean of the costs that it changes by more than this.
const LEAST_GAIN: f64 = 0.05;
/// Neighbours count only for pairs whose own cost is below this.
const CONTEXT_FROM: f64 = -0.5;
/// How much the costs of neighbouring pairs count in the last matching.
const CONTEXT: f64 = 0.1;

/// Both lists of blocks after joining, and which belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Matching {
    /// The candidate's blocks.
    pub candidate: Vec<Block>,
    /// The reference's blocks.
    pub reference: Vec<Block>,
    /// Pairs of candidate and reference, with the likeness of their texts, in order of the candidate's.
    pub pairs: Vec<(usize, usize, f64)>,
}

/// Joins neighbours on both sides while that gains anything, then matches.
pub fn join_and_match(candidate: Vec<Block>, reference: Vec<Block>) -> Matching {
    let mut texts = Texts::default();
    let mut candidate = List::new(candidate, &mut texts);
    let mut reference = List::new(reference, &mut texts);
    loop {
        let mut changed = join(&mut candidate, &reference, Side::Candidate, &mut texts);
        changed |= join(&mut reference, &candidate, Side::Reference, &mut texts);
        if !changed {
            break;
        }
    }
    let costs = with_context(&texts.costs(&candidate.texts, &reference.texts));
    let pairs = assign(&costs).into_iter();
    let pairs = pairs.map(|(i, j)| (i, j, texts.ratio(candidate.texts[i], reference.texts[j]))).collect();
    Matching { candidate: candidate.blocks, reference: reference.blocks, pairs }
}

/// Blocks, and the numbers of their texts.
struct List {
    blocks: Vec<Block>,
    texts: Vec<usize>,
}

impl List {
    fn new(blocks: Vec<Block>, texts: &mut Texts) -> List {
        let numbers = blocks.iter().map(|block| texts.number(&block.text)).collect();
        List { blocks, texts: numbers }
    }
}

/// Joins the neighbours in `list` whose joining gains enough, the most gaining first, none twice; says whether there
/// were any. `side` is whose list it is.
fn join(list: &mut List, others: &List, side: Side, texts: &mut Texts) -> bool {
    if list.blocks.len() < 2 {
        return false;
    }
    let base: Vec<f64> = list.texts.iter().flat_map(|&own| texts.row(own, &others.texts, side)).collect();
    let (length, width) = (list.blocks.len(), others.texts.len());
    let current = match_costs(length, width, side, |own, other| base[own * width + other]);
    let mut joins: Vec<(usize, f64)> = Vec::new();
    for i in 0..length - 1 {
        let text = texts.number(&joined_text(&list.blocks[i], &list.blocks[i + 1]));
        let row = texts.row(text, &others.texts, side);
        let updated = match_costs(length - 1, width, side, |own, other| match own.cmp(&i) {
            Ordering::Less => base[own * width + other],
            Ordering::Equal => row[other],
            Ordering::Greater => base[(own + 1) * width + other],
        });
        let gain = gain(&current, &updated);
        if gain > LEAST_GAIN {
            joins.push((i, gain));
        }
    }
    joins.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut gone = vec![false; list.blocks.len()];
    let mut touched = gone.clone();
    for &(i, _) in &joins {
        if !touched[i] && !touched[i + 1] {
            list.blocks[i] = joined(&list.blocks[i], &list.blocks[i + 1]);
            list.texts[i] = texts.number(&list.blocks[i].text);
            (touched[i], touched[i + 1], gone[i + 1]) = (true, true, true);
        }
    }
    let mut keep = gone.iter();
    list.blocks.retain(|_| keep.next() == Some(&false));
    let mut keep = gone.iter();
    list.texts.retain(|_| keep.next() == Some(&false));
    !joins.is_empty()
}

/// The costs of the best matching, without context, in order of the candidate's blocks. `cost` is that of the list's
/// own text, of `length`, and the other side's, of `width`.
fn match_costs(length: usize, width: usize, side: Side, cost: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let costs = match side {
        Side::Candidate => Costs::new(length, width, cost),
        Side::Reference => Costs::new(width, length, |row, column| cost(column, row)),
    };
    assign(&costs).into_iter().map(|(row, column)| costs.at(row, column)).collect()
}

fn joined_text(one: &Block, two: &Block) -> String {
    format!("{} {}", one.text, two.text)
}

fn joined(one: &Block, two: &Block) -> Block {
    let ([ax, ay, aw, ah], [bx, by, bw, bh]) = (one.bounds, two.bounds);
    let (left, top) = (ax.min(bx), ay.min(by));
    let bounds = [left, top, (ax + aw).max(bx + bw) - left, (ay + ah).max(by + bh) - top];
    let colour = std::array::from_fn(|channel| ((one.colour[channel] + two.colour[channel]) / 2.0).floor());
    Block { text: joined_text(one, two), bounds, colour }
}

/// By how much the mean cost falls, of the costs that are not in both lists. A gain counts only if the best of the
/// new costs is better than the best of the old.
fn gain(current: &[f64], updated: &[f64]) -> f64 {
    let (ours, theirs) = (without(current, updated), without(updated, current));
    let mean = |costs: &[f64]| if costs.is_empty() { 0.0 } else { sum(costs) / costs.len() as f64 };
    let difference = mean(&ours) - mean(&theirs);
    let least = |costs: &[f64]| costs.iter().copied().fold(f64::INFINITY, f64::min);
    if difference > 0.0 && least(&ours) <= least(&theirs) { 0.0 } else { difference }
}

/// From left to right, as Python before 3.12 sums.
fn sum(costs: &[f64]) -> f64 {
    costs.iter().fold(0.0, |sum, cost| sum + cost)
}

/// `costs` without those that `others` has, as often as it has them; equal ones stand together, where the first of
/// them stood (the order of a Python Counter's elements, on which the last digit of a sum depends).
fn without(costs: &[f64], others: &[f64]) -> Vec<f64> {
    // Zero has two signs.
    let key = |cost: &f64| (cost + 0.0).to_bits();
    let mut counts: HashMap<u64, isize> = HashMap::new();
    let mut order = Vec::new();
    for cost in costs {
        *counts.entry(key(cost)).or_insert_with(|| {
            order.push(*cost);
            0
        }) += 1;
    }
    for cost in others {
        counts.entry(key(cost)).and_modify(|count| *count -= 1);
    }
    let left = |cost: &f64| counts.get(&key(cost)).copied().unwrap_or(0).max(0) as usize;
    order.iter().flat_map(|cost| std::iter::repeat_n(*cost, left(cost))).collect()
}

/// Texts by number, and how alike two of them are, found out once.
#[derive(Default)]
struct Texts {
    numbers: HashMap<String, usize>,
    chars: Vec<Vec<char>>,
    matchers: Vec<Option<Matcher>>,
    ratios: HashMap<(usize, usize), f64>,
}

impl Texts {
    fn number(&mut self, text: &str) -> usize {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = self.chars.len();
        self.numbers.insert(text.to_owned(), number);
        self.chars.push(text.chars().collect());
        self.matchers.push(None);
        number
    }

    fn ratio(&mut self, one: usize, two: usize) -> f64 {
        if let Some(&ratio) = self.ratios.get(&(one, two)) {
            return ratio;
        }
        let chars = &self.chars;
        let matcher = self.matchers[two].get_or_insert_with(|| Matcher::of(chars[two].clone()));
        let ratio = matcher.ratio(&chars[one]);
        self.ratios.insert((one, two), ratio);
        ratio
    }

    fn costs(&mut self, candidate: &[usize], reference: &[usize]) -> Costs {
        let mut costs = Vec::with_capacity(candidate.len() * reference.len());
        for &one in candidate {
            for &two in reference {
                costs.push(-self.ratio(one, two));
            }
        }
        Costs::new(candidate.len(), reference.len(), |row, column| costs[row * reference.len() + column])
    }

    /// The costs of a text of one side and each of the other's.
    fn row(&mut self, own: usize, others: &[usize], side: Side) -> Vec<f64> {
        let cost = |&other: &usize| match side {
            Side::Candidate => -self.ratio(own, other),
            Side::Reference => -self.ratio(other, own),
        };
        others.iter().map(cost).collect()
    }
}

/// The costs with a bonus for pairs whose neighbours are alike as well: a share of the two lowest of the up to eight
/// costs around.
fn with_context(costs: &Costs) -> Costs {
    Costs::new(costs.rows(), costs.columns(), |row, column| {
        let own = costs.at(row, column);
        if own >= CONTEXT_FROM {
            return own;
        }
        let mut near = Vec::with_capacity(9);
        for i in row.saturating_sub(1)..(row + 2).min(costs.rows()) {
            for j in column.saturating_sub(1)..(column + 2).min(costs.columns()) {
                near.extend(((i, j) != (row, column)).then(|| costs.at(i, j)));
            }
        }
        near.sort_by(f64::total_cmp);
        own + CONTEXT * near.iter().take(2).rev().fold(0.0, |sum, cost| sum + cost)
    })
}
