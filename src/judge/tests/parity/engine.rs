//! Many samples at a time get what each gets alone, whatever the room, and each thing is computed once.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use glasshouse_judge::ModelError;
use glasshouse_judge::answer::Score;
use glasshouse_judge::decoding::{Decoding, Form};
use glasshouse_judge::engine::{Compute, Done, Engine, Limits, Request};
use glasshouse_judge::grammar::Grammars;
use glasshouse_judge::model::{Cache, Grid, Model, PAGE, Pixels, Prompt, Work};
use glasshouse_judge::prompt::{Chat, Message, Part};
use glasshouse_judge::rubric::{Layout, Piece, Rubric, Sample};
use glasshouse_judge::way::Way;

use super::oracle::{RUBRIC, VISION, references};

const LIMITS: Limits = Limits { tokens: 700, samples: 100, picture_bytes: 1 << 20 };
const REASONING: usize = 5;
const SAMPLES: u64 = 11;
/// Distinct pictures among the samples.
const PICTURES: u64 = 5;
const FAULTY: f32 = 77.0;

struct Bench {
    model: Model,
    chat: Chat,
    grammars: Grammars,
    rubric: Rubric,
}

type Scores = BTreeMap<u64, Result<Vec<Score>, String>>;

impl Bench {
    fn open() -> Option<Bench> {
        let folder = references()?.join(VISION[0]);
        let model = Model::open(&folder, &Device::Cpu, DType::F32).unwrap();
        let chat = Chat::open(&folder, model.configuration()).unwrap();
        let grammars = Grammars::new(chat.tokenizer(), model.configuration().end[0]).unwrap();
        Some(Bench { model, chat, grammars, rubric: Rubric::read(RUBRIC).unwrap() })
    }

    fn request(&self, id: u64, way: Way, picture: Arc<Pixels>) -> Request {
        let instruction = format!("Draw number {id}{}.", " and more".repeat(id as usize % 20 * 3));
        let sample = Sample { instruction, code: format!("draw({id})"), pictures: 1, ..Sample::default() };
        let messages = self.rubric.messages(&sample, Layout::RubricFirst, way == Way::Reasoned).unwrap();
        let piece = |piece| match piece {
            Piece::Text(text) => Part::Text(text),
            Piece::Picture(_) => Part::Picture(picture.clone()),
        };
        let messages: Vec<Message> = messages
            .into_iter()
            .map(|(role, pieces)| Message { role, parts: pieces.into_iter().map(piece).collect() })
            .collect();
        let prompt = Arc::new(self.chat.prompt(&messages, &[]).unwrap());
        let form = Form::new(&self.rubric, 1, &self.chat, &self.model.configuration().end).unwrap();
        let most = form.most(way, REASONING);
        let (decoding, first) = match way {
            Way::ScoreOnly => Decoding::score_only(form),
            Way::Reasoned => (Decoding::reasoned(form, REASONING, &self.grammars).unwrap(), Vec::new()),
        };
        Request { id, prompt, first, decoding, most }
    }

    fn requests(&self, way: Way) -> Vec<Request> {
        (0..SAMPLES).map(|id| self.request(id, way, picture((id % PICTURES) as f32))).collect()
    }

    fn run(&self, compute: &dyn Compute, pages: usize, limits: Limits, requests: Vec<Request>) -> (Scores, Done) {
        let mut engine = Engine::new(compute, self.model.cache(pages).unwrap(), limits);
        requests.into_iter().for_each(|request| engine.submit(request));
        let mut scores = Scores::new();
        for step in 0.. {
            assert!(step < 10_000, "it does not end");
            for finished in engine.step() {
                let outcome = finished.result.map(|decoding| decoding.outcome(&self.chat).unwrap().answer.scores);
                assert!(scores.insert(finished.id, outcome.map_err(|error| error.to_string())).is_none());
            }
            if engine.is_idle() {
                break;
            }
        }
        (scores, engine.done())
    }

    /// Each alone, in an engine of its own.
    fn alone(&self, way: Way) -> Scores {
        let one = |request| self.run(&self.model, 24, LIMITS, vec![request]).0;
        self.requests(way).into_iter().flat_map(one).collect()
    }
}

fn picture(number: f32) -> Arc<Pixels> {
    let numbers = (0..8 * 1176).map(|at| ((at % 13) as f32 - 6.0) * 0.1 + number * 0.3);
    Arc::new(Pixels::new(Grid { frames: 1, height: 2, width: 4 }, numbers.collect()))
}

fn same(ours: &Scores, alone: &Scores) {
    assert_eq!(ours.len(), alone.len());
    for ((id, ours), alone) in ours.iter().zip(alone.values()) {
        let (ours, alone) = (ours.as_ref().unwrap(), alone.as_ref().unwrap());
        for (one, other) in ours.iter().zip(alone) {
            assert!((one.value - other.value).abs() < 1e-4, "{id}: {ours:?} {alone:?}");
        }
    }
}

