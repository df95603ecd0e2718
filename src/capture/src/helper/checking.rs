//! The check helper: what it is asked, and how it answers.

use std::fs::File;
use std::process::ExitCode;

use glasshouse_model::Fault;
use serde::{Deserialize, Serialize};

use super::client::{Client, Said};
use super::protocol::Bounds;
use super::serve::serve;
use crate::check::{Checked, check_file, is_regular};
use crate::contract::PixelFile;
use crate::draw::{Drawable, Drawn, draw};
use crate::open::read_bounded;
use crate::{blank, pixels};

/// For one file.
const BOUNDS: Bounds = Bounds { seconds: 10, memory: None };
/// Bytes of the PNGs of one file's pages.
const PAGES: u64 = 512 << 20;

/// What the check helper is asked, along with one opened file.
#[derive(Debug, Serialize, Deserialize)]
enum Request {
    /// Tell what the file is; its name claims this extension.
    Check { extension: Option<String> },
    /// Encode these raw pixels as PNG and judge them.
    Encode { width: u32, height: u32 },
    /// Draw it, at most so many pages of it.
    Draw { kind: Drawable, most: usize },
}

/// The answers to these.
#[derive(Debug, Serialize, Deserialize)]
enum Response {
    Checked(Checked),
    Drawn(Drawn),
}

/// An answer or why there is none, what was made, and the processor time that it took.
type Outcome = (Result<Response, String>, Vec<u8>, f64);

/// What a helper said of one file.
#[derive(Debug, Default)]
pub struct Answer {
    /// What the file is, or why it is nothing.
    pub checked: Checked,
    /// The PNG, if pixels were to be encoded and could be.
    pub png: Vec<u8>,
    /// Seconds of processor time that it took.
    pub cpu: f64,
}

/// What a helper drew of one file.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    pub(crate) drawn: Drawn,
    /// The PNGs, one after the other.
    pub(crate) pngs: Vec<u8>,
    /// Seconds of processor time that it took.
    pub(crate) cpu: f64,
}

impl Client {
    /// Asks a check helper what a file is. `extension` is what its name claims, in lower case.
    ///
    /// # Errors
    /// A fault if no helper can be had; never for anything that the file holds.
    pub fn check(&mut self, file: &File, extension: Option<&str>) -> Result<Answer, Fault> {
        self.told(&Request::Check { extension: extension.map(str::to_owned) }, file, 0)
    }

    /// Asks a check helper for a PNG of raw pixels.
    ///
    /// # Errors
    /// A fault if no helper can be had; never for anything that the file holds.
    pub fn encode(&mut self, pixels: &File, width: u32, height: u32) -> Result<Answer, Fault> {
        let raw = u64::from(width) * u64::from(height) * 4;
        self.told(&Request::Encode { width, height }, pixels, raw + raw / 8 + (64 << 10))
    }

    /// Asks a check helper for PNGs of a document's pages, at most `most`, or of a picture.
    ///
    /// # Errors
    /// A fault if no helper can be had; never for anything that the file holds.
    pub(crate) fn draw(&mut self, file: &File, kind: Drawable, most: usize) -> Result<Pages, Fault> {
        let (answer, payload, cpu) = self.answered(&Request::Draw { kind, most }, file, PAGES)?;
        let (drawn, payload) = match answer {
            Ok(Response::Drawn(drawn)) if fits(&drawn, most, payload.len()) => (drawn, payload),
            Ok(_) => (Drawn { problem: Some("was not drawn".to_owned()), ..Drawn::default() }, Vec::new()),
            Err(problem) => (Drawn { problem: Some(problem), ..Drawn::default() }, Vec::new()),
        };
        let problem = drawn.problem.map(shorten);
        Ok(Pages { drawn: Drawn { problem, ..drawn }, pngs: payload, cpu })
    }

