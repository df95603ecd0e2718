//! WebDataset: a tar in which neighbouring files with one basename are one row.
//!
//! | file of a sample | becomes |
//! |---|---|
//! | `.json` with an object | its columns |
//! | `.py`, where no column `code` or `completion` comes with it | the column `code` |
//! | other text by its extension, and UTF-8 | a column named by the extension, as text |
//! | anything else | a column named by the extension, as `{"base64": ..}` |
//!
//! The basename becomes `__key__`, and `id` where the sample has none.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use super::input::Stream;
use super::{Found, Reader};

/// A sample with more is skipped without being kept.
const SAMPLE_CAP: u64 = 64 << 20;

/// Extensions (the last part) whose bytes are text.
const TEXT: [&str; 32] = [
    "c", "caption", "cls", "cpp", "css", "csv", "html", "id", "java", "js", "json", "jsonl", "julia", "m", "md",
    "prompt", "py", "r", "rs", "sh", "stdin", "stdout", "svg", "tex", "text", "toml", "ts", "tsv", "txt", "wl", "xml",
    "yaml",
];

/// Rows of a tar. The tar is read by a thread of its own, which is a few samples ahead.
pub(crate) struct WebDataset {
    rows: Receiver<Found>,
}

impl WebDataset {
    pub(crate) fn new(stream: Stream) -> io::Result<Self> {
        let (sender, rows) = sync_channel(4);
        std::thread::Builder::new().name("webdataset".to_owned()).spawn(move || {
            let mut samples = Samples { sender, ordinal: 0, current: None };
            // An error here says that nobody wants the rest.
            let _ = samples.read(stream);
        })?;
        Ok(Self { rows })
    }
}

impl Reader for WebDataset {
    fn next(&mut self) -> Option<Found> {
        self.rows.recv().ok()
    }
}

/// The receiver is gone.
struct Unwanted;

struct Samples {
    sender: SyncSender<Found>,
    /// Samples begun so far.
    ordinal: u64,
    current: Option<Sample>,
}

struct Sample {
    key: String,
    bytes: u64,
    files: Vec<(String, Vec<u8>)>,
}

impl Samples {
    fn read(&mut self, stream: Stream) -> Result<(), Unwanted> {
        let mut archive = tar::Archive::new(stream);
        let entries = match archive.entries() {
            Ok(entries) => entries,
            Err(error) => return self.cut(&error),
        };
        for entry in entries {
            let added = entry.and_then(|mut entry| self.add(&mut entry));
            match added {
                Ok(sent) => sent?,
                Err(error) => return self.cut(&error),
            }
        }
        self.finish_sample()
    }

    fn cut(&mut self, error: &io::Error) -> Result<(), Unwanted> {
        // The sample that was being read may lack files: it is not given out as if it were whole.
        let whole = self.ordinal - u64::from(self.current.is_some());
        let next = "the file is cut off, still being written or no tar: fetch it again, or check it with tar -t";
        self.sender.send(Found::Cut(whole, error.to_string(), next)).map_err(|_| Unwanted)
    }

    /// Takes one entry in. The outer error is the tar's, the inner one tells that nobody wants the rest.
    fn add(&mut self, entry: &mut tar::Entry<'_, Stream>) -> io::Result<Result<(), Unwanted>> {
        if !entry.header().entry_type().is_file() {
            return Ok(Ok(()));
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let Some((key, extension)) = split(&path) else { return Ok(Ok(())) };
        let mut sent = Ok(());
        if self.current.as_ref().is_none_or(|sample| sample.key != key) {
            sent = self.finish_sample();
            self.ordinal += 1;
            self.current = Some(Sample { key: key.to_owned(), bytes: 0, files: Vec::new() });
        }
        if let Some(sample) = &mut self.current {
            sample.take(extension, entry)?;
        }
        Ok(sent)
    }

    fn finish_sample(&mut self) -> Result<(), Unwanted> {
        let Some(sample) = self.current.take() else { return Ok(()) };
        self.sender.send(sample.into_row(self.ordinal)).map_err(|_| Unwanted)
    }
}

impl Sample {
    fn take(&mut self, extension: &str, entry: &mut tar::Entry<'_, Stream>) -> io::Result<()> {
        let size = entry.size();
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > SAMPLE_CAP {
            self.files = Vec::new();
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(size as usize);
        entry.read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends inside a file"));
        }
        self.files.push((extension.to_owned(), bytes));
        Ok(())
    }

