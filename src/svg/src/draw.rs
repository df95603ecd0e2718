//! From a document's bytes to a picture.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use glasshouse_capture::{PIXEL_LIMIT, SIDE_LIMIT, encode_png};
use glasshouse_model::drawing::{Colour, DrawingRequest};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::roxmltree;
use resvg::usvg::{Error, ImageHrefResolver, ImageKind, Options, Size, Tree};
use serde::{Deserialize, Serialize};

use crate::{Facts, Fonts, fonts};

/// References that are named.
const REFUSED: usize = 100;
/// Bytes of a name of one.
const REFERENCE: usize = 300;

/// A picture of a document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drawn {
    /// What it consists of.
    pub facts: Facts,
    /// References to what is not there, each once.
    pub refused: Vec<String>,
}

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Problem {
    /// The bytes are no SVG.
    #[error("is not well-formed SVG: {0}")]
    Malformed(String),
    /// Its size is zero, negative, or not stated in any way.
    #[error("states no size: give width and height, or a viewBox")]
    NoSize,
    /// It has, or its references make, more elements than are drawn.
    #[error("has more elements than are drawn, or references that multiply them")]
    TooMany,
    /// The picture would be larger than is drawn.
    #[error("would be {width} by {height} pixels; a side has at most {SIDE_LIMIT} and a picture {PIXEL_LIMIT}")]
    TooLarge {
        /// Pixels.
        width: u64,
        /// Pixels.
        height: u64,
    },
}

/// Draws a document; `files` are those that it may refer to, by their relative paths. The picture is a PNG.
///
/// # Errors
/// If there can be none.
pub(crate) fn draw(
    document: &[u8],
    files: &BTreeMap<String, Arc<Vec<u8>>>,
    request: &DrawingRequest,
    fonts: &Fonts,
) -> Result<(Drawn, Vec<u8>), Problem> {
    let refused = Mutex::new(BTreeSet::new());
    let tree = {
        let options = options(files, &refused, fonts);
        Tree::from_data(document, &options).map_err(problem)?
    };
    let (width, height, scale) = extent(tree.size(), request)?;
    let too_large = || Problem::TooLarge { width: width.into(), height: height.into() };
    let mut picture = Pixmap::new(width, height).ok_or_else(too_large)?;
    if let Some(Colour([red, green, blue])) = request.background {
        picture.fill(Color::from_rgba8(red, green, blue, u8::MAX));
    }
    resvg::render(&tree, Transform::from_scale(scale.0, scale.1), &mut picture.as_mut());
    let png = encode_png(&straight(&picture), width, height).map_err(|_| too_large())?;
    let refused = refused.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect();
    Ok((Drawn { facts: Facts::of(&tree), refused }, png))
}

fn options<'a>(
    files: &'a BTreeMap<String, Arc<Vec<u8>>>,
    refused: &'a Mutex<BTreeSet<String>>,
    fonts: &Fonts,
) -> Options<'a> {
    let resolve_string = move |reference: &str, options: &Options<'_>| {
        let path = reference.trim().trim_start_matches("./");
        let found = files.get(path).and_then(|bytes| picture(bytes, options));
        if found.is_none() {
            let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
            if refused.len() < REFUSED {
                let end = reference.floor_char_boundary(REFERENCE);
                refused.insert(reference[..end].to_owned());
            }
        }
        found
    };
    Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: ImageHrefResolver::default_data_resolver(),
            resolve_string: Box::new(resolve_string),
        },
        font_resolver: fonts::resolver(),
        fontdb: Arc::clone(&fonts.0),
        ..Options::default()
    }
}

/// A picture that lies beside the document, told from its bytes.
fn picture(bytes: &Arc<Vec<u8>>, options: &Options<'_>) -> Option<ImageKind> {
    let bytes = Arc::clone(bytes);
    match bytes.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => Some(ImageKind::PNG(bytes)),
        [0xff, 0xd8, ..] => Some(ImageKind::JPEG(bytes)),
        [b'G', b'I', b'F', ..] => Some(ImageKind::GIF(bytes)),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(ImageKind::WEBP(bytes)),
        _ => Tree::from_data_nested(&bytes, options).ok().map(ImageKind::SVG),
    }
}

fn problem(error: Error) -> Problem {
    match error {
        Error::InvalidSize => Problem::NoSize,
        Error::ElementsLimitReached | Error::ParsingFailed(roxmltree::Error::NodesLimitReached) => Problem::TooMany,
        Error::ParsingFailed(error) => Problem::Malformed(error.to_string()),
        other => Problem::Malformed(other.to_string()),
    }
}

/// Width and height in pixels, and pixels per CSS pixel in both directions.
fn extent(size: Size, request: &DrawingRequest) -> Result<(u32, u32, (f32, f32)), Problem> {
    let (width, height) = (f64::from(size.width()), f64::from(size.height()));
    let zoom = match (request.width, request.height) {
        (None, None) => request.zoom,
        (Some(wanted), None) => f64::from(wanted) / width,
        (None, Some(wanted)) => f64::from(wanted) / height,
        (Some(wide), Some(high)) => (f64::from(wide) / width).min(f64::from(high) / height),
    };
    let pixels = |side: f64| (side * zoom).ceil().max(1.0);
    let (wide, high) = (pixels(width), pixels(height));
    let most = f64::from(SIDE_LIMIT);
    if wide > most || high > most || wide * high > PIXEL_LIMIT as f64 {
        return Err(Problem::TooLarge { width: wide as u64, height: high as u64 });
    }
    // The picture is whole pixels, so that the document fills it to its edges.
    Ok((wide as u32, high as u32, ((wide / width) as f32, (high / height) as f32)))
}

