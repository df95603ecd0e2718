//! Raster pictures: decoded whole, all frames, with the header judged before anything is allocated.

use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom};

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, Frames, ImageDecoder, ImageFormat, ImageReader, ImageResult, Limits};

use super::{Checked, find_last, read_at};
use crate::blank;
use crate::contract::{PIXEL_LIMIT, SIDE_LIMIT};

/// Bytes that one decoder may allocate.
const MEMORY: u64 = 512 << 20;
/// Frames of one animation that are decoded.
const FRAMES: u64 = 10_000;
/// Pixels of all frames of one animation that are decoded.
const FRAME_PIXELS: u64 = 4 << 30;
/// Chunks of one PNG that are counted.
const CHUNKS: usize = 200_000;

type Source<'a> = BufReader<&'a File>;

/// Decodes the picture and tells its dimensions, frames and whether it is blank.
pub(super) fn check(file: &File, size: u64, format: ImageFormat) -> io::Result<Checked> {
    let media_type = format.to_mime_type();
    if let Some(problem) = cut_short(file, size, format)? {
        return Ok(Checked::broken(media_type, problem));
    }
    Ok(decode(file, format).unwrap_or_else(|problem| Checked::broken(media_type, problem)))
}

fn decode(file: &File, format: ImageFormat) -> Result<Checked, String> {
    let (width, height) = reader(file, format)?.into_decoder().map_err(broken)?.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > PIXEL_LIMIT || width > SIDE_LIMIT || height > SIDE_LIMIT {
        return Err(format!("has {width} x {height} pixels, more than are decoded"));
    }
    let mut checked = Checked { width: Some(width), height: Some(height), ..Checked::of_type(format.to_mime_type()) };
    if let Some(frames) = animation(from_start(file)?, format).map_err(broken)? {
        let film = watch(frames, pixels)?;
        checked.frames = Some(film.frames);
        checked.duration = (film.frames > 1).then_some(film.seconds);
        checked.blank = Some(film.blank);
    } else {
        let picture = reader(file, format)?.decode().map_err(broken)?;
        checked.blank = Some(blank::picture(&picture));
    }
    Ok(checked)
}

fn from_start(mut file: &File) -> Result<Source<'_>, String> {
    file.seek(SeekFrom::Start(0)).map_err(|error| format!("cannot be read: {error}"))?;
    Ok(BufReader::with_capacity(64 << 10, file))
}

fn reader(file: &File, format: ImageFormat) -> Result<ImageReader<Source<'_>>, String> {
    let mut reader = ImageReader::with_format(from_start(file)?, format);
    reader.limits(limits());
    Ok(reader)
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_LIMIT);
    limits.max_image_height = Some(SIDE_LIMIT);
    limits.max_alloc = Some(MEMORY);
    limits
}

