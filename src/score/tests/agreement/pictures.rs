//! The same MSE and SSIM, and the same resized pictures.

use std::path::Path;

use glasshouse_score::Mode;
use glasshouse_score::picture::{Filter, Part, Picture, clip_view, lanczos4, pillow_resize, pillow_resize_part};
use glasshouse_score::pixels::{Tolerance, compare};
use glasshouse_score::webcode2m::visual::Block;
use glasshouse_score::webcode2m::{masked, pixel_scores};
use serde_json::{Value, json};

use super::oracle::Oracle;
use super::painter::paint;
use super::samples::Dice;
use super::scores::same;

/// Sizes of pairs: alike, larger, smaller, and at SSIM's limit.
const SIZES: [[(usize, usize); 2]; 8] = [
    [(64, 48), (64, 48)],
    [(90, 70), (40, 31)],
    [(33, 57), (120, 200)],
    [(11, 11), (12, 300)],
    [(10, 40), (10, 40)],
    [(200, 150), (200, 151)],
    [(75, 20), (1, 1)],
    [(130, 97), (13, 500)],
];

#[test]
fn pictures_score_the_same() {
    let Some(mut oracle) = Oracle::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice(7);
    let mut scored = 0;
    for round in 0..64 {
        let [candidate, reference] = SIZES[round % SIZES.len()].map(|(width, height)| {
            if round % 3 == 0 { noise(width, height, &mut dice) } else { page(width, height, &mut dice) }
        });
        let [first, second] =
            [&candidate, &reference].map(|_| folder.path().join(format!("{}.png", dice.below(usize::MAX))));
        write(&candidate, &first);
        write(&reference, &second);
        let size = [candidate.width(), candidate.height()];
        let theirs = oracle.ask(&json!({"ask": "resize", "picture": second, "size": size})).unwrap();
        let resized = lanczos4(&reference, size[0], size[1]).unwrap();
        assert!(raw(&resized) == theirs, "round {round}: {:?}", SIZES[round % SIZES.len()]);
        let theirs = oracle.ask(&json!({"ask": "picture_scores", "candidate": first, "reference": second}));
        let ours = pixel_scores(&reference, &candidate, Mode::Compat).map(|scores| vec![scores.mse, scores.ssim]);
        scored += usize::from(same(&format!("round {round}"), theirs, ours));
    }
    assert_eq!(scored, 56, "pictures narrower than the window have no SSIM");
}

#[test]
fn captures_differ_in_as_many_pixels() {
    let Some(mut oracle) = Oracle::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let files = ["one.png", "other.png"].map(|name| folder.path().join(name));
    let mut dice = Dice(11);
    let (mut smoothing, mut different) = (0, 0);
    for round in 0..60 {
        let one = if round % 4 == 0 { noise(17, 9, &mut dice) } else { paint(&letters(&mut dice)) };
        let other = altered(&one, &mut dice);
        write(&one, &files[0]);
        write(&other, &files[1]);
        for (threshold, count_smoothing) in [(0.0, false), (0.1, false), (0.1, true), (0.35, false)] {
            let question = json!({
                "ask": "different", "one": files[0], "other": files[1], "threshold": threshold,
                "smoothing": count_smoothing,
            });
            let theirs = oracle.ask(&question).unwrap();
            let ours = compare(&one, &other, Tolerance { threshold, count_smoothing }).pixels.unwrap();
            assert_eq!(json!(ours.different), theirs, "round {round}, {threshold}, {count_smoothing}");
            smoothing += ours.smoothing;
            different += ours.different;
        }
    }
    assert!(smoothing > 100 && different > 1000, "{smoothing} {different}");
}

#[test]
fn what_clip_is_shown_is_the_same() {
    let Some(mut oracle) = Oracle::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("picture.png");
    let mut dice = Dice(12);
    for round in 0..40 {
        let (width, height) = [(40, 60), (64, 31), (150, 149), (33, 33)][round % 4];
        let picture = if round % 5 == 0 { noise(width, height, &mut dice) } else { page(width, height, &mut dice) };
        write(&picture, &file);
        let blocks: Vec<Block> = (0..dice.below(5))
            .map(|_| {
                let mut share = |most: usize| dice.below(most) as f64 / 100.0;
                Block { text: String::new(), bounds: [share(100), share(100), share(40), share(40)], colour: [0.0; 3] }
            })
            .collect();
        let boxes: Vec<[f64; 4]> = blocks.iter().map(|block| block.bounds).collect();
        let theirs = oracle.ask(&json!({"ask": "masked", "picture": file, "boxes": boxes})).unwrap();
        let ours = raw(&masked(&picture, &blocks).unwrap());
        assert!(ours == theirs["square"], "round {round}: {width} x {height}, {boxes:?}");
    }
}

