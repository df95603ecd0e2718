//! Each part of WebCode2M's score against the oracle in Python, in one run and on the same inputs, rendering left
//! out. Both read the pictures from PNG files. The time of an answer is taken inside Python, so neither its start
//! nor the talk between the processes counts.
//!
//! ```sh
//! GLASSHOUSE_SCORE_ROWS=../shared/data/pages.jsonl cargo bench -p glasshouse-score
//! ```
//!
//! Without rows the test's own pages are used. `GLASSHOUSE_SCORE_PAIRS` says how many pairs (default 20).

#![allow(clippy::unwrap_used)]

#[path = "../tests/agreement/oracle.rs"]
#[allow(dead_code)]
mod oracle;
#[path = "../tests/agreement/painter.rs"]
mod painter;
#[path = "../tests/agreement/samples.rs"]
#[allow(dead_code)]
mod samples;

use std::env;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use glasshouse_score::Mode;
use glasshouse_score::html::{Dialect, parse};
use glasshouse_score::picture::Picture;
use glasshouse_score::pixels;
use glasshouse_score::webcode2m::visual::{Block, Renders, SHIFT, colouring, compare, find_blocks};
use glasshouse_score::webcode2m::{pixel_scores, prepare, tree_scores, universal_newlines, word_scores};
use oracle::Oracle;
use serde_json::{Value, json};

/// How many times larger than the painter's the pictures are: 1280 pixels wide.
const ENLARGED: usize = 4;
/// Ours is repeated for at least so many seconds, since one time is short.
const SECONDS: f64 = 1.0;

fn main() {
    let Some(mut oracle) = Oracle::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let pairs = pairs();
    println!("{} pairs; seconds of Python, of ours, and how many times as fast\n", pairs.len());
    let prepared: Vec<(String, String)> =
        pairs.iter().map(|(reference, candidate)| (universal_newlines(reference), ready(candidate))).collect();
    let mut board = Board::default();
    let texts = |what| move |(reference, candidate): &(String, String)| json!({"ask": what, "reference": reference, "candidate": candidate});
    let preprocess = |(_, candidate): &(String, String)| json!({"ask": "preprocess", "text": candidate});
    board.line(
        "preparing the prediction",
        race(&mut oracle, &pairs, preprocess, |(_, candidate)| {
            black_box(ready(candidate));
        }),
        true,
    );
    board.line(
        "TreeBLEU",
        race(&mut oracle, &prepared, texts("tree_scores"), |(reference, candidate)| {
            let trees = [reference, candidate].map(|page| parse(page, Dialect::default()).unwrap());
            let _ = black_box(tree_scores(&trees[0], &trees[1], Mode::Compat));
        }),
        true,
    );
    board.line(
        "BLEU and ROUGE",
        race(&mut oracle, &prepared, texts("text_scores"), |(reference, candidate)| {
            let trees = [reference, candidate].map(|page| parse(page, Dialect::default()).unwrap());
            let _ = black_box(word_scores(&trees[0], &trees[1], Mode::Compat));
        }),
        true,
    );
    let shots: Vec<[Shot; 2]> = prepared
        .iter()
        .enumerate()
        .map(|(number, (reference, candidate))| {
            [(reference, "r"), (candidate, "c")]
                .map(|(page, side)| shoot(page, folder.path(), &format!("{number}{side}")))
        })
        .collect();
    let files = |what| move |[reference, candidate]: &[Shot; 2]| json!({"ask": what, "reference": reference.files[0], "candidate": candidate.files[0]});
    board.line(
        "MSE and SSIM, resizing included",
        race(&mut oracle, &shots, files("picture_scores"), |[reference, candidate]| {
            let _ = black_box(pixel_scores(&read(&reference.files[0]), &read(&candidate.files[0]), Mode::Compat));
        }),
        true,
    );
    let same: Vec<[Shot; 2]> = shots.iter().map(|[one, _]| [one.moved(folder.path()), one.clone()]).collect();
    board.line(
        "  of pictures of one size, a text moved",
        race(&mut oracle, &same, files("picture_scores"), |[reference, candidate]| {
            let _ = black_box(pixel_scores(&read(&reference.files[0]), &read(&candidate.files[0]), Mode::Compat));
        }),
        false,
    );
    let sides: Vec<Shot> = shots.iter().flatten().cloned().collect();
    let blocks = |shot: &Shot| json!({"ask": "blocks", "page": shot.page, "original": shot.files[0], "first": shot.files[1], "second": shot.files[2]});
    board.line(
        "finding the blocks",
        race(&mut oracle, &sides, blocks, |shot| {
            black_box(found(shot));
        }),
        true,
    );
    let lists: Vec<[Vec<Block>; 2]> = shots.iter().map(|pair| pair.each_ref().map(found)).collect();
    let question = |[reference, candidate]: &[Vec<Block>; 2]| json!({"ask": "visual", "reference": {"blocks": plain(reference)}, "candidate": {"blocks": plain(candidate)}});
    board.line(
        "matching and comparing the blocks",
        race(&mut oracle, &lists, question, |[reference, candidate]| {
            black_box(compare(Ok(candidate.clone()), Ok(reference.clone())));
        }),
        true,
    );
    let differ = |[one, other]: &[Shot; 2]| json!({"ask": "different", "one": one.files[0], "other": other.files[0], "threshold": 0.1, "smoothing": false});
    board.line(
        "score pixels (pixelmatch; not of WebCode2M)",
        race(&mut oracle, &same[..same.len().min(3)], differ, |[one, other]| {
            black_box(pixels::compare(&read(&one.files[0]), &read(&other.files[0]), pixels::Tolerance::default()));
        }),
        false,
    );
    let whole = board.whole;
    println!();
    board.line("WebCode2M's parts together", whole, false);
}

