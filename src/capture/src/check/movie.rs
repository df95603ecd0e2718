//! MP4: its boxes are stepped through; dimensions and duration come from the headers. No frame is decoded.

use std::fs::File;
use std::io;

use super::{Checked, read_at};

/// Boxes that are looked at on one level.
const BOXES: usize = 10_000;
/// Tracks that are looked at.
const TRACKS: usize = 64;

/// One box: where its contents start and end.
struct Part {
    kind: [u8; 4],
    start: u64,
    end: u64,
}

/// Needs `moov` with a header, and every box on the first level within the file.
pub(super) fn check_mp4(file: &File, size: u64) -> io::Result<Checked> {
    let head = read_at(file, 8, 4)?;
    let media_type = if head == b"qt  " { "video/quicktime" } else { "video/mp4" };
    let broken = |problem: &str| Ok(Checked::broken(media_type, problem));
    let Some(parts) = parts(file, 0, size)? else {
        return broken("is cut short: a box reaches beyond the end of the file");
    };
    let Some(movie) = parts.iter().find(|part| &part.kind == b"moov") else {
        return broken("is cut short: it has no moov box");
    };
    let Some(inner) = self::parts(file, movie.start, movie.end)? else {
        return broken("is broken: a box in moov reaches beyond its end");
    };
    let mut checked = Checked::of_type(media_type);
    if let Some(header) = inner.iter().find(|part| &part.kind == b"mvhd") {
        checked.duration = duration(&read_at(file, header.start, 32)?);
    } else {
        return broken("is broken: moov has no header");
    }
    for track in inner.iter().filter(|part| &part.kind == b"trak").take(TRACKS) {
        if let Some((width, height)) = dimensions(file, track)? {
            (checked.width, checked.height) = (Some(width), Some(height));
            break;
        }
    }
    Ok(checked)
}

/// The boxes between two offsets, or `None` if one does not fit.
fn parts(file: &File, from: u64, to: u64) -> io::Result<Option<Vec<Part>>> {
    let mut parts = Vec::new();
    let mut offset = from;
    while offset < to && parts.len() < BOXES {
        let head = read_at(file, offset, 16)?;
        let (Some(&short), Some(&kind)) = (head.first_chunk::<4>(), head.get(4..).and_then(<[u8]>::first_chunk::<4>))
        else {
            return Ok(None);
        };
        let (length, skip) = match u32::from_be_bytes(short) {
            0 => (to - offset, 8),
            1 => match head.get(8..).and_then(<[u8]>::first_chunk::<8>) {
                Some(long) => (u64::from_be_bytes(*long), 16),
                None => return Ok(None),
            },
            length => (u64::from(length), 8),
        };
        let Some(end) = offset.checked_add(length).filter(|end| length >= skip && *end <= to) else { return Ok(None) };
        parts.push(Part { kind, start: offset + skip, end });
        offset = end;
    }
    Ok(Some(parts))
}

/// Seconds from the contents of `mvhd`.
fn duration(header: &[u8]) -> Option<f64> {
    let word = |at: usize| header.get(at..)?.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes));
    let (scale, length) = if header.first()? == &1 {
        (word(20)?, (u64::from(word(24)?) << 32) | u64::from(word(28)?))
    } else {
        (word(12)?, u64::from(word(16)?))
    };
    // Precise enough: a film has far fewer than 2^53 ticks.
    (scale > 0 && length > 0).then(|| length as f64 / f64::from(scale))
}

/// Pixels from a track's header; `None` for sound.
fn dimensions(file: &File, track: &Part) -> io::Result<Option<(u32, u32)>> {
    let Some(inner) = parts(file, track.start, track.end)? else { return Ok(None) };
    let Some(header) = inner.iter().find(|part| &part.kind == b"tkhd") else { return Ok(None) };
    let contents = read_at(file, header.start, 96)?;
    let at = if contents.first() == Some(&1) { 88 } else { 76 };
    let whole = |at: usize| contents.get(at..)?.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes) >> 16);
    Ok(whole(at).zip(whole(at + 4)).filter(|(width, height)| *width > 0 && *height > 0))
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_bytes;

    fn part(kind: &[u8; 4], contents: &[u8]) -> Vec<u8> {
        [&(contents.len() as u32 + 8).to_be_bytes()[..], kind, contents].concat()
    }

    fn film() -> Vec<u8> {
        let mut movie = vec![0; 100];
        movie[12..16].copy_from_slice(&1000_u32.to_be_bytes());
        movie[16..20].copy_from_slice(&2500_u32.to_be_bytes());
        let mut track = vec![0; 84];
        track[76..80].copy_from_slice(&(640_u32 << 16).to_be_bytes());
        track[80..84].copy_from_slice(&(480_u32 << 16).to_be_bytes());
        let movie = [part(b"mvhd", &movie), part(b"trak", &part(b"tkhd", &track))].concat();
        [part(b"ftyp", b"isom\0\0\0\0"), part(b"mdat", &[0; 50]), part(b"moov", &movie)].concat()
    }

    #[test]
    fn duration_and_dimensions_come_from_the_headers() {
        let checked = check_bytes(&film(), "mp4");
        assert_eq!(checked.problem, None);
        assert_eq!((checked.width, checked.height, checked.duration), (Some(640), Some(480), Some(2.5)));
    }

    #[test]
    fn a_cut_film_is_a_problem() {
        let film = film();
        for length in [12, 40, 80, film.len() - 1] {
            assert!(check_bytes(&film[..length], "mp4").problem.is_some(), "{length}");
        }
    }

    #[test]
    fn boxes_that_lie_end_the_walk() {
        let mut film = film();
        let at = film.len() - 84 - 16;
        film[at..at + 4].copy_from_slice(&3_u32.to_be_bytes());
        // A track whose boxes cannot be read has no dimensions; the film still has its header.
        let checked = check_bytes(&film, "mp4");
        assert_eq!(checked.width, None);
    }
}
