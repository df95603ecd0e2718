//! Judging by a server that behaves, and by ones that do not: what comes of each sample, and how many calls it takes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod failing;
mod server;
mod speaking;

use std::collections::BTreeMap;
use std::time::Duration;

use glasshouse_judge::endpoint::{Asked, Endpoint, Settings};
use glasshouse_judge::rubric::{Layout, Rubric, Sample};
use glasshouse_judge::stage::{Candidate, GoOn, Tally, judge};
use glasshouse_judge::store::{Reward, Store};
use glasshouse_judge::way::{Manner, Way};
use glasshouse_model::Digest;
use glasshouse_score::picture::Picture;

const RUBRIC: &str = include_str!("../short.toml");
/// What a well-behaved judge says.
const GOOD: &str = r#"It is fine. {"scores": {"good": 4, "clear": 2}}"#;

fn settings(url: &str) -> Settings {
    Settings {
        url: url.to_owned(),
        model: "judge-1".to_owned(),
        key: None,
        likelihoods: 20,
        concurrency: 1,
        retries: 2,
        timeout: Duration::from_secs(20),
        patience: Duration::from_secs(20),
    }
}

/// What came of a run.
struct Came {
    tally: Tally,
    /// Why it ended before its time.
    ended: Option<String>,
    rewards: BTreeMap<u64, Reward>,
    faults: BTreeMap<u64, String>,
    asked: Asked,
}

/// A sample that asks for number `row`; each has a picture of its own.
fn candidate(row: u64) -> Candidate {
    let sample = Sample {
        instruction: format!("Draw number {row}."),
        code: format!("draw({row})"),
        pictures: 1,
        ..Sample::default()
    };
    Candidate { row, sample, pictures: vec![Digest::of(&[row as u8])] }
}

fn picture(row: u8) -> Picture {
    Picture::new(4, 3, (0..36_u8).map(|at| at.wrapping_mul(row)).collect()).unwrap()
}

/// Judges so many samples with a fresh store.
fn run(settings: &Settings, way: Way, samples: u64) -> Came {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("rewards.sqlite")).unwrap();
    run_with(&mut store, settings, way, samples)
}

fn run_with(store: &mut Store, settings: &Settings, way: Way, samples: u64) -> Came {
    let manner = Manner { way, layout: Layout::RubricFirst, reasoning: 50 };
    let mut endpoint = Endpoint::new(settings, Rubric::read(RUBRIC).unwrap(), manner).unwrap();
    let load = |digest: &Digest| {
        let row = (0..=255).find(|row| Digest::of(&[*row]) == *digest).unwrap();
        Ok(picture(row))
    };
    let mut tally = Tally::default();
    let see = |now: &Tally| {
        tally = *now;
        GoOn::Yes
    };
    let judged = judge(&mut endpoint, store, (0..samples).map(candidate), load, see);
    let ended = judged.as_ref().err().map(ToString::to_string);
    let identity = glasshouse_judge::stage::Judge::identity(&endpoint);
    Came {
        tally: judged.unwrap_or(tally),
        ended,
        rewards: (0..samples).filter_map(|row| Some((row, store.of_row(&identity, row).unwrap()?))).collect(),
        faults: (0..samples).filter_map(|row| Some((row, store.fault_of_row(&identity, row).unwrap()?))).collect(),
        asked: endpoint.asked(),
    }
}

/// The scores of a reward.
fn scores(reward: &Reward) -> Vec<f64> {
    reward.scores.iter().map(|score| score.value).collect()
}
