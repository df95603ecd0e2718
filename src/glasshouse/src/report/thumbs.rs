//! Small pictures for the contact sheet, made in a confined process.
//!
//! Pictures are a sample's bytes, so whatever decodes them can do nothing else: the command starts itself
//! again as a helper, which confines itself as the capture helper does before it reads the first byte. A
//! picture goes in through its standard input, a small JPEG comes out, each after its length (8 bytes,
//! little endian; 0 for "none").

use std::env;
use std::fs;
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageReader, Limits, RgbImage};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// The hidden subcommand that is the helper.
pub(crate) const SUBCOMMAND: &str = "thumbnail-helper";
/// Longest sides of a thumbnail in pixels: sharp on a dense screen at the size of a card.
const WIDTH: u32 = 400;
const HEIGHT: u32 = 300;
/// What is larger is not worth the time: sides in pixels, bytes of the file, bytes of its pixels.
const MOST_PIXELS: u32 = 20_000;
const MOST_BYTES: u64 = 64 << 20;
const MOST_MEMORY: u64 = 512 << 20;
const QUALITY: u8 = 82;
/// Processor time for one picture.
const SECONDS: u64 = 10;
/// Helpers that may die before the rest of the page goes without pictures.
const MOST_DEATHS: u32 = 5;

/// Most helpers at once; a page has a few hundred pictures.
const MOST_HELPERS: usize = 8;

/// The thumbnails of pictures, in their order, as `data:` addresses; `None` where one cannot be made.
pub(crate) fn thumbnails(paths: &[Option<PathBuf>]) -> Vec<Option<String>> {
    let helpers = thread::available_parallelism().map_or(1, usize::from).min(MOST_HELPERS);
    let share = paths.len().div_ceil(helpers).max(1);
    thread::scope(|scope| {
        let shares: Vec<_> =
            paths.chunks(share).map(|paths| scope.spawn(|| Thumbnails::default().of_all(paths))).collect();
        shares
            .into_iter()
            .zip(paths.chunks(share))
            .flat_map(|(made, paths)| made.join().unwrap_or(vec![None; paths.len()]))
            .collect()
    })
}

/// Makes thumbnails; starts its helper when the first one is asked for.
#[derive(Default)]
struct Thumbnails {
    helper: Option<Helper>,
    deaths: u32,
}

impl Thumbnails {
    fn of_all(mut self, paths: &[Option<PathBuf>]) -> Vec<Option<String>> {
        paths.iter().map(|path| self.of(path.as_deref()?)).collect()
    }

    /// The picture as a small JPEG in a `data:` address; `None` if it cannot be made.
    fn of(&mut self, path: &Path) -> Option<String> {
        if self.deaths >= MOST_DEATHS || fs::metadata(path).ok()?.len() > MOST_BYTES {
            return None;
        }
        let picture = fs::read(path).ok()?;
        match self.ask(&picture) {
            Ok(small) if small.is_empty() => None,
            Ok(small) => Some(format!("data:image/jpeg;base64,{}", BASE64.encode(small))),
            Err(_) => {
                self.helper = None;
                self.deaths += 1;
                None
            }
        }
    }

    fn ask(&mut self, picture: &[u8]) -> io::Result<Vec<u8>> {
        let helper = match &mut self.helper {
            Some(helper) => helper,
            none => none.insert(Helper::start()?),
        };
        helper.ask(picture)
    }
}

/// A running helper; ends with its standard input.
struct Helper(Child);

impl Helper {
    fn start() -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(SUBCOMMAND).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().map(Self)
    }

    fn ask(&mut self, picture: &[u8]) -> io::Result<Vec<u8>> {
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        write_framed(self.0.stdin.as_mut().ok_or_else(gone)?, picture)?;
        read_framed(self.0.stdout.as_mut().ok_or_else(gone)?)?.ok_or_else(gone)
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // It may be in the middle of a picture that takes it long. If it is gone already, so much the better.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The helper's own side.
pub(crate) fn serve() -> ExitCode {
    // The default hook would look for files to explain where a decoder panicked.
    std::panic::set_hook(Box::new(|_| {}));
    match glasshouse_capture::helper::confine().map_err(io::Error::other).and_then(|_| answer_all()) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody is left to be told: the other side sees the pipe close.
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer_all() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    while let Some(picture) = read_framed(&mut input)? {
        let used = u64::try_from(clock_gettime(ClockId::ProcessCPUTime).tv_sec).unwrap_or_default();
        setrlimit(Resource::Cpu, Rlimit { current: Some(used + 1 + SECONDS), maximum: None })?;
        let small = std::panic::catch_unwind(|| shrink(&picture)).ok().flatten();
        write_framed(&mut output, &small.unwrap_or_default())?;
    }
    Ok(())
}

fn write_framed(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(&(bytes.len() as u64).to_le_bytes())?;
    to.write_all(bytes)?;
    to.flush()
}

/// The next message; `None` at the end of the stream.
fn read_framed(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 8];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u64::from_le_bytes(length);
    if length > MOST_BYTES {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    let mut bytes = Vec::new();
    let read = from.take(length).read_to_end(&mut bytes)?;
    if read as u64 == length { Ok(Some(bytes)) } else { Err(io::Error::from(io::ErrorKind::UnexpectedEof)) }
}

/// A picture of any known format as a small JPEG.
fn shrink(picture: &[u8]) -> Option<Vec<u8>> {
    let mut reader = ImageReader::new(Cursor::new(picture)).with_guessed_format().ok()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_PIXELS);
    limits.max_image_height = Some(MOST_PIXELS);
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    let picture = reader.decode().ok()?;
    let small =
        if picture.width() > WIDTH || picture.height() > HEIGHT { picture.thumbnail(WIDTH, HEIGHT) } else { picture };
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(&on_white(&small)).ok()?;
    Some(bytes)
}

/// The picture on white paper: JPEG knows no transparency.
fn on_white(picture: &DynamicImage) -> RgbImage {
    let source = picture.to_rgba8();
    RgbImage::from_fn(source.width(), source.height(), |x, y| {
        let [r, g, b, a] = source.get_pixel(x, y).0;
        let over = |c: u8| ((u32::from(c) * u32::from(a) + 255 * (255 - u32::from(a))) / 255) as u8;
        image::Rgb([over(r), over(g), over(b)])
    })
}

#[cfg(test)]
mod tests {
    use image::ImageFormat;

    use super::*;

    #[test]
    fn a_large_picture_becomes_small_and_nonsense_nothing() {
        for format in [ImageFormat::Png, ImageFormat::Gif] {
            let mut bytes = Vec::new();
            DynamicImage::new_rgba8(800, 450).write_to(&mut Cursor::new(&mut bytes), format).unwrap();
            let small = image::load_from_memory(&shrink(&bytes).unwrap()).unwrap();
            assert_eq!((small.width(), small.height()), (400, 225));
            assert!(small.to_rgb8().get_pixel(5, 5).0.iter().all(|c| *c > 250), "transparent is white");
        }
        assert_eq!(shrink(b"no picture"), None);
        assert_eq!(shrink(b""), None);
    }

    #[test]
    fn messages_are_whole_or_an_error() {
        let mut pipe = Vec::new();
        write_framed(&mut pipe, b"picture").unwrap();
        assert_eq!(read_framed(&mut pipe.as_slice()).unwrap().unwrap(), b"picture");
        assert!(read_framed(&mut &pipe[..10]).is_err(), "cut in the middle");
        assert!(read_framed(&mut [].as_slice()).unwrap().is_none());
        assert!(read_framed(&mut u64::MAX.to_le_bytes().as_slice()).is_err(), "no such length is believed");
    }
}
