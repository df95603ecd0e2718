//! Whole pairs through the evaluation, with a painter for a browser and a stand-in for a model; and pages made to do
//! harm, which must end in an error or a score, soon.

#![allow(clippy::unwrap_used)]

#[path = "agreement/painter.rs"]
mod painter;

use std::time::{Duration, Instant};

use glasshouse_score::html::{DEEPEST, Dialect, parse};
use glasshouse_score::picture::{Picture, lanczos4};
use glasshouse_score::pixels::{Tolerance, compare as compare_pixels};
use glasshouse_score::webcode2m::visual::{Block, Visual, join_and_match};
use glasshouse_score::webcode2m::{Embedding, NoPicture, Renderer, Setup, evaluate, masked, prepare};
use glasshouse_score::{Mode, ScoreError, Side};
use painter::paint;

const PAGE: &str = include_str!("pages/blog.html");
const OTHER: &str = include_str!("pages/shop_again.html");

struct Painter {
    renders: usize,
}

impl Renderer for Painter {
    fn render(&mut self, html: &str) -> Result<Picture, NoPicture> {
        self.renders += 1;
        Ok(paint(html))
    }
}

struct Broken;

impl Renderer for Broken {
    fn render(&mut self, _: &str) -> Result<Picture, NoPicture> {
        Err(NoPicture::Page("a script of it never ends".to_owned()))
    }
}

/// Draws so many pictures, and then something of ours fails.
struct Failing {
    pictures: usize,
}

impl Renderer for Failing {
    fn render(&mut self, html: &str) -> Result<Picture, NoPicture> {
        let left = self.pictures.checked_sub(1).ok_or_else(|| NoPicture::Fault("the browser is gone".to_owned()))?;
        self.pictures = left;
        Ok(paint(html))
    }
}

/// The mean of each channel: not CLIP, but a vector that changes with the picture.
struct Means;

impl Embedding for Means {
    fn embed(&self, pictures: &[&Picture]) -> Result<Vec<Vec<f32>>, String> {
        let mean = |picture: &Picture, channel| {
            picture.bytes().iter().skip(channel).step_by(3).map(|&value| f32::from(value)).sum::<f32>()
        };
        Ok(pictures.iter().map(|picture| (0..3).map(|channel| mean(picture, channel)).collect()).collect())
    }
}

/// Gives what a model with broken weights would.
struct Ill(fn(usize) -> Result<Vec<Vec<f32>>, String>);

impl Embedding for Ill {
    fn embed(&self, pictures: &[&Picture]) -> Result<Vec<Vec<f32>>, String> {
        (self.0)(pictures.len())
    }
}

#[test]
fn a_page_equals_itself_once_the_defects_are_mended() {
    let scores = |mode| {
        let mut painter = Painter { renders: 0 };
        let mut setup = Setup { mode, renderer: Some(&mut painter), model: Some(&Means), ..Setup::default() };
        let doctype = format!("<!DOCTYPE html>\n{PAGE}");
        let scores = evaluate(&doctype, &doctype, &mut setup).unwrap();
        assert_eq!(painter.renders, 6);
        scores
    };
    let fixed = scores(Mode::Fixed);
    let tree = fixed.tree.unwrap();
    assert_eq!((tree.recall, tree.precision), (1.0, 1.0));
    assert_eq!((fixed.words.unwrap().bleu, fixed.pixels.unwrap().unwrap().ssim), (1.0, 1.0));
    let total = scores(Mode::Fixed).visual_total().unwrap();
    assert!((total - 1.0).abs() < 1e-6, "{total}");
    // The published way wraps the page for its doctype, so that it is no longer quite itself.
    let compat = scores(Mode::Compat);
    assert!(compat.tree.unwrap().precision < 1.0);
}

