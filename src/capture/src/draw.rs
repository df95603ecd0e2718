//! Draws documents and pictures that are no PNG as PNG, page by page.
//!
//! This runs in the confined helper, on bytes that mean harm. Pages of a PDF are drawn with two pixels to a point on white;
//! fonts that a document names and does not bring along are replaced by ones that hayro brings, of the same widths.

use std::fs::File;
use std::io::{self, BufReader, Seek};

use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::page::Page;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};
use image::{ImageFormat, ImageReader, Limits};
use serde::{Deserialize, Serialize};

use crate::contract::{PIXEL_LIMIT, SIDE_LIMIT};
use crate::open::read_bounded;
use crate::{blank, pixels};

/// Pixels for each point of a PDF, which is a 72nd of an inch.
const PIXELS_PER_POINT: f32 = 2.0;
/// Bytes of a document that is drawn.
const LARGEST: u64 = 64 << 20;
/// Bytes of all PNGs of one document.
const PNGS: usize = 256 << 20;
/// Bytes that decoding a picture may take.
const MEMORY: u64 = 1 << 30;

/// What can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Drawable {
    Pdf,
    Jpeg,
    Tiff,
    Bmp,
}

impl Drawable {
    /// By the type that a check told.
    pub(crate) fn of(media_type: &str) -> Option<Self> {
        Some(match media_type {
            "application/pdf" => Self::Pdf,
            "image/jpeg" => Self::Jpeg,
            "image/tiff" => Self::Tiff,
            "image/bmp" => Self::Bmp,
            _ => return None,
        })
    }
}

/// Pages that were drawn; their PNGs follow each other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Drawn {
    pub(crate) pages: Vec<DrawnPage>,
    /// Pages that there are beyond these.
    pub(crate) left_out: u64,
    /// Why there are none.
    pub(crate) problem: Option<String>,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DrawnPage {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) blank: bool,
    /// Bytes of its PNG.
    pub(crate) bytes: usize,
}

/// Draws at most `most` pages; the PNGs of all.
pub(crate) fn draw(file: &File, kind: Drawable, most: usize) -> (Drawn, Vec<u8>) {
    let mut drawing = Drawing { drawn: Drawn::default(), pngs: Vec::new(), most };
    let done = match kind {
        Drawable::Pdf => drawing.document(file),
        Drawable::Jpeg => drawing.picture(file, ImageFormat::Jpeg),
        Drawable::Tiff => drawing.picture(file, ImageFormat::Tiff),
        Drawable::Bmp => drawing.picture(file, ImageFormat::Bmp),
    };
    drawing.drawn.problem = done.err();
    (drawing.drawn, drawing.pngs)
}

struct Drawing {
    drawn: Drawn,
    pngs: Vec<u8>,
    most: usize,
}

impl Drawing {
    fn document(&mut self, file: &File) -> Result<(), String> {
        let bytes = read_bounded(file, LARGEST).map_err(|error| format!("cannot be read: {error}"))?;
        let pdf = Pdf::new(bytes).map_err(|error| format!("is no PDF that can be drawn: {error:?}"))?;
        let (cache, settings, how) = (RenderCache::new(), InterpreterSettings::default(), RenderSettings::default());
        for page in pdf.pages().iter() {
            if !self.has_room() {
                continue;
            }
            let (width, height, scale) = size(page)?;
            let onto = PixmapSettings { x_scale: scale, y_scale: scale, bg_color: WHITE };
            // Opaque, so that premultiplied pixels are plain ones.
            let pixmap = render(page, &cache, &settings, &how, &onto);
            if (u32::from(pixmap.width()), u32::from(pixmap.height())) != (width, height) {
                return Err("has a page of an odd size".to_owned());
            }
            self.add(pixmap.data_as_u8_slice(), width, height)?;
        }
        Ok(())
    }

    /// Decodes one picture, which has been checked before.
    fn picture(&mut self, mut file: &File, format: ImageFormat) -> Result<(), String> {
        let problem = |error: &dyn std::fmt::Display| format!("does not decode: {error}");
        file.rewind().map_err(|error: io::Error| problem(&error))?;
        let mut reader = ImageReader::with_format(BufReader::new(file), format);
        let mut limits = Limits::default();
        (limits.max_image_width, limits.max_image_height) = (Some(SIDE_LIMIT), Some(SIDE_LIMIT));
        limits.max_alloc = Some(MEMORY);
        reader.limits(limits);
        let picture = reader.decode().map_err(|error| problem(&error))?.into_rgba8();
        self.add(picture.as_raw(), picture.width(), picture.height())
    }

