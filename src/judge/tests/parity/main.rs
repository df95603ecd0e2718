//! Qwen2.5-VL and Qwen3 against transformers: tiny models with random weights, written and run there, read and run here.
//!
//! `oracle.py` makes the models anew for each run. `GLASSHOUSE_ORACLE=required` makes it an error that it cannot.

#![allow(clippy::unwrap_used)]

mod chat;
mod checkpoints;
mod engine;
mod oracle;
mod pictures;
#[path = "../../../../tests/common/python.rs"]
mod python;
mod stage;
mod ways;

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use glasshouse_judge::model::{Cache, Model, PAGE, Prompt, Sequence, Work};
use oracle::{Case, TEXT, VISION, cases, references};

/// Most that scores may differ, as the length of the difference over the length of the reference's.
const CLOSE: f64 = 1e-5;
/// The same in bf16, whose own rounding is 4e-3 for each number.
const CLOSE_HALF: f64 = 3e-2;
const PAGES: usize = 64;

/// The length of a difference over the length of the reference's.
fn apart(ours: &[f32], theirs: &[f32]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let square = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|number| number * number).sum::<f64>();
    let difference = square(&mut ours.iter().zip(theirs).map(|(one, other)| f64::from(*one) - f64::from(*other)));
    let apart = (difference / square(&mut theirs.iter().map(|number| f64::from(*number)))).sqrt();
    assert!(apart.is_finite());
    apart
}

fn rows(scores: &Tensor) -> Vec<Vec<f32>> {
    scores.to_vec2().unwrap()
}

fn see(model: &Model, prompt: &Prompt) -> Vec<Tensor> {
    model.see(&prompt.pictures().iter().map(AsRef::as_ref).collect::<Vec<_>>()).unwrap()
}

/// Scores after every token of a prompt that is computed alone and at once, and the sequence.
fn alone(model: &Model, cache: &mut Cache, prompt: &Arc<Prompt>) -> (Vec<f32>, Sequence) {
    let mut sequence = Sequence::start(prompt.clone(), &mut cache.pages);
    let tokens = sequence.pending();
    let pictures = see(model, prompt);
    let work = Work { sequence: &mut sequence, tokens, pictures: &pictures, every: true };
    let scores = model.forward(cache, &mut [work]).unwrap();
    (rows(&scores).concat(), sequence)
}

/// The scores after the last token of a prompt in an empty cache.
fn last(model: &Model, prompt: &Arc<Prompt>) -> Vec<f32> {
    let (scores, _) = alone(model, &mut model.cache(PAGES).unwrap(), prompt);
    scores[scores.len() - model.configuration().text.vocabulary..].to_vec()
}

fn best(scores: &[f32]) -> u32 {
    let best = scores.iter().enumerate().max_by(|one, other| one.1.total_cmp(other.1));
    best.unwrap().0 as u32
}

/// Runs `check` on each model with its cases.
fn each(names: &[&str], dtype: DType, check: impl Fn(&str, &Model, &[Case])) {
    let Some(folder) = references() else { return };
    for name in names {
        let folder = folder.join(name);
        let model = Model::open(&folder, &Device::Cpu, dtype).unwrap();
        let cases = cases(&folder, model.configuration());
        assert!(cases.len() >= 2);
        check(name, &model, &cases);
    }
}

fn all() -> Vec<&'static str> {
    VISION.into_iter().chain(TEXT).collect()
}

#[test]
fn scores_and_answers_are_those_of_transformers() {
    each(&all(), DType::F32, |name, model, cases| {
        for case in cases {
            let mut cache = model.cache(PAGES).unwrap();
            let (scores, mut sequence) = alone(model, &mut cache, &case.prompt);
            let apart = apart(&scores, &case.logits);
            println!("{name} {}: {} tokens, {apart:.1e}", case.name, case.prompt.tokens().len());
            assert!(apart <= CLOSE, "{name} {}: {apart:e}", case.name);
            let vocabulary = model.configuration().text.vocabulary;
            sequence.push(best(&scores[scores.len() - vocabulary..]));
            while sequence.answer().len() < case.greedy.len() {
                let work = Work { sequence: &mut sequence, tokens: 1, pictures: &[], every: false };
                let scores = model.forward(&mut cache, &mut [work]).unwrap();
                sequence.push(best(&rows(&scores)[0]));
            }
            assert_eq!(sequence.finish(&mut cache.pages), case.greedy, "{name} {}", case.name);
            assert_eq!(cache.pages.free(), PAGES);
        }
    });
}

#[test]
fn half_precision_is_that_of_transformers() {
    each(&all(), DType::BF16, |name, model, cases| {
        for case in cases {
            let (scores, _) = alone(model, &mut model.cache(PAGES).unwrap(), &case.prompt);
            let apart = apart(&scores, &case.half);
            println!("{name} {}: {apart:.1e}", case.name);
            assert!(apart <= CLOSE_HALF, "{name} {}: {apart:e}", case.name);
            // The comparison would see a model that does not round: it is further from the reference's bf16.
            assert!(self::apart(&case.logits, &case.half) > CLOSE);
        }
    });
}