/// What is printed, and the sum of the parts of WebCode2M's score.
#[derive(Default)]
struct Board {
    whole: (f64, f64),
}

impl Board {
    fn line(&mut self, name: &str, (theirs, ours): (f64, f64), counts: bool) {
        println!("{name:<44} {theirs:>9.3} {ours:>9.4} {:>8.1}x", theirs / ours);
        if counts {
            self.whole = (self.whole.0 + theirs, self.whole.1 + ours);
        }
    }
}

/// The oracle's seconds and ours for all of `cases`.
fn race<T>(oracle: &mut Oracle, cases: &[T], question: impl Fn(&T) -> Value, ours: impl Fn(&T)) -> (f64, f64) {
    let before = oracle.seconds;
    for case in cases {
        let _ = oracle.ask(&question(case));
    }
    let theirs = oracle.seconds - before;
    let start = Instant::now();
    let mut rounds = 0.0;
    while start.elapsed().as_secs_f64() < SECONDS {
        cases.iter().for_each(&ours);
        rounds += 1.0;
    }
    (theirs, start.elapsed().as_secs_f64() / rounds)
}

/// Pairs of reference and candidate.
fn pairs() -> Vec<(String, String)> {
    let most = env::var("GLASSHOUSE_SCORE_PAIRS").map_or(20, |count| count.parse().unwrap());
    match samples::real_pairs() {
        Some(pairs) => {
            let step = (pairs.len() / most).max(1);
            pairs.into_iter().step_by(step).take(most).map(|(_, reference, candidate)| (reference, candidate)).collect()
        }
        None => {
            let pages: Vec<String> = samples::own().into_iter().map(|(_, page)| page).collect();
            let scored = pages.into_iter().filter(|page| parse(page, Dialect::default()).is_ok()).collect::<Vec<_>>();
            let pair = |at: usize| (scored[at].clone(), scored[(at + 1) % scored.len()].clone());
            (0..scored.len().min(most)).map(pair).collect()
        }
    }
}

fn ready(page: &str) -> String {
    prepare(page, Dialect::default(), Mode::Compat).unwrap()
}

/// A page and the files of its three pictures.
#[derive(Clone)]
struct Shot {
    page: String,
    files: [PathBuf; 3],
}

impl Shot {
    /// The same page with a band of its picture moved by a few pixels.
    fn moved(&self, folder: &Path) -> Shot {
        let picture = read(&self.files[0]);
        let mut rgb = picture.bytes().to_vec();
        let band = rgb.len() / 8;
        rgb[band..band * 2].rotate_right(12);
        let file = folder.join(format!("moved-{}", self.files[0].file_name().unwrap().to_string_lossy()));
        write(&Picture::new(picture.width(), picture.height(), rgb).unwrap(), &file);
        let [_, first, second] = self.files.clone();
        Shot { page: self.page.clone(), files: [file, first, second] }
    }
}

fn shoot(page: &str, folder: &Path, name: &str) -> Shot {
    let coloured = |shift| colouring(page, shift, Dialect::default()).unwrap();
    let htmls = [page.to_owned(), coloured(0), coloured(SHIFT)];
    let files = [0, 1, 2].map(|kind| {
        let file = folder.join(format!("{name}-{kind}.png"));
        write(&enlarge(&painter::paint(&htmls[kind])), &file);
        file
    });
    Shot { page: page.to_owned(), files }
}

fn found(shot: &Shot) -> Vec<Block> {
    let [original, first, second] = &shot.files.each_ref().map(|file| read(file));
    let renders = Renders { original, first, second };
    find_blocks(&shot.page, renders, Dialect::default(), Mode::Compat).unwrap().unwrap_or_default()
}

fn plain(blocks: &[Block]) -> Value {
    let one = |block: &Block| json!({"text": block.text, "bbox": block.bounds, "color": block.colour});
    blocks.iter().map(one).collect()
}

fn enlarge(picture: &Picture) -> Picture {
    let (width, height) = (picture.width() * ENLARGED, picture.height() * ENLARGED);
    let pixel = |at: usize| picture.pixel(at % width / ENLARGED, at / width / ENLARGED).unwrap();
    Picture::new(width, height, (0..width * height).flat_map(pixel).collect()).unwrap()
}

fn read(path: &Path) -> Picture {
    let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut rgb).unwrap();
    Picture::new(info.width as usize, info.height as usize, rgb).unwrap()
}

fn write(picture: &Picture, path: &Path) {
    let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut encoder = png::Encoder::new(file, picture.width() as u32, picture.height() as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    encoder.write_header().unwrap().write_image_data(picture.bytes()).unwrap();
}
