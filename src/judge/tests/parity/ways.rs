//! The two ways to scores, on models that know nothing: forms hold, and expectations are those of the forced text.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use glasshouse_judge::answer::{Answer, rate};
use glasshouse_judge::decoding::{Decoding, Form, Next};
use glasshouse_judge::grammar::Grammars;
use glasshouse_judge::model::{Model, Preparation, Prompt, Sequence, Work};
use glasshouse_judge::prompt::{Chat, Message, Part};
use glasshouse_judge::rubric::{Layout, Piece, Rubric, Sample};
use glasshouse_judge::way::{Outcome, Way};
use glasshouse_score::picture::Picture;

use super::oracle::{TEXT, VISION, references};
use super::{rows, see};

/// A model with all that is needed to ask it.
struct Judge {
    model: Model,
    chat: Chat,
    grammars: Grammars,
    pictures: Vec<Arc<glasshouse_judge::model::Pixels>>,
}

impl Judge {
    fn open(name: &str) -> Option<Judge> {
        let folder = references()?.join(name);
        let model = Model::open(&folder, &Device::Cpu, DType::F32).unwrap();
        let chat = Chat::open(&folder, model.configuration()).unwrap();
        let grammars = Grammars::new(chat.tokenizer(), model.configuration().end[0]).unwrap();
        let picture = |seed: usize| {
            let rgb = (0..3 * 56 * 84).map(|at| (at * seed % 251) as u8).collect();
            let shape = model.configuration().vision.as_ref().unwrap();
            Arc::new(Preparation::read(&folder, shape).unwrap().prepare(&Picture::new(84, 56, rgb).unwrap()).unwrap())
        };
        let pictures = if name.starts_with("text") { Vec::new() } else { vec![picture(7), picture(11)] };
        Some(Judge { model, chat, grammars, pictures })
    }

    fn prompt(&self, rubric: &Rubric, sample: &Sample, way: Way) -> Prompt {
        let piece = |piece| match piece {
            Piece::Text(text) => Part::Text(text),
            Piece::Picture(at) => Part::Picture(self.pictures[at].clone()),
        };
        let messages = rubric.messages(sample, Layout::RubricFirst, way == Way::Reasoned).unwrap();
        let messages: Vec<Message> = messages
            .into_iter()
            .map(|(role, pieces)| Message { role, parts: pieces.into_iter().map(piece).collect() })
            .collect();
        self.chat.prompt(&messages, &[("enable_thinking", false)]).unwrap()
    }

    /// One sample, step by step, and the tokens that were pushed.
    fn ask(&self, prompt: &Arc<Prompt>, mut decoding: Decoding, first: Vec<u32>) -> (Outcome, Vec<u32>) {
        let mut cache = self.model.cache(96).unwrap();
        let mut sequence = Sequence::start(prompt.clone(), &mut cache.pages);
        let pictures: Vec<Tensor> = see(&self.model, prompt);
        let mut tokens = first;
        loop {
            tokens.iter().for_each(|token| sequence.push(*token));
            let pending = sequence.pending();
            let work = Work { sequence: &mut sequence, tokens: pending, pictures: &pictures, every: false };
            let scores = rows(&self.model.forward(&mut cache, &mut [work]).unwrap());
            match decoding.next(&scores[0]).unwrap() {
                Next::Push(more) => tokens = more,
                Next::Done => break,
            }
        }
        (decoding.outcome(&self.chat).unwrap(), sequence.finish(&mut cache.pages))
    }
}

fn sample(pictures: usize) -> Sample {
    let instruction = "A bar chart of 3 fruits.".to_owned();
    Sample { instruction, code: "plt.bar(x, y)".to_owned(), pictures, ..Sample::default() }
}

fn on_scale(answer: &Answer, count: usize) {
    assert_eq!(answer.scores.len(), count);
    assert!(answer.scores.iter().all(|score| (1.0..=5.0).contains(&score.value)), "{answer:?}");
}

