//! The same colourings, blocks, matchings and parts of the visual score.

use std::path::{Path, PathBuf};

use glasshouse_score::html::{Dialect, parse};
use glasshouse_score::picture::Picture;
use glasshouse_score::webcode2m::visual::{
    Block, MOST_COLOURS, NoBlocks, Renders, SHIFT, Visual, colouring, compare, declared_colour, find_blocks,
};
use glasshouse_score::webcode2m::{pixel_scores, prepare, universal_newlines};
use glasshouse_score::{Mode, ScoreError};
use serde_json::{Value, json};

use super::oracle::Oracle;
use super::painter::paint;
use super::pictures::write;
use super::samples::{self, Dice};
use super::scores::{CLOSE, same};

#[test]
fn colours_are_read_the_same() {
    let Some(mut oracle) = Oracle::start() else { return };
    let values = [
        "red",
        "RebeccaPurple",
        "grey",
        "nocolor",
        "",
        "#abc",
        "#a1b2c3",
        "rgb(1,2,3)",
        "rgb( 10 , 20,30 )",
        "rgb(1,2)",
        "rgb(300,-4,1_0)",
        "rgba(1,2,3,0.5)",
        "rgba(1,2,3,4)",
        "RGB(1, 2, 3)",
        "RGBA(1,2,3,4)",
        "RGB(10%, 20%, 100%)",
        "hsl(120, 100%, 25%)",
        "hsl(359.5,50.5%,75%)",
        "hsv(200, 40%, 60%)",
        "hsb(10,0%,50%)",
        "hsl(1,2,3)",
        "rgb",
        "r",
        "url(a:b)",
        "white !important",
        "transparent",
        "currentcolor",
    ];
    let styles = values.iter().flat_map(|value| {
        [
            format!("color: {value}"),
            format!("a: b;color:{value} !important; opacity: 1"),
            format!("border-color:{value};background-color: blue"),
            format!("color: navy; {value}-color"),
        ]
    });
    for style in styles.chain(["".to_owned(), ";".to_owned(), "color".to_owned(), "color:".to_owned()]) {
        let theirs = oracle.ask(&json!({"ask": "css_colour", "text": style}));
        let ours = declared_colour(&style, Mode::Compat);
        match (&theirs, &ours) {
            (Ok(theirs), Ok(ours)) => assert_eq!(&json!(ours), theirs, "{style:?}"),
            (Err(_), Err(_)) => {}
            _ => panic!("{style:?}: ours {ours:?}, theirs {theirs:?}"),
        }
    }
}

#[test]
fn pages_are_coloured_the_same() {
    let Some(mut oracle) = Oracle::start() else { return };
    let many = "<p>x".repeat(MOST_COLOURS);
    let pages =
        samples::own().into_iter().chain([("many".to_owned(), many.clone()), ("more".to_owned(), many + "<p>")]);
    for (name, page) in pages {
        for shift in [0, SHIFT] {
            let theirs = oracle.ask(&json!({"ask": "colouring", "text": page, "offset": shift}));
            match (colouring(&page, shift, Dialect::default()), theirs) {
                (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs.as_str().unwrap(), "{name}"),
                (Err(_), Err(_)) => {}
                (ours, theirs) => panic!("{name}: ours {ours:?}, theirs {theirs:?}"),
            }
        }
    }
    let most = ScoreError::TooManyTexts { elements: MOST_COLOURS + 1, most: MOST_COLOURS };
    assert_eq!(colouring(&"<p>".repeat(MOST_COLOURS + 1), 0, Dialect::default()), Err(most));
}

#[test]
fn own_pages_look_the_same() {
    let Some(mut oracle) = Oracle::start_fast() else { return };
    let tally = compare_all(&mut oracle, &samples::own());
    assert!(tally.matched >= 40 && tally.joined >= 10 && tally.no_blocks >= 10, "{tally:?}");
}

/// The oracle as it is measured, without its short cuts.
#[test]
fn the_plain_oracle_agrees_as_well() {
    let Some(mut oracle) = Oracle::start() else { return };
    let few = ["shop.html", "shop_again.html", "entities.html"];
    let pages: Vec<_> = samples::own().into_iter().filter(|(name, _)| few.contains(&name.as_str())).collect();
    let tally = compare_all(&mut oracle, &pages);
    assert!(tally.matched >= 5, "{tally:?}");
}

