//! Pictures of the page, by Playwright's contract.
//!
//! The contract (`screenshotter.ts` and `crPage.ts` of Playwright 1.65): in every frame the text cursor is hidden and
//! animations are brought to their end; the main frame's fonts are waited for; the page's size is the largest of what
//! body and root element scroll, occupy and show; the window is not resized, so `vh` keeps its value, and the browser
//! captures beyond it if the page is larger.
//!
//! One thing differs: the wait for fonts ends with the job's deadline, not never.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chromiumoxide_cdp::cdp::browser_protocol::dom::Rgba;
use chromiumoxide_cdp::cdp::browser_protocol::emulation::SetDefaultBackgroundColorOverrideParams;
use chromiumoxide_cdp::cdp::browser_protocol::page::{
    CaptureScreenshotFormat, CaptureScreenshotParams, Viewport as Clip,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Call, Halt, Page, Thrown};
use crate::WebError;
use crate::job::{Area, Format, PageLimits, Rect, Shot, Viewport};
use crate::report::Picture;

const PREPARE: &str = include_str!("../script/prepare.js");
pub(super) const FONTS_READY: &str = "() => document.fonts.ready.then(() => null)";
const EXTENT: &str = include_str!("../script/extent.js");
const RESTORE: &str = "() => globalThis.glasshouseRestore && globalThis.glasshouseRestore()";

/// Qualities that Playwright gives pictures with losses.
const JPEG_QUALITY: u8 = 80;
const WEBP_QUALITY: u8 = 100;

/// What the page tells of itself once it is prepared, in CSS pixels.
#[derive(Debug, Deserialize)]
struct Extent {
    title: String,
    width: f64,
    height: f64,
    /// How far the page is scrolled.
    left: f64,
    top: f64,
}

/// What is to be captured, in CSS pixels of the document.
struct Captured {
    rect: Rect,
    /// Whether the window shows all of it.
    fits: bool,
}

#[derive(Deserialize)]
struct Data {
    data: String,
}

impl Page {
    /// Takes a picture, which will bear the time from `started` until the browser was asked for it. After the last one the page is left as it was for it.
    ///
    /// The inner error says why there can be none, such as an element that is not there.
    pub(crate) fn shoot(
        &mut self,
        shot: &Shot,
        viewport: &Viewport,
        limits: &PageLimits,
        started: Instant,
        last: bool,
        deadline: Instant,
    ) -> Result<Thrown<Picture>, Halt> {
        let arguments = [json!(!shot.caret), json!(shot.still)];
        self.run_in_other_frames(PREPARE, &arguments, deadline)?;
        // One after the other, as Playwright does it, though one script could do all: between two of them the page goes
        // on, and one that loads scripts asynchronously has come as far as it would have there.
        if let Err(thrown) = self.run::<Value>(PREPARE, &arguments, deadline)? {
            return Ok(Err(thrown));
        }
        // Where the page's time stands still the promise would stay one: fonts were waited for before.
        if !self.watch.time_stands
            && let Err(thrown) = self.run::<Value>(FONTS_READY, &[], deadline)?
        {
            return Ok(Err(thrown));
        }
        let extent = match self.run::<Extent>(EXTENT, &[], deadline)? {
            Ok(extent) => extent,
            Err(thrown) => return Ok(Err(thrown)),
        };
        let metrics: Call<Value> = self.send_plain("Page.getLayoutMetrics", "{}", deadline)?;
        self.wait(&metrics, deadline)?;
        self.title.clone_from(&extent.title);
        let by = deadline.min(Instant::now() + limits.action);
        let captured = match self.area(shot, viewport, &extent, by)? {
            Ok(captured) => captured,
            Err(why) => {
                self.restore(deadline)?;
                return Ok(Err(why));
            }
        };
        let picture = self.capture(shot, captured, viewport, limits, started, deadline);
        // Nobody will see the page again after its last picture.
        if !last {
            self.restore(deadline)?;
        }
        picture
    }

