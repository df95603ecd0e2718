//! The rule that tells a blank picture.
//!
//! A picture is blank if, laid on a white page, all its pixels are one colour. So a plain white, plain grey or
//! fully transparent picture is blank, and one with a single pixel that differs is not. A moving picture is
//! blank if each of its frames is. PDF, SVG and PostScript are not judged: the picture that is drawn at the
//! same save is.

use image::DynamicImage;

/// Whether 8 bit RGBA pixels are blank.
pub(crate) fn rgba(pixels: &[u8]) -> bool {
    one_colour(pixels.as_chunks::<4>().0, |&[red, green, blue, alpha]| {
        [red, green, blue].map(|value| on_white(value.into(), alpha.into(), 255))
    })
}

/// Whether a decoded picture is blank.
pub(crate) fn picture(picture: &DynamicImage) -> bool {
    match picture {
        DynamicImage::ImageLuma8(image) => one_colour(image.as_raw().as_chunks::<1>().0, |pixel| *pixel),
        DynamicImage::ImageRgb8(image) => one_colour(image.as_raw().as_chunks::<3>().0, |pixel| *pixel),
        DynamicImage::ImageRgba8(image) => rgba(image.as_raw()),
        DynamicImage::ImageLuma16(image) => one_colour(image.as_raw().as_chunks::<1>().0, |pixel| *pixel),
        DynamicImage::ImageRgb16(image) => one_colour(image.as_raw().as_chunks::<3>().0, |pixel| *pixel),
        DynamicImage::ImageRgba16(image) => {
            one_colour(image.as_raw().as_chunks::<4>().0, |&[red, green, blue, alpha]| {
                [red, green, blue].map(|value| on_white(value.into(), alpha.into(), 65_535))
            })
        }
        // What is left is rare (grey with alpha, floating point), so it may cost a copy.
        other => rgba(other.to_rgba8().as_raw()),
    }
}

/// Whether all pixels look like the first. Ends at the first that does not, so most pictures cost nothing.
fn one_colour<P: PartialEq, C: PartialEq>(pixels: &[P], colour: impl Fn(&P) -> C) -> bool {
    let Some(first) = pixels.first() else { return true };
    let seen = colour(first);
    pixels.iter().all(|pixel| pixel == first || colour(pixel) == seen)
}

fn on_white(value: u32, alpha: u32, most: u32) -> u32 {
    (value * alpha + most * (most - alpha)) / most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_colour_is_blank_and_one_pixel_is_not() {
        let mut pixels = [200, 10, 10, 255].repeat(100);
        assert!(rgba(&pixels));
        pixels[4 * 99] = 201;
        assert!(!rgba(&pixels));
    }

    #[test]
    fn transparency_is_judged_on_white() {
        assert!(rgba(&[9, 9, 9, 0, 200, 3, 3, 0]));
        assert!(rgba(&[255, 255, 255, 17, 255, 255, 255, 255, 0, 0, 0, 0]));
        assert!(!rgba(&[0, 0, 0, 10, 0, 0, 0, 200]));
    }

    #[test]
    fn every_depth_is_judged() {
        let grey = DynamicImage::new_luma8(4, 4);
        assert!(picture(&grey));
        assert!(picture(&DynamicImage::ImageRgba16(grey.to_rgba16())));
        let mut one = grey.to_rgb16();
        one.get_pixel_mut(3, 3)[2] = 1;
        assert!(!picture(&DynamicImage::ImageRgb16(one)));
        let mut alpha = grey.to_luma_alpha8();
        alpha.get_pixel_mut(1, 1)[1] = 0;
        assert!(!picture(&DynamicImage::ImageLumaA8(alpha)));
    }
}
