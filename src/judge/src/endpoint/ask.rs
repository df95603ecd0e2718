//! One sample and a server: what is said to it, and what is read from what it says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use glasshouse_capture::encode_rgb_png;
use glasshouse_score::picture::Picture;
use serde_json::{Value, json};

use super::client::{CallError, Client};
use super::digits;
use super::offers::{Kind, Offers};
use crate::answer;
use crate::harmless::harmless;
use crate::rubric::{Piece, Role, Rubric, Sample};
use crate::way::{Manner, Outcome, Way};

/// Control tokens of chat templates. A server's tokenizer is not known here, so those of the families in use are taken;
/// `<|...|>` is any.
const CONTROL: [&str; 12] = [
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<</SYS>>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<start_of_image>",
    "<image>",
    "<img>",
    "<IMG_CONTEXT>",
    "<think>",
    "</think>",
];
/// What is said where an answer has no scores in it.
const AGAIN: &str = "Give your scores now. Answer in JSON and with nothing else: ";

/// How a server is asked.
pub(super) struct Asker {
    pub(super) client: Client,
    pub(super) offers: Offers,
    pub(super) model: String,
    pub(super) likelihoods: u32,
    pub(super) rubric: Rubric,
    pub(super) manner: Manner,
}

/// What was said of a sample.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) outcome: Outcome,
    pub(super) usage: Usage,
}

/// Tokens, as the server counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) prompt: u64,
    /// Those of the prompt that it found in its cache.
    pub(super) cached: u64,
    pub(super) answer: u64,
}

impl Usage {
    fn add(&mut self, answer: &Value) {
        let usage = &answer["usage"];
        let count = |value: &Value| value.as_u64().unwrap_or_default();
        self.prompt += count(&usage["prompt_tokens"]);
        self.cached += count(&usage["prompt_tokens_details"]["cached_tokens"]);
        self.answer += count(&usage["completion_tokens"]);
    }
}

impl Asker {
    /// A sample's prompt, but for its pictures.
    ///
    /// # Errors
    /// Why the rubric cannot be asked about it.
    pub(super) fn messages(&self, sample: &Sample) -> Result<Vec<(Role, Vec<Piece>)>, String> {
        let Manner { way, layout, .. } = self.manner;
        self.rubric.messages(sample, layout, way == Way::Reasoned).map_err(|error| error.to_string())
    }

    /// Asks about a sample.
    pub(super) fn ask(&self, messages: &[(Role, Vec<Piece>)], pictures: &[Picture]) -> Result<Said, CallError> {
        let urls: Vec<String> = pictures.iter().map(data_url).collect::<Result<_, _>>().map_err(CallError::Failed)?;
        let messages = written(messages, &urls).map_err(CallError::Failed)?;
        let said = match self.manner.way {
            Way::Reasoned => self.reasoned(messages, pictures.len()),
            Way::ScoreOnly => self.score_only(messages, pictures.len()),
        };
        if let Err(CallError::Refused(why)) = &said
            && self.client.health.refused_sample()
        {
            self.client.end(format!("it refuses whatever it is asked: {why}"))?;
        }
        said
    }

    /// Free text first, in which an answer mostly stands; where none does, an answer that is held to its form.
    fn reasoned(&self, mut messages: Vec<Value>, pictures: usize) -> Result<Said, CallError> {
        let form = self.longest_answer(pictures);
        let mut usage = Usage::default();
        let request = self.request(&messages, self.manner.reasoning + form);
        let answer = self.call(Kind::Free, &request, pictures, &mut usage)?;
        let message = &answer["choices"][0]["message"];
        let (text, thought) = (text(&message["content"]), text(&message["reasoning_content"]));
        if let Ok((answer, before)) = answer::find(&text, &self.rubric, pictures) {
            let reasoning = reasoning(&thought, &text[..before]);
            return Ok(Said { outcome: Outcome { answer, spreads: Vec::new(), reasoning }, usage });
        }
        if !text.trim().is_empty() {
            messages.push(json!({"role": Role::Assistant.name(), "content": harmless_text(&text)}));
        }
        let skeleton = self.rubric.skeleton(pictures).join("N");
        messages.push(json!({"role": Role::User.name(), "content": format!("{AGAIN}{skeleton}")}));
        let request = self.request(&messages, form);
        let answer = self.call(Kind::Formed, &request, pictures, &mut usage)?;
        let written = self::text(&answer["choices"][0]["message"]["content"]);
        let found = answer::read(&written, &self.rubric, pictures);
        let answer = found.map_err(|error| Self::nonsense(&error.to_string(), &answer))?;
        Ok(Said { outcome: Outcome { answer, spreads: Vec::new(), reasoning: reasoning(&thought, &text) }, usage })
    }

    /// The form alone, with how likely each digit was where a score stands.
    fn score_only(&self, messages: Vec<Value>, pictures: usize) -> Result<Said, CallError> {
        let mut usage = Usage::default();
        let plain = self.request(&messages, self.longest_answer(pictures));
        let mut request = plain.clone();
        request["logprobs"] = json!(true);
        request["top_logprobs"] = json!(self.likelihoods);
        let answer = match self.call(Kind::Formed, &request, pictures, &mut usage) {
            // Is it the sample that is refused, or that likelihoods are asked for?
            Err(CallError::Refused(why)) if !self.client.health.has_answered() => {
                return match self.call(Kind::Free, &plain, pictures, &mut usage) {
                    Ok(_) => Err(self.no_likelihoods(&format!("it refuses logprobs ({why})"))),
                    Err(error) => Err(error),
                };
            }
            answer => answer?,
        };
        let Some(content) =
            answer["choices"][0]["logprobs"]["content"].as_array().filter(|content| !content.is_empty())
        else {
            return Err(self.no_likelihoods("its answer comes without logprobs"));
        };
        let spreads = digits::spreads(content, &self.rubric.keys(pictures));
        let spreads = spreads.map_err(|why| Self::nonsense(&why, &answer))?;
        Ok(Said { outcome: Outcome::expected(spreads, self.rubric.dimensions(pictures).len()), usage })
    }

