//! Where the texts of a page are in its screenshot, and of which colour.

use std::collections::HashMap;

use super::css::{channels, declared_colour};
use super::paint::{SHIFT, colouring};
use crate::html::{Dialect, Node, TextKind, Tree, parse, strip};
use crate::picture::Picture;
use crate::webcode2m::universal_newlines;
use crate::{Mode, ScoreError};

/// How far a pixel's channels may be from a text's colour.
const NEAR_COLOUR: u8 = 4;
/// How far a pixel of the second colouring may be from the first one's, shifted.
const NEAR_SHIFT: u8 = 8;

/// A text where it is seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// In lower case.
    pub text: String,
    /// Left, top, width and height, each as a share of the render's width or height.
    pub bounds: [f64; 4],
    /// The mean of the screenshot's pixels there, 0 to 255.
    pub colour: [f64; 3],
}

/// The three pictures of a page.
#[derive(Clone, Copy, Debug)]
pub struct Renders<'a> {
    /// The page itself.
    pub original: &'a Picture,
    /// Its first colouring.
    pub first: &'a Picture,
    /// Its second colouring.
    pub second: &'a Picture,
}

/// Why a page has no blocks, which the published evaluation scores as 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBlocks {
    /// The two colourings have different sizes.
    SizesDiffer,
    /// No pixel changed as a coloured text does.
    NothingChanged,
    /// A text lies where the screenshot of the page itself ends.
    OutsideOriginal,
    /// No text has pixels of its colour.
    NoTextSeen,
}

/// The blocks of `page`, found in its renders; those with one box are one block.
///
/// As published, text in black or white (any channel below 4 or above 251) is not seen, since the bounds of its
/// colour wrap around; [`Mode::Fixed`] sees it.
///
/// # Errors
/// Those of [`colouring`], and [`ScoreError::BadColour`].
pub fn find_blocks(
    page: &str,
    renders: Renders<'_>,
    dialect: Dialect,
    mode: Mode,
) -> Result<Result<Vec<Block>, NoBlocks>, ScoreError> {
    let coloured = universal_newlines(&colouring(page, 0, dialect)?);
    if !renders.first.same_size(renders.second) {
        return Ok(Err(NoBlocks::SizesDiffer));
    }
    let pixels = Pixels::changed(renders);
    if pixels.spots.is_empty() {
        return Ok(Err(NoBlocks::NothingChanged));
    }
    // Only now, since a colour that cannot be read does no harm to a page without blocks.
    let texts = texts(&parse(&coloured, dialect)?, mode)?;
    Ok(pixels.blocks(&texts, renders.first, mode))
}

/// The texts of the body in order, each with the colour that it should have.
fn texts(tree: &Tree, mode: Mode) -> Result<Vec<(String, [u8; 3])>, ScoreError> {
    let Some(body) = tree.first("body") else { return Ok(Vec::new()) };
    let mut texts = Vec::new();
    let mut inherited: HashMap<usize, String> = HashMap::new();
    for id in tree.within(body) {
        let above = || tree.parent(id).and_then(|parent| inherited.get(&parent)).map_or("#000000", String::as_str);
        match tree.node(id) {
            Node::Element { .. } => {
                let own = tree.attribute(id, "style").map(|style| declared_colour(style, mode));
                let colour = own.transpose()?.flatten().unwrap_or_else(|| above().to_owned());
                inherited.insert(id, colour);
            }
            Node::Text { kind: TextKind::Comment, .. } => {}
            Node::Text { text, .. } => {
                let text = strip(text);
                if let Some(colour) = channels(above()).filter(|_| !text.is_empty()) {
                    texts.push((text.to_lowercase(), colour));
                }
            }
        }
    }
    Ok(texts)
}

/// What the changed pixels of one colour have in common.
#[derive(Clone, Copy)]
struct Spot {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
    count: u64,
    /// Of the original's channels.
    sums: [u64; 3],
    /// Whether one of them lies outside the original.
    outside: bool,
}

impl Spot {
    fn at(x: usize, y: usize, original: Option<[u8; 3]>) -> Spot {
        let sums = original.unwrap_or_default().map(u64::from);
        Spot { left: x, top: y, right: x, bottom: y, count: 1, sums, outside: original.is_none() }
    }

