//! Many samples at a time: prompts are admitted as the cache has room, and each step computes what all of them need next.
//!
//! A prompt is admitted only when the pages for its longest answer are certain, so nothing that has begun is ever thrown
//! out. Of prompts that begin alike, one computes the beginning and the others wait for it. Where the device runs out of
//! memory in the middle, the same work is done in smaller batches; what fails alone is a fault of that sample alone.

mod pictures;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use candle_core::Tensor;
use glasshouse_model::Digest;

use crate::ModelError;
use crate::decoding::{Decoding, Next};
use crate::model::{Cache, Model, PAGE, Pixels, Prompt, Sequence, Work};
use pictures::Seen;

/// What computes: a [`Model`], or in tests one that fails.
pub trait Compute {
    /// As [`Model::see`].
    ///
    /// # Errors
    /// As there.
    fn see(&self, pictures: &[&Pixels]) -> Result<Vec<Tensor>, ModelError>;

    /// As [`Model::forward`].
    ///
    /// # Errors
    /// As there.
    fn forward(&self, cache: &mut Cache, work: &mut [Work<'_>]) -> Result<Tensor, ModelError>;
}

impl Compute for Model {
    fn see(&self, pictures: &[&Pixels]) -> Result<Vec<Tensor>, ModelError> {
        Model::see(self, pictures)
    }

    fn forward(&self, cache: &mut Cache, work: &mut [Work<'_>]) -> Result<Tensor, ModelError> {
        Model::forward(self, cache, work)
    }
}

/// A sample that is to be judged.
pub struct Request {
    /// Tells it from others.
    pub id: u64,
    /// What the model is shown.
    pub prompt: Arc<Prompt>,
    /// The beginning of the answer, where it is forced.
    pub first: Vec<u32>,
    /// How the answer comes about.
    pub decoding: Decoding,
    /// Most tokens of the answer.
    pub most: usize,
}

/// A sample that was judged, or could not be.
pub struct Finished {
    /// The request's.
    pub id: u64,
    /// The way with all that it has learnt.
    pub result: Result<Decoding, ModelError>,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Those that were found in the cache.
    pub shared_tokens: usize,
    /// Tokens of the answer.
    pub answer_tokens: usize,
}

/// How much is done at a time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Tokens in one forward.
    pub tokens: usize,
    /// Samples at one time.
    pub samples: usize,
    /// Bytes of pictures' tokens that are kept.
    pub picture_bytes: usize,
}

/// What has been done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Forwards.
    pub forwards: u64,
    /// Tokens that were computed.
    pub computed_tokens: u64,
    /// Tokens of prompts that were found in the cache.
    pub shared_tokens: u64,
    /// Tokens of answers.
    pub answer_tokens: u64,
    /// Pictures that went through the vision tower.
    pub pictures_seen: u64,
    /// Pictures that had been seen before.
    pub pictures_kept: u64,
    /// Most samples in one forward.
    pub largest_batch: usize,
    /// Times that work was done again in smaller batches.
    pub splits: u64,
}

struct Active {
    request: Request,
    sequence: Sequence,
    pictures: Vec<Tensor>,
}

/// Judges samples with one model and one cache.
pub struct Engine<'a> {
    compute: &'a dyn Compute,
    cache: Cache,
    limits: Limits,
    waiting: VecDeque<Request>,
    active: Vec<Active>,
    finished: Vec<Finished>,
    seen: Seen,
    done: Done,
}

/// Waiting samples that are looked at for one that can begin.
const AHEAD: usize = 256;
/// Tokens in one forward that are never gone below for lack of memory.
const LEAST: usize = 32;

impl<'a> Engine<'a> {
    /// With an empty cache, whose size says how many samples are judged at a time.
    pub fn new(compute: &'a dyn Compute, cache: Cache, limits: Limits) -> Self {
        Self {
            compute,
            cache,
            limits: Limits { tokens: limits.tokens.max(LEAST), samples: limits.samples.max(1), ..limits },
            waiting: VecDeque::new(),
            active: Vec::new(),
            finished: Vec::new(),
            seen: Seen::new(limits.picture_bytes),
            done: Done::default(),
        }
    }

    /// Adds a sample.
    pub fn submit(&mut self, request: Request) {
        self.waiting.push_back(request);
    }