/// Prompts in one batch, in pieces of other sizes each, while others are decoding: what comes is what each gets alone.
#[test]
fn a_batch_gets_what_each_gets_alone() {
    each(&all(), DType::F32, |name, model, cases| {
        let mut cache = model.cache(PAGES).unwrap();
        let pictures: Vec<Vec<Tensor>> = {
            // All pictures of all prompts through the tower at one time.
            let all: Vec<_> = cases.iter().flat_map(|case| case.prompt.pictures()).map(AsRef::as_ref).collect();
            let mut seen = model.see(&all).unwrap().into_iter();
            cases.iter().map(|case| seen.by_ref().take(case.prompt.pictures().len()).collect()).collect()
        };
        let start = |case: &Case, cache: &mut Cache| Sequence::start(case.prompt.clone(), &mut cache.pages);
        let mut sequences: Vec<Sequence> = cases.iter().map(|case| start(case, &mut cache)).collect();
        let mut furthest: f64 = 0.0;
        for step in 0.. {
            let piece = |at: usize, sequence: &Sequence| sequence.pending().min([1000, 31, 64, 7, 90][(at + step) % 5]);
            let sizes: Vec<usize> = sequences.iter().enumerate().map(|(at, one)| piece(at, one)).collect();
            let work = sequences.iter_mut().zip(&pictures).zip(&sizes);
            let mut work: Vec<Work<'_>> = work
                .map(|((sequence, pictures), tokens)| Work { sequence, tokens: *tokens, pictures, every: false })
                .collect();
            let scores = rows(&model.forward(&mut cache, &mut work).unwrap());
            for ((sequence, scores), case) in sequences.iter_mut().zip(scores).zip(cases) {
                if sequence.pending() > 0 {
                    continue;
                }
                if sequence.answer().is_empty() {
                    let alone = &case.logits[case.logits.len() - scores.len()..];
                    furthest = furthest.max(apart(&scores, alone)).max(apart(&scores, &last(model, &case.prompt)));
                }
                sequence.push(best(&scores));
            }
            if sequences.iter().zip(cases).all(|(sequence, case)| sequence.answer().len() >= case.greedy.len()) {
                break;
            }
        }
        println!("{name}: {} prompts, at most {furthest:.1e}", cases.len());
        assert!(furthest <= CLOSE, "{name}: {furthest:e}");
        for (sequence, case) in sequences.into_iter().zip(cases) {
            assert_eq!(sequence.answer()[..case.greedy.len()], case.greedy, "{name} {}", case.name);
        }
    });
}

/// A prompt whose beginning another has left in the cache, with its pictures, and one that begins otherwise.
#[test]
fn a_shared_beginning_gets_what_the_whole_gets() {
    each(&all(), DType::F32, |name, model, cases| {
        let mut shared_pictures = 0;
        for case in cases.iter().filter(|case| case.prompt.tokens().len() > PAGE) {
            let mut cache = model.cache(PAGES).unwrap();
            let (_, first) = alone(model, &mut cache, &case.prompt);
            first.finish(&mut cache.pages);
            let pictures = case.prompt.pictures();
            let other_end = |count: u32| {
                let mut tokens = case.prompt.tokens().to_vec();
                tokens.truncate(tokens.len() - 5);
                tokens.extend((0..count).map(|at| 3 * at + 11));
                Arc::new(Prompt::new(tokens, pictures.to_vec(), model.configuration()).unwrap())
            };
            let seen = see(model, &case.prompt);
            let prompts: Vec<Arc<Prompt>> = [3, 40, 90].into_iter().map(other_end).collect();
            let start = |prompt: &Arc<Prompt>| Sequence::start(prompt.clone(), &mut cache.pages);
            let mut sequences: Vec<Sequence> = prompts.iter().map(start).collect();
            let page = (case.prompt.tokens().len() - 6) / PAGE * PAGE;
            assert!(page > 0 && sequences.iter().all(|sequence| sequence.shared() >= page), "{name} {}", case.name);
            shared_pictures += pictures.len();
            let work = |sequence| {
                let sequence: &mut Sequence = sequence;
                Work { tokens: sequence.pending(), sequence, pictures: &seen, every: false }
            };
            let scores =
                rows(&model.forward(&mut cache, &mut sequences.iter_mut().map(work).collect::<Vec<_>>()).unwrap());
            for (prompt, scores) in prompts.iter().zip(scores) {
                let apart = apart(&scores, &last(model, prompt));
                println!("{name} {}: {page} of {} tokens shared, {apart:.1e}", case.name, prompt.tokens().len());
                assert!(apart <= CLOSE, "{name} {}: {apart:e}", case.name);
            }
            // The control: pages of another prompt in their place would be seen.
            let mut tokens = prompts[0].tokens().to_vec();
            tokens[0] += 1;
            let other = Arc::new(Prompt::new(tokens, pictures.to_vec(), model.configuration()).unwrap());
            assert_eq!(Sequence::start(other.clone(), &mut cache.pages).shared(), 0);
            assert!(apart(&last(model, &other), &last(model, &prompts[0])) > 100.0 * CLOSE);
        }
        assert_eq!(shared_pictures > 0, VISION.contains(&name), "{name}");
    });
}

/// The control of all comparisons: a hundredth more in half of any one tensor shows.
#[test]
fn every_weight_counts() {
    let Some(folder) = references() else { return };
    // Together they have every kind of tensor.
    for name in [VISION[0], TEXT[1]] {
        let folder = folder.join(name);
        let model = Model::open(&folder, &Device::Cpu, DType::F32).unwrap();
        let cases = cases(&folder, model.configuration());
        let case = cases.iter().find(|case| case.name == "one" || name == TEXT[1]).unwrap();
        let (mut least, mut count) = (f64::INFINITY, 0);
        checkpoints::each_changed(&folder, |tensor, changed: &Path| {
            let model = Model::open(changed, &Device::Cpu, DType::F32).unwrap();
            let (scores, _) = alone(&model, &mut model.cache(PAGES).unwrap(), &case.prompt);
            let apart = apart(&scores, &case.logits);
            assert!(apart > CLOSE, "{name}: {tensor} makes only {apart:e}");
            (least, count) = (least.min(apart), count + 1);
        });
        println!("{name}: {count} tensors, each of which makes {least:.1e} or more");
        assert!(count >= 20, "{name}: {count}");
    }
}