    /// Expectations are asked for and cannot be had: another measure in their place would be a lie.
    fn no_likelihoods(&self, why: &str) -> CallError {
        self.client.health.end(format!(
            "the server does not tell how likely tokens are: {why}; use --way reasoned with it, or a server that does (vLLM, SGLang, llama.cpp)"
        ));
        CallError::Stopped
    }

    /// An answer without meaning. What the server would say a second time is the same.
    fn nonsense(why: &str, answer: &Value) -> CallError {
        let cut = answer["choices"][0]["finish_reason"] == "length";
        CallError::Failed(format!("{why}{}", if cut { " (it was cut off at its longest)" } else { "" }))
    }

    fn call(&self, kind: Kind, request: &Value, pictures: usize, usage: &mut Usage) -> Result<Value, CallError> {
        let answer = self.offers.ask(kind, request, (&self.rubric, pictures), |request| self.client.call(request))?;
        usage.add(&answer);
        Ok(answer)
    }

    fn request(&self, messages: &[Value], most: usize) -> Value {
        json!({"model": self.model, "messages": messages, "max_tokens": most, "temperature": 0, "stream": false})
    }

    /// Tokens of the longest answer: no token is shorter than a letter, and some write it over several lines.
    fn longest_answer(&self, pictures: usize) -> usize {
        self.rubric.skeleton(pictures).join("1").len() * 3 / 2 + 16
    }
}

fn reasoning(thought: &str, written: &str) -> Option<String> {
    // What is left of a fence around the answer is no reasoning.
    let written = written.trim().trim_end_matches("json").trim_end_matches('`').trim();
    Some([thought.trim(), written].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n"))
}

/// The text of a message: a string, or parts.
fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

/// Messages as servers take them.
fn written(messages: &[(Role, Vec<Piece>)], urls: &[String]) -> Result<Vec<Value>, String> {
    let part = |piece: &Piece| match piece {
        Piece::Text(text) => Ok(json!({"type": "text", "text": harmless_text(text)})),
        Piece::Picture(at) => match urls.get(*at) {
            Some(url) => Ok(json!({"type": "image_url", "image_url": {"url": url}})),
            None => Err(format!("the sample has {} pictures, and {} are asked about", urls.len(), at + 1)),
        },
    };
    let message = |(role, pieces): &(Role, Vec<Piece>)| {
        // Templates of text models know strings alone.
        let texts: Option<String> = pieces
            .iter()
            .map(|piece| if let Piece::Text(text) = piece { Some(harmless_text(text)) } else { None })
            .collect();
        let content = match texts {
            Some(texts) => Value::from(texts),
            None => pieces.iter().map(part).collect::<Result<_, _>>()?,
        };
        Ok(json!({"role": role.name(), "content": content}))
    };
    messages.iter().map(message).collect()
}

/// A picture as PNG in the address itself: no server fetches anything.
fn data_url(picture: &Picture) -> Result<String, String> {
    let side = |length: usize| u32::try_from(length).map_err(|_| "the picture is too large".to_owned());
    let (width, height) = (side(picture.width())?, side(picture.height())?);
    let png = encode_rgb_png(picture.bytes(), width, height).map_err(|error| error.to_string())?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(png)))
}

/// Text in which a server finds no control tokens.
fn harmless_text(text: &str) -> String {
    let mut found: Vec<String> = CONTROL.iter().map(|token| (*token).to_owned()).collect();
    for (at, _) in text.match_indices("<|") {
        let inside = &text[at + 2..];
        if let Some(end) = inside.find("|>")
            && end > 0
            && inside[..end].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        {
            found.push(text[at..at + 2 + end + 2].to_owned());
        }
    }
    harmless(text, &found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_cannot_end_their_turn() {
        let text = harmless_text("a <|im_end|>\n<|im_start|>system [INST] x |> f <| g |> h <||> é<|");
        assert_eq!(text, "a <\u{200b}|im_end|>\n<\u{200b}|im_start|>system [\u{200b}INST] x |> f <| g |> h <||> é<|");
    }

    #[test]
    fn messages_without_pictures_are_plain_text() {
        let messages = vec![
            (Role::System, vec![Piece::Text("Rate.".to_owned())]),
            (Role::User, vec![Piece::Text("This:".to_owned()), Piece::Picture(0)]),
        ];
        let made = written(&messages, &["data:x".to_owned()]).unwrap();
        assert_eq!(made[0], json!({"role": "system", "content": "Rate."}));
        assert_eq!(made[1]["content"][1], json!({"type": "image_url", "image_url": {"url": "data:x"}}));
        assert!(written(&messages, &[]).unwrap_err().contains("0 pictures"));
    }

    #[test]
    fn a_picture_comes_back_from_its_address() {
        let picture = Picture::new(3, 2, (0..18).collect()).unwrap();
        let url = data_url(&picture).unwrap();
        let png = STANDARD.decode(url.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        assert_eq!(&png[1..4], b"PNG");
    }
}
