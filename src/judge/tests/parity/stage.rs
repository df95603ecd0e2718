//! A run's records to rewards, with a tiny model: stopped, gone on with, changed, and with samples that cannot be judged.

use std::cell::Cell;
use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use glasshouse_judge::ModelError;
use glasshouse_judge::engine::{Compute, Limits};
use glasshouse_judge::local::{Here, Local};
use glasshouse_judge::model::{Cache, Model, Pixels, Work};
use glasshouse_judge::rubric::{Layout, Rubric, Sample};
use glasshouse_judge::stage::{Candidate, GoOn, Tally, judge, key};
use glasshouse_judge::store::Store;
use glasshouse_judge::way::{Manner, Way};
use glasshouse_model::Digest;
use glasshouse_score::picture::Picture;

use super::oracle::{RUBRIC, VISION, references};

const LIMITS: Limits = Limits { tokens: 512, samples: 4, picture_bytes: 1 << 20 };
const ROWS: u64 = 12;

/// Counts what is computed; fails where it is told to.
struct Counted<'a> {
    model: &'a Model,
    tokens: Cell<usize>,
    broken: Cell<bool>,
}

impl Compute for Counted<'_> {
    fn see(&self, pictures: &[&Pixels]) -> Result<Vec<Tensor>, ModelError> {
        self.model.see(pictures)
    }

    fn forward(&self, cache: &mut Cache, work: &mut [Work<'_>]) -> Result<Tensor, ModelError> {
        if self.broken.get() {
            return Err(candle_core::Error::msg("the device is lost").into());
        }
        self.tokens.set(self.tokens.get() + work.iter().map(|work| work.tokens).sum::<usize>());
        self.model.forward(cache, work)
    }
}

fn local(way: Way, threshold: f64) -> Option<(Local, Model)> {
    let folder = references()?.join(VISION[0]);
    let manner = Manner { way, layout: Layout::RubricFirst, reasoning: 4 };
    let rubric = Rubric::read(RUBRIC).unwrap().with_threshold(threshold);
    let local = Local::open(&folder, &Device::Cpu, DType::F32, rubric, manner).unwrap();
    Some((local, Model::open(&folder, &Device::Cpu, DType::F32).unwrap()))
}

/// Rows of which the last two show what the first two show.
fn candidates() -> Vec<Candidate> {
    let candidate = |row: u64| {
        let which = row % (ROWS - 2);
        let instruction = format!("Draw number {which}.");
        let sample = Sample { instruction, code: format!("draw({which})"), pictures: 1, ..Sample::default() };
        Candidate { row, sample, pictures: vec![Digest::of(&[which as u8])] }
    };
    (0..ROWS).map(candidate).collect()
}

/// The picture of a hash; that of the row 3 is lost.
fn load(digest: &Digest) -> Result<Picture, String> {
    let which = (0..ROWS as u8).find(|which| Digest::of(&[*which]) == *digest).unwrap();
    if which == 3 {
        return Err("it is no picture".to_owned());
    }
    Picture::new(60, 60, vec![which * 20; 60 * 60 * 3]).map_err(|error| error.to_string())
}

fn rewards(store: &Store, judge: &Digest) -> BTreeMap<u64, Vec<f64>> {
    let scores = |row| Some((row, store.of_row(judge, row).unwrap()?.scores.iter().map(|score| score.value).collect()));
    (0..ROWS).filter_map(scores).collect()
}