    fn into_row(self, ordinal: u64) -> Found {
        if self.bytes > SAMPLE_CAP {
            let message = format!("sample {} has {} bytes, more than {SAMPLE_CAP}", self.key, self.bytes);
            return Found::Bad(ordinal, message, "keep large files outside of the sample");
        }
        let (records, files): (Vec<_>, Vec<_>) = self.files.into_iter().partition(|(extension, _)| extension == "json");
        let mut columns = Map::new();
        for (_, bytes) in records {
            match serde_json::from_slice(&bytes) {
                Ok(Value::Object(object)) => columns.extend(object),
                Ok(other) => drop(columns.insert("json".to_owned(), other)),
                Err(error) => {
                    let message = format!("{}.json is not JSON: {error}", self.key);
                    return Found::Bad(ordinal, message, "correct the file");
                }
            }
        }
        let has_code = columns.contains_key("code") || columns.contains_key("completion");
        for (extension, bytes) in files {
            let name = if extension == "py" && !has_code { "code".to_owned() } else { extension };
            let value = column(&name, bytes);
            columns.insert(name, value);
        }
        columns.entry("id").or_insert_with(|| Value::from(self.key.as_str()));
        columns.insert("__key__".to_owned(), Value::from(self.key));
        Found::Row(ordinal, columns)
    }
}

/// The key and the extension: the name is split at the first dot behind the last slash, as WebDataset does.
fn split(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix("./").unwrap_or(path);
    let name = path.rfind('/').map_or(0, |slash| slash + 1);
    let dot = name + path[name..].find('.')?;
    // Files such as `._a.png`, which macOS adds, and hidden ones have no key.
    (dot > name).then(|| (&path[..dot], &path[dot + 1..]))
}

fn column(name: &str, bytes: Vec<u8>) -> Value {
    let last = name.rsplit('.').next().unwrap_or(name).to_lowercase();
    if name != "code" && !TEXT.contains(&last.as_str()) {
        return json!({"base64": BASE64.encode(bytes)});
    }
    match String::from_utf8(bytes) {
        Ok(text) => Value::String(text),
        Err(error) => json!({"base64": BASE64.encode(error.into_bytes())}),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Placed, RowProblem, Source, SourceOptions};

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn read(path: &Path) -> Vec<Result<Placed, RowProblem>> {
        Source::open(&[path.to_owned()], SourceOptions::default()).unwrap().collect()
    }

    #[test]
    fn neighbours_with_one_basename_are_a_row() {
        let long = format!("{}/b.txt", "x".repeat(150));
        let bytes = archive(&[
            ("a/0.json", br#"{"note": 1}"#),
            ("a/0.py", b"print(1)\n"),
            ("a/0.PNG", b"\x89PNG"),
            ("a/._0.png", b"junk"),
            ("b/1.code.py", b"x"),
            ("b/1.json", br#"{"id": "one", "code": "y"}"#),
            ("b/1.py", b"z"),
            ("b/1.txt", b"\xff"),
            ("2.json", b"{"),
            (&long, b"text"),
        ]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar.zst");
        std::fs::write(&path, zstd::encode_all(bytes.as_slice(), 1).unwrap()).unwrap();
        let rows = read(&path);
        let columns = |index: usize| Value::Object(rows[index].as_ref().unwrap().row.columns.clone());
        let first =
            json!({"note": 1, "code": "print(1)\n", "PNG": {"base64": "iVBORw=="}, "id": "a/0", "__key__": "a/0"});
        assert_eq!(columns(0), first);
        let second =
            json!({"id": "one", "code": "y", "code.py": "x", "py": "z", "txt": {"base64": "/w=="}, "__key__": "b/1"});
        assert_eq!(columns(1), second);
        let Err(RowProblem::Bad(bad)) = &rows[2] else { panic!("{rows:?}") };
        assert!(bad.message.starts_with("2.json is not JSON") && bad.place.line == 3, "{bad}");
        assert_eq!(columns(3)["txt"], "text");
        assert_eq!(rows.len(), 4);
    }

    #[test]
    fn a_cut_archive_gives_its_whole_samples_and_says_so() {
        let bytes = archive(&[("a.py", &[b'1'; 700]), ("b.py", &[b'2'; 700]), ("c.py", &[b'3'; 700])]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        for (length, whole) in [(100, 0), (512 + 300, 0), (1536 + 512 + 600, 1), (2 * 1536 + 200, 1)] {
            std::fs::write(&path, &bytes[..length]).unwrap();
            let rows = read(&path);
            let Some(Err(RowProblem::Fatal(error))) = rows.last() else { panic!("{length}: {rows:?}") };
            assert!(error.to_string().contains("a.tar"), "{error}");
            assert_eq!(rows.len() - 1, whole, "{length}: {error}");
        }
    }
}
