//! A run's records to rewards: what was judged is not judged again, equal samples are judged once, and what cannot be
//! judged is said and keeps nobody from the rest.

use std::collections::HashMap;

use glasshouse_model::Digest;
use glasshouse_score::picture::Picture;
use thiserror::Error;

use crate::rubric::Sample;
use crate::store::{Reward, Store, StoreError};
use crate::way::Outcome;

/// What rates samples: a model that runs here, or a server. It works on many at a time.
pub trait Judge {
    /// A hash of all that makes this judge: the model, the rubric, and how it is asked.
    fn identity(&self) -> Digest;

    /// Whether another sample should be submitted, so that it never starves.
    fn is_hungry(&self) -> bool;

    /// Takes a sample, which `id` tells from others.
    ///
    /// # Errors
    /// Why it cannot be shown to the model: a fault of ours that is this sample's alone.
    fn submit(&mut self, id: u64, sample: &Sample, pictures: Vec<Picture>) -> Result<(), String>;

    /// Works on for a while, and gives what is finished.
    ///
    /// # Errors
    /// Why nothing can be judged any more. Samples that are under way are given up without a fault.
    fn step(&mut self) -> Result<Vec<Judged>, String>;

    /// Whether nothing is left to do.
    fn is_idle(&self) -> bool;
}

/// A sample that was judged, or could not be.
#[derive(Debug)]
pub struct Judged {
    /// As it was submitted.
    pub id: u64,
    /// The scores, or why there are none.
    pub result: Result<Outcome, String>,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens of the answer.
    pub answer_tokens: usize,
}

/// A record that may be judged.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its place in the dataset.
    pub row: u64,
    /// What the judge is to know.
    pub sample: Sample,
    /// The pictures' contents, as many as the sample says.
    pub pictures: Vec<Digest>,
}

/// How far a stage is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records that were judged.
    pub judged: u64,
    /// Records that had this judge's reward before.
    pub before: u64,
    /// Records whose reward was found, for they show what another shows.
    pub found: u64,
    /// Records that could not be judged.
    pub faults: u64,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoOn {
    /// With the next.
    Yes,
    /// What is under way is given up; it is judged the next time.
    No,
}

/// Why a stage ends before its time. What was judged until then is recorded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StageError {
    /// Rewards cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The judge cannot go on.
    #[error("{0}")]
    Judge(String),
}

/// What a reward depends on: a judge's identity, and what that judge is shown.
pub fn key(judge: &Digest, sample: &Sample, pictures: &[Digest]) -> Digest {
    let absent = |text: &Option<String>| [u8::from(text.is_some())];
    let (before, reference) = (absent(&sample.code_before), absent(&sample.reference));
    let texts = [
        sample.instruction.as_bytes(),
        sample.code.as_bytes(),
        &before,
        sample.code_before.as_deref().unwrap_or_default().as_bytes(),
        &reference,
        sample.reference.as_deref().unwrap_or_default().as_bytes(),
    ];
    let pictures = pictures.iter().map(|picture| picture.as_bytes().as_slice());
    Digest::of_parts([judge.as_bytes().as_slice()].into_iter().chain(texts).chain(pictures))
}

/// What is under way: rows by what they show.
struct Stage<'a> {
    store: &'a mut Store,
    judge: Digest,
    /// Rows that show what is being judged, by its key; and keys by the judge's numbers.
    rows: HashMap<Digest, Vec<u64>>,
    keys: HashMap<u64, Digest>,
    tally: Tally,
}

/// Judges candidates. Pictures are fetched by `load` when they are needed; `see` is told after each step how far it is.
///
/// # Errors
/// [`StageError`]. What goes wrong with one sample is that sample's fault.
pub fn judge<J: Judge + ?Sized>(
    judge: &mut J,
    store: &mut Store,
    candidates: impl IntoIterator<Item = Candidate>,
    mut load: impl FnMut(&Digest) -> Result<Picture, String>,
    mut see: impl FnMut(&Tally) -> GoOn,
) -> Result<Tally, StageError> {
    let identity = judge.identity();
    let mut stage =
        Stage { store, judge: identity, rows: HashMap::new(), keys: HashMap::new(), tally: Tally::default() };
    let mut candidates = candidates.into_iter().fuse();
    let mut ended = false;
    loop {
        while !ended && judge.is_hungry() {
            let Some(candidate) = candidates.next() else {
                ended = true;
                break;
            };
            let Some(key) = stage.new_key(&candidate)? else { continue };
            let pictures: Result<Vec<Picture>, String> = candidate.pictures.iter().map(&mut load).collect();
            let id = candidate.row;
            stage.rows.insert(key, vec![id]);
            match pictures.and_then(|pictures| judge.submit(id, &candidate.sample, pictures)) {
                Ok(()) => {
                    stage.keys.insert(id, key);
                }
                Err(why) => stage.fault(&key, &why)?,
            }
        }
        for judged in judge.step().map_err(StageError::Judge)? {
            stage.finish(judged)?;
        }
        if see(&stage.tally) == GoOn::No || (ended && judge.is_idle()) {
            return Ok(stage.tally);
        }
    }
}

impl Stage<'_> {
    /// The key of a candidate that has to be judged: none if its reward is there, or on its way.
    fn new_key(&mut self, candidate: &Candidate) -> Result<Option<Digest>, StageError> {
        let key = key(&self.judge, &candidate.sample, &candidate.pictures);
        let row = candidate.row;
        if let Some(rows) = self.rows.get_mut(&key) {
            rows.push(row);
            return Ok(None);
        }
        if self.store.key_of_row(&self.judge, row)? == Some(key) {
            self.tally.before += 1;
            return Ok(None);
        }
        if self.store.reward(&key)?.is_some() {
            self.store.record(&self.judge, &[row], &key, None)?;
            self.tally.found += 1;
            return Ok(None);
        }
        Ok(Some(key))
    }

    fn finish(&mut self, judged: Judged) -> Result<(), StageError> {
        let Judged { id, result, prompt_tokens, answer_tokens } = judged;
        let Some(key) = self.keys.remove(&id) else { return Ok(()) };
        match result {
            Err(why) => self.fault(&key, &why),
            Ok(outcome) => {
                let rows = self.rows.remove(&key).unwrap_or_default();
                let reward = Reward::new(outcome, prompt_tokens, answer_tokens);
                self.store.record(&self.judge, &rows, &key, Some(&reward))?;
                self.tally.judged += 1;
                self.tally.found += rows.len().saturating_sub(1) as u64;
                Ok(())
            }
        }
    }

    fn fault(&mut self, key: &Digest, why: &str) -> Result<(), StageError> {
        let rows = self.rows.remove(key).unwrap_or_default();
        self.tally.faults += rows.len() as u64;
        Ok(self.store.fault(&self.judge, &rows, why)?)
    }
}