/// The pixels as PNG has them: colours not multiplied by their opacity.
fn straight(picture: &Pixmap) -> Vec<u8> {
    let channels = |pixel: &resvg::tiny_skia::PremultipliedColorU8| {
        let colour = pixel.demultiply();
        [colour.red(), colour.green(), colour.blue(), colour.alpha()]
    };
    picture.pixels().iter().flat_map(channels).collect()
}

#[cfg(test)]
mod tests {
    use image::RgbaImage;
    use resvg::usvg::fontdb::Database;

    use super::*;

    type Files = BTreeMap<String, Arc<Vec<u8>>>;

    fn drawn(document: &str, files: &Files, request: DrawingRequest) -> Result<(Drawn, RgbaImage), Problem> {
        let fonts = Fonts(Arc::new(Database::new()));
        let (drawn, png) = draw(document.as_bytes(), files, &request, &fonts)?;
        Ok((drawn, image::load_from_memory(&png).unwrap().to_rgba8()))
    }

    fn plain(document: &str) -> Result<(Drawn, RgbaImage), Problem> {
        drawn(document, &Files::new(), DrawingRequest::default())
    }

    const HALF: &str =
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20 10'><rect width='10' height='10' fill='#f00'/></svg>";

    #[test]
    fn a_document_fills_its_picture() {
        let (drawn, picture) = plain(HALF).unwrap();
        assert_eq!(picture.dimensions(), (20, 10));
        assert_eq!((picture.get_pixel(9, 9).0, picture.get_pixel(10, 0).0), ([255, 0, 0, 255], [0, 0, 0, 0]));
        assert_eq!((drawn.facts.size, drawn.facts.elements["path"]), ((20.0, 10.0), 1));
    }

    #[test]
    fn size_and_background_are_the_rows() {
        let request = |text: &str| -> DrawingRequest { serde_json_from(text) };
        for (asked, size) in [
            (r#"{"zoom": 3}"#, (60, 30)),
            (r#"{"width": 100}"#, (100, 50)),
            (r#"{"height": 100}"#, (200, 100)),
            (r#"{"width": 100, "height": 100}"#, (100, 50)),
        ] {
            assert_eq!(drawn(HALF, &Files::new(), request(asked)).unwrap().1.dimensions(), size, "{asked}");
        }
        let (_, picture) = drawn(HALF, &Files::new(), request(r##"{"background": "#00ff00"}"##)).unwrap();
        assert_eq!(picture.get_pixel(15, 5).0, [0, 255, 0, 255]);
    }

    fn serde_json_from(text: &str) -> DrawingRequest {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn half_opaque_pixels_are_not_multiplied() {
        let (_, picture) = plain(
            "<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'><rect width='1' height='1' fill='#fff' opacity='.5'/></svg>",
        )
        .unwrap();
        let [red, _, _, alpha] = picture.get_pixel(0, 0).0;
        assert!(red == 255 && (127..=128).contains(&alpha), "{red} {alpha}");
    }

    #[test]
    fn only_files_of_the_row_are_followed() {
        let (_, png) =
            draw(HALF.as_bytes(), &Files::new(), &DrawingRequest::default(), &Fonts(Arc::default())).unwrap();
        let document = "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' width='20' height='40'>\
             <image href='a/half.png' width='20' height='10'/><image y='10' xlink:href='/etc/hostname' width='9' height='9'/>\
             <image y='20' href='http://x.example/p.png' width='9' height='9'/><image y='30' href='./half.svg' width='20' height='10'/></svg>";
        let files = Files::from([
            ("a/half.png".to_owned(), Arc::new(png)),
            ("half.svg".to_owned(), Arc::new(HALF.as_bytes().to_vec())),
        ]);
        let (drawn, picture) = drawn(document, &files, DrawingRequest::default()).unwrap();
        assert_eq!(drawn.refused, ["/etc/hostname", "http://x.example/p.png"]);
        assert_eq!((picture.get_pixel(5, 5).0, picture.get_pixel(5, 35).0), ([255, 0, 0, 255], [255, 0, 0, 255]));
        assert_eq!(picture.get_pixel(5, 15).0[3], 0);
    }

    #[test]
    fn what_cannot_be_drawn_says_why() {
        let open = "<svg xmlns='http://www.w3.org/2000/svg' ";
        let problem = |document: &str| plain(document).unwrap_err().to_string();
        for (document, words) in [
            (String::new(), "not well-formed"),
            ("<html/>".to_owned(), "not well-formed"),
            (format!("{open} width='9' height='9'><g></svg>"), "not well-formed"),
            (format!("{open} width='0' height='9'/>"), "no size"),
            (format!("{open} width='17000' height='9'/>"), "17000 by 9 pixels"),
            (format!("{open} width='9000' height='9000'/>"), "9000 by 9000 pixels"),
        ] {
            assert!(problem(&document).contains(words), "{document}: {}", problem(&document));
        }
    }
}
