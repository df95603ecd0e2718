//! Rewards that were made, on the disk: what is recorded is never made again, whatever was killed.
//!
//! A reward is found by what it depends on, a judge and what the judge is shown; rows only refer to it. So equal samples
//! are judged once, and another judge's rewards never stand in for this one's. A sample that could not be judged has a
//! fault and no reward; the next run tries it again.

use std::path::Path;

use glasshouse_model::Digest;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::answer::{Answer, Score};
use crate::way::{Outcome, Spread};

/// What a judge says of a sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reward {
    /// Each dimension's score, in the rubric's order.
    pub scores: Vec<Score>,
    /// The total that the judge itself gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_total: Option<f64>,
    /// What is known of each score that is an expectation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spreads: Vec<Spread>,
    /// What the model wrote before its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens of the answer.
    pub answer_tokens: usize,
}

impl Reward {
    /// From what came out of a model.
    pub fn new(outcome: Outcome, prompt_tokens: usize, answer_tokens: usize) -> Self {
        let Outcome { answer: Answer { scores, own_total }, spreads, reasoning } = outcome;
        Self { scores, own_total, spreads, reasoning, prompt_tokens, answer_tokens }
    }

    /// The scores, for the rubric's rule.
    pub fn answer(&self) -> Answer {
        Answer { scores: self.scores.clone(), own_total: self.own_total }
    }
}

/// Why rewards cannot be kept or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database failed.
    #[error("{path}: {source}")]
    Database {
        /// Which.
        path: String,
        /// What it said.
        source: rusqlite::Error,
    },
    /// What the database holds is not what was put there.
    #[error("{path}: {why}; remove the file to judge anew")]
    Damaged {
        /// Which.
        path: String,
        /// What is wrong.
        why: String,
    },
}

/// The rewards of a run's folder.
pub struct Store {
    database: Connection,
    path: String,
}

