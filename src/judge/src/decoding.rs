//! The two ways to scores ([`Way`]) with a model that runs here.
//!
//! [`Way::Reasoned`] lets the model write freely first, greedily, and then holds it to the form of an answer.
//! [`Way::ScoreOnly`] forces the form from the start: the model is asked nothing but the digits, and each score is the
//! expectation over them, with the entropy that tells how sure the model is (Liu et al. 2023, G-Eval, section 3).

use crate::ModelError;
use crate::answer::{self, AnswerError};
use crate::grammar::{Constraint, Grammars};
use crate::prompt::Chat;
use crate::rubric::{HIGHEST, LOWEST, Rubric};
use crate::way::{Outcome, Spread, Way};

/// What a sequence does after scores of tokens have come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// These tokens come next; the scores after the last of them are wanted.
    Push(Vec<u32>),
    /// All is known.
    Done,
}

/// What is the same for all samples of a rubric with so many pictures.
#[derive(Clone)]
pub struct Form {
    rubric: Rubric,
    pictures: usize,
    /// The tokens between scores, one run more than there are scores.
    between: Vec<Vec<u32>>,
    /// The token of each score, the lowest first.
    digits: Vec<u32>,
    /// What leads from reasoning to an answer.
    bridge: Vec<u32>,
    end: Vec<u32>,
}

impl Form {
    /// For a model's way of writing.
    ///
    /// # Errors
    /// [`ModelError::Prompt`] where its tokenizer does not keep a digit apart from what is around it.
    pub fn new(rubric: &Rubric, pictures: usize, chat: &Chat, end: &[u32]) -> Result<Self, ModelError> {
        let pieces = rubric.skeleton(pictures);
        let between: Vec<Vec<u32>> = pieces.iter().map(|piece| chat.encode(piece)).collect::<Result<_, _>>()?;
        let mut digits = Vec::new();
        for score in LOWEST..=HIGHEST {
            let whole = chat.encode(&pieces.join(&score.to_string()))?;
            let alone = chat.encode(&score.to_string())?;
            let joined = between.join(alone.as_slice());
            if alone.len() != 1 || whole != joined {
                let why = format!("the tokenizer does not keep the score {score} apart from what is around it");
                return Err(ModelError::Prompt(format!("{why}; use reasoned answers with this model")));
            }
            digits.extend(alone);
        }
        Ok(Self { rubric: rubric.clone(), pictures, between, digits, bridge: chat.encode("\n\n")?, end: end.to_vec() })
    }

    /// The most tokens that an answer takes, with so many of reasoning.
    pub fn most(&self, way: Way, reasoning: usize) -> usize {
        let form = self.between.iter().map(Vec::len).sum::<usize>() + self.between.len();
        match way {
            Way::ScoreOnly => form,
            // Held to its form, a model may still cut the same text into more tokens.
            Way::Reasoned => reasoning + self.bridge.len() + self.rubric.skeleton(self.pictures).concat().len() + 8,
        }
    }
}

/// A sequence's way to its scores.
pub enum Decoding {
    /// By the digits alone.
    ScoreOnly {
        /// What is asked.
        form: Form,
        /// What is known so far.
        spreads: Vec<Spread>,
    },
    /// By reasoning first.
    Reasoned {
        /// What is asked.
        form: Form,
        /// Tokens of reasoning so far.
        reasoning: Vec<u32>,
        /// Most tokens of reasoning.
        most: usize,
        /// The answer, once reasoning is over or before it has begun.
        constraint: Box<Constraint>,
        /// Tokens of the answer so far; none while reasoning.
        written: Option<Vec<u32>>,
    },
}

impl Decoding {
    /// By the digits alone. The tokens are the beginning of the answer, which belongs to the prompt.
    pub fn score_only(form: Form) -> (Self, Vec<u32>) {
        let first = form.between.first().cloned().unwrap_or_default();
        (Self::ScoreOnly { form, spreads: Vec::new() }, first)
    }

    /// By reasoning, in at most so many tokens.
    ///
    /// # Errors
    /// [`ModelError::Prompt`]: what the grammar says.
    pub fn reasoned(form: Form, most: usize, grammars: &Grammars) -> Result<Self, ModelError> {
        let constraint = grammars.answer(&form.rubric, form.pictures).map_err(ModelError::Prompt)?;
        Ok(Self::Reasoned { form, reasoning: Vec::new(), most, constraint: Box::new(constraint), written: None })
    }