    fn area(
        &mut self,
        shot: &Shot,
        viewport: &Viewport,
        extent: &Extent,
        deadline: Instant,
    ) -> Result<Thrown<Captured>, Halt> {
        let window = Rect { x: 0.0, y: 0.0, width: viewport.width.into(), height: viewport.height.into() };
        let shown = |rect: Rect| rect.width <= window.width && rect.height <= window.height;
        let scrolled = |rect: Rect| Rect { x: rect.x + extent.left, y: rect.y + extent.top, ..rect };
        Ok(match &shot.area {
            Area::FullPage => {
                let rect = Rect { x: 0.0, y: 0.0, width: extent.width, height: extent.height };
                Ok(Captured { rect, fits: shown(rect) })
            }
            Area::Viewport => Ok(Captured { rect: scrolled(window), fits: true }),
            Area::Clip(clip) => match intersection(*clip, window) {
                Some(rect) => Ok(Captured { rect: scrolled(rect), fits: true }),
                None => Err("the clip is empty or outside of the window".to_owned()),
            },
            Area::Element(selector) => {
                let point = match self.sight(selector, &["visible", "stable"], deadline)? {
                    Ok(point) => point,
                    Err(why) => return Ok(Err(why)),
                };
                let rect = enclosing(point.document);
                Ok(Captured { rect, fits: shown(rect) })
            }
        })
    }

    fn capture(
        &mut self,
        shot: &Shot,
        captured: Captured,
        viewport: &Viewport,
        limits: &PageLimits,
        started: Instant,
        deadline: Instant,
    ) -> Result<Thrown<Picture>, Halt> {
        let Captured { rect: whole, fits } = captured;
        let rect = within_limits(whole, viewport.scale, limits);
        if rect.width < 1.0 || rect.height < 1.0 {
            return Ok(Err("what is to be captured has no size".to_owned()));
        }
        if shot.transparent && shot.format != Format::Jpeg {
            self.set_background(Some(Rgba { r: 0, g: 0, b: 0, a: Some(0.0) }), deadline)?;
        }
        let (format, quality) = match shot.format {
            Format::Png => (CaptureScreenshotFormat::Png, None),
            Format::Jpeg => (CaptureScreenshotFormat::Jpeg, Some(shot.quality.unwrap_or(JPEG_QUALITY))),
            Format::Webp => (CaptureScreenshotFormat::Webp, Some(shot.quality.unwrap_or(WEBP_QUALITY))),
        };
        let command = CaptureScreenshotParams {
            format: Some(format),
            quality: quality.map(i64::from),
            clip: Some(Clip { x: rect.x, y: rect.y, width: rect.width, height: rect.height, scale: 1.0 }),
            capture_beyond_viewport: Some(!fits),
            // The same pixels in a larger file, for half the time.
            optimize_for_speed: Some(shot.format == Format::Png),
            ..Default::default()
        };
        let at = started.elapsed().as_secs_f64();
        let Call { id, method, .. } = self.send(&command, deadline)?;
        let call: Call<Data> = Call { id, method, answer: std::marker::PhantomData };
        let answer = self.wait(&call, deadline);
        if shot.transparent && shot.format != Format::Jpeg {
            self.set_background(None, deadline)?;
        }
        let data = match answer {
            Ok(data) => data.data,
            Err(Halt::Failed(WebError::Refused { message, .. })) => return Err(Halt::NotShown(message)),
            Err(halt) => return Err(halt),
        };
        let bytes = BASE64.decode(data.as_bytes()).map_err(|error| {
            Halt::Failed(WebError::Form { method: call.method.clone(), message: error.to_string() })
        })?;
        let (width, height) = size_of(&bytes, shot.format).unwrap_or_else(|| {
            let device = |side: f64| (side * viewport.scale).round() as u32;
            (device(rect.width), device(rect.height))
        });
        let cut = rect != whole;
        Ok(Ok(Picture {
            name: shot.name.clone(),
            format: shot.format,
            bytes,
            width,
            height,
            cut_from: cut.then_some((whole.width as u32, whole.height as u32)),
            at,
            wanted: None,
        }))
    }