/// What a kill of this process leaves is whole and lacks nothing. A loss of power may cost the last rewards, which are then
/// made again: a wait for the disk at each would cost more.
const TABLES: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS rewards (key BLOB PRIMARY KEY, reward TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS judged (judge BLOB, row INTEGER, key BLOB NOT NULL, PRIMARY KEY (judge, row)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS faults (judge BLOB, row INTEGER, why TEXT NOT NULL, PRIMARY KEY (judge, row)) WITHOUT ROWID;
";

impl Store {
    /// Opens the file `path`, which is made if it is not there.
    ///
    /// # Errors
    /// What the database says.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let shown = path.display().to_string();
        let open = || {
            let database = Connection::open(path)?;
            database.execute_batch(TABLES)?;
            Ok(database)
        };
        let database = open().map_err(|source| StoreError::Database { path: shown.clone(), source })?;
        Ok(Self { database, path: shown })
    }

    /// The reward of a key, if it was made before.
    ///
    /// # Errors
    /// What the database says.
    pub fn reward(&self, key: &Digest) -> Result<Option<Reward>, StoreError> {
        let query = "SELECT reward FROM rewards WHERE key = ?1";
        let text: Option<String> = self
            .database
            .query_row(query, params![key.as_bytes().as_slice()], |row| row.get(0))
            .optional()
            .map_err(|source| self.failed(source))?;
        text.map(|text| self.parse(&text)).transpose()
    }

    /// Records a reward, and that these rows have it, at once or not at all.
    ///
    /// # Errors
    /// What the database says.
    pub fn record(
        &mut self,
        judge: &Digest,
        rows: &[u64],
        key: &Digest,
        reward: Option<&Reward>,
    ) -> Result<(), StoreError> {
        let path = self.path.clone();
        let failed = |source| StoreError::Database { path: path.clone(), source };
        let text = reward.map(serde_json::to_string).transpose();
        let text = text.map_err(|error| StoreError::Damaged { path: path.clone(), why: error.to_string() })?;
        let (judge, key) = (judge.as_bytes().as_slice(), key.as_bytes().as_slice());
        let write = || {
            let transaction = self.database.transaction()?;
            if let Some(text) = text {
                transaction.execute("INSERT OR IGNORE INTO rewards VALUES (?1, ?2)", params![key, text])?;
            }
            for row in rows {
                let row = *row as i64;
                transaction.execute("INSERT OR REPLACE INTO judged VALUES (?1, ?2, ?3)", params![judge, row, key])?;
                transaction.execute("DELETE FROM faults WHERE judge = ?1 AND row = ?2", params![judge, row])?;
            }
            transaction.commit()
        };
        write().map_err(failed)
    }

    /// Records that rows could not be judged.
    ///
    /// # Errors
    /// What the database says.
    pub fn fault(&mut self, judge: &Digest, rows: &[u64], why: &str) -> Result<(), StoreError> {
        for row in rows {
            let values = params![judge.as_bytes().as_slice(), *row as i64, why];
            self.database
                .execute("INSERT OR REPLACE INTO faults VALUES (?1, ?2, ?3)", values)
                .map_err(|source| self.failed(source))?;
        }
        Ok(())
    }

    /// The reward that a judge gave a row.
    ///
    /// # Errors
    /// What the database says.
    pub fn of_row(&self, judge: &Digest, row: u64) -> Result<Option<Reward>, StoreError> {
        let query = "SELECT reward FROM judged JOIN rewards USING (key) WHERE judge = ?1 AND row = ?2";
        let values = params![judge.as_bytes().as_slice(), row as i64];
        let text: Option<String> = self
            .database
            .query_row(query, values, |row| row.get(0))
            .optional()
            .map_err(|source| self.failed(source))?;
        text.map(|text| self.parse(&text)).transpose()
    }

    /// What a row showed when a judge gave it its reward.
    ///
    /// # Errors
    /// What the database says.
    pub fn key_of_row(&self, judge: &Digest, row: u64) -> Result<Option<Digest>, StoreError> {
        let values = params![judge.as_bytes().as_slice(), row as i64];
        let key: Option<[u8; 32]> = self
            .database
            .query_row("SELECT key FROM judged WHERE judge = ?1 AND row = ?2", values, |row| row.get(0))
            .optional()
            .map_err(|source| self.failed(source))?;
        Ok(key.map(Digest::from_bytes))
    }

    /// Why a judge could not judge a row.
    ///
    /// # Errors
    /// What the database says.
    pub fn fault_of_row(&self, judge: &Digest, row: u64) -> Result<Option<String>, StoreError> {
        let values = params![judge.as_bytes().as_slice(), row as i64];
        self.database
            .query_row("SELECT why FROM faults WHERE judge = ?1 AND row = ?2", values, |row| row.get(0))
            .optional()
            .map_err(|source| self.failed(source))
    }

    fn parse(&self, text: &str) -> Result<Reward, StoreError> {
        serde_json::from_str(text)
            .map_err(|error| StoreError::Damaged { path: self.path.clone(), why: error.to_string() })
    }

    fn failed(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Database { path: self.path.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reward(value: f64) -> Reward {
        let scores = vec![Score { key: "good".to_owned(), value }];
        Reward { scores, own_total: None, spreads: Vec::new(), reasoning: None, prompt_tokens: 9, answer_tokens: 3 }
    }

    #[test]
    fn rewards_outlive_the_process_and_are_each_judges_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rewards.sqlite");
        let name = |name: &str| Digest::of(name.as_bytes());
        let (one, other) = (name("one"), name("other"));
        let mut store = Store::open(&path).unwrap();
        store.fault(&one, &[4, 5], "out of memory").unwrap();
        store.record(&one, &[1, 4], &name("key"), Some(&reward(3.25))).unwrap();
        drop(store);
        let mut store = Store::open(&path).unwrap();
        assert_eq!(store.of_row(&one, 4).unwrap(), Some(reward(3.25)));
        assert_eq!(store.of_row(&other, 4).unwrap(), None);
        assert_eq!(store.of_row(&one, 5).unwrap(), None);
        // A fault is no reward, and a reward ends a fault.
        assert_eq!(store.fault_of_row(&one, 4).unwrap(), None);
        assert_eq!(store.fault_of_row(&one, 5).unwrap().as_deref(), Some("out of memory"));
        // What is there is found by its key, for another row.
        assert_eq!(store.reward(&name("key")).unwrap(), Some(reward(3.25)));
        store.record(&one, &[7], &name("key"), None).unwrap();
        assert_eq!(store.of_row(&one, 7).unwrap(), Some(reward(3.25)));
        assert_eq!(store.reward(&name("other key")).unwrap(), None);
    }

    #[test]
    fn what_is_no_database_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rewards.sqlite");
        std::fs::write(&path, "no database at all, but long enough to look like something").unwrap();
        let error = Store::open(&path).err().unwrap().to_string();
        assert!(error.contains("rewards.sqlite"), "{error}");
    }
}