#[test]
fn what_is_missing_is_absent_and_never_guessed() {
    let texts = evaluate(PAGE, OTHER, &mut Setup::default()).unwrap();
    assert!(texts.words.is_ok() && texts.tree.is_ok());
    assert!(texts.pixels.is_none() && texts.visual.is_none() && texts.clip.is_none() && texts.visual_clip.is_none());
    assert_eq!((texts.visual_total(), texts.dropped()), (None, None));

    let mut painter = Painter { renders: 0 };
    let mut setup = Setup { renderer: Some(&mut painter), ..Setup::default() };
    let scores = evaluate(PAGE, OTHER, &mut setup).unwrap();
    let visual = scores.visual.clone().unwrap().unwrap();
    assert!(matches!(visual, Visual::Matched(..)), "{visual:?}");
    assert!(visual.without_clip() > 0.0 && visual.without_clip() <= 0.8);
    assert_eq!((scores.visual_total(), &scores.clip, &scores.visual_clip), (None, &None, &None));

    setup.model = Some(&Means);
    let whole = evaluate(PAGE, OTHER, &mut setup).unwrap();
    let clip = whole.visual_clip.clone().unwrap().unwrap();
    assert!((whole.visual_total().unwrap() - (visual.without_clip() + 0.2 * clip)).abs() < 1e-12);
}

#[test]
fn a_renderer_that_fails_gives_the_published_blank_or_an_error() {
    let scores = |mode| {
        let mut broken = Broken;
        let mut setup = Setup { mode, renderer: Some(&mut broken), ..Setup::default() };
        evaluate(PAGE, OTHER, &mut setup).unwrap()
    };
    let compat = scores(Mode::Compat);
    assert_eq!(compat.visual, Some(Ok(Visual::NoBlocks)));
    assert_eq!(compat.pixels.unwrap().unwrap().ssim, 1.0);
    let error = ScoreError::Render { side: Side::Reference, why: "a script of it never ends".to_owned() };
    assert_eq!(scores(Mode::Fixed).dropped(), Some(&error));
}

#[test]
fn a_fault_of_the_renderer_never_counts_against_a_page() {
    for mode in [Mode::Compat, Mode::Fixed] {
        for pictures in 0..6 {
            let mut failing = Failing { pictures };
            let mut setup = Setup { mode, renderer: Some(&mut failing), ..Setup::default() };
            let error = evaluate(PAGE, OTHER, &mut setup).unwrap_err();
            assert_eq!(error, ScoreError::Fault("the browser is gone".to_owned()), "{mode} after {pictures} pictures");
        }
        let mut enough = Failing { pictures: 6 };
        assert!(evaluate(PAGE, OTHER, &mut Setup { mode, renderer: Some(&mut enough), ..Setup::default() }).is_ok());
    }
}

#[test]
fn a_model_that_fails_never_counts_against_a_page() {
    let ills: [fn(usize) -> Result<Vec<Vec<f32>>, String>; 5] = [
        |_| Err("no memory".to_owned()),
        |_| Ok(Vec::new()),
        |count| Ok(vec![vec![f32::NAN; 4]; count]),
        |count| Ok(vec![vec![0.0; 4]; count]),
        |count| Ok((0..count).map(|at| vec![1.0; 1 + at]).collect()),
    ];
    for (which, ill) in ills.into_iter().enumerate() {
        let mut painter = Painter { renders: 0 };
        let mut setup = Setup { renderer: Some(&mut painter), model: Some(&Ill(ill)), ..Setup::default() };
        let error = evaluate(PAGE, OTHER, &mut setup).unwrap_err();
        assert!(matches!(&error, ScoreError::Fault(why) if why.contains("the embedding model")), "{which}: {error}");
    }
}

#[test]
fn pairs_that_the_published_evaluation_drops_are_errors() {
    let empty = "<html><body><img></body></html>";
    let scores = evaluate(PAGE, empty, &mut Setup::default()).unwrap();
    assert_eq!(scores.dropped(), Some(&ScoreError::NoWords(Side::Candidate)));
    let bare = evaluate(PAGE, "<html>words</html>", &mut Setup::default()).unwrap();
    assert_eq!(bare.dropped(), Some(&ScoreError::NoInnerElement(Side::Candidate)));
    let refused = evaluate(PAGE, "<![x]>", &mut Setup::default());
    assert!(matches!(refused, Err(ScoreError::Rejected { .. })), "{refused:?}");
    let fixed = &mut Setup { mode: Mode::Fixed, ..Setup::default() };
    assert_eq!(evaluate(PAGE, empty, fixed).unwrap().words.unwrap().rouge, 0.0);
    assert_eq!(evaluate(PAGE, "", fixed).unwrap().dropped(), None);
}

