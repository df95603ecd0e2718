//! A run's records to rewards: what was judged is not judged again, equal samples are judged once, and what cannot be
//! judged is said and keeps nobody from the rest.

use std::collections::HashMap;

use glasshouse_model::Digest;
use glasshouse_score::picture::Picture;
use thiserror::Error;

use crate::ModelError;
use crate::decoding::Decoding;
use crate::engine::{Compute, Done, Engine, Finished, Limits};
use crate::local::Local;
use crate::model::Cache;
use crate::rubric::Sample;
use crate::store::{Reward, Store, StoreError};

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
    /// What the engine has done.
    pub engine: Done,
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
    /// The model cannot work at all.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Samples that wait in the engine without having begun: enough that it never starves.
const AHEAD: usize = 64;

/// What is under way: rows by what they show.
struct Stage<'a> {
    store: &'a mut Store,
    judge: Digest,
    /// Rows that show what is being judged, by its key; and keys by the engine's numbers.
    rows: HashMap<Digest, Vec<u64>>,
    keys: HashMap<u64, Digest>,
    tally: Tally,
}

/// What a judge computes with.
pub struct Machine<'a> {
    /// The judge's model, or in tests one that fails.
    pub compute: &'a dyn Compute,
    /// An empty cache of that model.
    pub cache: Cache,
    /// How much is done at a time.
    pub limits: Limits,
}

/// Judges candidates. Pictures are fetched by `load` when they are needed; `see` is told after each step how far it is.
///
/// # Errors
/// [`StageError::Store`]. What goes wrong with one sample is that sample's fault.
pub fn judge(
    local: &Local,
    machine: Machine<'_>,
    store: &mut Store,
    candidates: impl IntoIterator<Item = Candidate>,
    mut load: impl FnMut(&Digest) -> Result<Picture, String>,
    mut see: impl FnMut(&Tally) -> GoOn,
) -> Result<Tally, StageError> {
    let Machine { compute, cache, limits } = machine;
    let mut engine = Engine::new(compute, cache, limits);
    let mut stage =
        Stage { store, judge: local.identity(), rows: HashMap::new(), keys: HashMap::new(), tally: Tally::default() };
    let mut candidates = candidates.into_iter().fuse();
    let mut ended = false;
    loop {
        while !ended && engine.waiting() < AHEAD {
            let Some(candidate) = candidates.next() else {
                ended = true;
                break;
            };
            let Some(key) = stage.new_key(local, &candidate)? else { continue };
            let pictures: Result<Vec<Picture>, String> = candidate.pictures.iter().map(&mut load).collect();
            let id = candidate.row;
            let request = pictures.and_then(|pictures| {
                local.request(id, &candidate.sample, &pictures).map_err(|error| error.to_string())
            });
            stage.rows.insert(key, vec![id]);
            match request {
                Ok(request) => {
                    stage.keys.insert(id, key);
                    engine.submit(request);
                }
                Err(why) => stage.fault(&key, &why)?,
            }
        }
        let finished = engine.step();
        for finished in finished {
            stage.finish(finished, local)?;
        }
        stage.tally.engine = engine.done();
        if see(&stage.tally) == GoOn::No || (ended && engine.is_idle()) {
            return Ok(stage.tally);
        }
    }
}

impl Stage<'_> {
    /// The key of a candidate that has to be judged: none if its reward is there, or on its way.
    fn new_key(&mut self, local: &Local, candidate: &Candidate) -> Result<Option<Digest>, StageError> {
        let key = local.key(&candidate.sample, &candidate.pictures);
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

    fn finish(&mut self, finished: Finished, local: &Local) -> Result<(), StageError> {
        let Finished { id, result, prompt_tokens, answer_tokens, .. } = finished;
        let Some(key) = self.keys.remove(&id) else { return Ok(()) };
        let outcome = |decoding: Decoding| decoding.outcome(local.chat()).map_err(|error| error.to_string());
        match result.map_err(|error| error.to_string()).and_then(outcome) {
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