/// Every page as reference against every page as prediction.
fn compare_all(oracle: &mut Oracle, pages: &[(String, String)]) -> Tally {
    let studio = Studio::new();
    let mut dice = Dice(8);
    let scored = pages.iter().filter(|(_, page)| parse(page, Dialect::default()).is_ok());
    let found: Vec<(&str, [Found; 2])> =
        scored.map(|(name, page)| (name.as_str(), find(oracle, name, &studio.both_sides(page, &mut dice)))).collect();
    let mut tally = Tally::default();
    for (name, reference) in &found {
        for (other, candidate) in &found {
            check(oracle, &format!("{name} <- {other}"), &reference[0], &candidate[1], &mut tally);
        }
    }
    tally
}

#[test]
fn odd_renders_give_the_same_blocks() {
    let Some(mut oracle) = Oracle::start_fast() else { return };
    let studio = Studio::new();
    let mut dice = Dice(9);
    let pages = samples::own();
    let page = &pages.iter().find(|(name, _)| name == "blog.html").unwrap().1;
    let whole = studio.shoot(page, &mut dice);
    let low = |picture: &Picture| {
        Picture::new(picture.width(), 60, picture.bytes()[..picture.width() * 60 * 3].to_vec()).unwrap()
    };
    let cases = [
        (studio.with(&whole, Some(low(&whole.pictures[0])), None), NoBlocks::OutsideOriginal),
        (studio.with(&whole, None, Some(low(&whole.pictures[2]))), NoBlocks::SizesDiffer),
        (studio.with(&whole, None, Some(whole.pictures[1].clone())), NoBlocks::NothingChanged),
    ];
    for (shot, why) in cases {
        let (ours, theirs) = ask_blocks(&mut oracle, &shot);
        assert_eq!((ours, theirs), (Ok(Err(why)), Ok(json!([]))));
    }
}

#[test]
fn real_pages_look_the_same() {
    let (Some(pages), Some(mut oracle)) = (samples::real(), Oracle::start_fast()) else { return };
    let studio = Studio::new();
    let mut dice = Dice(10);
    let shots: Vec<[Shot; 2]> = pages.iter().map(|(_, _, page)| studio.both_sides(page, &mut dice)).collect();
    let blocks: Vec<[Found; 2]> =
        shots.iter().zip(&pages).map(|(sides, (task, ..))| find(&mut oracle, task, sides)).collect();
    let mut tally = Tally::default();
    for (one, (task, model, _)) in pages.iter().enumerate() {
        for (two, (other_task, other, _)) in pages.iter().enumerate() {
            if task == other_task && model != other {
                let name = format!("{task}: {model} <- {other}");
                check(&mut oracle, &name, &blocks[one][0], &blocks[two][1], &mut tally);
                check_pixels(&mut oracle, &name, &shots[one][0], &shots[two][1]);
            }
        }
    }
    println!("pairs of real pages: the visual score's parts, MSE and SSIM agree, {tally:?}");
    assert!(tally.matched > 0, "{tally:?}");
}

fn check_pixels(oracle: &mut Oracle, name: &str, reference: &Shot, candidate: &Shot) {
    let question = json!({"ask": "picture_scores", "candidate": candidate.files[0], "reference": reference.files[0]});
    let ours = pixel_scores(&reference.pictures[0], &candidate.pictures[0], Mode::Compat);
    assert!(same(name, oracle.ask(&question), ours.map(|scores| vec![scores.mse, scores.ssim])), "{name}");
}

/// A page and its three pictures, which lie in files as well.
struct Shot {
    page: String,
    pictures: [Picture; 3],
    files: [PathBuf; 3],
}

/// A side's blocks, as both found them.
type Found = Result<Result<Vec<Block>, NoBlocks>, ScoreError>;

#[derive(Debug, Default)]
struct Tally {
    matched: usize,
    no_pairs: usize,
    no_blocks: usize,
    /// Pairs in which neighbours were joined.
    joined: usize,
    dropped: usize,
}

struct Studio {
    folder: tempfile::TempDir,
}

impl Studio {
    fn new() -> Studio {
        Studio { folder: tempfile::tempdir().unwrap() }
    }

    /// A page as reference, and as prediction.
    fn both_sides(&self, page: &str, dice: &mut Dice) -> [Shot; 2] {
        let candidate = prepare(page, Dialect::default(), Mode::Compat).unwrap();
        [self.shoot(&universal_newlines(page), dice), self.shoot(&candidate, dice)]
    }