#[test]
fn tiny_pictures_and_wild_blocks_do_no_harm() {
    let wild = [f64::NAN, f64::INFINITY, -1.0, 0.0, 0.5, 1.0, 1e300];
    let block = |bounds| Block { text: "x".to_owned(), bounds, colour: [f64::NAN, -5.0, 300.0] };
    let blocks: Vec<Block> =
        (0..7).map(|at| block([0, 1, 2, 3].map(|side| wild[(at + side * 2) % wild.len()]))).collect();
    for (width, height) in [(1, 1), (1, 5), (5, 1), (2, 2), (3, 2), (12, 12)] {
        let picture = Picture::new(width, height, vec![7; width * height * 3]).unwrap();
        assert_eq!(masked(&picture, &blocks).unwrap().width(), width.min(height));
        assert_eq!(lanczos4(&picture, 9, 4).unwrap().bytes(), [7; 9 * 4 * 3]);
        let same = compare_pixels(&picture, &picture, Tolerance::default());
        assert!(same.equal && same.pixels.unwrap().ssim.is_ok() == (width >= 11));
    }
    let small = Picture::new(2, 2, vec![0; 12]).unwrap();
    assert!(matches!(lanczos4(&small, 0, 4), Err(ScoreError::BadPicture { .. })));
    assert!(matches!(lanczos4(&small, usize::MAX, 4), Err(ScoreError::BadPicture { .. })));
    assert!(matches!(Picture::new(2, 2, vec![0; 11]), Err(ScoreError::BadPicture { .. })));
    assert!(matches!(join_and_match(blocks.clone(), Vec::new()).pairs.len(), 0));
    assert_eq!(join_and_match(blocks.clone(), blocks).pairs.len(), 7);
}

#[test]
fn depth_bombs_are_refused() {
    let deep = |depth: usize| "<i>".repeat(depth);
    assert!(parse(&deep(DEEPEST), Dialect::default()).is_ok());
    assert_eq!(parse(&deep(DEEPEST + 1), Dialect::default()), Err(ScoreError::TooDeep { depth: DEEPEST + 1 }));
    let scores = evaluate(&deep(3000), &deep(3000), &mut Setup::default()).unwrap();
    assert_eq!(scores.words, Err(ScoreError::NoWords(Side::Candidate)));
}

#[test]
fn hostile_pages_end_soon() {
    let many = |piece: &str| piece.repeat(400_000 / piece.len());
    let pieces = [
        "<",
        "<a ",
        "<!--",
        "<![if ",
        "<![if x",
        "</",
        "</br>",
        "<br>",
        "&",
        "&#",
        "&#1a;",
        "&a",
        "<a b='",
        "<a b=\"",
        "<p>x",
        "<script>",
        "</script",
        "<pre>",
        "] ]",
        "-- ",
        "<?",
        "<!",
        "\0",
        "<a/",
        "<svg:a/>",
        "x</p>",
        "&lt;&amp;",
    ];
    for piece in pieces {
        let start = Instant::now();
        let page = many(piece);
        let tree = parse(&page, Dialect::default());
        let prepared = prepare(&page, Dialect::default(), Mode::Compat);
        assert!(start.elapsed() < Duration::from_secs(20), "{piece:?}: {:?}", start.elapsed());
        let sound = |error: &ScoreError| matches!(error, ScoreError::TooDeep { .. } | ScoreError::Rejected { .. });
        assert!(tree.as_ref().err().is_none_or(sound), "{piece:?}: {:?}", tree.err());
        assert!(prepared.as_ref().err().is_none_or(sound), "{piece:?}: {:?}", prepared.err());
    }
}
