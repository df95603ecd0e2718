//! What a server takes: found out by asking, remembered for the run.
//!
//! OpenAI-compatible servers differ in what they know of a request and do not say so beforehand. So a request is made with
//! all that helps, and where it is refused, with less, until one is taken; from then on that is asked for. A refusal after
//! that is about the sample. While nothing is known one sample is asked about at a time.

use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::client::CallError;
use crate::rubric::{HIGHEST, LOWEST, Rubric};

/// How an answer is held to its form, the strictest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// `response_format` with `json_schema`: OpenAI's own; vLLM, SGLang, LMDeploy, llama.cpp.
    Schema,
    /// `guided_json`: vLLM before 0.12.
    Guided,
    /// `response_format` with `json_object`: JSON, but any.
    Json,
    /// By words alone.
    Words,
}

const HOLDS: [Hold; 4] = [Hold::Schema, Hold::Guided, Hold::Json, Hold::Words];

/// A kind of request: what is settled for one is not for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Free text.
    Free,
    /// An answer held to its form.
    Formed,
}

/// What a server was found to take.
#[derive(Default)]
pub(super) struct Offers {
    known: Mutex<Known>,
}

#[derive(Clone, Copy, Default)]
struct Known {
    /// Whether it takes settings of the chat template.
    template: Option<bool>,
    hold: Option<Hold>,
}

impl Known {
    fn settled(self, kind: Kind) -> bool {
        self.template.is_some() && (kind == Kind::Free || self.hold.is_some())
    }

    /// What to ask with, one after another.
    fn rungs(self, kind: Kind) -> Vec<(bool, Hold)> {
        let templates = self.template.map_or(vec![true, false], |template| vec![template]);
        let holds = match (kind, self.hold) {
            (Kind::Free, _) => vec![Hold::Words],
            (Kind::Formed, Some(hold)) => vec![hold],
            (Kind::Formed, None) => HOLDS.to_vec(),
        };
        holds.into_iter().flat_map(|hold| templates.iter().map(move |template| (*template, hold))).collect()
    }
}

impl Offers {
    /// Asks by `call` with as much as the server takes. `about` is the rubric and the number of pictures.
    pub(super) fn ask(
        &self,
        kind: Kind,
        request: &Value,
        about: (&Rubric, usize),
        mut call: impl FnMut(&Value) -> Result<Value, CallError>,
    ) -> Result<Value, CallError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.settled(kind) {
            let rungs = known.rungs(kind);
            drop(known);
            let (template, hold) = rungs.first().copied().unwrap_or((false, Hold::Words));
            return call(&with(request, template, hold, about));
        }
        let mut refused = CallError::Refused("nothing was asked".to_owned());
        for (template, hold) in known.rungs(kind) {
            match call(&with(request, template, hold, about)) {
                Err(CallError::Refused(why)) => refused = CallError::Refused(why),
                Ok(answer) => {
                    known.template = Some(template);
                    if kind == Kind::Formed {
                        known.hold = Some(hold);
                    }
                    return Ok(answer);
                }
                Err(error) => return Err(error),
            }
        }
        Err(refused)
    }
}

fn with(request: &Value, template: bool, hold: Hold, (rubric, pictures): (&Rubric, usize)) -> Value {
    let mut request = request.clone();
    if template {
        // The reasoning that is wanted is the rubric's, not what templates call thinking.
        request["chat_template_kwargs"] = json!({"enable_thinking": false});
    }
    match hold {
        Hold::Schema => {
            let schema = json!({"name": "scores", "strict": true, "schema": schema(rubric, pictures)});
            request["response_format"] = json!({"type": "json_schema", "json_schema": schema});
        }
        Hold::Guided => request["guided_json"] = schema(rubric, pictures),
        Hold::Json => request["response_format"] = json!({"type": "json_object"}),
        Hold::Words => {}
    }
    request
}

/// The answers that a rubric asks for, as JSON Schema.
fn schema(rubric: &Rubric, pictures: usize) -> Value {
    let score = json!({"type": "integer", "enum": (LOWEST..=HIGHEST).collect::<Vec<u8>>()});
    let object = |fields: Map<String, Value>| {
        let keys: Vec<&String> = fields.keys().collect();
        json!({"type": "object", "required": keys, "properties": fields, "additionalProperties": false})
    };
    let dimensions = rubric.dimensions(pictures);
    let scores = object(dimensions.iter().map(|dimension| (dimension.key.clone(), score.clone())).collect());
    let mut fields = Map::from_iter([("scores".to_owned(), scores)]);
    if rubric.keys(pictures).len() > dimensions.len() {
        fields.insert("total".to_owned(), score);
    }
    object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was asked with until something was taken by a server that refuses these keys.
    fn asked(offers: &Offers, kind: Kind, refuses: &[&str]) -> (Vec<String>, bool) {
        let rubric = Rubric::built_in("page-edit").unwrap();
        let mut all = Vec::new();
        let call = |request: &Value| {
            let text = request.to_string();
            all.push(request.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" "));
            match refuses.iter().find(|word| text.contains(**word)) {
                Some(word) => Err(CallError::Refused(format!("{word} is not known"))),
                None => Ok(Value::Null),
            }
        };
        let answered = offers.ask(kind, &json!({"model": "m"}), (&rubric, 2), call).is_ok();
        (all, answered)
    }

    #[test]
    fn what_is_refused_is_left_out_and_not_asked_for_again() {
        let offers = Offers::default();
        let refuses = ["chat_template_kwargs", "json_schema", "guided_json"];
        assert_eq!(
            asked(&offers, Kind::Free, &refuses),
            (vec!["model chat_template_kwargs".into(), "model".into()], true)
        );
        assert_eq!(asked(&offers, Kind::Free, &refuses), (vec!["model".into()], true));
        let formed = vec!["model response_format".into(), "model guided_json".into(), "model response_format".into()];
        assert_eq!(asked(&offers, Kind::Formed, &refuses), (formed, true));
        assert_eq!(asked(&offers, Kind::Formed, &refuses), (vec!["model response_format".into()], true));
        // What is refused now is refused for another reason.
        assert_eq!(asked(&offers, Kind::Formed, &["model"]), (vec!["model response_format".into()], false));
    }

    #[test]
    fn a_sample_that_is_refused_in_any_form_settles_nothing() {
        let offers = Offers::default();
        let (calls, answered) = asked(&offers, Kind::Formed, &["model"]);
        assert_eq!((calls.len(), answered), (8, false));
        assert_eq!(
            asked(&offers, Kind::Formed, &[]),
            (vec!["model chat_template_kwargs response_format".into()], true)
        );
    }

    #[test]
    fn a_schema_allows_what_the_rubric_asks_for() {
        let schema = schema(&Rubric::built_in("page-edit").unwrap(), 2);
        assert_eq!(schema["required"], json!(["scores", "total"]));
        assert_eq!(schema["properties"]["scores"]["required"].as_array().unwrap().len(), 5);
        assert_eq!(schema["properties"]["total"]["enum"], json!([1, 2, 3, 4, 5]));
    }
}
