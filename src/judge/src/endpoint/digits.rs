//! Scores from likelihoods of tokens, as servers tell them with an answer (`logprobs`, `top_logprobs`).

use serde_json::Value;

use crate::rubric::{HIGHEST, LOWEST};
use crate::way::Spread;

/// The scores that a server does not tell the likelihood of may have this part of what those have that it tells.
const UNKNOWN: f64 = 0.05;

/// The spread of the score of each key, found in an answer's tokens.
///
/// `content` is `choices[0].logprobs.content`: tokens one after another, each with the likeliest in its place. Scores that
/// are not among them count as impossible, so a spread's mass is the least that it can be.
///
/// # Errors
/// What is missing, or that too little is told: none that is left out is likelier than the last that is told, which
/// bounds what may be missing.
pub(super) fn spreads(content: &[Value], keys: &[&str]) -> Result<Vec<Spread>, String> {
    let tokens: Vec<&str> = content.iter().map(|token| token["token"].as_str().unwrap_or_default()).collect();
    let text = tokens.concat();
    let mut spreads = Vec::new();
    for key in keys {
        let at =
            score_of(&text, key).ok_or_else(|| format!("the answer has no score for {key:?}: {}", shown(&text)))?;
        let mut end = 0;
        let place = tokens.iter().position(|token| {
            end += token.len();
            end > at
        });
        let place = place.ok_or("the answer's tokens end before its scores")?;
        let before = &tokens[place][..at - (end - tokens[place].len())];
        spreads.push(spread(key, &content[place], before)?);
    }
    Ok(spreads)
}

/// The spread in one place, where a token begins with `before` and then says a score.
fn spread(key: &str, place: &Value, before: &str) -> Result<Spread, String> {
    let told = place["top_logprobs"].as_array().map(Vec::as_slice).unwrap_or_default();
    // The token that was taken need not be among the likeliest, for it was held to the form.
    let taken = [place].into_iter().filter(|taken| !told.iter().any(|token| token["token"] == taken["token"]));
    let mut known = [None; (HIGHEST - LOWEST + 1) as usize];
    let (mut all, mut least) = (0.0, f64::INFINITY);
    for token in told.iter().chain(taken) {
        let word = token["token"].as_str().unwrap_or_default();
        let Some(likelihood) = token["logprob"].as_f64().filter(|number| !number.is_nan()).map(f64::exp) else {
            continue;
        };
        all += likelihood;
        if told.iter().any(|one| std::ptr::eq(one, token)) {
            least = least.min(likelihood);
        }
        if let Some(score) = said(word, before) {
            *known[usize::from(score - LOWEST)].get_or_insert(0.0) += likelihood;
        }
    }
    let weights = known.map(Option::unwrap_or_default);
    let sum: f64 = weights.iter().sum();
    let unknown = known.iter().filter(|known| known.is_none()).count() as f64;
    let unknown = (unknown * least).min((1.0 - all).max(0.0));
    // A server that rounds may tell a little more than there is.
    if !sum.is_finite() || sum <= 0.0 || unknown > UNKNOWN * sum {
        let told = told.len();
        return Err(format!(
            "the {told} likelihoods that the server tells leave open what the score for {key:?} is; ask for more (--top-logprobs)"
        ));
    }
    Ok(Spread::new(key, &weights, 1.0))
}

/// Where the digit of a key's score stands; the last, should the key come again.
fn score_of(text: &str, key: &str) -> Option<usize> {
    let name = format!("\"{key}\"");
    let after = text.rfind(&name)? + name.len();
    let rest = text[after..].trim_start().strip_prefix(':')?.trim_start();
    // Some write scores as text.
    let rest = rest.strip_prefix('"').unwrap_or(rest);
    let at = text.len() - rest.len();
    score(rest).map(|_| at)
}

/// The score that a token says in the place of one that begins with `before`, which may be blank or part of the form.
fn said(token: &str, before: &str) -> Option<u8> {
    let rest = match token.strip_prefix(before) {
        Some(rest) => rest,
        None if before.trim().is_empty() => token,
        None => return None,
    };
    score(rest.trim_start())
}