#[test]
fn reasoned_answers_always_parse() {
    for (name, rubric, pictures) in
        [(VISION[0], "chart", 1), (VISION[3], "page-edit", 2), (TEXT[0], "code", 0), (TEXT[1], "code", 0)]
    {
        let Some(judge) = Judge::open(name) else { return };
        let rubric = Rubric::built_in(rubric).unwrap();
        let form = Form::new(&rubric, pictures, &judge.chat, &judge.model.configuration().end).unwrap();
        for reasoning in [0, 12] {
            let prompt = Arc::new(judge.prompt(&rubric, &sample(pictures), Way::Reasoned));
            let decoding = Decoding::reasoned(form.clone(), reasoning, &judge.grammars).unwrap();
            let (outcome, tokens) = judge.ask(&prompt, decoding, Vec::new());
            on_scale(&outcome.answer, rubric.dimensions(pictures).len());
            assert!(outcome.answer.scores.iter().all(|score| score.value.fract() == 0.0));
            assert_eq!(outcome.answer.own_total.is_some(), rubric.id() == "page-edit");
            assert!(tokens.len() <= form.most(Way::Reasoned, reasoning), "{}", tokens.len());
            // A model of random weights writes no JSON of itself: the form is the grammar's doing.
            assert!(!outcome.reasoning.unwrap_or_default().contains("{\"scores\""));
            let rating = rate(outcome.answer, &rubric, true);
            println!("{name}, {reasoning} tokens of reasoning: {:?}", rating.scores);
        }
    }
}

#[test]
fn expectations_are_those_of_the_forced_text() {
    for (name, rubric, pictures) in [(VISION[0], "chart", 1), (VISION[3], "page-edit", 2), (TEXT[0], "code", 0)] {
        let Some(judge) = Judge::open(name) else { return };
        let rubric = Rubric::built_in(rubric).unwrap();
        let form = Form::new(&rubric, pictures, &judge.chat, &judge.model.configuration().end).unwrap();
        let prompt = Arc::new(judge.prompt(&rubric, &sample(pictures), Way::ScoreOnly));
        let (decoding, first) = Decoding::score_only(form.clone());
        let (outcome, answer) = judge.ask(&prompt, decoding, first);
        on_scale(&outcome.answer, rubric.dimensions(pictures).len());
        // The whole text at once, in an empty cache: the same likelihoods stand before its digits.
        let tokens = [prompt.tokens(), &answer].concat();
        let whole = Prompt::new(tokens.clone(), prompt.pictures().to_vec(), judge.model.configuration()).unwrap();
        let (scores, _) = super::alone(&judge.model, &mut judge.model.cache(96).unwrap(), &Arc::new(whole));
        let vocabulary = judge.model.configuration().text.vocabulary;
        let digits: Vec<u32> = (1..=5).map(|digit| judge.chat.encode(&digit.to_string()).unwrap()[0]).collect();
        let mut slots =
            (prompt.tokens().len()..tokens.len()).filter(|at| digits.contains(&tokens[*at])).collect::<Vec<_>>();
        // Nothing is read after the last digit, and so it was never pushed.
        slots.push(tokens.len());
        assert_eq!(slots.len(), outcome.spreads.len());
        for (slot, spread) in slots.iter().zip(&outcome.spreads) {
            let row = &scores[(slot - 1) * vocabulary..slot * vocabulary];
            let weight = |token: u32| f64::from(row[token as usize]).exp();
            let sum: f64 = digits.iter().map(|digit| weight(*digit)).sum();
            for (digit, likely) in digits.iter().zip(&spread.likelihoods) {
                assert!((weight(*digit) / sum - likely).abs() < 1e-4, "{name} {}", spread.key);
            }
            let all: f64 = row.iter().map(|score| f64::from(*score).exp()).sum();
            assert!((spread.mass - sum / all).abs() < 1e-4, "{name} {}", spread.key);
        }
        println!("{name}: {:?}", outcome.answer.scores);
    }
}
