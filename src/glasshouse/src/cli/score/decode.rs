//! Pictures from files. They may be a sample's, so a helper decodes them that can do nothing else: the command starts
//! itself again, and that process confines itself as the capture helper does before it reads the first byte.

use std::env;
use std::fs;
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use glasshouse_score::picture::Picture;
use image::{ImageReader, Limits};
use rustix::process::{Resource, Rlimit, setrlimit};
use thiserror::Error;

/// The hidden subcommand that is the helper.
pub(crate) const SUBCOMMAND: &str = "decode-helper";
/// What is not decoded: sides in pixels, bytes of the file, bytes of its pixels.
const MOST_PIXELS: u32 = 200_000;
const MOST_BYTES: u64 = 256 << 20;
const MOST_MEMORY: u64 = 1 << 30;
/// Processor time for one picture.
const SECONDS: u64 = 60;

/// Why a file gave no picture.
#[derive(Debug, Error)]
pub(super) enum DecodeError {
    /// It cannot be read.
    #[error("{}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    /// It is no picture, or one that is too large.
    #[error("{}: not a picture that can be decoded (at most {MOST_PIXELS} pixels a side, {} MiB)", .0.display(), MOST_BYTES >> 20)]
    NoPicture(PathBuf),
    /// The helper could not do its work.
    #[error("the helper that decodes pictures failed: {0}")]
    Helper(io::Error),
}

/// The picture in `path`, without its alpha channel.
pub(super) fn decode(path: &Path) -> Result<Picture, DecodeError> {
    let read = |error| DecodeError::Read { path: path.to_owned(), error };
    let no_picture = || DecodeError::NoPicture(path.to_owned());
    if fs::metadata(path).map_err(read)?.len() > MOST_BYTES {
        return Err(no_picture());
    }
    let file = fs::read(path).map_err(read)?;
    let answer = ask(file).map_err(DecodeError::Helper)?;
    let (width, rest) = take_length(&answer).ok_or_else(no_picture)?;
    let (height, rgb) = take_length(rest).ok_or_else(no_picture)?;
    Picture::new(width, height, rgb.to_vec()).map_err(|_| no_picture())
}

fn take_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    Some((usize::try_from(u64::from_le_bytes(*length)).ok()?, rest))
}

/// Width, height (8 bytes each, little endian) and pixels; nothing where there is no picture.
fn ask(file: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(SUBCOMMAND).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let input = child.stdin.take();
    // Written beside reading, since the helper may answer, or end, before it has read all.
    let writer = std::thread::spawn(move || input.map(|mut input| input.write_all(&file)));
    let mut answer = Vec::new();
    let read = child.stdout.take().map_or(Ok(0), |output| output.take(MOST_MEMORY + 16).read_to_end(&mut answer));
    let _ = writer.join();
    if read.is_err() {
        let _ = child.kill();
    }
    // A helper that was killed over a picture has said nothing, which is said of the picture.
    child.wait()?;
    read.map(|_| answer)
}

/// The helper's own side: one picture in, its pixels out.
pub(crate) fn serve() -> ExitCode {
    std::panic::set_hook(Box::new(|_| {}));
    match glasshouse_capture::helper::confine().map_err(io::Error::other).and_then(|_| answer()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer() -> io::Result<()> {
    setrlimit(Resource::Cpu, Rlimit { current: Some(SECONDS), maximum: None })?;
    let mut file = Vec::new();
    io::stdin().lock().take(MOST_BYTES).read_to_end(&mut file)?;
    let Ok(Some((width, height, rgb))) = std::panic::catch_unwind(|| pixels(&file)) else { return Ok(()) };
    let mut output = io::stdout().lock();
    output.write_all(&u64::from(width).to_le_bytes())?;
    output.write_all(&u64::from(height).to_le_bytes())?;
    output.write_all(&rgb)
}

fn pixels(file: &[u8]) -> Option<(u32, u32, Vec<u8>)> {
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format().ok()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_PIXELS);
    limits.max_image_height = Some(MOST_PIXELS);
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    // The alpha channel is dropped, not blended, as the published evaluations do.
    let picture = reader.decode().ok()?.into_rgb8();
    Some((picture.width(), picture.height(), picture.into_raw()))
}
