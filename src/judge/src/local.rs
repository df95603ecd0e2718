//! A judge that runs here: a model, a rubric and a way, and samples in any number.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device};
use glasshouse_model::Digest;
use glasshouse_score::picture::Picture;

use crate::ModelError;
use crate::decoding::{Decoding, Form};
use crate::engine::{Compute, Done, Engine, Finished, Limits, Request};
use crate::grammar::Grammars;
use crate::model::{Cache, Model, Preparation, digest};
use crate::prompt::{Chat, Message, Part};
use crate::rubric::{Piece, Rubric, Sample};
use crate::stage::{Judge, Judged};
use crate::way::{Manner, Way};

/// A model with all that is needed to ask it.
pub struct Local {
    model: Model,
    chat: Chat,
    grammars: Grammars,
    preparation: Option<Preparation>,
    rubric: Rubric,
    manner: Manner,
    identity: Digest,
    /// By the number of pictures.
    forms: Mutex<HashMap<usize, Form>>,
}

impl Local {
    /// Opens the model in `folder`. `dtype` is what is computed in.
    ///
    /// # Errors
    /// What is missing or does not fit, with the next step.
    pub fn open(
        folder: &Path,
        device: &Device,
        dtype: DType,
        rubric: Rubric,
        manner: Manner,
    ) -> Result<Self, ModelError> {
        let model = Model::open(folder, device, dtype)?;
        let configuration = model.configuration();
        let chat = Chat::open(folder, configuration)?;
        let end = configuration.end.first().copied();
        let end = end.ok_or_else(|| ModelError::Prompt("config.json names no token that ends an answer".to_owned()))?;
        let grammars = Grammars::new(chat.tokenizer(), end).map_err(ModelError::Prompt)?;
        let vision = configuration.vision.as_ref();
        let preparation = vision.map(|vision| Preparation::read(folder, vision)).transpose()?;
        let files = digest(folder)?;
        let said = format!("{manner:?} {dtype:?} {}", env!("CARGO_PKG_VERSION"));
        let identity = Digest::of_parts([files.as_bytes(), rubric.digest().as_bytes().as_slice(), said.as_bytes()]);
        Ok(Self { model, chat, grammars, preparation, rubric, manner, identity, forms: Mutex::default() })
    }

    /// Opens the model in `folder` to run on the processor, in single precision.
    ///
    /// # Errors
    /// As [`Local::open`].
    pub fn on_processor(folder: &Path, rubric: Rubric, manner: Manner) -> Result<Self, ModelError> {
        Self::open(folder, &Device::Cpu, DType::F32, rubric, manner)
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The model's way of writing.
    pub fn chat(&self) -> &Chat {
        &self.chat
    }

    /// What is asked.
    pub fn rubric(&self) -> &Rubric {
        &self.rubric
    }

    /// A hash of all that makes this judge: the model's files, the rubric, and how it is asked.
    pub fn identity(&self) -> Digest {
        self.identity
    }

    /// A sample as work for an engine.
    ///
    /// # Errors
    /// Why it cannot be shown to the model.
    pub fn request(&self, id: u64, sample: &Sample, pictures: &[Picture]) -> Result<Request, ModelError> {
        let Manner { way, layout, reasoning } = self.manner;
        let messages = self.rubric.messages(sample, layout, way == Way::Reasoned);
        let messages = messages.map_err(|error| ModelError::Prompt(error.to_string()))?;
        let prepare = |picture: &Picture| match &self.preparation {
            Some(preparation) => Ok(Arc::new(preparation.prepare(picture)?)),
            None => Err(ModelError::Prompt("this model reads text alone; take the rubric `code`".to_owned())),
        };
        let pixels: Vec<_> = pictures.iter().map(prepare).collect::<Result<_, _>>()?;
        let part = |piece| match piece {
            Piece::Text(text) => Ok(Part::Text(text)),
            Piece::Picture(at) => pixels.get(at).cloned().map(Part::Picture).ok_or_else(|| {
                ModelError::Prompt(format!("the sample has {} pictures and not {}", pixels.len(), sample.pictures))
            }),
        };
        let message = |(role, pieces): (_, Vec<Piece>)| {
            Ok(Message { role, parts: pieces.into_iter().map(part).collect::<Result<_, ModelError>>()? })
        };
        let messages: Vec<Message> = messages.into_iter().map(message).collect::<Result<_, ModelError>>()?;
        // The reasoning that is wanted is the rubric's, not what templates call thinking.
        let prompt = Arc::new(self.chat.prompt(&messages, &[("enable_thinking", false)])?);
        let form = self.form(sample.pictures)?;
        let most = form.most(way, reasoning);
        let (tokens, context) = (prompt.tokens().len() + most, self.model.configuration().text.context);
        if tokens > context {
            let why = format!("with its answer it takes {tokens} tokens, and the model's context is {context}");
            return Err(ModelError::Prompt(why));
        }
        let (decoding, first) = match way {
            Way::ScoreOnly => Decoding::score_only(form),
            Way::Reasoned => (Decoding::reasoned(form, reasoning, &self.grammars)?, Vec::new()),
        };
        Ok(Request { id, prompt, first, decoding, most })
    }

    /// What is the same for all samples with so many pictures.
    fn form(&self, pictures: usize) -> Result<Form, ModelError> {
        let mut forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(form) = forms.get(&pictures) {
            return Ok(form.clone());
        }
        let form = Form::new(&self.rubric, pictures, &self.chat, &self.model.configuration().end)?;
        forms.insert(pictures, form.clone());
        Ok(form)
    }
}

/// Samples that wait in the engine without having begun: enough that it never starves.
const AHEAD: usize = 64;

/// A judge at work here.
pub struct Here<'a> {
    local: &'a Local,
    engine: Engine<'a>,
}

impl<'a> Here<'a> {
    /// With what computes, the judge's model or in tests one that fails, and an empty cache of that model.
    pub fn new(local: &'a Local, compute: &'a dyn Compute, cache: Cache, limits: Limits) -> Self {
        Self { local, engine: Engine::new(compute, cache, limits) }
    }

    /// What the engine has done so far.
    pub fn done(&self) -> Done {
        self.engine.done()
    }
}

impl Judge for Here<'_> {
    fn identity(&self) -> Digest {
        self.local.identity()
    }

    fn is_hungry(&self) -> bool {
        self.engine.waiting() < AHEAD
    }

    fn submit(&mut self, id: u64, sample: &Sample, pictures: Vec<Picture>) -> Result<(), String> {
        let request = self.local.request(id, sample, &pictures).map_err(|error| error.to_string())?;
        self.engine.submit(request);
        Ok(())
    }

    fn step(&mut self) -> Result<Vec<Judged>, String> {
        let chat = self.local.chat();
        let judged = |finished: Finished| {
            let Finished { id, result, prompt_tokens, answer_tokens, .. } = finished;
            let outcome = |decoding: Decoding| decoding.outcome(chat).map_err(|error| error.to_string());
            let result = result.map_err(|error| error.to_string()).and_then(outcome);
            Judged { id, result, prompt_tokens, answer_tokens }
        };
        Ok(self.engine.step().into_iter().map(judged).collect())
    }

    fn is_idle(&self) -> bool {
        self.engine.is_idle()
    }
}