    /// What comes next, after the scores of all tokens.
    ///
    /// # Errors
    /// [`ModelError::NotNumbers`]; [`ModelError::Prompt`] where no token may come, which never should be.
    pub fn next(&mut self, scores: &[f32]) -> Result<Next, ModelError> {
        if scores.iter().any(|score| score.is_nan() || *score == f32::INFINITY) {
            return Err(ModelError::NotNumbers);
        }
        match self {
            Decoding::ScoreOnly { form, spreads } => {
                let key = form.rubric.keys(form.pictures)[spreads.len()];
                let spread = spread(key, scores, &form.digits);
                let digit = form.digits[usize::from(spread.likeliest - LOWEST)];
                spreads.push(spread);
                let after = &form.between[spreads.len()];
                // Nothing is read after the last score.
                match spreads.len() + 1 == form.between.len() {
                    true => Ok(Next::Done),
                    false => Ok(Next::Push([[digit].as_slice(), after].concat())),
                }
            }
            Decoding::Reasoned { form, reasoning, most, constraint, written } => {
                let mut tokens = Vec::new();
                let written = match written {
                    Some(written) => {
                        tokens.push(constraint.next(scores).map_err(ModelError::Prompt)?);
                        written
                    }
                    None => {
                        let token = likeliest(scores);
                        if reasoning.len() < *most && !form.end.contains(&token) {
                            reasoning.push(token);
                            return Ok(Next::Push(vec![token]));
                        }
                        tokens.extend(&form.bridge);
                        written.insert(Vec::new())
                    }
                };
                let from = if written.is_empty() && tokens == form.bridge { tokens.len() } else { 0 };
                tokens.extend(constraint.forced());
                written.extend(&tokens[from..]);
                if constraint.is_complete() {
                    return Ok(Next::Done);
                }
                if tokens.is_empty() {
                    tokens.push(constraint.next(scores).map_err(ModelError::Prompt)?);
                    written.extend(&tokens);
                }
                Ok(Next::Push(tokens))
            }
        }
    }

    /// What came out, once all is known.
    ///
    /// # Errors
    /// [`AnswerError`], which an answer held to its form never is.
    pub fn outcome(self, chat: &Chat) -> Result<Outcome, AnswerError> {
        match self {
            Decoding::ScoreOnly { form, spreads } => {
                let dimensions = form.rubric.dimensions(form.pictures).len();
                Ok(Outcome::expected(spreads, dimensions))
            }
            Decoding::Reasoned { form, reasoning, written, .. } => {
                let text = |tokens: &[u32]| chat.decode(tokens).unwrap_or_default();
                let answer = answer::read(&text(&written.unwrap_or_default()), &form.rubric, form.pictures)?;
                Ok(Outcome { answer, spreads: Vec::new(), reasoning: Some(text(&reasoning).trim().to_owned()) })
            }
        }
    }
}

fn likeliest(scores: &[f32]) -> u32 {
    let best = (0_u32..).zip(scores).max_by(|one, other| one.1.total_cmp(other.1));
    best.map_or(0, |(token, _)| token)
}

/// How likelihood is spread over the digits.
fn spread(key: &str, scores: &[f32], digits: &[u32]) -> Spread {
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |score: f32| f64::from(score - highest).exp();
    let all: f64 = scores.iter().map(|score| weight(*score)).sum();
    let weights: Vec<f64> = digits.iter().map(|digit| weight(scores[*digit as usize])).collect();
    Spread::new(key, &weights, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_the_expectation_over_the_digits() {
        let mut scores = vec![0.0; 12];
        for (token, likely) in [(3, 0.1_f32), (4, 0.2), (5, 0.3), (6, 0.4), (7, 1e-9)] {
            scores[token] = likely.ln() + 7.0;
        }
        // Half of all likelihood is elsewhere.
        for token in [0, 1, 2, 8, 9, 10, 11] {
            scores[token] = (1.0_f32 / 7.0).ln() + 7.0;
        }
        let spread = spread("a", &scores, &[3, 4, 5, 6, 7]);
        assert!((spread.expectation() - 3.0).abs() < 1e-5, "{}", spread.expectation());
        assert!((spread.mass - 0.5).abs() < 1e-5, "{spread:?}");
        assert!((spread.entropy - 1.2799).abs() < 1e-3, "{spread:?}");
        assert_eq!(spread.likeliest, 4);
    }

    #[test]
    fn what_is_no_number_is_no_score() {
        let rubric = Rubric::built_in("chart").unwrap();
        let form = Form {
            between: vec![vec![1]; rubric.keys(1).len() + 1],
            rubric,
            pictures: 1,
            digits: vec![3, 4, 5, 6, 7],
            bridge: Vec::new(),
            end: vec![0],
        };
        let (mut decoding, _) = Decoding::score_only(form);
        for wrong in [f32::NAN, f32::INFINITY] {
            let mut scores = [0.0; 8];
            scores[2] = wrong;
            assert!(matches!(decoding.next(&scores), Err(ModelError::NotNumbers)));
        }
        assert!(matches!(decoding.next(&[0.0; 8]), Ok(Next::Push(_))));
    }

    #[test]
    fn digits_beyond_reach_say_that_nothing_is_known() {
        let mut scores = vec![-1e30; 8];
        scores[0] = 0.0;
        let spread = spread("a", &scores, &[3, 4, 5, 6, 7]);
        assert_eq!(spread.mass, 0.0);
        assert!((spread.entropy - 5.0_f64.ln()).abs() < 1e-9 && spread.likelihoods.iter().all(|one| *one == 0.2));
    }
}
