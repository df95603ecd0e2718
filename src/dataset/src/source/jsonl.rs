//! JSONL: one object per line. A broken line costs that row and no other.

use std::io::{self, BufRead};

use serde_json::Value;

use super::input::Stream;
use super::{Found, Reader};

/// A longer line is skipped without being kept.
const LINE_CAP: usize = 64 << 20;

/// What the line buffer shrinks back to, so that one long line does not stay in memory.
const BUFFER_KEPT: usize = 1 << 20;

/// Lines of a stream; empty ones count as lines but not as rows.
pub(crate) struct Jsonl {
    stream: Stream,
    line: u64,
    buffer: Vec<u8>,
    cap: usize,
}

enum Line {
    Whole,
    TooLong(u64),
    End,
}

impl Jsonl {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, line: 0, buffer: Vec::new(), cap: LINE_CAP }
    }

    fn read_line(&mut self) -> io::Result<Line> {
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT);
        let mut length = 0_u64;
        loop {
            let chunk = match self.stream.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let piece = &chunk[..end.unwrap_or(chunk.len())];
            let used = piece.len() + usize::from(end.is_some());
            length += piece.len() as u64;
            if length <= self.cap as u64 {
                self.buffer.extend_from_slice(piece);
            }
            self.stream.consume(used);
            if used == 0 && length == 0 {
                return Ok(Line::End);
            }
            if end.is_some() || used == 0 {
                return Ok(if length <= self.cap as u64 { Line::Whole } else { Line::TooLong(length) });
            }
        }
    }
}

impl Reader for Jsonl {
    fn next(&mut self) -> Option<Found> {
        loop {
            let line = match self.read_line() {
                Ok(line) => line,
                Err(error) => return Some(cut(self.line, &error)),
            };
            if matches!(line, Line::End) {
                return None;
            }
            self.line += 1;
            if let Line::TooLong(length) = line {
                let message = format!("the line has {length} bytes, more than {}", self.cap);
                return Some(Found::Bad(self.line, message, "split the row, or keep large files outside of it"));
            }
            let start = if self.line == 1 && self.buffer.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
            let bytes = self.buffer[start..].trim_ascii();
            if !bytes.is_empty() {
                let blanks = self.buffer[start..].len() - self.buffer[start..].trim_ascii_start().len();
                return Some(parse(self.line, bytes, start + blanks));
            }
        }
    }
}

fn cut(line: u64, error: &io::Error) -> Found {
    let next = if error.kind() == io::ErrorKind::UnexpectedEof {
        "the file is cut off or still being written: fetch it again"
    } else {
        "check the file (gzip -t, zstd -t) and the disk"
    };
    Found::Cut(line, error.to_string(), next)
}

/// `lead` is the number of bytes before the row in its line, for positions as an editor counts them.
fn parse(line: u64, bytes: &[u8], lead: usize) -> Found {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.valid_up_to();
            let message = format!("the line is not UTF-8: byte {} (counted from 0) is 0x{:02x}", lead + at, bytes[at]);
            return Found::Bad(line, message, "convert the file, such as with iconv -t utf-8");
        }
    };
    match serde_json::from_str(text) {
        Ok(Value::Object(columns)) => Found::Row(line, columns),
        Ok(other) => {
            let message = format!("the line is {}, not an object", kind(&other));
            Found::Bad(line, message, "write one JSON object per line: {\"id\": .., \"code\": ..}")
        }
        Err(error) => broken(line, &error, text, lead),
    }
}

