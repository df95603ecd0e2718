//! The difference of two captures as people see it: pixelmatch's measure (Kotsarenko and Ramos 2010) on the
//! brightness and colour that YIQ tells apart, with pixels left out that only smooth an edge (Vysniauskas 2009).

use crate::ScoreError;
use crate::picture::{Picture, ssim};

/// The largest difference that two colours can have.
const MOST: f64 = 35215.0;

/// How to compare.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// From 0 (every difference counts) to 1; Playwright's `toHaveScreenshot` takes 0.2, pixelmatch 0.1.
    pub threshold: f64,
    /// Whether pixels that smooth edges count as well.
    pub count_smoothing: bool,
}

impl Default for Tolerance {
    fn default() -> Self {
        Tolerance { threshold: 0.1, count_smoothing: false }
    }
}

/// How two captures differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Width and height of the first.
    pub one: (usize, usize),
    /// Width and height of the second.
    pub other: (usize, usize),
    /// Whether size and every pixel are the same.
    pub equal: bool,
    /// What the pixels say; None where the sizes differ.
    pub pixels: Option<Pixels>,
}

/// How the pixels of two captures of one size differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Pixels {
    /// Pixels that are not the same, however little.
    pub unequal: usize,
    /// Pixels that differ by more than the threshold, without those in `smoothing`.
    pub different: usize,
    /// Pixels that differ by more but only smooth an edge.
    pub smoothing: usize,
    /// `different` as a share of all.
    pub share: f64,
    /// SSIM, or why there is none.
    pub ssim: Result<f64, ScoreError>,
}

/// Compares two captures.
pub fn compare(one: &Picture, other: &Picture, tolerance: Tolerance) -> Difference {
    let size = |picture: &Picture| (picture.width(), picture.height());
    let pixels = one.same_size(other).then(|| pixels(one, other, tolerance));
    Difference { one: size(one), other: size(other), equal: one == other, pixels }
}

fn pixels(one: &Picture, other: &Picture, tolerance: Tolerance) -> Pixels {
    let least = MOST * tolerance.threshold * tolerance.threshold;
    let (mut unequal, mut different, mut smoothing) = (0, 0, 0);
    for y in 0..one.height() {
        let (a, b) = (one.row(y), other.row(y));
        if a == b {
            continue;
        }
        for (x, (a, b)) in a.chunks_exact(3).zip(b.chunks_exact(3)).enumerate().filter(|(_, (a, b))| a != b) {
            unequal += 1;
            if distance(a, b) <= least {
                continue;
            }
            let smooths = || smooths(one, other, x, y) || smooths(other, one, x, y);
            *if !tolerance.count_smoothing && smooths() { &mut smoothing } else { &mut different } += 1;
        }
    }
    let share = different as f64 / (one.width() * one.height()) as f64;
    Pixels { unequal, different, smoothing, share, ssim: ssim(one, other) }
}

fn channels(a: &[u8], b: &[u8]) -> [f64; 3] {
    std::array::from_fn(|channel| f64::from(a[channel]) - f64::from(b[channel]))
}

/// The difference in brightness alone.
fn brightness([red, green, blue]: [f64; 3]) -> f64 {
    red * 0.29889531 + green * 0.58662247 + blue * 0.11448223
}

/// The squared distance in YIQ.
fn distance(a: &[u8], b: &[u8]) -> f64 {
    let rgb @ [red, green, blue] = channels(a, b);
    let y = brightness(rgb);
    let i = red * 0.59597799 - green * 0.27417610 - blue * 0.32180189;
    let q = red * 0.21147017 - green * 0.52261711 + blue * 0.31114694;
    0.5053 * y * y + 0.299 * i * i + 0.1957 * q * q
}

fn around(picture: &Picture, x: usize, y: usize) -> impl Iterator<Item = (usize, usize)> {
    let columns = x.saturating_sub(1)..=(x + 1).min(picture.width() - 1);
    let rows = y.saturating_sub(1)..=(y + 1).min(picture.height() - 1);
    columns.flat_map(move |x| rows.clone().map(move |y| (x, y))).filter(move |&place| place != (x, y))
}

fn at(picture: &Picture, (x, y): (usize, usize)) -> &[u8] {
    &picture.row(y)[x * 3..x * 3 + 3]
}

/// Whether a pixel lies at the picture's edge.
fn at_edge(picture: &Picture, x: usize, y: usize) -> bool {
    x == 0 || y == 0 || x + 1 == picture.width() || y + 1 == picture.height()
}

/// Whether a pixel is one that smooths an edge: it has darker and brighter neighbours and few of its own brightness,
/// and the darkest or the brightest of them belongs to an area in both pictures.
fn smooths(picture: &Picture, other: &Picture, x: usize, y: usize) -> bool {
    let own = at(picture, (x, y));
    let mut alike = usize::from(at_edge(picture, x, y));
    let (mut least, mut most) = ((0.0, (x, y)), (0.0, (x, y)));
    for place in around(picture, x, y) {
        let difference = brightness(channels(own, at(picture, place)));
        if difference == 0.0 {
            alike += 1;
            if alike > 2 {
                return false;
            }
        } else if difference < least.0 {
            least = (difference, place);
        } else if difference > most.0 {
            most = (difference, place);
        }
    }
    let area = |place| in_area(picture, place) && in_area(other, place);
    least.0 < 0.0 && most.0 > 0.0 && (area(least.1) || area(most.1))
}

/// Whether a pixel has at least three neighbours of its own colour; the picture's edge counts for one.
fn in_area(picture: &Picture, (x, y): (usize, usize)) -> bool {
    let own = at(picture, (x, y));
    let same = around(picture, x, y).filter(|&place| at(picture, place) == own).count();
    same + usize::from(at_edge(picture, x, y)) > 2
}