    fn shoot(&self, page: &str, dice: &mut Dice) -> Shot {
        let coloured = |shift| colouring(page, shift, Dialect::default()).unwrap();
        self.keep(page, [page, &coloured(0), &coloured(SHIFT)].map(paint), dice.below(usize::MAX))
    }

    fn keep(&self, page: &str, pictures: [Picture; 3], number: usize) -> Shot {
        let name = |kind: &str| self.folder.path().join(format!("{number}-{kind}.png"));
        let files = [name("original"), name("first"), name("second")];
        pictures.iter().zip(&files).for_each(|(picture, file)| write(picture, file));
        Shot { page: page.to_owned(), pictures, files }
    }

    fn with(&self, shot: &Shot, original: Option<Picture>, second: Option<Picture>) -> Shot {
        let [first, middle, last] = shot.pictures.clone();
        let number = usize::from(original.is_some()) * 2 + usize::from(second.is_some());
        self.keep(&shot.page, [original.unwrap_or(first), middle, second.unwrap_or(last)], number)
    }
}

fn ask_blocks(oracle: &mut Oracle, shot: &Shot) -> (Found, Result<Value, String>) {
    let [original, first, second] = shot.files.each_ref().map(|file: &PathBuf| -> &Path { file });
    let question = json!({"ask": "blocks", "page": shot.page, "original": original, "first": first, "second": second});
    let [original, first, second] = &shot.pictures;
    let ours = find_blocks(&shot.page, Renders { original, first, second }, Dialect::default(), Mode::Compat);
    (ours, oracle.ask(&question))
}

/// The blocks of both sides, after seeing that they are the oracle's.
fn find(oracle: &mut Oracle, name: &str, sides: &[Shot; 2]) -> [Found; 2] {
    sides.each_ref().map(|shot| {
        let (ours, theirs) = ask_blocks(oracle, shot);
        match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => {
                let ours = ours.as_ref().map_or(json!([]), |blocks| json(blocks));
                assert_eq!(&ours, theirs, "{name}");
            }
            (Err(_), Err(_)) => {}
            _ => panic!("{name}: ours {ours:?}, theirs {theirs:?}"),
        }
        ours
    })
}

/// Blocks as the oracle writes them.
fn json(blocks: &[Block]) -> Value {
    let one = |block: &Block| json!({"text": block.text, "bbox": block.bounds, "color": block.colour});
    blocks.iter().map(one).collect()
}

fn check(oracle: &mut Oracle, name: &str, reference: &Found, candidate: &Found, tally: &mut Tally) {
    let (Ok(reference), Ok(candidate)) = (reference, candidate) else {
        tally.dropped += 1;
        return;
    };
    let list =
        |side: &Result<Vec<Block>, NoBlocks>| json!({"blocks": side.as_ref().map_or(json!([]), |side| json(side))});
    let question = json!({"ask": "visual", "candidate": list(candidate), "reference": list(reference)});
    let theirs = oracle.ask(&question).unwrap();
    match compare(candidate.clone(), reference.clone()) {
        Visual::NoBlocks => {
            assert_eq!(theirs["none"], "no blocks", "{name}");
            tally.no_blocks += 1;
        }
        Visual::NoPairs(_) => {
            assert_eq!(theirs["none"], "no matches", "{name}: {theirs}");
            tally.no_pairs += 1;
        }
        Visual::Matched(parts, matching) => {
            let pairs: Vec<[usize; 2]> = matching.pairs.iter().map(|&(i, j, _)| [i, j]).collect();
            assert_eq!(json!(pairs), theirs["matches"], "{name}");
            assert_eq!(json(&matching.candidate), theirs["candidate"], "{name}");
            assert_eq!(json(&matching.reference), theirs["reference"], "{name}");
            let ours = [parts.size, parts.text, parts.position, parts.colour];
            for (part, ours) in ["size", "text", "position", "colour"].into_iter().zip(ours) {
                let theirs = theirs[part].as_f64().unwrap();
                assert!((ours - theirs).abs() <= CLOSE, "{name}: {part}: ours {ours}, theirs {theirs}");
            }
            let before = candidate.as_ref().map_or(0, Vec::len) + reference.as_ref().map_or(0, Vec::len);
            tally.joined += usize::from(matching.candidate.len() + matching.reference.len() < before);
            tally.matched += 1;
        }
    }
}
