//! Ways to get scores out of a model, and what comes out, wherever the model runs.
//!
//! The ways are different measures, and each reward says by which it was made.

use serde::{Deserialize, Serialize};

use crate::answer::{Answer, Score};
use crate::rubric::{LOWEST, Layout};

/// How scores are got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Reasoning first, then an answer held to its form.
    Reasoned,
    /// The digits alone: each score is the expectation over them (Liu et al. 2023, G-Eval, section 3).
    ScoreOnly,
}

/// How samples are judged.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// How scores are got.
    pub way: Way,
    /// Where the rubric stands.
    pub layout: Layout,
    /// Most tokens of reasoning.
    pub reasoning: usize,
}

/// What is known of a score that is an expectation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The dimension's key, or `total`.
    pub key: String,
    /// The likelihood of each score, the lowest first; they add up to 1.
    pub likelihoods: Vec<f64>,
    /// Their entropy, in nats: 0 is sure, 1.61 is no idea.
    pub entropy: f64,
    /// How much of the model's likelihood was on scores at all. Little says that it wanted to say something else.
    pub mass: f64,
    /// The likeliest score.
    pub likeliest: u8,
}

impl Spread {
    /// From the weight of each score, the lowest first, and that of all tokens together.
    pub fn new(key: &str, weights: &[f64], all: f64) -> Self {
        let sum: f64 = weights.iter().sum();
        // Where all scores are beyond what a double holds, nothing is known of them.
        let likelihoods: Vec<f64> =
            weights.iter().map(|weight| if sum > 0.0 { weight / sum } else { 1.0 / weights.len() as f64 }).collect();
        let entropy =
            -likelihoods.iter().filter(|likely| **likely > 0.0).map(|likely| likely * likely.ln()).sum::<f64>();
        let best = (LOWEST..).zip(&likelihoods).max_by(|one, other| one.1.total_cmp(other.1));
        let likeliest = best.map_or(LOWEST, |(score, _)| score);
        Self { key: key.to_owned(), entropy: entropy.max(0.0), mass: sum / all, likeliest, likelihoods }
    }

    /// The score: the expectation.
    pub fn expectation(&self) -> f64 {
        (LOWEST..).zip(&self.likelihoods).map(|(score, likely)| f64::from(score) * likely).sum()
    }
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The scores.
    pub answer: Answer,
    /// What is known of each, where they are expectations.
    pub spreads: Vec<Spread>,
    /// What the model wrote before its answer.
    pub reasoning: Option<String>,
}

impl Outcome {
    /// From one spread for each key of the rubric, of which the first `dimensions` are scores; a total may follow.
    pub fn expected(spreads: Vec<Spread>, dimensions: usize) -> Self {
        let score = |spread: &Spread| Score { key: spread.key.clone(), value: spread.expectation() };
        let scores = spreads.iter().take(dimensions).map(score).collect();
        let own_total = spreads.get(dimensions).map(Spread::expectation);
        Self { answer: Answer { scores, own_total }, spreads, reasoning: None }
    }
}
