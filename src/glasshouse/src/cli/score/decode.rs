//! Pictures from bytes that may be a sample's, so a helper decodes them that can do nothing else: the command starts
//! itself again, and that process confines itself as the capture helper does before it reads the first byte.

use std::env;
use std::fs;
use std::io::{self, BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};

use glasshouse_score::picture::Picture;
use image::{ImageReader, Limits};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
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
pub(crate) enum DecodeError {
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

/// Decodes one picture after the other in a helper, which is started when it is first needed.
#[derive(Default)]
pub(crate) struct Decoder {
    helper: Option<Helper>,
}

struct Helper {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Decoder {
    /// The picture in the file `path`, without its alpha channel.
    pub(crate) fn file(&mut self, path: &Path) -> Result<Picture, DecodeError> {
        let read = |error| DecodeError::Read { path: path.to_owned(), error };
        let no_picture = || DecodeError::NoPicture(path.to_owned());
        if fs::metadata(path).map_err(read)?.len() > MOST_BYTES {
            return Err(no_picture());
        }
        let file = fs::read(path).map_err(read)?;
        self.bytes(&file).map_err(DecodeError::Helper)?.ok_or_else(no_picture)
    }

    /// The picture that a file holds, without its alpha channel; `None` where it holds none that can be decoded. A file
    /// at which two helpers die is such a one.
    ///
    /// # Errors
    /// When no helper can be started.
    pub(super) fn bytes(&mut self, file: &[u8]) -> io::Result<Option<Picture>> {
        for _ in 0..2 {
            let helper = match &mut self.helper {
                Some(helper) => helper,
                None => self.helper.insert(Helper::start()?),
            };
            match helper.ask(file) {
                Ok(answer) => return Ok(answer),
                Err(_) => self.helper = None,
            }
        }
        Ok(None)
    }
}

impl Helper {
    fn start() -> io::Result<Helper> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(SUBCOMMAND).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Helper { child, input, output: BufReader::new(output) })
    }

    /// Sends a file and reads the answer: width, height (8 bytes each, little endian; 0 for no picture) and pixels. The
    /// helper reads all of a file before it answers, so neither waits for the other.
    fn ask(&mut self, file: &[u8]) -> io::Result<Option<Picture>> {
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        input.write_all(&(file.len() as u64).to_le_bytes())?;
        input.write_all(file)?;
        let (width, height) = (length(&mut self.output)?, length(&mut self.output)?);
        if width == 0 || height == 0 {
            return Ok(None);
        }
        let bytes = width.saturating_mul(height).saturating_mul(3);
        if width.max(height) > u64::from(MOST_PIXELS) || bytes > MOST_MEMORY {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut rgb = vec![0; bytes as usize];
        self.output.read_exact(&mut rgb)?;
        Ok(Picture::new(width as usize, height as usize, rgb).ok())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.input = None;
        // It may be busy with a picture that nobody waits for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn length(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// The helper's own side: files in, their pixels out, until its input ends.
pub(crate) fn serve() -> ExitCode {
    std::panic::set_hook(Box::new(|_| {}));
    match glasshouse_capture::helper::confine().map_err(io::Error::other).and_then(|_| answer_all()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer_all() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    loop {
        let length = match length(&mut input) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut file = Vec::new();
        input.by_ref().take(length.min(MOST_BYTES)).read_to_end(&mut file)?;
        let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec.unsigned_abs();
        setrlimit(Resource::Cpu, Rlimit { current: Some(used + 1 + SECONDS), maximum: None })?;
        let picture = std::panic::catch_unwind(|| pixels(&file)).ok().flatten();
        let (width, height, rgb) = picture.unwrap_or_default();
        output.write_all(&u64::from(width).to_le_bytes())?;
        output.write_all(&u64::from(height).to_le_bytes())?;
        output.write_all(&rgb)?;
        output.flush()?;
    }
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
