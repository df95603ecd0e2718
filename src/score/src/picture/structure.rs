//! SSIM as scikit-image computes it with a Gaussian window: sigma 1.5, 11 x 11, population covariance, the mean over
//! the pixels whose window lies inside and over the channels.

use super::{Picture, check_sizes};
use crate::ScoreError;

const RADIUS: usize = 5;
const WINDOW: usize = 2 * RADIUS + 1;
const SIGMA: f64 = 1.5;
const C1: f64 = (0.01 * 255.0) * (0.01 * 255.0);
const C2: f64 = (0.03 * 255.0) * (0.03 * 255.0);
/// Screenshots are mostly alike or of one colour: what is needs no windows. Looked at in squares of this side.
const TILE: usize = 16;
/// Columns that are worked on at one time, so that what is needed of them stays in the processor's cache.
const WIDEST: usize = 8 * TILE;
/// The side of the squares that are summed up; two of them make a tile.
const BLOCK: usize = 8;

/// SSIM of two pictures of one size, -1 to 1.
///
/// # Errors
/// [`ScoreError::SizesDiffer`]; [`ScoreError::TooSmall`] where a side is shorter than the window, at which
/// scikit-image raises.
pub fn ssim(one: &Picture, other: &Picture) -> Result<f64, ScoreError> {
    check_sizes(one, other)?;
    let (width, height) = (one.width(), one.height());
    if width < WINDOW || height < WINDOW {
        return Err(ScoreError::TooSmall { width, height, least: WINDOW });
    }
    let (columns, rows) = (width - 2 * RADIUS, height - 2 * RADIUS);
    let blocks = Blocks::new(one, other);
    let mut windows = Windows::default();
    let mut sum = 0.0;
    for top in (0..rows).step_by(TILE) {
        let high = TILE.min(rows - top);
        let mut run: Option<usize> = None;
        for left in (0..columns).step_by(TILE) {
            let wide = TILE.min(columns - left);
            match blocks.plain(left, top) {
                Some(likeness) => {
                    sum += likeness * (wide * high) as f64;
                    if let Some(start) = run.take() {
                        sum += windows.sum(one, other, (start, left), (top, high));
                    }
                }
                None => {
                    let start = *run.get_or_insert(left);
                    if left + wide - start >= WIDEST {
                        sum += windows.sum(one, other, (start, left + wide), (top, high));
                        run = None;
                    }
                }
            }
        }
        if let Some(start) = run {
            sum += windows.sum(one, other, (start, columns), (top, high));
        }
    }
    Ok(sum / (columns * rows * 3) as f64)
}

/// What is known of one square of both pictures.
#[derive(Clone, Copy)]
struct Block {
    /// Whether both pictures are the same there.
    equal: bool,
    /// The one colour that each picture has there, if it has one.
    colours: [Option<[u8; 3]>; 2],
}

struct Blocks {
    across: usize,
    blocks: Vec<Block>,
}

impl Blocks {
    fn new(one: &Picture, other: &Picture) -> Self {
        let across = one.width().div_ceil(BLOCK);
        let mut blocks = Vec::with_capacity(across * one.height().div_ceil(BLOCK));
        for y in 0..one.height() {
            let sides = one.row(y).chunks(3 * BLOCK).zip(other.row(y).chunks(3 * BLOCK));
            if y % BLOCK == 0 {
                blocks.extend(sides.map(|(a, b)| Block { equal: a == b, colours: [colour(a), colour(b)] }));
                continue;
            }
            let start = y / BLOCK * across;
            for (block, (a, b)) in blocks[start..].iter_mut().zip(sides) {
                block.equal = block.equal && a == b;
                for (known, pixels) in block.colours.iter_mut().zip([a, b]) {
                    *known = known.filter(|known| pixels[..3] == known[..] && colour(pixels).is_some());
                }
            }
        }
        Blocks { across, blocks }
    }

    /// The likeness, summed over the channels, of each pixel of the tile at (`left`, `top`), if all that its windows
    /// see is alike or of one colour in each picture.
    fn plain(&self, left: usize, top: usize) -> Option<f64> {
        let seen = (TILE + 2 * RADIUS).div_ceil(BLOCK);
        let (x, y) = (left / BLOCK, top / BLOCK);
        let rows = self.blocks.chunks_exact(self.across).skip(y).take(seen);
        let mut all = rows.flat_map(|row| &row[x..(x + seen).min(self.across)]);
        let first = *all.clone().next()?;
        if all.clone().all(|block| block.equal) {
            return Some(3.0);
        }
        let [Some(a), Some(b)] = first.colours else { return None };
        if !all.all(|block| block.colours == first.colours) {
            return None;
        }
        let level = |(a, b): (u8, u8)| {
            let (a, b) = (f64::from(a), f64::from(b));
            (2.0 * a * b + C1) / (a * a + b * b + C1)
        };
        Some(a.into_iter().zip(b).map(level).sum())
    }
}

