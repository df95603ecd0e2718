//! BLEU-1 and ROUGE-1 of the visible words.

use std::collections::{HashMap, HashSet};

use crate::html::{Tree, is_space};
use crate::{Mode, ScoreError, Side};

/// Both from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WordScores {
    /// The share of the candidate's words that the reference has as often, times a penalty for brevity (nltk's
    /// sentence BLEU of single words; smoothing method 4 changes nothing there).
    pub bleu: f64,
    /// The share of the reference's distinct words that the candidate has (the `rouge` package's ROUGE-1 recall).
    pub rouge: f64,
}

/// BLEU-1 and ROUGE-1 recall of the visible texts of two pages.
///
/// The `rouge` package cuts words at full stops, and where only white space lies between two of them, an empty word
/// counts; [`Mode::Fixed`] leaves empty words out, and gives a candidate without words zero instead of an error.
///
/// The published code has the package compute ROUGE-L as well, which it throws away, but which ends in a
/// RecursionError, and so drops the pair, where sentences have several thousands of words; this is not done here.
///
/// # Errors
/// [`ScoreError::NoWords`] where the published code raises.
pub fn word_scores(reference: &Tree, candidate: &Tree, mode: Mode) -> Result<WordScores, ScoreError> {
    let texts = [reference.text(), candidate.text()];
    let [reference, candidate] = texts.each_ref().map(|text| words(text));
    let [known, said] = [&reference, &candidate].map(|words| rouge_words(words, mode));
    if said.is_empty() && mode == Mode::Compat {
        return Err(ScoreError::NoWords(Side::Candidate));
    }
    if known.is_empty() {
        return Err(ScoreError::NoWords(Side::Reference));
    }
    let rouge = said.intersection(&known).count() as f64 / known.len() as f64;
    Ok(WordScores { bleu: bleu_1(&reference, &candidate), rouge })
}

/// Python's `str.split()`.
fn words(text: &str) -> Vec<&str> {
    text.split(is_space).filter(|word| !word.is_empty()).collect()
}

fn bleu_1(reference: &[&str], candidate: &[&str]) -> f64 {
    let mut left: HashMap<&str, usize> = HashMap::new();
    for &word in reference {
        *left.entry(word).or_default() += 1;
    }
    let found = candidate.iter().filter(|&&word| match left.get_mut(word) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    });
    let found = found.count();
    if found == 0 {
        return 0.0;
    }
    let (wanted, said) = (reference.len() as f64, candidate.len() as f64);
    let penalty = if said > wanted { 1.0 } else { (1.0 - wanted / said).exp() };
    penalty * (found as f64 / said).ln().exp()
}

/// The distinct words of the sentences between full stops. A sentence of white space alone has one empty word.
fn rouge_words<'a>(words: &[&'a str], mode: Mode) -> HashSet<&'a str> {
    let mut found: HashSet<&str> = words.iter().flat_map(|word| word.split('.')).filter(|w| !w.is_empty()).collect();
    if mode == Mode::Compat && has_blank_sentence(words) {
        found.insert("");
    }
    found
}

/// Whether two full stops have white space and nothing else between them.
fn has_blank_sentence(words: &[&str]) -> bool {
    words.windows(2).any(|pair| pair[0].ends_with('.') && pair[1].starts_with('.'))
}
