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
use crate::open::read_bounded;
use crate::{blank, pixels};

/// For one file.
const BOUNDS: Bounds = Bounds { seconds: 10, memory: None };

/// What the check helper is asked, along with one opened file.
#[derive(Debug, Serialize, Deserialize)]
enum Request {
    /// Tell what the file is; its name claims this extension.
    Check { extension: Option<String> },
    /// Encode these raw pixels as PNG and judge them.
    Encode { width: u32, height: u32 },
}

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

    fn told(&mut self, request: &Request, file: &File, limit: u64) -> Result<Answer, Fault> {
        let broken = |why: String, cpu| Answer {
            checked: Checked::broken("application/octet-stream", why),
            png: Vec::new(),
            cpu,
        };
        Ok(match self.ask::<_, Checked>(request, file, BOUNDS, limit)? {
            Said::Answer { value, payload, cpu } => Answer { checked: bounded(value), png: payload, cpu },
            Said::GaveUp { cpu } => broken("does not decode: the decoder gave up on it".to_owned(), cpu),
            Said::OutOfTime => {
                let seconds = BOUNDS.seconds;
                broken(format!("took more than {seconds} s of processor time to decode"), seconds as f64)
            }
            Said::Crashed { status, .. } => {
                broken(format!("crashed the decoder, or needed more memory than allowed ({status})"), 0.0)
            }
        })
    }
}

/// A helper that a file took over could say anything, so what it says is bounded and plain.
fn bounded(mut checked: Checked) -> Checked {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/+-.".contains(&byte);
    if checked.media_type.len() > 80 || !checked.media_type.bytes().all(plain) {
        checked.media_type = "application/octet-stream".to_owned();
    }
    let shorten = |text: String| crate::names::shown(text.chars().take(500).collect::<String>().as_bytes());
    checked.problem = checked.problem.map(shorten);
    checked.duration = checked.duration.filter(|seconds| seconds.is_finite());
    checked
}

/// Runs the check helper on the socket that is its standard input, until the other side closes it.
pub fn main() -> ExitCode {
    serve(|| Ok(()), |(), request, file| answer(request, file))
}

fn answer(request: &Request, file: &File) -> (Checked, Vec<u8>) {
    let result = match request {
        _ if !is_regular(file) => Err("is not a regular file".to_owned()),
        Request::Check { extension } => check_file(file, extension.as_deref())
            .map(|checked| (checked, Vec::new()))
            .map_err(|error| format!("cannot be read: {error}")),
        Request::Encode { width, height } => encode(file, *width, *height),
    };
    result.unwrap_or_else(|problem| (Checked::broken("application/octet-stream", problem), Vec::new()))
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