/// Sizes and sides: smaller, larger, as large already, hardly larger, very long, a single row; halves to round.
const VIEWS: [((usize, usize), usize); 12] = [
    ((90, 70), 32),
    ((70, 90), 32),
    ((20, 13), 32),
    ((32, 32), 32),
    ((32, 77), 32),
    ((77, 32), 32),
    ((33, 32), 32),
    ((40, 1500), 24),
    ((900, 7), 16),
    ((1, 5), 8),
    ((301, 200), 224),
    ((640, 360), 224),
];

#[test]
fn clips_view_of_a_picture_is_pillows() {
    let Some(mut oracle) = Oracle::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("picture.png");
    let mut dice = Dice(13);
    for round in 0..VIEWS.len() * 4 {
        let ((width, height), side) = VIEWS[round % VIEWS.len()];
        let picture = if round % 3 == 0 { noise(width, height, &mut dice) } else { page(width, height, &mut dice) };
        write(&picture, &file);
        let theirs = oracle.ask(&json!({"ask": "clip_view", "picture": file, "side": side})).unwrap();
        assert!(raw(&clip_view(&picture, side).unwrap()) == theirs, "round {round}: {width} x {height} to {side}");
    }
    assert!(clip_view(&noise(3, 3, &mut dice), 0).is_err());
}

#[test]
fn a_part_is_what_the_whole_has_there() {
    let mut dice = Dice(14);
    for filter in [Filter::Lanczos, Filter::Bicubic] {
        for size in [(31, 47), (60, 40), (150, 9)] {
            let picture = noise(60, 40, &mut dice);
            let whole = pillow_resize(&picture, size, filter).unwrap();
            let (left, top) = (dice.below(size.0), dice.below(size.1));
            let part = Part { left, top, width: 1 + dice.below(size.0 - left), height: 1 + dice.below(size.1 - top) };
            let own = pillow_resize_part(&picture, size, part, filter).unwrap();
            let row = |y| &whole.row(part.top + y)[part.left * 3..(part.left + part.width) * 3];
            let wanted: Vec<u8> = (0..part.height).flat_map(row).copied().collect();
            assert!(own.bytes() == wanted, "{filter:?} {size:?} {part:?}");
            let outside = Part { left: size.0, ..part };
            assert!(pillow_resize_part(&picture, size, outside, filter).is_err());
        }
    }
}

fn letters(dice: &mut Dice) -> String {
    let word = |dice: &mut Dice| (0..6).map(|_| char::from(b'a' + dice.below(26) as u8)).collect::<String>();
    format!("<body><p style='color: #{:06x}'>{} {}", dice.below(1 << 24), word(dice), word(dice))
}

/// `picture` moved a little, or with other pixels here and there.
fn altered(picture: &Picture, dice: &mut Dice) -> Picture {
    let mut rgb = picture.bytes().to_vec();
    match dice.below(3) {
        0 => rgb.rotate_right(3),
        1 => rgb.iter_mut().for_each(|channel| *channel = channel.saturating_add(20)),
        _ => {}
    }
    for _ in 0..dice.below(200) {
        let at = dice.below(rgb.len());
        rgb[at] = dice.below(256) as u8;
    }
    Picture::new(picture.width(), picture.height(), rgb).unwrap()
}

/// A picture of random pixels.
fn noise(width: usize, height: usize, dice: &mut Dice) -> Picture {
    Picture::new(width, height, (0..width * height * 3).map(|_| dice.below(256) as u8).collect()).unwrap()
}

/// A white picture with a few boxes and a little noise, as screenshots are.
pub(crate) fn page(width: usize, height: usize, dice: &mut Dice) -> Picture {
    let mut rgb = vec![255; width * height * 3];
    for _ in 0..4 {
        let (left, top) = (dice.below(width), dice.below(height));
        let (right, bottom) = (left + dice.below(width - left) + 1, top + dice.below(height - top) + 1);
        let colour = [(); 3].map(|()| dice.below(256) as u8);
        let noisy = dice.below(2) == 0;
        for y in top..bottom.min(height) {
            for x in left..right.min(width) {
                let light = if noisy { dice.below(30) as u8 } else { 0 };
                rgb[(y * width + x) * 3..][..3].copy_from_slice(&colour.map(|channel| channel.saturating_add(light)));
            }
        }
    }
    Picture::new(width, height, rgb).unwrap()
}

/// Writes `picture` as PNG.
pub(crate) fn write(picture: &Picture, path: &Path) {
    let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut encoder = png::Encoder::new(file, picture.width() as u32, picture.height() as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    encoder.write_header().unwrap().write_image_data(picture.bytes()).unwrap();
}

/// A picture as the oracle tells it.
pub(crate) fn raw(picture: &Picture) -> Value {
    use base64::Engine;
    let rgb = base64::engine::general_purpose::STANDARD.encode(picture.bytes());
    json!({"width": picture.width(), "height": picture.height(), "rgb": rgb})
}