#[test]
fn a_stopped_judge_goes_on_and_judges_nothing_twice() {
    for way in [Way::ScoreOnly, Way::Reasoned] {
        let Some((local, model)) = local(way, 3.0) else { return };
        let identity = local.identity();
        let counted = Counted { model: &model, tokens: Cell::new(0), broken: Cell::new(false) };
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let run = |store: &mut Store, rows: &[Candidate], most: u64| {
            counted.tokens.set(0);
            let mut here = Here::new(&local, &counted, model.cache(40).unwrap(), LIMITS);
            let see = |tally: &Tally| if tally.judged >= most { GoOn::No } else { GoOn::Yes };
            let tally = judge(&mut here, store, rows.to_vec(), load, see).unwrap();
            (tally, counted.tokens.get())
        };
        let mut whole = Store::open(&path("whole.sqlite")).unwrap();
        let (tally, _) = run(&mut whole, &candidates(), u64::MAX);
        // Ten are different, one of them has no picture, and two come twice.
        assert_eq!((tally.judged, tally.found, tally.faults, tally.before), (9, 2, 1, 0), "{way:?}");
        let all = rewards(&whole, &identity);
        assert_eq!(all.len(), 11);
        assert_eq!((&all[&0], &all[&1]), (&all[&10], &all[&11]));
        assert_eq!(whole.fault_of_row(&identity, 3).unwrap().as_deref(), Some("it is no picture"));

        // Stopped as soon as three are judged, as by a kill: the store is opened anew, and only the rest is judged.
        let mut store = Store::open(&path("stopped.sqlite")).unwrap();
        let (first, _) = run(&mut store, &candidates(), 3);
        assert!((3..9).contains(&first.judged), "{first:?}");
        drop(store);
        let mut store = Store::open(&path("stopped.sqlite")).unwrap();
        assert_eq!(rewards(&store, &identity).len() as u64, first.judged + first.found);
        let (second, _) = run(&mut store, &candidates(), u64::MAX);
        assert_eq!(first.judged + second.judged, 9, "{first:?} {second:?}");
        assert_eq!(second.before, first.judged + first.found);
        let ours = rewards(&store, &identity);
        assert_eq!(ours.len(), all.len());
        for (row, scores) in &all {
            assert!(scores.iter().zip(&ours[row]).all(|(one, other)| (one - other).abs() < 1e-4), "{way:?} {row}");
        }

        // All is there: nothing is computed. A row that shows something else is judged anew.
        let (third, tokens) = run(&mut store, &candidates(), u64::MAX);
        assert_eq!((third.judged, third.before, third.faults, tokens), (0, 11, 1, 0));
        let mut changed = candidates();
        changed[2].sample.code = "draw(200)".to_owned();
        let (fourth, tokens) = run(&mut store, &changed, u64::MAX);
        assert_eq!((fourth.judged, fourth.before), (1, 10));
        assert!(tokens > 0);
    }
}

#[test]
fn a_lost_device_makes_faults_and_no_rewards() {
    let Some((local, model)) = local(Way::ScoreOnly, 3.0) else { return };
    let identity = local.identity();
    let counted = Counted { model: &model, tokens: Cell::new(0), broken: Cell::new(true) };
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("rewards.sqlite")).unwrap();
    let run = |store: &mut Store| {
        let mut here = Here::new(&local, &counted, model.cache(40).unwrap(), LIMITS);
        judge(&mut here, store, candidates(), load, |_| GoOn::Yes).unwrap()
    };
    let tally = run(&mut store);
    assert_eq!((tally.judged, tally.found, tally.faults), (0, 0, ROWS));
    assert!(rewards(&store, &identity).is_empty());
    assert_eq!(store.fault_of_row(&identity, 0).unwrap().as_deref(), Some("candle: the device is lost"));
    // When it is back, they are judged.
    counted.broken.set(false);
    assert_eq!(run(&mut store).judged, 9);
    assert_eq!(store.fault_of_row(&identity, 0).unwrap(), None);
}

#[test]
fn another_way_or_rubric_is_another_judge() {
    let Some((score_only, _)) = local(Way::ScoreOnly, 3.0) else { return };
    let (reasoned, _) = local(Way::Reasoned, 3.0).unwrap();
    let (stricter, _) = local(Way::ScoreOnly, 4.0).unwrap();
    assert_ne!(score_only.identity(), reasoned.identity());
    // The threshold changes no score, and so nothing is judged again for it.
    assert_eq!(score_only.identity(), stricter.identity());
    let sample = Sample { instruction: "a".to_owned(), code: "b".to_owned(), ..Sample::default() };
    let other = Sample { reference: Some(String::new()), ..sample.clone() };
    let (one, two) = (score_only.identity(), reasoned.identity());
    assert_ne!(key(&one, &sample, &[]), key(&one, &other, &[]));
    assert_ne!(key(&one, &sample, &[]), key(&two, &sample, &[]));
}