    fn join(&mut self, other: &Spot) {
        self.left = self.left.min(other.left);
        self.top = self.top.min(other.top);
        self.right = self.right.max(other.right);
        self.bottom = self.bottom.max(other.bottom);
        self.count += other.count;
        self.outside |= other.outside;
        self.sums.iter_mut().zip(other.sums).for_each(|(sum, other)| *sum += other);
    }
}

/// The changed pixels by their colour in the first colouring.
struct Pixels {
    /// Sorted by colour.
    spots: Vec<([u8; 3], Spot)>,
}

impl Pixels {
    /// The pixels that went from one colouring to the other as a text does.
    fn changed(renders: Renders<'_>) -> Pixels {
        let Renders { original, first, second } = renders;
        let mut spots: HashMap<[u8; 3], Spot> = HashMap::new();
        let mut moved = Vec::with_capacity(first.width() * 3);
        for y in 0..first.height() {
            let row = first.row(y);
            let channels = row.iter().zip(second.row(y));
            moved.clear();
            moved.extend(channels.map(|(&one, &two)| one.wrapping_add(SHIFT).abs_diff(two) <= NEAR_SHIFT));
            if !moved.contains(&true) {
                continue;
            }
            for (x, _) in moved.chunks_exact(3).enumerate().filter(|(_, pixel)| *pixel == [true; 3]) {
                let colour = [row[x * 3], row[x * 3 + 1], row[x * 3 + 2]];
                let spot = Spot::at(x, y, original.pixel(x, y));
                spots.entry(colour).and_modify(|known| known.join(&spot)).or_insert(spot);
            }
        }
        let mut spots: Vec<_> = spots.into_iter().collect();
        spots.sort_unstable_by_key(|(colour, _)| *colour);
        Pixels { spots }
    }

    fn blocks(&self, texts: &[(String, [u8; 3])], render: &Picture, mode: Mode) -> Result<Vec<Block>, NoBlocks> {
        let (width, height) = (render.width() as f64, render.height() as f64);
        let mut seen: HashMap<[u8; 3], Option<Spot>> = HashMap::new();
        let mut blocks = Vec::new();
        for (text, colour) in texts {
            let Some(spot) = *seen.entry(*colour).or_insert_with(|| self.near(*colour, mode)) else { continue };
            if spot.outside {
                return Err(NoBlocks::OutsideOriginal);
            }
            let [wide, high] = [spot.right - spot.left + 1, spot.bottom - spot.top + 1];
            let bounds =
                [spot.left as f64 / width, spot.top as f64 / height, wide as f64 / width, high as f64 / height];
            let colour = spot.sums.map(|sum| (sum / spot.count) as f64);
            blocks.push(Block { text: text.clone(), bounds, colour });
        }
        let blocks = join_by_bounds(blocks);
        if blocks.is_empty() { Err(NoBlocks::NoTextSeen) } else { Ok(blocks) }
    }

    /// All changed pixels near a text's colour.
    fn near(&self, colour: [u8; 3], mode: Mode) -> Option<Spot> {
        let within = NEAR_COLOUR..=u8::MAX - NEAR_COLOUR;
        if mode == Mode::Compat && !colour.iter().all(|channel| within.contains(channel)) {
            return None;
        }
        let start = [colour[0].saturating_sub(NEAR_COLOUR), 0, 0];
        let first = self.spots.partition_point(|(other, _)| *other < start);
        let reached = |other: &[u8; 3]| other[0] <= colour[0].saturating_add(NEAR_COLOUR);
        let near = |other: &[u8; 3]| other.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= NEAR_COLOUR);
        let spots = self.spots[first..].iter().take_while(|(other, _)| reached(other));
        spots.filter(|(other, _)| near(other)).map(|(_, spot)| *spot).reduce(|mut all, spot| {
            all.join(&spot);
            all
        })
    }
}

/// Blocks with the same bounds become one: texts in order, colours averaged pairwise.
pub fn join_by_bounds(blocks: Vec<Block>) -> Vec<Block> {
    let mut places: HashMap<[u64; 4], usize> = HashMap::new();
    let mut joined: Vec<Block> = Vec::new();
    for block in blocks {
        let place = *places.entry(block.bounds.map(f64::to_bits)).or_insert(joined.len());
        match joined.get_mut(place) {
            Some(known) => {
                known.text.push(' ');
                known.text.push_str(&block.text);
                known.colour.iter_mut().zip(block.colour).for_each(|(a, b)| *a = (*a + b) / 2.0);
            }
            None => joined.push(block),
        }
    }
    joined
}