    /// Samples that have not begun. Whoever feeds the engine need not run far ahead of it.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing is left to do.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.active.is_empty() && self.finished.is_empty()
    }

    /// What has been done so far.
    pub fn done(&self) -> Done {
        self.done
    }

    /// Admits what there is room for, computes what all need next, and gives what is finished.
    pub fn step(&mut self) -> Vec<Finished> {
        self.admit();
        let chosen = self.choose();
        if !chosen.is_empty() {
            let results = self.compute(&chosen);
            self.go_on(results);
        }
        std::mem::take(&mut self.finished)
    }

    /// Pages that active samples may yet claim.
    fn promised(&self) -> usize {
        self.active.iter().map(|active| pages(&active.request).saturating_sub(active.sequence.pages())).sum()
    }

    fn admit(&mut self) {
        let total = self.cache.pages.count();
        let mut promised = self.promised();
        let mut coming: HashSet<Digest> =
            self.active.iter().flat_map(|active| active.sequence.coming()).copied().collect();
        let mut at = 0;
        while at < self.waiting.len().min(AHEAD) && self.active.len() < self.limits.samples {
            let wanted = pages(&self.waiting[at]);
            if wanted > total {
                if let Some(request) = self.waiting.remove(at) {
                    let error = ModelError::CacheFull { wanted, free: total };
                    self.finish(request, None, Some(error));
                }
                continue;
            }
            let mut sequence = Sequence::start(self.waiting[at].prompt.clone(), &mut self.cache.pages);
            // Another sample is computing what this one begins with.
            let wait = sequence.coming().first().is_some_and(|next| coming.contains(next));
            let room = wanted - sequence.pages() + promised <= self.cache.pages.free();
            if wait || !room {
                sequence.finish(&mut self.cache.pages);
                // No sample overtakes one that waits for room: large ones would wait for ever.
                if !room {
                    break;
                }
                at += 1;
                continue;
            }
            let Some(request) = self.waiting.remove(at) else { break };
            request.first.iter().for_each(|token| sequence.push(*token));
            promised += wanted - sequence.pages();
            coming.extend(sequence.coming());
            self.done.shared_tokens += sequence.shared() as u64;
            self.active.push(Active { request, sequence, pictures: Vec::new() });
        }
        self.look();
    }

    /// Gives newly admitted samples the tokens of their pictures.
    fn look(&mut self) {
        // All are held here until they are handed out, for they may not fit all at once among what is kept.
        let mut known: HashMap<Digest, Result<Tensor, String>> = HashMap::new();
        let mut unseen: Vec<(Digest, Arc<Pixels>)> = Vec::new();
        let blank = |active: &&Active| active.pictures.len() < active.sequence.prompt().pictures().len();
        for picture in self.active.iter().filter(blank).flat_map(|active| active.sequence.prompt().pictures()) {
            let digest = picture.digest();
            if known.contains_key(&digest) || unseen.iter().any(|(other, _)| *other == digest) {
                self.done.pictures_kept += 1;
            } else if let Some(tensor) = self.seen.get(&digest) {
                self.done.pictures_kept += 1;
                known.insert(digest, Ok(tensor));
            } else {
                unseen.push((digest, picture.clone()));
            }
        }
        self.done.pictures_seen += unseen.len() as u64;
        for some in unseen.chunks(LOOKED_AT) {
            for ((digest, _), tensor) in some.iter().zip(self.see(some)) {
                if let Ok(tensor) = &tensor {
                    self.seen.put(*digest, tensor);
                }
                known.insert(*digest, tensor.map_err(|error| error.to_string()));
            }
        }
        for at in (0..self.active.len()).rev() {
            let active = &mut self.active[at];
            let prompt = active.sequence.prompt().clone();
            let rest = prompt.pictures().iter().skip(active.pictures.len());
            let tensors: Result<Vec<Tensor>, String> =
                rest.filter_map(|picture| known.get(&picture.digest()).cloned()).collect();
            match tensors {
                Ok(tensors) => active.pictures.extend(tensors),
                Err(why) => self.drop_out(at, ModelError::Picture(why)),
            }
        }
    }

    /// Pictures through the tower, together or, where that fails, one by one.
    fn see(&mut self, pictures: &[(Digest, Arc<Pixels>)]) -> Vec<Result<Tensor, ModelError>> {
        let all: Vec<&Pixels> = pictures.iter().map(|(_, picture)| picture.as_ref()).collect();
        match self.compute.see(&all) {
            Ok(tensors) => tensors.into_iter().map(Ok).collect(),
            Err(_) if pictures.len() > 1 => {
                self.done.splits += 1;
                let (one, other) = pictures.split_at(pictures.len() / 2);
                let mut tensors = self.see(one);
                tensors.extend(self.see(other));
                tensors
            }
            Err(error) => vec![Err(error)],
        }
    }

    /// Which active samples have how many tokens computed next: those that are decoding first, then prompts, in pieces.
    fn choose(&self) -> Vec<(usize, usize)> {
        let mut left = self.limits.tokens;
        let mut order: Vec<usize> = (0..self.active.len()).collect();
        order.sort_by_key(|at| {
            let sequence = &self.active[*at].sequence;
            sequence.computed() < sequence.prompt().tokens().len()
        });
        let mut chosen = Vec::new();
        for at in order {
            let count = self.active[at].sequence.pending().min(left);
            if count > 0 {
                chosen.push((at, count));
                left -= count;
            }
        }
        chosen.sort_unstable();
        chosen
    }

    /// The scores after the chosen tokens of each sample.
    fn compute(&mut self, chosen: &[(usize, usize)]) -> Vec<(usize, Result<Vec<f32>, ModelError>)> {
        let mut work = Vec::new();
        let mut rest = self.active.iter_mut().enumerate();
        for (at, tokens) in chosen {
            if let Some((_, active)) = rest.find(|(other, _)| other == at) {
                let Active { sequence, pictures, .. } = active;
                work.push(Work { sequence, tokens: *tokens, pictures, every: false });
            }
        }
        self.done.largest_batch = self.done.largest_batch.max(work.len());
        let before = self.done.splits;
        let results = forward(self.compute, &mut self.cache, &mut work, &mut self.done);
        if self.done.splits > before {
            // What was too much will be so again.
            self.limits.tokens = (self.limits.tokens / 2).max(LEAST);
        }
        chosen.iter().map(|(at, _)| *at).zip(results).collect()
    }

    /// Lets each sample whose tokens are all computed say what comes next.
    fn go_on(&mut self, results: Vec<(usize, Result<Vec<f32>, ModelError>)>) {
        for (at, result) in results.into_iter().rev() {
            let active = &mut self.active[at];
            let next = match result {
                Ok(_) if active.sequence.pending() > 0 => continue,
                Ok(scores) => active.request.decoding.next(&scores),
                Err(error) => Err(error),
            };
            match next {
                Ok(Next::Push(tokens)) if active.sequence.answer().len() + tokens.len() <= active.request.most => {
                    tokens.into_iter().for_each(|token| active.sequence.push(token));
                }
                Ok(Next::Push(_)) => {
                    let why = format!("the answer was to take {} tokens at most, and goes on", active.request.most);
                    self.drop_out(at, ModelError::Prompt(why));
                }
                Ok(Next::Done) => {
                    let Active { request, sequence, .. } = self.active.swap_remove(at);
                    self.finish(request, Some(sequence), None);
                }
                Err(error) => self.drop_out(at, error),
            }
        }
    }

    fn drop_out(&mut self, at: usize, error: ModelError) {
        let Active { request, sequence, .. } = self.active.swap_remove(at);
        self.finish(request, Some(sequence), Some(error));
    }

    fn finish(&mut self, request: Request, sequence: Option<Sequence>, error: Option<ModelError>) {
        let shared_tokens = sequence.as_ref().map_or(0, Sequence::shared);
        let answer = sequence.map(|sequence| sequence.finish(&mut self.cache.pages)).unwrap_or_default();
        self.done.answer_tokens += answer.len() as u64;
        self.finished.push(Finished {
            id: request.id,
            prompt_tokens: request.prompt.tokens().len(),
            shared_tokens,
            answer_tokens: answer.len(),
            result: match error {
                None => Ok(request.decoding),
                Some(error) => Err(error),
            },
        });
    }
}