#[test]
fn many_get_what_each_gets_alone() {
    let Some(bench) = Bench::open() else { return };
    for way in [Way::ScoreOnly, Way::Reasoned] {
        let alone = bench.alone(way);
        let different: std::collections::BTreeSet<String> =
            alone.values().map(|scores| format!("{:.4}", scores.as_ref().unwrap()[0].value)).collect();
        assert!(different.len() > 3 || way == Way::Reasoned, "{different:?}");
        let prompts: Vec<Arc<Prompt>> = bench.requests(way).into_iter().map(|request| request.prompt).collect();
        let common = prompts[0].tokens().iter().zip(prompts[1].tokens()).take_while(|(one, other)| one == other);
        let shared = (common.count() / PAGE * PAGE) as u64;
        assert!(shared > 0);
        // Room for all, and then for two at a time, with next to no room for what was seen.
        for (pages, limits) in [(200, LIMITS), (24, Limits { tokens: 100, picture_bytes: 2000, ..LIMITS })] {
            let (scores, done) = bench.run(&bench.model, pages, limits, bench.requests(way));
            println!("{way:?}, {pages} pages: {done:?}");
            same(&scores, &alone);
            let tokens: u64 = prompts.iter().map(|prompt| prompt.tokens().len() as u64).sum();
            // The beginning was computed once, and nothing else twice.
            assert!(done.shared_tokens >= shared * (SAMPLES - 1), "{done:?}");
            assert!(done.computed_tokens <= tokens - done.shared_tokens + done.answer_tokens, "{done:?}");
            assert_eq!(done.splits, 0);
            assert_eq!(done.pictures_seen + done.pictures_kept, SAMPLES);
            if pages == 200 {
                assert_eq!(done.shared_tokens, shared * (SAMPLES - 1));
                assert_eq!(done.pictures_seen, PICTURES);
                assert!(done.largest_batch > 7 || way == Way::ScoreOnly);
            } else {
                assert!(done.largest_batch <= 7, "{done:?}");
            }
        }
    }
}

/// Computes as the model does, but has memory for few tokens only, and fails at one picture.
struct Weak<'a> {
    model: &'a Model,
    tokens: usize,
    failed: Cell<u64>,
}

impl Weak<'_> {
    fn fail<T>(&self) -> Result<T, ModelError> {
        self.failed.set(self.failed.get() + 1);
        Err(candle_core::Error::msg("out of memory").into())
    }
}

impl Compute for Weak<'_> {
    fn see(&self, pictures: &[&Pixels]) -> Result<Vec<Tensor>, ModelError> {
        let faulty = |picture: &&Pixels| picture.numbers()[0] == FAULTY;
        if pictures.len() > 2 || pictures.iter().any(faulty) { self.fail() } else { self.model.see(pictures) }
    }

    fn forward(&self, cache: &mut Cache, work: &mut [Work<'_>]) -> Result<Tensor, ModelError> {
        let tokens: usize = work.iter().map(|work| work.tokens).sum();
        if tokens > self.tokens { self.fail() } else { self.model.forward(cache, work) }
    }
}

#[test]
fn out_of_memory_means_smaller_batches_and_a_lost_sample_is_lost_alone() {
    let Some(bench) = Bench::open() else { return };
    let way = Way::ScoreOnly;
    let mut alone = bench.alone(way);
    let weak = Weak { model: &bench.model, tokens: 90, failed: Cell::new(0) };
    let mut requests = bench.requests(way);
    let faulty = Arc::new(Pixels::new(Grid { frames: 1, height: 2, width: 4 }, vec![FAULTY; 8 * 1176]));
    requests.insert(3, bench.request(900, way, faulty));
    // More than the whole cache holds.
    requests.insert(5, Request { most: 100_000, ..bench.request(901, way, picture(1.0)) });
    let (mut scores, done) = bench.run(&weak, 200, LIMITS, requests);
    println!("{} failures, {done:?}", weak.failed.get());
    assert!(weak.failed.get() > 3 && done.splits > 3);
    let error = scores.remove(&900).unwrap().unwrap_err();
    assert!(error.contains("picture") && error.contains("out of memory"), "{error}");
    let error = scores.remove(&901).unwrap().unwrap_err();
    assert!(error.contains("cache is full"), "{error}");
    same(&scores, &alone);
    // With memory for nothing, every sample is lost, and said to be.
    let weak = Weak { model: &bench.model, tokens: 0, failed: Cell::new(0) };
    let (scores, _) = bench.run(&weak, 200, LIMITS, bench.requests(way));
    alone.retain(|id, _| scores[id].as_ref().is_err_and(|error| error.contains("out of memory")));
    assert_eq!((scores.len(), alone.len()), (SAMPLES as usize, SAMPLES as usize));
}
