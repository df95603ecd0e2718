//! Small pictures for the contact sheet.
//!
//! Only figures are decoded: PNG files that our own encoder wrote, never a file of a sample's making,
//! and even these under limits.

use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, ImageReader, Limits, RgbImage};

/// Longest sides of a thumbnail in pixels: sharp on a dense screen at the size of a card.
const WIDTH: u32 = 400;
const HEIGHT: u32 = 300;
/// A figure larger than this is not worth the time.
const MOST_PIXELS: u32 = 20_000;
const MOST_BYTES: u64 = 512 * 1024 * 1024;
const QUALITY: u8 = 82;

/// The PNG file as a small JPEG in a `data:` address; `None` if it cannot be read.
pub(crate) fn thumbnail(path: &Path) -> Option<String> {
    let picture = decode(path)?;
    let small = if picture.width() > WIDTH || picture.height() > HEIGHT {
        picture.resize(WIDTH, HEIGHT, FilterType::CatmullRom)
    } else {
        picture
    };
    let mut bytes = Cursor::new(Vec::new());
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(&on_white(&small)).ok()?;
    Some(format!("data:image/jpeg;base64,{}", BASE64.encode(bytes.into_inner())))
}

fn decode(path: &Path) -> Option<DynamicImage> {
    let mut reader = ImageReader::with_format(BufReader::new(File::open(path).ok()?), ImageFormat::Png);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_PIXELS);
    limits.max_image_height = Some(MOST_PIXELS);
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    reader.decode().ok()
}

/// The picture on white paper: JPEG knows no transparency.
fn on_white(picture: &DynamicImage) -> RgbImage {
    let source = picture.to_rgba8();
    RgbImage::from_fn(source.width(), source.height(), |x, y| {
        let [r, g, b, a] = source.get_pixel(x, y).0;
        let over = |c: u8| ((u32::from(c) * u32::from(a) + 255 * (255 - u32::from(a))) / 255) as u8;
        image::Rgb([over(r), over(g), over(b)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_picture_becomes_small_and_nonsense_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("figure");
        let picture = DynamicImage::new_rgba8(1600, 900);
        picture.save_with_format(&path, ImageFormat::Png).unwrap();
        let address = thumbnail(&path).unwrap();
        let bytes = BASE64.decode(address.strip_prefix("data:image/jpeg;base64,").unwrap()).unwrap();
        let small = image::load_from_memory(&bytes).unwrap();
        assert_eq!((small.width(), small.height()), (400, 225));
        assert!(small.to_rgb8().get_pixel(5, 5).0.iter().all(|c| *c > 250), "transparent is white");
        std::fs::write(&path, "no picture").unwrap();
        assert_eq!(thumbnail(&path), None);
        assert_eq!(thumbnail(&folder.path().join("absent")), None);
    }
}