/// The score that a text begins with, if it is nothing more than a digit of the scale.
fn score(text: &str) -> Option<u8> {
    let mut letters = text.chars();
    let digit = u8::try_from(letters.next()?.to_digit(10)?).ok().filter(|digit| (LOWEST..=HIGHEST).contains(digit))?;
    let more = letters.next().is_some_and(|letter| letter.is_ascii_digit() || letter == '.');
    (!more).then_some(digit)
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Tokens, where one with alternatives has their likelihoods.
    fn content(tokens: &[(&str, &[(&str, f64)])]) -> Vec<Value> {
        let token = |(token, told): &(&str, &[(&str, f64)])| {
            let top = |(word, likely): &(&str, f64)| json!({"token": word, "logprob": likely.ln()});
            json!({"token": token, "logprob": -0.1, "top_logprobs": told.iter().map(top).collect::<Vec<_>>()})
        };
        tokens.iter().map(token).collect()
    }

    #[test]
    fn a_score_is_the_expectation_over_what_is_told_of_its_place() {
        let content = content(&[
            ("{\"", &[]),
            ("scores", &[]),
            ("\": {\"good\":", &[]),
            (" ", &[(" ", 0.9), ("5", 0.1)]),
            ("4", &[("4", 0.5), ("3", 0.25), ("x", 0.2), ("45", 0.045), ("?", 0.005)]),
            (", \"clear\": ", &[]),
            ("2", &[("2", 0.6), (" 2", 0.2), ("1,", 0.1), ("6", 0.1)]),
            ("}}", &[]),
        ]);
        let spreads = spreads(&content, &["good", "clear"]).unwrap();
        let near = |one: f64, other: f64| assert!((one - other).abs() < 1e-12, "{one} {other}");
        near(spreads[0].mass, 0.75);
        near(spreads[0].expectation(), (4.0 * 0.5 + 3.0 * 0.25) / 0.75);
        near(spreads[1].mass, 0.9);
        near(spreads[1].expectation(), (2.0 * 0.8 + 0.1) / 0.9);
        assert_eq!((spreads[0].likeliest, spreads[1].likeliest), (4, 2));
        assert_eq!(spreads[1].key, "clear");
    }

    #[test]
    fn a_digit_within_a_token_is_compared_with_those_that_begin_alike() {
        let content = content(&[("{\"good", &[]), ("\":3}", &[("\":3}", 0.5), ("\":4}", 0.25), ("\": ", 0.25)])]);
        let spreads = spreads(&content, &["good"]).unwrap();
        assert!((spreads[0].mass - 0.75).abs() < 1e-12, "{spreads:?}");
        assert_eq!(spreads[0].likeliest, 3);
    }

    #[test]
    fn nothing_is_made_up() {
        let why = |tokens: &[(&str, &[(&str, f64)])]| spreads(&content(tokens), &["good"]).unwrap_err();
        assert!(why(&[("It is good.", &[])]).contains("no score for \"good\""));
        assert!(why(&[("{\"good\": 7}", &[])]).contains("no score for \"good\""));
        assert!(why(&[("{\"good\": 4.5}", &[])]).contains("no score"));
        // Of four scores nothing is known but that each is at most as likely as the last that is told.
        let open = why(&[("{\"good\": ", &[]), ("4", &[("4", 0.5), ("x", 0.2)]), ("}", &[])]);
        assert!(open.contains("the 2 likelihoods") && open.contains("--top-logprobs"), "{open}");
        assert!(why(&[("{\"good\": ", &[]), ("4", &[])]).contains("the 0 likelihoods"));
        // Nothing is left for them.
        let told: &[(&str, f64)] = &[("x", 0.3), ("4", 0.6), ("5", 0.1)];
        let spread = &spreads(&content(&[("{\"good\": ", &[]), ("4", told)]), &["good"]).unwrap()[0];
        assert!((spread.mass - 0.7).abs() < 1e-12, "{spread:?}");
        assert!(spreads(&[], &["good"]).is_err());
    }
}
