//! Answers to scores: lenient about their form, strict about what they mean.
//!
//! An answer may stand in prose or a fence, write its keys in other letters and its scores as numbers, text or objects.
//! But each dimension must have one score, a whole number on the scale: nothing is guessed, rounded or filled in.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::rubric::{HIGHEST, LOWEST, Rubric, Total};

/// One score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The dimension's key.
    pub key: String,
    /// From [`LOWEST`] to [`HIGHEST`]; a fraction where it is an expectation.
    pub value: f64,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Each dimension's score, in the rubric's order.
    pub scores: Vec<Score>,
    /// The total that the judge itself gave.
    pub own_total: Option<f64>,
}

/// Scores as one number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rating {
    /// Each dimension's score, in the rubric's order.
    pub scores: Vec<Score>,
    /// What the rubric's rule makes of them.
    pub total: f64,
    /// Whether the total reaches the threshold.
    pub passes: bool,
    /// The total that the judge itself gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_total: Option<f64>,
}

/// Why an answer has no meaning.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerError {
    /// There is no JSON object in it.
    #[error("the answer has no JSON object")]
    NoObject,
    /// A dimension has no score.
    #[error("the answer has no score for {0:?}")]
    Missing(String),
    /// A dimension has several.
    #[error("the answer has two scores for {0:?}")]
    Twice(String),
    /// A score is none of the scale.
    #[error("the answer's {key:?} is {found}, not a whole number from {LOWEST} to {HIGHEST}")]
    OffScale {
        /// The dimension's key.
        key: String,
        /// What is there.
        found: String,
    },
}

/// Reads an answer about a sample with so many pictures. Where there are several objects, the last that has any of the
/// rubric's keys counts: what comes before is reasoning.
///
/// # Errors
/// What the answer lacks.
pub fn read(text: &str, rubric: &Rubric, pictures: usize) -> Result<Answer, AnswerError> {
    find(text, rubric, pictures).map(|(answer, _)| answer)
}

/// As [`read`], and how many bytes of text come before the answer's object.
///
/// # Errors
/// What the answer lacks.
pub fn find(text: &str, rubric: &Rubric, pictures: usize) -> Result<(Answer, usize), AnswerError> {
    let objects = objects(text);
    let keys: Vec<String> = rubric.dimensions(pictures).iter().map(|dimension| plain(&dimension.key)).collect();
    let speaks = |(_, object): &&(usize, Map<String, Value>)| fields(object).any(|(key, _)| keys.contains(&plain(key)));
    let (before, object) = objects.iter().rev().find(speaks).or(objects.last()).ok_or(AnswerError::NoObject)?;
    let score = |key: &str| one(object, key)?.ok_or_else(|| AnswerError::Missing(key.to_owned()));
    let whole = |key: &str| whole(key, score(key)?);
    let scores = rubric
        .dimensions(pictures)
        .iter()
        .map(|dimension| Ok(Score { key: dimension.key.clone(), value: whole(&dimension.key)? }))
        .collect::<Result<_, _>>()?;
    let own_total = match rubric.total() {
        Total::Own => Some(whole("total")?),
        // Not asked for, but kept where it is said.
        _ => one(object, "total")?.and_then(number),
    };
    Ok((Answer { scores, own_total }, *before))
}

/// What the rubric's rule makes of scores. `ran` is whether the sample's program ran as it should.
pub fn rate(answer: Answer, rubric: &Rubric, ran: bool) -> Rating {
    let Answer { scores, own_total } = answer;
    let values = || scores.iter().map(|score| score.value);
    let sum: f64 = values().sum();
    let threshold = rubric.threshold();
    let (total, passes) = match rubric.total() {
        Total::Mean => {
            let mean = sum / scores.len().max(1) as f64;
            (mean, mean >= threshold)
        }
        Total::AllAtLeast => {
            let all = values().all(|value| value >= threshold);
            (f64::from(u8::from(all)), all)
        }
        Total::Own => {
            let own = own_total.unwrap_or_default();
            (own, own >= threshold)
        }
        Total::SumIfRun => {
            let sum = if ran { sum } else { 0.0 };
            (sum, sum >= threshold)
        }
    };
    Rating { scores, total, passes, own_total }
}

/// A key without what writers vary.
fn plain(key: &str) -> String {
    key.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// All fields of an answer: its own, and those of objects within it.
fn fields(object: &Map<String, Value>) -> Box<dyn Iterator<Item = (&String, &Value)> + '_> {
    Box::new(object.iter().flat_map(|(key, value)| {
        let inner = value.as_object().into_iter().flat_map(fields);
        [(key, value)].into_iter().chain(inner)
    }))
}

/// The value of a key, if there is one; two that differ are an error.
fn one<'a>(object: &'a Map<String, Value>, key: &str) -> Result<Option<&'a Value>, AnswerError> {
    let wanted = plain(key);
    let mut found = fields(object).filter(|(key, _)| plain(key) == wanted).map(|(_, value)| value);
    let first = found.next();
    match first.is_some_and(|first| found.any(|other| number(other) != number(first))) {
        true => Err(AnswerError::Twice(key.to_owned())),
        false => Ok(first),
    }
}

