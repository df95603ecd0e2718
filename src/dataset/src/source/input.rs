//! One input: what it is called, what format it has, and its bytes without compression.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::DatasetError;

/// What the bytes of an input mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON object per line.
    Jsonl,
    /// A WebDataset tar.
    Tar,
    /// Parquet, read by row group.
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Format {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Tar => "webdataset",
            #[cfg(feature = "parquet")]
            Self::Parquet => "parquet",
        }
    }

    /// By extension, after that of a compression; `None`: not one of ours.
    fn of_name(name: &str) -> Option<Self> {
        let lower = name.to_lowercase();
        if lower.ends_with(".tgz") {
            return Some(Self::Tar);
        }
        let plain = [".gz", ".zst", ".zstd"].iter().find_map(|ending| lower.strip_suffix(ending)).unwrap_or(&lower);
        match plain.rsplit_once('.')?.1 {
            "jsonl" | "ndjson" | "json-lines" | "jsonlines" => Some(Self::Jsonl),
            "tar" => Some(Self::Tar),
            #[cfg(feature = "parquet")]
            "parquet" | "pq" if plain == lower => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// How far all inputs are read, in bytes as they lie on the disk.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Bytes>);

#[derive(Debug, Default)]
struct Bytes {
    read: AtomicU64,
    total: AtomicU64,
    /// Inputs whose size is not known.
    pipes: AtomicU64,
}

impl Progress {
    /// From 0 to 1; `None` while nothing is known (a pipe).
    pub fn fraction(&self) -> Option<f64> {
        let total = self.0.total.load(Ordering::Relaxed);
        if total == 0 || self.0.pipes.load(Ordering::Relaxed) > 0 {
            return None;
        }
        Some((self.0.read.load(Ordering::Relaxed) as f64 / total as f64).min(1.0))
    }

    pub(crate) fn advance(&self, bytes: u64) {
        self.0.read.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// One input, looked at but not held open (there may be thousands).
pub(crate) struct Input {
    name: String,
    path: PathBuf,
    format: Format,
    /// Bytes on the disk; `None`: a pipe, which can be opened and read only once.
    size: Option<u64>,
    rows: Option<u64>,
    progress: Progress,
}

/// Decompressed bytes.
pub(crate) type Stream = Box<dyn BufRead + Send>;

impl Input {
    /// Looks at an input and says at once what would keep it from being read.
    pub(crate) fn open(path: &Path, progress: &Progress) -> Result<Self, DatasetError> {
        let name = if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() };
        let mut input = Self {
            name,
            path: path.to_owned(),
            format: Format::Jsonl,
            size: None,
            rows: None,
            progress: progress.clone(),
        };
        input.look()?;
        match input.size {
            Some(size) => progress.0.total.fetch_add(size, Ordering::Relaxed),
            None => progress.0.pipes.fetch_add(1, Ordering::Relaxed),
        };
        Ok(input)
    }

    fn look(&mut self) -> Result<(), DatasetError> {
        if self.path.as_os_str() == "-" {
            return Ok(());
        }
        let facts = fs::metadata(&self.path).map_err(|error| self.cannot_open(&error))?;
        if facts.is_dir() {
            let next = format!("name the files in it, such as {}/*.jsonl", self.path.display());
            return Err(DatasetError::input(&self.name, "it is a folder", next));
        }
        let known = Format::of_name(&self.name);
        if !facts.is_file() {
            self.format = known.unwrap_or(Format::Jsonl);
            return Ok(());
        }
        self.format = known.ok_or_else(|| unknown_format(&self.name))?;
        self.size = Some(facts.len());
        let file = self.open_file()?;
        #[cfg(feature = "parquet")]
        if self.format == Format::Parquet {
            self.rows = Some(super::parquet::count_rows(&self.name, file)?);
            return Ok(());
        }
        drop(file);
        Ok(())
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    pub(crate) fn rows(&self) -> Option<u64> {
        self.rows
    }

    #[cfg(feature = "parquet")]
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    pub(crate) fn open_file(&self) -> Result<File, DatasetError> {
        File::open(&self.path).map_err(|error| self.cannot_open(&error))
    }

    /// The bytes without their compression, which is told by the first bytes and not by the name.
    pub(crate) fn into_stream(self) -> Result<Stream, DatasetError> {
        let raw: Box<dyn Read + Send> =
            if self.path.as_os_str() == "-" { Box::new(io::stdin()) } else { Box::new(self.open_file()?) };
        let counted = Counted { inner: raw, progress: self.progress.clone() };
        let mut buffered = BufReader::with_capacity(BUFFER, counted);
        let start = buffered.fill_buf().map_err(|error| self.cannot_open(&error))?;
        if start.starts_with(&[0x1f, 0x8b]) {
            let plain = flate2::bufread::MultiGzDecoder::new(buffered);
            return Ok(Box::new(BufReader::with_capacity(BUFFER, plain)));
        }
        if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            let mut plain = zstd::Decoder::with_buffer(buffered).map_err(|error| self.cannot_open(&error))?;
            // Big corpora are often packed with --long=31; memory follows the file's own window, not this bound.
            plain.window_log_max(31).map_err(|error| self.cannot_open(&error))?;
            return Ok(Box::new(BufReader::with_capacity(BUFFER, plain)));
        }
        Ok(Box::new(buffered))
    }

    fn cannot_open(&self, error: &io::Error) -> DatasetError {
        let next = match error.kind() {
            io::ErrorKind::NotFound => "check the path",
            io::ErrorKind::PermissionDenied => "make it readable for this user (chmod, chown)",
            _ => "check the file and the disk",
        };
        DatasetError::input(&self.name, error, next)
    }
}

const BUFFER: usize = 256 << 10;

fn unknown_format(name: &str) -> DatasetError {
    let known = "known are .jsonl, .ndjson and .json-lines (also .gz, .zst), .parquet, .tar (also .gz, .zst)";
    let lower = name.to_lowercase();
    let next = if lower.ends_with(".json") {
        "rename it to .jsonl if it has one object per line, or make it so: jq -c '.[]' FILE > FILE.jsonl"
    } else if lower.ends_with(".parquet") || lower.ends_with(".pq") {
        "build with the cargo feature `parquet`"
    } else {
        "rename or convert it, or pipe JSONL to standard input with -"
    };
    DatasetError::input(name, format!("its format is not known by its name; {known}"), next)
}

/// Counts what is read for [`Progress`].
struct Counted {
    inner: Box<dyn Read + Send>,
    progress: Progress,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.progress.advance(length as u64);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_by_name() {
        for name in ["a.jsonl", "a.NDJSON", "x.y.json-lines.gz", "a.jsonl.zst"] {
            assert_eq!(Format::of_name(name), Some(Format::Jsonl), "{name}");
        }
        for name in ["a.tar", "a.tgz", "a-{0}.tar.zst"] {
            assert_eq!(Format::of_name(name), Some(Format::Tar), "{name}");
        }
        for name in ["a.json", "a", "a.parquet.gz", "jsonl", "a.csv"] {
            assert_eq!(Format::of_name(name), None, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_said_with_path_and_next_step() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.csv");
        std::fs::write(&file, "a,b").unwrap();
        let cases = [
            (folder.path().join("absent.jsonl"), "check the path"),
            (folder.path().to_owned(), "it is a folder"),
            (file, "its format is not known"),
        ];
        for (path, expected) in cases {
            let error = Input::open(&path, &Progress::default()).err().unwrap();
            let text = error.to_string();
            assert!(text.contains(expected) && text.contains(&path.display().to_string()), "{text}");
            assert!(error.is_usage());
        }
    }
}