/// The colour of `pixels`, if they have one.
fn colour(pixels: &[u8]) -> Option<[u8; 3]> {
    let first = [pixels[0], pixels[1], pixels[2]];
    (pixels[3..] == pixels[..pixels.len() - 3]).then_some(first)
}

/// The windows over a run of tiles. Rows hold three channels side by side, as the pictures do.
#[derive(Default)]
struct Windows {
    /// The four quantities: both pictures, the sum of their squares, their product.
    planes: [Vec<f64>; 4],
    /// The same, summed down the window, for one row.
    columns: [Vec<f64>; 4],
    /// The same, summed across as well.
    means: [Vec<f64>; 4],
}

impl Windows {
    /// The likenesses of the pixels in `columns` (from, to) and `rows` (from, how many), counted without the margin,
    /// summed over the channels too.
    fn sum(&mut self, one: &Picture, other: &Picture, columns: (usize, usize), rows: (usize, usize)) -> f64 {
        let stride = (columns.1 - columns.0 + 2 * RADIUS) * 3;
        self.load(one, other, columns.0 * 3, stride, rows);
        let weights = weights();
        let mut sum = 0.0;
        for row in 0..rows.1 {
            for quantity in 0..4 {
                let plane = &self.planes[quantity][row * stride..];
                let column = &mut self.columns[quantity];
                column.resize(stride, 0.0);
                weigh(|line| &plane[line * stride..], &weights, column);
                let mean = &mut self.means[quantity];
                mean.resize(stride - 2 * RADIUS * 3, 0.0);
                weigh(|line| &column[line * 3..], &weights, mean);
            }
            sum += likeness(&self.means);
        }
        sum
    }

    fn load(&mut self, one: &Picture, other: &Picture, start: usize, stride: usize, rows: (usize, usize)) {
        self.planes.iter_mut().for_each(Vec::clear);
        for y in rows.0..rows.0 + rows.1 + 2 * RADIUS {
            let [a, b] = [one, other].map(|picture| &picture.row(y)[start..start + stride]);
            let pairs = || a.iter().zip(b).map(|(&a, &b)| (f64::from(a), f64::from(b)));
            self.planes[0].extend(pairs().map(|(a, _)| a));
            self.planes[1].extend(pairs().map(|(_, b)| b));
            self.planes[2].extend(pairs().map(|(a, b)| a * a + b * b));
            self.planes[3].extend(pairs().map(|(a, b)| a * b));
        }
    }
}

/// The weights of the window's middle and of each distance from it.
fn weights() -> [f64; RADIUS + 1] {
    let raw: [f64; RADIUS + 1] = std::array::from_fn(|at| (-0.5 / (SIGMA * SIGMA) * (at * at) as f64).exp());
    let whole = raw[0] + 2.0 * raw[1..].iter().sum::<f64>();
    raw.map(|weight| weight / whole)
}

/// The weighted sum of eleven lines that the window has next to each other; `line` gives each, all of one length.
#[inline(always)]
fn weigh<'a>(line: impl Fn(usize) -> &'a [f64], weights: &[f64; RADIUS + 1], out: &mut [f64]) {
    let length = out.len();
    let line = |at: usize| &line(at)[..length];
    let middle = line(RADIUS);
    let (a1, b1) = (line(RADIUS - 1), line(RADIUS + 1));
    let (a2, b2) = (line(RADIUS - 2), line(RADIUS + 2));
    let (a3, b3) = (line(RADIUS - 3), line(RADIUS + 3));
    let (a4, b4) = (line(RADIUS - 4), line(RADIUS + 4));
    let (a5, b5) = (line(RADIUS - 5), line(RADIUS + 5));
    let [w0, w1, w2, w3, w4, w5] = *weights;
    for at in 0..length {
        out[at] = middle[at] * w0
            + (a1[at] + b1[at]) * w1
            + (a2[at] + b2[at]) * w2
            + (a3[at] + b3[at]) * w3
            + (a4[at] + b4[at]) * w4
            + (a5[at] + b5[at]) * w5;
    }
}

#[inline(always)]
fn likeness(means: &[Vec<f64>; 4]) -> f64 {
    let [a, b, squared, product] = means.each_ref().map(Vec::as_slice);
    let length = a.len();
    let (b, squared, product) = (&b[..length], &squared[..length], &product[..length]);
    // Eight sums side by side, so that they can be had at once.
    let mut sums = [0.0; 8];
    for at in 0..length {
        let (both, squares) = (a[at] * b[at], a[at] * a[at] + b[at] * b[at]);
        let (shared, spread) = (product[at] - both, squared[at] - squares);
        sums[at % 8] += (2.0 * both + C1) * (2.0 * shared + C2) / ((squares + C1) * (spread + C2));
    }
    sums.iter().sum()
}