fn whole(key: &str, value: &Value) -> Result<f64, AnswerError> {
    let on_scale = |number: &f64| number.fract() == 0.0 && (f64::from(LOWEST)..=f64::from(HIGHEST)).contains(number);
    number(value)
        .filter(on_scale)
        .ok_or_else(|| AnswerError::OffScale { key: key.to_owned(), found: value.to_string() })
}

/// The number that a value says: `4`, `"4"`, `"4/5"`, `{"score": 4, "reason": ..}`.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let text = text.trim();
            let of_five = format!("/{HIGHEST}");
            text.strip_suffix(&of_five).unwrap_or(text).trim().parse().ok().filter(|number: &f64| number.is_finite())
        }
        Value::Object(object) => ["score", "rating", "value"].iter().find_map(|key| object.get(*key)).and_then(number),
        _ => None,
    }
}

/// All JSON objects that stand in a text, the outermost of each, and where.
fn objects(text: &str) -> Vec<(usize, Map<String, Value>)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        rest = &rest[start..];
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Map<String, Value>>();
        match stream.next() {
            Some(Ok(object)) => {
                found.push((text.len() - rest.len(), object));
                rest = &rest[stream.byte_offset()..];
            }
            _ => rest = &rest[1..],
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(text: &str) -> Result<Vec<f64>, AnswerError> {
        let answer = read(text, &Rubric::built_in("chart").unwrap(), 1)?;
        Ok(answer.scores.iter().map(|score| score.value).collect())
    }

    const PLAIN: &str =
        r#"{"scores": {"task_relevance": 5, "task_completion": 4, "code_quality": 3, "visual_clarity": 2}}"#;

    #[test]
    fn forms_vary() {
        let expected = Ok(vec![5.0, 4.0, 3.0, 2.0]);
        assert_eq!(chart(PLAIN), expected);
        assert_eq!(chart(&format!("The chart {{is}} fine.\n```json\n{PLAIN}\n```\nThat is all.")), expected);
        for text in [
            r#"{"Task Relevance": "5", "Task Completion": "4/5", "Code Quality": 3.0, "Visual Clarity": " 2 "}"#,
            r#"{"taskRelevance": {"score": 5, "reason": "{"}, "task-completion": {"reason": "1", "rating": 4},
                "scores": {"code_quality": 3}, "VISUAL_CLARITY": 2}"#,
        ] {
            assert_eq!(chart(text), expected, "{text}");
        }
        // What is reasoned about first does not count, nor does an object about something else at the end.
        let other = PLAIN.replace('5', "1");
        assert_eq!(chart(&format!("At first I thought {other} but it is {PLAIN} {{\"sure\": true}}")), expected);
    }

    #[test]
    fn meaning_is_never_guessed() {
        let off = |found: &str| {
            let error = chart(&PLAIN.replace('5', found)).unwrap_err();
            assert!(matches!(&error, AnswerError::OffScale { key, .. } if key == "task_relevance"), "{found}: {error}");
        };
        for found in
            ["0", "6", "4.5", "-3", "null", "true", "\"five\"", "\"4 or 5\"", "\"4/10\"", "\"NaN\"", "[5]", "{}"]
        {
            off(found);
        }
        assert_eq!(chart("It is a 5."), Err(AnswerError::NoObject));
        assert_eq!(chart(&PLAIN[..60]), Err(AnswerError::NoObject));
        assert_eq!(chart(r#"{"task_relevance": 5}"#), Err(AnswerError::Missing("task_completion".to_owned())));
        let twice = PLAIN.replacen('{', r#"{"Task Relevance": 4, "#, 1);
        assert_eq!(chart(&twice), Err(AnswerError::Twice("task_relevance".to_owned())));
        assert!(chart(&twice.replacen('4', "5", 1)).is_ok());
    }

    #[test]
    fn totals_are_computed_and_the_judges_own_is_kept() {
        let rating = |id: &str, pictures: usize, scores: &str, ran: bool| {
            let rubric = Rubric::built_in(id).unwrap();
            let keys = rubric.keys(pictures);
            let all = keys.iter().copied().chain(["total"]);
            let pairs: Vec<String> =
                all.zip(scores.split(' ')).map(|(key, score)| format!("\"{key}\": {score}")).collect();
            let answer = read(&format!("{{{}}}", pairs.join(", ")), &rubric, pictures).unwrap();
            let rating = rate(answer, &rubric, ran);
            (rating.total, rating.passes, rating.own_total)
        };
        assert_eq!(rating("chart", 1, "5 4 3 2 4.75", true), (3.5, true, Some(4.75)));
        assert_eq!(rating("chart", 1, "3 3 3 2", true), (2.75, false, None));
        assert_eq!(rating("chart-edit", 2, "5 5 2", true), (0.0, false, None));
        assert_eq!(rating("chart-edit", 2, "3 3 3", true), (1.0, true, None));
        assert_eq!(rating("page-edit", 2, "5 5 5 5 5 2", true), (2.0, false, Some(2.0)));
        assert_eq!(rating("dtvbench", 0, "5 4", true), (9.0, true, None));
        assert_eq!(rating("dtvbench", 3, "5 4 2", false), (0.0, false, None));
    }
}
