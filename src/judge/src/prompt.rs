//! Messages to prompts: the checkpoint's own chat template and tokenizer.

use std::path::Path;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error as TemplateError, ErrorKind, Value as TemplateValue};
use serde_json::{Value, json};
use tokenizers::Tokenizer;

use crate::ModelError;
use crate::harmless::harmless;
use crate::model::{Configuration, Pixels, Prompt};
use crate::rubric::Role;

/// A part of a message.
#[derive(Clone, Debug)]
pub enum Part {
    /// Text. Control tokens in it, which a sample's code may contain, are broken up and end nothing.
    Text(String),
    /// A picture.
    Picture(Arc<Pixels>),
}

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What, in order.
    pub parts: Vec<Part>,
}

/// A checkpoint's way of writing messages as tokens.
pub struct Chat {
    tokenizer: Tokenizer,
    environment: Environment<'static>,
    /// Tokens that are control and not text, as they are written.
    control: Vec<String>,
    configuration: Configuration,
    /// `bos_token` and `eos_token`, for templates that write them.
    written: [Option<String>; 2],
}

const TEMPLATE: &str = "chat";

impl Chat {
    /// Reads `tokenizer.json` and the chat template in `folder` (`chat_template.jinja`, `chat_template.json`, or a key of
    /// `tokenizer_config.json`).
    ///
    /// # Errors
    /// What is missing or wrong, with the file.
    pub fn open(folder: &Path, configuration: &Configuration) -> Result<Self, ModelError> {
        let path = folder.join("tokenizer.json");
        let bytes = std::fs::read(&path).map_err(|source| ModelError::Read { path: path.clone(), source })?;
        let tokenizer = Tokenizer::from_bytes(bytes)
            .map_err(|error| ModelError::Malformed { path: path.clone(), why: error.to_string() })?;
        let control = tokenizer.get_added_tokens_decoder().into_values().filter(|token| token.special);
        let control = control.map(|token| token.content).filter(|content| !content.is_empty()).collect();
        let settings = folder.join("tokenizer_config.json");
        let settings: Value = if settings.exists() { crate::model::json(&settings)? } else { Value::Null };
        let (template, from) = template(folder, &settings)?;
        let environment =
            environment(template).map_err(|error| ModelError::Malformed { path: from, why: format!("{error:#}") })?;
        let written = ["bos_token", "eos_token"].map(|name| {
            let token = settings.get(name)?;
            token.as_str().or_else(|| token.get("content")?.as_str()).map(str::to_owned)
        });
        Ok(Self { tokenizer, environment, control, configuration: configuration.clone(), written })
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Messages as the prompt of an answer. `extra` is given to the template (`enable_thinking`, for instance).
    ///
    /// # Errors
    /// [`ModelError::Prompt`]: what the template or the tokenizer says, or that the prompt does not fit the model.
    pub fn prompt(&self, messages: &[Message], extra: &[(&str, bool)]) -> Result<Prompt, ModelError> {
        let pictures: Vec<Arc<Pixels>> = messages
            .iter()
            .flat_map(|message| &message.parts)
            .filter_map(|part| if let Part::Picture(pixels) = part { Some(pixels.clone()) } else { None })
            .collect();
        let vision = self.configuration.vision.as_ref();
        if vision.is_none() && !pictures.is_empty() {
            return Err(ModelError::Prompt("this model reads text alone".to_owned()));
        }
        let text = self.written(messages, extra)?;
        let mut tokens = Vec::new();
        let mut waiting = pictures.iter();
        for token in self.encode(&text)? {
            // The template writes one token for a picture, whatever its size.
            let places = match vision.filter(|vision| vision.picture_token == token) {
                None => 1,
                Some(vision) => waiting.next().map_or(1, |picture| Prompt::places(picture.grid(), vision.merge)),
            };
            tokens.resize(tokens.len() + places, token);
        }
        Prompt::new(tokens, pictures, &self.configuration)
    }

    /// Messages as the template writes them.
    ///
    /// # Errors
    /// [`ModelError::Prompt`]: what the template says.
    pub fn written(&self, messages: &[Message], extra: &[(&str, bool)]) -> Result<String, ModelError> {
        let messages: Vec<Value> = messages.iter().map(|message| self.message(message)).collect();
        let mut all = serde_json::Map::new();
        all.insert("messages".to_owned(), messages.into());
        all.insert("add_generation_prompt".to_owned(), true.into());
        for (name, token) in ["bos_token", "eos_token"].into_iter().zip(&self.written) {
            all.extend(token.as_deref().map(|token| (name.to_owned(), token.into())));
        }
        all.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
        let all = TemplateValue::from(Serde(all));
        let failed = |error: TemplateError| ModelError::Prompt(format!("the chat template: {error:#}"));
        self.environment.get_template(TEMPLATE).map_err(failed)?.render(all).map_err(failed)
    }

    /// Text as tokens, nothing added.
    ///
    /// # Errors
    /// [`ModelError::Prompt`]: what the tokenizer says.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let encoding = self.tokenizer.encode_fast(text, false);
        let encoding = encoding.map_err(|error| ModelError::Prompt(format!("the tokenizer: {error}")))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Tokens as text, control tokens left out.
    ///
    /// # Errors
    /// [`ModelError::Prompt`]: what the tokenizer says.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, ModelError> {
        self.tokenizer.decode(tokens, true).map_err(|error| ModelError::Prompt(format!("the tokenizer: {error}")))
    }

    fn message(&self, message: &Message) -> Value {
        let texts: Option<Vec<String>> = message
            .parts
            .iter()
            .map(|part| if let Part::Text(text) = part { Some(harmless(text, &self.control)) } else { None })
            .collect();
        // Templates of text models know strings alone, and those of vision models both.
        let content = match texts {
            Some(texts) => Value::from(texts.concat()),
            None => message
                .parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) => json!({"type": "text", "text": harmless(text, &self.control)}),
                    Part::Picture(_) => json!({"type": "image"}),
                })
                .collect(),
        };
        json!({"role": message.role.name(), "content": content})
    }
}

/// The template's text, and the file that it is from.
fn template(folder: &Path, settings: &Value) -> Result<(String, std::path::PathBuf), ModelError> {
    let alone = folder.join("chat_template.jinja");
    if alone.exists() {
        let text = std::fs::read_to_string(&alone);
        return Ok((text.map_err(|source| ModelError::Read { path: alone.clone(), source })?, alone));
    }
    let wrapped = folder.join("chat_template.json");
    let (holder, from) = match wrapped.exists() {
        true => (&crate::model::json::<Value>(&wrapped)?, wrapped),
        false => (settings, folder.join("tokenizer_config.json")),
    };
    match holder.get("chat_template").and_then(Value::as_str) {
        Some(text) => Ok((text.to_owned(), from)),
        None => {
            let why = "no chat template is there, nor in chat_template.jinja; fetch the checkpoint's".to_owned();
            Err(ModelError::Malformed { path: from, why })
        }
    }
}

/// An environment as transformers makes it: blocks take their lines along, strings have Python's methods.
fn environment(template: String) -> Result<Environment<'static>, TemplateError> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |why: String| -> Result<String, TemplateError> {
        Err(TemplateError::new(ErrorKind::InvalidOperation, why))
    });
    environment.add_template_owned(TEMPLATE, template)?;
    Ok(environment)
}