/// The frames, if the file says that it moves. A GIF always does, if only by one frame.
fn animation(source: Source<'_>, format: ImageFormat) -> ImageResult<Option<Frames<'_>>> {
    Ok(match format {
        ImageFormat::Gif => {
            let mut decoder = GifDecoder::new(source)?;
            decoder.set_limits(limits())?;
            Some(decoder.into_frames())
        }
        ImageFormat::WebP => {
            let mut decoder = WebPDecoder::new(source)?;
            decoder.set_limits(limits())?;
            decoder.has_animation().then(|| decoder.into_frames())
        }
        ImageFormat::Png => {
            let decoder = PngDecoder::with_limits(source, limits())?;
            if decoder.is_apng()? { Some(decoder.apng()?.into_frames()) } else { None }
        }
        _ => None,
    })
}

struct Film {
    frames: u64,
    seconds: f64,
    blank: bool,
}

fn watch(frames: Frames<'_>, pixels: u64) -> Result<Film, String> {
    let mut film = Film { frames: 0, seconds: 0.0, blank: true };
    for frame in frames {
        let frame = frame.map_err(|error| format!("frame {} does not decode: {error}", film.frames + 1))?;
        film.frames += 1;
        if film.frames > FRAMES || film.frames.saturating_mul(pixels) > FRAME_PIXELS {
            return Err(format!("has more than {} frames, more than are decoded", film.frames - 1));
        }
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        film.seconds += f64::from(numerator) / f64::from(denominator.max(1)) / 1000.0;
        film.blank = film.blank && blank::rgba(frame.buffer());
    }
    if film.frames == 0 { Err("holds no frame".to_owned()) } else { Ok(film) }
}

fn broken(error: image::ImageError) -> String {
    format!("does not decode: {error}")
}

/// Why the file is not whole. Decoders stop once they have all pixels, or make up those that are missing.
fn cut_short(file: &File, size: u64, format: ImageFormat) -> io::Result<Option<&'static str>> {
    let whole = match format {
        ImageFormat::Png => png_ends(file, size)?,
        // Some writers append a few bytes after the end marker.
        ImageFormat::Jpeg => find_last(&tail(file, size, 4096)?, b"\xff\xd9").is_some(),
        ImageFormat::Gif => tail(file, size, 4096)?.contains(&b';'),
        _ => true,
    };
    Ok((!whole).then_some("is cut short: its end marker is missing"))
}

fn tail(file: &File, size: u64, length: u64) -> io::Result<Vec<u8>> {
    read_at(file, size.saturating_sub(length), 4096)
}