/// Pictures that go through the tower at one time; their sizes are bounded by the preparation.
const LOOKED_AT: usize = 16;

/// Pages that a request takes when its answer is as long as it may be.
fn pages(request: &Request) -> usize {
    (request.prompt.tokens().len() + request.most).div_ceil(PAGE)
}

/// The scores after each piece of work, all at once or, where that fails, half by half; a single sample's prompt in ever
/// smaller pieces. Work that was done is never done again.
fn forward(
    compute: &dyn Compute,
    cache: &mut Cache,
    work: &mut [Work<'_>],
    done: &mut Done,
) -> Vec<Result<Vec<f32>, ModelError>> {
    let tokens: usize = work.iter().map(|work| work.tokens).sum();
    let scores = compute.forward(cache, work).and_then(|scores| Ok(scores.to_vec2::<f32>()?));
    let error = match scores {
        Ok(scores) => {
            done.forwards += 1;
            done.computed_tokens += tokens as u64;
            return scores.into_iter().map(Ok).collect();
        }
        Err(error) => error,
    };
    if work.len() > 1 {
        done.splits += 1;
        let (one, other) = work.split_at_mut(work.len() / 2);
        let mut results = forward(compute, cache, one, done);
        results.extend(forward(compute, cache, other, done));
        return results;
    }
    match work {
        [one] if one.tokens > LEAST && matches!(error, ModelError::Candle(_)) => {
            done.splits += 1;
            let all = one.tokens;
            one.tokens = all / 2;
            let first = forward(compute, cache, std::slice::from_mut(one), done);
            if first.iter().any(Result::is_err) {
                return first;
            }
            one.tokens = all - all / 2;
            forward(compute, cache, std::slice::from_mut(one), done)
        }
        _ => vec![Err(error)],
    }
}