fn broken(line: u64, error: &serde_json::Error, text: &str, lead: usize) -> Found {
    let full = error.to_string();
    let what = full.split(" at line ").next().unwrap_or(&full);
    let message = format!("the line is not JSON: {what} at column {}", lead + error.column());
    let rest = text.get(error.column().saturating_sub(1)..).unwrap_or_default();
    let next = if rest.starts_with("NaN") || rest.starts_with("Infinity") || rest.starts_with("-Infinity") {
        "JSON has no NaN or Infinity: write null (json.dumps(.., allow_nan=False) finds them)"
    } else {
        "correct the line"
    };
    Found::Bad(line, message, next)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor, Write};
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;
    use crate::{RowProblem, Source, SourceOptions};

    fn read(bytes: &[u8], cap: usize) -> Vec<Found> {
        let stream = Box::new(BufReader::with_capacity(7, Cursor::new(bytes.to_vec())));
        let mut reader = Jsonl { cap, ..Jsonl::new(stream) };
        std::iter::from_fn(|| reader.next()).collect()
    }

    fn message(found: &Found) -> String {
        match found {
            Found::Row(line, columns) => format!("{line} row {}", columns.len()),
            Found::Bad(line, message, _) => format!("{line} bad {message}"),
            Found::Cut(line, message, _) => format!("{line} cut {message}"),
        }
    }

    #[test]
    fn bad_lines_cost_one_row_each() {
        let text =
            b"\xef\xbb\xbf{\"a\": 1}\n\n  \r\n{\"a\": \n[1]\n{\"b\": \"\xff\"}\n{\"n\": NaN}\n{\"c\": 2, \"d\": 3}";
        let found: Vec<String> = read(text, 1000).iter().map(message).collect();
        assert_eq!(found[0], "1 row 1");
        assert!(found[1].starts_with("4 bad the line is not JSON: EOF") && found[1].contains("column"), "{}", found[1]);
        assert_eq!(found[2], "5 bad the line is a list, not an object");
        assert_eq!(found[3], "6 bad the line is not UTF-8: byte 7 (counted from 0) is 0xff");
        assert!(found[4].starts_with("7 bad the line is not JSON: expected value at column 7"), "{}", found[4]);
        assert_eq!(found[5], "8 row 2");
        assert_eq!(found.len(), 6);
    }

    #[test]
    fn a_line_over_the_cap_is_not_kept() {
        let text = format!("{{\"a\": \"{}\"}}\n{{}}\n", "x".repeat(100));
        let found = read(text.as_bytes(), 50);
        assert_eq!(message(&found[0]), "1 bad the line has 109 bytes, more than 50");
        assert_eq!(message(&found[1]), "2 row 0");
    }

    #[test]
    fn compressed_files_are_read_and_a_cut_one_says_where() {
        let folder = tempfile::tempdir().unwrap();
        let text: String =
            (0..5000).map(|n| format!("{{\"id\": \"{n}\", \"noise\": {}}}\n", n * 7919 % 1009)).collect();
        let path = |name: &str| -> PathBuf { folder.path().join(name) };
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(text.as_bytes()).unwrap();
        let gz = gz.finish().unwrap();
        std::fs::write(path("a.jsonl.gz"), [gz.clone(), gz.clone()].concat()).unwrap();
        std::fs::write(path("a.jsonl.zst"), zstd::encode_all(text.as_bytes(), 3).unwrap()).unwrap();
        std::fs::write(path("cut.jsonl.gz"), &gz[..gz.len() / 2]).unwrap();
        let open = |name: &str| Source::open(&[path(name)], SourceOptions::default()).unwrap();
        assert_eq!(open("a.jsonl.gz").filter(Result::is_ok).count(), 10_000);
        let mut rows = open("a.jsonl.zst");
        let progress = rows.progress();
        assert_eq!(rows.by_ref().filter(Result::is_ok).count(), 5000);
        assert_eq!(progress.fraction(), Some(1.0));

        let all: Vec<_> = open("cut.jsonl.gz").collect();
        let (last, before) = all.split_last().unwrap();
        assert!(!before.is_empty() && before.iter().all(Result::is_ok));
        let Err(RowProblem::Fatal(error)) = last else { panic!("{last:?}") };
        let text = error.to_string();
        assert!(text.contains("cut.jsonl.gz") && text.contains(&format!("line {}", before.len())), "{text}");
    }

    #[test]
    fn shard_limit_and_several_inputs() {
        let folder = tempfile::tempdir().unwrap();
        let paths = [folder.path().join("a.jsonl"), folder.path().join("b.jsonl")];
        std::fs::write(&paths[0], "{\"id\": 0}\nbroken\n\n{\"id\": 2}\n").unwrap();
        std::fs::write(&paths[1], "{\"id\": 3}\n{\"id\": 4}\n{\"id\": 5}").unwrap();
        let options = SourceOptions { shard: "1/2".parse().ok(), limit: Some(2) };
        let found: Vec<_> = Source::open(&paths, options).unwrap().collect();
        let Err(RowProblem::Bad(bad)) = &found[0] else { panic!("{found:?}") };
        assert_eq!((bad.index, bad.place.line), (1, 2));
        let row = found[1].as_ref().unwrap();
        assert_eq!((row.row.index, row.row.id(), row.place.line), (3, "3".to_owned(), 1));
        assert_eq!(found.len(), 2);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let found = read(&bytes, 60);
            let expected = bytes.split(|&byte| byte == b'\n').filter(|line| {
                let line = if line.as_ptr() == bytes.as_ptr() { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
                line.len() > 60 || !line.trim_ascii().is_empty()
            }).count();
            prop_assert_eq!(found.len(), expected);
        }
    }
}