/// Steps from chunk to chunk until `IEND`.
fn png_ends(file: &File, size: u64) -> io::Result<bool> {
    let mut offset = 8_u64;
    for _ in 0..CHUNKS {
        let head = read_at(file, offset, 8)?;
        let Some((length, kind)) = head.split_first_chunk::<4>() else { return Ok(false) };
        let end = offset + 12 + u64::from(u32::from_be_bytes(*length));
        if end > size || kind.len() < 4 {
            return Ok(false);
        }
        if kind == b"IEND" {
            return Ok(true);
        }
        offset = end;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use image::{Delay, DynamicImage, Frame, Rgb, RgbImage, RgbaImage};

    use super::super::tests::check_bytes;
    use super::*;

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let picture = RgbImage::from_fn(60, 40, |x, y| Rgb([x as u8 * 4, y as u8 * 6, 7]));
        let mut file = Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(picture).write_to(&mut file, format).unwrap();
        file.into_inner()
    }

    fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let body = [kind.as_slice(), data].concat();
        let mut crc = flate2::Crc::new();
        crc.update(&body);
        [&(data.len() as u32).to_be_bytes()[..], &body, &crc.sum().to_be_bytes()].concat()
    }

    fn zipped(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn png(width: u32, height: u32, extra: &[u8], pixels: &[u8]) -> Vec<u8> {
        let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
        header.extend([8, 0, 0, 0, 0]);
        let data = chunk(b"IDAT", &zipped(pixels));
        [b"\x89PNG\r\n\x1a\n", &chunk(b"IHDR", &header)[..], extra, &data, &chunk(b"IEND", &[])].concat()
    }

    #[test]
    fn every_format_decodes_to_its_dimensions() {
        let formats = [
            (ImageFormat::Png, "png"),
            (ImageFormat::Jpeg, "jpg"),
            (ImageFormat::Gif, "gif"),
            (ImageFormat::WebP, "webp"),
            (ImageFormat::Bmp, "bmp"),
            (ImageFormat::Tiff, "tiff"),
        ];
        for (format, extension) in formats {
            let checked = check_bytes(&encoded(format), extension);
            assert_eq!(checked.problem, None, "{extension}");
            assert_eq!((checked.width, checked.height), (Some(60), Some(40)), "{extension}");
            assert_eq!((checked.blank, checked.media_type.as_str()), (Some(false), format.to_mime_type()));
        }
    }

    #[test]
    fn a_picture_cut_anywhere_is_a_problem() {
        let formats = [(ImageFormat::Png, "png"), (ImageFormat::Jpeg, "jpg"), (ImageFormat::Gif, "gif")];
        for (format, extension) in formats {
            let whole = encoded(format);
            for length in [9, whole.len() / 2, whole.len() - 9, whole.len() - 2] {
                let checked = check_bytes(&whole[..length], extension);
                assert!(checked.problem.is_some(), "{extension} cut at {length}");
            }
        }
    }

    #[test]
    fn a_blank_picture_is_told() {
        assert_eq!(check_bytes(&png(3, 1, &[], &[0, 9, 9, 9]), "png").blank, Some(true));
        assert_eq!(check_bytes(&png(3, 1, &[], &[0, 9, 9, 8]), "png").blank, Some(false));
    }

    #[test]
    fn a_bomb_is_refused_by_its_header() {
        let bomb = png(50_000, 50_000, &[], &vec![0; 1 << 20]);
        assert!(bomb.len() < 4096);
        let checked = check_bytes(&bomb, "png");
        assert!(checked.problem.is_some(), "{checked:?}");
        let wide = png(16_384, 16_384, &[], &vec![0; 1 << 20]);
        let problem = check_bytes(&wide, "png").problem.unwrap();
        assert!(problem.contains("16384 x 16384 pixels"), "{problem}");
    }

    #[test]
    fn bombs_of_other_formats_are_refused_too() {
        let gif = b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;";
        assert!(check_bytes(gif, "gif").problem.is_some());
        let mut bmp = encoded(ImageFormat::Bmp);
        bmp[18..22].copy_from_slice(&60_000_u32.to_le_bytes());
        bmp[22..26].copy_from_slice(&60_000_u32.to_le_bytes());
        assert!(check_bytes(&bmp, "bmp").problem.is_some());
    }

    #[test]
    fn compressed_text_is_not_blown_up() {
        let text = [b"Comment\0\0".as_slice(), &zipped(&vec![b'a'; 64 << 20])].concat();
        let before = std::time::Instant::now();
        let checked = check_bytes(&png(3, 1, &chunk(b"zTXt", &text), &[0, 9, 9, 8]), "png");
        assert_eq!((checked.width, checked.problem), (Some(3), None));
        assert!(before.elapsed().as_secs() < 5);
    }

    #[test]
    fn wrong_pixels_are_a_problem() {
        assert!(check_bytes(&png(3, 2, &[], &[0, 9, 9, 9]), "png").problem.is_some(), "too few");
        let mut flipped = png(3, 1, &[], &[0, 9, 9, 8]);
        let middle = flipped.len() - 20;
        flipped[middle] ^= 255;
        assert!(check_bytes(&flipped, "png").problem.is_some(), "wrong checksum");
    }

    fn film(frames: usize, colour: impl Fn(usize) -> u8) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = image::codecs::gif::GifEncoder::new_with_speed(&mut file, 30);
        for index in 0..frames {
            let picture = RgbaImage::from_pixel(8, 8, image::Rgba([colour(index), 0, 0, 255]));
            encoder.encode_frame(Frame::from_parts(picture, 0, 0, Delay::from_numer_denom_ms(100, 1))).unwrap();
        }
        drop(encoder);
        file
    }

    #[test]
    fn frames_and_seconds_are_counted() {
        let checked = check_bytes(&film(5, |_| 3), "gif");
        assert_eq!((checked.frames, checked.duration), (Some(5), Some(0.5)));
        assert_eq!(checked.blank, Some(true));
        let still = check_bytes(&film(1, |_| 3), "gif");
        assert_eq!((still.frames, still.duration), (Some(1), None));
    }

    #[test]
    fn a_film_without_end_is_stopped() {
        let checked = check_bytes(&film(FRAMES as usize + 1, |_| 3), "gif");
        assert!(checked.problem.unwrap().contains("more than 10000 frames"));
    }
}