    fn set_background(&mut self, color: Option<Rgba>, deadline: Instant) -> Result<(), Halt> {
        self.ask(&SetDefaultBackgroundColorOverrideParams { color }, deadline).map(|_| ())
    }

    fn restore(&mut self, deadline: Instant) -> Result<(), Halt> {
        self.run_in_other_frames(RESTORE, &[], deadline)?;
        self.run::<Value>(RESTORE, &[], deadline).map(|_| ())
    }
}

fn intersection(a: Rect, b: Rect) -> Option<Rect> {
    let (left, top) = (a.x.max(b.x), a.y.max(b.y));
    let (right, bottom) = ((a.x + a.width).min(b.x + b.width), (a.y + a.height).min(b.y + b.height));
    let inside = Rect { x: left, y: top, width: right - left, height: bottom - top };
    (right > left && bottom > top).then_some(inside)
}

/// The smallest rectangle of whole pixels around a rectangle, with Playwright's allowance for rounding.
fn enclosing(rect: Rect) -> Rect {
    const ALMOST: f64 = 1e-3;
    let (x, y) = ((rect.x + ALMOST).floor(), (rect.y + ALMOST).floor());
    let (right, bottom) = ((rect.x + rect.width - ALMOST).ceil(), (rect.y + rect.height - ALMOST).ceil());
    Rect { x, y, width: right - x, height: bottom - y }
}

/// As much of a rectangle as a picture may show, from its top left corner.
fn within_limits(rect: Rect, scale: f64, limits: &PageLimits) -> Rect {
    let side = f64::from(limits.side) / scale;
    let width = rect.width.min(side);
    let rows = (limits.pixels as f64 / (width * scale * scale).max(1.0)).floor().max(1.0);
    Rect { width, height: rect.height.min(side).min(rows), ..rect }
}

/// Width and height that a PNG states.
fn size_of(bytes: &[u8], format: Format) -> Option<(u32, u32)> {
    if format != Format::Png || !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return None;
    }
    let number = |from: usize| bytes.get(from..from + 4)?.try_into().ok().map(u32::from_be_bytes);
    Some((number(16)?, number(20)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_larger_than_a_picture_may_be_is_cut() {
        let limits = PageLimits::default();
        let page = |width: f64, height: f64| Rect { x: 0.0, y: 0.0, width, height };
        assert_eq!(within_limits(page(1280.0, 8000.0), 1.0, &limits), page(1280.0, 8000.0));
        assert_eq!(within_limits(page(1280.0, 100_000.0), 1.0, &limits), page(1280.0, 16_384.0));
        assert_eq!(within_limits(page(1280.0, 100_000.0), 2.0, &limits), page(1280.0, 8192.0));
        assert_eq!(within_limits(page(16_384.0, 16_384.0), 1.0, &limits), page(16_384.0, 8192.0));
    }

    #[test]
    fn an_element_gets_all_pixels_that_it_touches() {
        let rect = enclosing(Rect { x: 10.2, y: 20.9995, width: 5.0, height: 5.0 });
        assert_eq!(rect, Rect { x: 10.0, y: 21.0, width: 6.0, height: 5.0 });
    }

    #[test]
    fn a_clip_outside_of_the_window_is_empty() {
        let window = Rect { x: 0.0, y: 0.0, width: 100.0, height: 50.0 };
        assert_eq!(intersection(Rect { x: 100.0, y: 0.0, width: 5.0, height: 5.0 }, window), None);
        let half = intersection(Rect { x: -5.0, y: 40.0, width: 10.0, height: 20.0 }, window).unwrap();
        assert_eq!(half, Rect { x: 0.0, y: 40.0, width: 5.0, height: 10.0 });
    }
}
