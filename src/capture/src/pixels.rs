//! Captured pixels to PNG, fast: thousands of figures a minute pass here.

use png::{BitDepth, ColorType, Compression, Filter};

use crate::contract::{PIXEL_LIMIT, SIDE_LIMIT};

/// Why pixels cannot be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The pixels are not what their description says.
    #[error("{width} x {height} pixels of {channels} channels do not take {bytes} bytes")]
    Size {
        /// Pixels per row.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes per pixel.
        channels: u64,
        /// Bytes that were there.
        bytes: usize,
    },
    /// More pixels than are encoded.
    #[error("{0} x {1} pixels are more than a picture may have")]
    TooLarge(u32, u32),
    /// The encoder failed.
    #[error("the PNG encoder failed: {0}")]
    Encoder(#[from] png::EncodingError),
}

/// Encodes 8 bit, not premultiplied RGBA, row by row from the top.
///
/// An opaque picture is stored as RGB, which decodes to the same RGBA and is smaller and faster.
///
/// # Errors
/// If the bytes are not `width * height` pixels, or these are too many.
pub fn encode_png(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, EncodeError> {
    check(pixels.len(), 4, width, height)?;
    let quads = pixels.as_chunks::<4>().0;
    if quads.iter().all(|pixel| pixel[3] == 255) {
        let mut opaque = Vec::with_capacity(quads.len() * 3);
        for &[red, green, blue, _] in quads {
            opaque.extend_from_slice(&[red, green, blue]);
        }
        write(&opaque, width, height, ColorType::Rgb)
    } else {
        write(pixels, width, height, ColorType::Rgba)
    }
}

/// Encodes 8 bit RGB, row by row from the top.
///
/// # Errors
/// As [`encode_png`].
pub fn encode_rgb_png(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, EncodeError> {
    check(pixels.len(), 3, width, height)?;
    write(pixels, width, height, ColorType::Rgb)
}

fn check(bytes: usize, channels: u64, width: u32, height: u32) -> Result<(), EncodeError> {
    let count = u64::from(width) * u64::from(height);
    if count > PIXEL_LIMIT || width > SIDE_LIMIT || height > SIDE_LIMIT {
        return Err(EncodeError::TooLarge(width, height));
    }
    if count == 0 || bytes as u64 != count * channels {
        return Err(EncodeError::Size { width, height, channels, bytes });
    }
    Ok(())
}

fn write(data: &[u8], width: u32, height: u32, color: ColorType) -> Result<Vec<u8>, EncodeError> {
    let mut file = Vec::with_capacity(data.len() / 8 + 1024);
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fastest);
    // Charts are flat: rows repeat, and `Up` turns them to runs of zeros at the price of one subtraction.
    encoder.set_filter(Filter::Up);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(data)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(file: &[u8]) -> (Vec<u8>, image::ColorType) {
        let picture = image::load_from_memory_with_format(file, image::ImageFormat::Png).unwrap();
        (picture.to_rgba8().into_raw(), picture.color())
    }

    #[test]
    fn opaque_pictures_lose_their_alpha_and_nothing_else() {
        let mut pixels: Vec<u8> = (0..64 * 32 * 4).map(|index| (index * 7 % 256) as u8).collect();
        for pixel in pixels.chunks_exact_mut(4) {
            pixel[3] = 255;
        }
        let file = encode_png(&pixels, 64, 32).unwrap();
        assert_eq!(decoded(&file), (pixels.clone(), image::ColorType::Rgb8));
        let opaque: Vec<u8> = pixels.as_chunks::<4>().0.iter().flat_map(|pixel| &pixel[..3]).copied().collect();
        assert_eq!(encode_rgb_png(&opaque, 64, 32).unwrap(), file);
        pixels[3] = 254;
        let file = encode_png(&pixels, 64, 32).unwrap();
        assert_eq!(decoded(&file), (pixels, image::ColorType::Rgba8));
    }

    #[test]
    fn lying_dimensions_are_refused() {
        assert!(matches!(encode_png(&[0; 12], 2, 2), Err(EncodeError::Size { .. })));
        assert!(matches!(encode_png(&[], 0, 0), Err(EncodeError::Size { .. })));
        assert!(matches!(encode_rgb_png(&[0; 16], 2, 2), Err(EncodeError::Size { channels: 3, .. })));
        assert!(matches!(encode_png(&[], 16_384, 16_384), Err(EncodeError::TooLarge(..))));
        assert!(matches!(encode_png(&[], u32::MAX, 1), Err(EncodeError::TooLarge(..))));
    }

    proptest! {
        #[test]
        fn every_pixel_comes_back(
            (width, height, pixels) in (1_u32..40, 1_u32..40).prop_flat_map(|(width, height)| {
                let bytes = (width * height * 4) as usize;
                (Just(width), Just(height), proptest::collection::vec(prop_oneof![Just(255_u8), any::<u8>()], bytes))
            })
        ) {
            let file = encode_png(&pixels, width, height).unwrap();
            prop_assert_eq!(decoded(&file).0, pixels);
        }
    }
}