    fn told(&mut self, request: &Request, file: &File, limit: u64) -> Result<Answer, Fault> {
        let (answer, png, cpu) = self.answered(request, file, limit)?;
        let broken = |why: String| Checked::broken("application/octet-stream", why);
        Ok(match answer {
            Ok(Response::Checked(checked)) => Answer { checked: bounded(checked), png, cpu },
            Ok(Response::Drawn(_)) => Answer { checked: broken("was not checked".to_owned()), png: Vec::new(), cpu },
            Err(problem) => Answer { checked: broken(problem), png: Vec::new(), cpu },
        })
    }

    /// An answer or why there is none, what was made, and the processor time that it took.
    fn answered(&mut self, request: &Request, file: &File, limit: u64) -> Result<Outcome, Fault> {
        let none = |why: String, cpu| (Err(why), Vec::new(), cpu);
        Ok(match self.ask::<_, Response>(request, file, BOUNDS, limit)? {
            Said::Answer { value, payload, cpu } => (Ok(value), payload, cpu),
            Said::GaveUp { cpu } => none("does not decode: the decoder gave up on it".to_owned(), cpu),
            Said::OutOfTime => {
                let seconds = BOUNDS.seconds;
                none(format!("took more than {seconds} s of processor time to decode"), seconds as f64)
            }
            Said::Crashed { status, .. } => {
                none(format!("crashed the decoder, or needed more memory than allowed ({status})"), 0.0)
            }
        })
    }
}

/// Whether what a helper says of pages can be true of what it sent.
fn fits(drawn: &Drawn, most: usize, payload: usize) -> bool {
    let bytes = drawn.pages.iter().try_fold(0_usize, |sum, page| sum.checked_add(page.bytes));
    drawn.pages.len() <= most && bytes == Some(payload)
}

/// A helper that a file took over could say anything, so what it says is bounded and plain.
fn bounded(mut checked: Checked) -> Checked {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/+-.".contains(&byte);
    if checked.media_type.len() > 80 || !checked.media_type.bytes().all(plain) {
        checked.media_type = "application/octet-stream".to_owned();
    }
    checked.problem = checked.problem.map(shorten);
    checked.duration = checked.duration.filter(|seconds| seconds.is_finite());
    checked
}

fn shorten(text: String) -> String {
    crate::names::shown(text.chars().take(500).collect::<String>().as_bytes())
}

/// Runs the check helper on the socket that is its standard input, until the other side closes it.
pub fn main() -> ExitCode {
    serve(|| Ok(()), |(), request, file| answer(request, file))
}

fn answer(request: &Request, file: &File) -> (Response, Vec<u8>) {
    let result = match request {
        Request::Draw { kind, most } if is_regular(file) => {
            let (drawn, pngs) = draw(file, *kind, *most);
            return (Response::Drawn(drawn), pngs);
        }
        Request::Draw { .. } => Err("is not a regular file".to_owned()),
        _ if !is_regular(file) => Err("is not a regular file".to_owned()),
        Request::Check { extension } => check_file(file, extension.as_deref())
            .map(|checked| (checked, Vec::new()))
            .map_err(|error| format!("cannot be read: {error}")),
        Request::Encode { width, height } => encode(file, *width, *height),
    };
    let (checked, png) =
        result.unwrap_or_else(|problem| (Checked::broken("application/octet-stream", problem), Vec::new()));
    (Response::Checked(checked), png)
}

fn encode(file: &File, width: u32, height: u32) -> Result<(Checked, Vec<u8>), String> {
    let bytes = PixelFile { file: String::new(), width, height }.bytes();
    let raw = read_bounded(file, bytes).map_err(|error| format!("cannot be read: {error}"))?;
    let png = pixels::encode_png(&raw, width, height).map_err(|error| error.to_string())?;
    let checked = Checked {
        width: Some(width),
        height: Some(height),
        blank: Some(blank::rgba(&raw)),
        ..Checked::of_type("image/png")
    };
    Ok((checked, png))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_helper_says_is_bounded() {
        let checked = bounded(Checked {
            media_type: "text/<script>".into(),
            problem: Some("\n".repeat(9000)),
            duration: Some(f64::NAN),
            ..Checked::default()
        });
        assert_eq!(checked.media_type, "application/octet-stream");
        assert_eq!(checked.problem.unwrap().len(), 2000);
        assert_eq!(checked.duration, None);
    }
}
