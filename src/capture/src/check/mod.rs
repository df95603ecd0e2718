//! What a file really is: told from its bytes, decoded whole where it can be, within explicit limits.
//!
//! This runs in the confined helper, on bytes that mean harm. The functions are pure but for reading the
//! file, so that they can be tested and fuzzed without the helper.

mod document;
mod movie;
mod picture;
mod sniff;
mod vector;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use rustix::fs::{FileType, fstat};
use serde::{Deserialize, Serialize};

use crate::names::claimed_type;
use sniff::Kind;

/// What a file turned out to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checked {
    /// From the bytes; the extension only refines plain text.
    pub media_type: String,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// Frames, if it can move.
    pub frames: Option<u64>,
    /// Seconds, if it moves.
    pub duration: Option<f64>,
    /// Whether it is blank, if that was looked at.
    pub blank: Option<bool>,
    /// Why it cannot be what it claims to be.
    pub problem: Option<String>,
}

impl Checked {
    pub(crate) fn of_type(media_type: impl Into<String>) -> Self {
        Self { media_type: media_type.into(), ..Self::default() }
    }

    pub(crate) fn broken(media_type: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { problem: Some(problem.into()), ..Self::of_type(media_type) }
    }
}

/// Bytes that are looked at to tell what a file is.
const HEAD: u64 = 4096;

/// Checks a file. `extension` is what its name claims, in lower case.
///
/// # Errors
/// If the file itself cannot be read; bad contents are a [`Checked::problem`].
pub fn check_file(mut file: &File, extension: Option<&str>) -> io::Result<Checked> {
    let size = u64::try_from(fstat(file)?.st_size).unwrap_or(0);
    file.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    let claim = extension.and_then(claimed_type);
    if head.is_empty() {
        let problem = claim.map(|claim| format!("is empty, and its name claims {claim}"));
        return Ok(Checked { problem, ..Checked::of_type("application/x-empty") });
    }
    let kind = sniff::kind(&head, extension);
    let mut checked = match kind {
        Kind::Picture(format) => picture::check(file, size, format)?,
        Kind::Svg => vector::check(file, false)?,
        Kind::SvgCompressed => vector::check(file, true)?,
        Kind::Pdf => document::check_pdf(file, size)?,
        Kind::Mp4 => movie::check_mp4(file, size)?,
        Kind::Other(media_type) => Checked::of_type(media_type),
    };
    if let Some(claim) = claim.filter(|claim| !agrees(claim, &checked.media_type)) {
        let held =
            if checked.media_type == "application/octet-stream" { "something else" } else { &checked.media_type };
        checked.problem.get_or_insert(format!("its name claims {claim}, its bytes are {held}"));
    }
    Ok(checked)
}

/// Whether the descriptor is a regular file's. (`File::metadata` makes a call that the helper's filter denies.)
pub(crate) fn is_regular(file: &File) -> bool {
    fstat(file).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

fn agrees(claim: &str, found: &str) -> bool {
    // QuickTime's container is MP4's ancestor, and players take one for the other.
    claim == found || (claim == "video/mp4" && found == "video/quicktime")
}

/// Reads up to `limit` bytes of a file from an offset; there are none past its end.
fn read_at(mut file: &File, offset: u64, limit: usize) -> io::Result<Vec<u8>> {
    if i64::try_from(offset).is_err() {
        return Ok(Vec::new());
    }
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(limit as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn find_last(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).rposition(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks some bytes under a name.
    pub(super) fn check_bytes(bytes: &[u8], extension: &str) -> Checked {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), bytes).unwrap();
        check_file(&File::open(path.path()).unwrap(), Some(extension)).unwrap()
    }

    #[test]
    fn an_empty_file_is_a_problem_only_if_it_claims_to_be_something() {
        assert!(check_bytes(b"", "png").problem.unwrap().contains("is empty"));
        assert!(check_bytes(b"", "pdf").problem.is_some());
        assert_eq!(check_bytes(b"", "txt"), Checked::of_type("application/x-empty"));
    }

    #[test]
    fn a_name_that_lies_is_a_problem() {
        let checked = check_bytes(b"hello, I am no picture", "png");
        assert_eq!(checked.problem.unwrap(), "its name claims image/png, its bytes are text/plain");
        assert!(check_bytes(&[1, 2, 3, 0, 255], "pdf").problem.unwrap().contains("something else"));
        assert_eq!(check_bytes(b"a,b\n1,2\n", "csv"), Checked::of_type("text/csv"));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(which in 0..STARTS.len(), rest in proptest::collection::vec(0_u8.., 0..600)) {
            let (start, extension) = STARTS[which];
            let checked = check_bytes(&[start, &rest].concat(), extension);
            proptest::prop_assert!(!checked.media_type.is_empty());
        }
    }

    const STARTS: [(&[u8], &str); 12] = [
        (b"", "png"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x09\0\0\0\x09\x08\x02\0\0\0", "png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "jpg"),
        (b"GIF89a\x04\0\x04\0\x80\0\0", "gif"),
        (b"RIFF\x40\0\0\0WEBPVP8L", "webp"),
        (b"BM\x40\0\0\0\0\0\0\0", "bmp"),
        (b"II*\0\x08\0\0\0", "tiff"),
        (b"<svg ", "svg"),
        (b"\x1f\x8b\x08\0", "svgz"),
        (b"%PDF-1.4 startxref", "pdf"),
        (b"%!PS-Adobe", "eps"),
        (b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x40moov", "mp4"),
    ];
}