    fn has_room(&mut self) -> bool {
        let room = self.drawn.pages.len() < self.most && self.pngs.len() < PNGS;
        self.drawn.left_out += u64::from(!room);
        room
    }

    fn add(&mut self, rgba: &[u8], width: u32, height: u32) -> Result<(), String> {
        let png = pixels::encode_png(rgba, width, height).map_err(|error| error.to_string())?;
        self.drawn.pages.push(DrawnPage { width, height, blank: blank::rgba(rgba), bytes: png.len() });
        self.pngs.extend(png);
        Ok(())
    }
}

/// Pixels of a page, and how many there are for a point: fewer on a page that would have too many.
fn size(page: &Page<'_>) -> Result<(u32, u32, f32), String> {
    let (width, height) = page.render_dimensions();
    let longest = width.max(height).max(1.0);
    let largest = (PIXEL_LIMIT as f32 / (width * height).max(1.0)).sqrt();
    let scale = PIXELS_PER_POINT.min(SIDE_LIMIT as f32 / longest).min(largest);
    // As the renderer rounds.
    let (columns, rows) = ((width * scale) as u16, (height * scale) as u16);
    if columns == 0 || rows == 0 {
        return Err(format!("has a page of {width} x {height} points"));
    }
    Ok((columns.into(), rows.into(), scale))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A page of 100 x 50 points with a red rectangle, and an empty one.
    pub(crate) const TWO_PAGES: &str = "%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n\
        2 0 obj\n<< /Type /Pages /Kids [3 0 R 5 0 R] /Count 2 /MediaBox [0 0 100 50] >>\nendobj\n\
        3 0 obj\n<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << >> >>\nendobj\n\
        4 0 obj\n<< /Length 28 >>\nstream\n1 0 0 rg 0 25 50 25 re f    \nendstream\nendobj\n\
        5 0 obj\n<< /Type /Page /Parent 2 0 R /Resources << >> >>\nendobj\n\
        trailer\n<< /Root 1 0 R >>\nstartxref\n0\n%%EOF\n";

    fn drawn(bytes: &[u8], kind: Drawable, most: usize) -> (Drawn, Vec<u8>) {
        let path = tempfile::NamedTempFile::new().unwrap();
        fs::write(path.path(), bytes).unwrap();
        draw(&File::open(path.path()).unwrap(), kind, most)
    }

    #[test]
    fn pages_have_two_pixels_to_a_point() {
        let (drawn, pngs) = drawn(TWO_PAGES.as_bytes(), Drawable::Pdf, 9);
        assert_eq!(drawn.problem, None);
        let sizes: Vec<_> = drawn.pages.iter().map(|page| (page.width, page.height, page.blank)).collect();
        assert_eq!(sizes, [(200, 100, false), (200, 100, true)]);
        let first = image::load_from_memory(&pngs[..drawn.pages[0].bytes]).unwrap().to_rgba8();
        assert_eq!((first.get_pixel(10, 10).0, first.get_pixel(150, 90).0), ([255, 0, 0, 255], [255; 4]));
    }

    #[test]
    fn pages_beyond_the_most_are_counted() {
        let (drawn, _) = drawn(TWO_PAGES.as_bytes(), Drawable::Pdf, 1);
        assert_eq!((drawn.pages.len(), drawn.left_out), (1, 1));
    }

    #[test]
    fn pictures_become_png_and_broken_ones_a_problem() {
        let mut bytes = io::Cursor::new(Vec::new());
        image::RgbImage::from_fn(8, 4, |x, _| image::Rgb([x as u8 * 30, 0, 0]))
            .write_to(&mut bytes, ImageFormat::Bmp)
            .unwrap();
        let bytes = bytes.into_inner();
        let (whole, pngs) = drawn(&bytes, Drawable::Bmp, 1);
        assert_eq!(whole.pages, [DrawnPage { width: 8, height: 4, blank: false, bytes: pngs.len() }]);
        assert!(drawn(&bytes[..60], Drawable::Bmp, 1).0.problem.unwrap().contains("does not decode"));
        assert!(drawn(b"%PDF-1.4 nothing", Drawable::Pdf, 1).0.problem.is_some());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(at in 0..TWO_PAGES.len(), bytes in proptest::collection::vec(0_u8.., 1..20)) {
            let mut text = TWO_PAGES.as_bytes().to_vec();
            let end = (at + bytes.len()).min(text.len());
            text[at..end].copy_from_slice(&bytes[..end - at]);
            let (drawn, pngs) = drawn(&text, Drawable::Pdf, 4);
            proptest::prop_assert_eq!(drawn.pages.iter().map(|page| page.bytes).sum::<usize>(), pngs.len());
        }
    }
}
