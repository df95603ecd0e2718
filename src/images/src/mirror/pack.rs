//! Packs: one package of a mirror in one file.
//!
//! A line that names the format, a line with the length of the index in bytes, the index as JSON, then the contents of
//! all files, one after the other, each compressed with zstd. Nothing is unpacked onto a disk, so no path of a page ever
//! meets a file system.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::tarball::Contents;

/// The first line, also part of every pack's address: raised when the same archive would give another pack.
pub(super) const FORMAT: &str = "glasshouse pack 1";
/// The largest index that is read, in bytes.
const INDEX: u64 = 64 << 20;
/// zstd's level: level 9 would take a tenth less space and five times as long to make.
const LEVEL: i32 = 3;

/// What a pack holds, ready to be read.
#[derive(Debug)]
pub(super) struct Pack {
    path: PathBuf,
    /// Where the contents begin, in bytes.
    start: u64,
    index: Index,
}

/// Names and places of a pack's files.
#[derive(Debug, Serialize, Deserialize)]
struct Index {
    name: String,
    version: String,
    /// Places by path.
    files: BTreeMap<String, Place>,
    /// Paths that the package has and the pack has not, sorted.
    left_out: Vec<String>,
}

/// Where a file is in a pack: offset after the index, compressed size, size, all in bytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Place(u64, u64, u64);

/// Writes a pack to `path`, all or nothing.
pub(super) fn write(path: &Path, name: &str, version: &str, contents: &Contents) -> io::Result<()> {
    let mut packed = Vec::new();
    let mut files = BTreeMap::new();
    for (path, bytes) in &contents.files {
        let offset = packed.len();
        packed.extend(zstd::bulk::compress(bytes, LEVEL)?);
        files.insert(path.clone(), Place(offset as u64, (packed.len() - offset) as u64, bytes.len() as u64));
    }
    let index =
        Index { name: name.to_owned(), version: version.to_owned(), files, left_out: contents.left_out.clone() };
    let index = serde_json::to_vec(&index)?;
    let partial = path.with_extension("partial");
    let mut file = io::BufWriter::new(File::create(&partial)?);
    writeln!(file, "{FORMAT}\n{}", index.len())?;
    file.write_all(&index)?;
    file.write_all(&packed)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&partial, path)
}

impl Pack {
    /// Reads the index of the pack at `path`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let damaged = || io::Error::other("it is no pack, or a damaged one");
        let mut reader = BufReader::new(File::open(path)?);
        let (mut format, mut length) = (String::new(), String::new());
        reader.by_ref().take(64).read_line(&mut format)?;
        reader.by_ref().take(64).read_line(&mut length)?;
        let size: u64 = length.trim_end().parse().map_err(|_| damaged())?;
        if format.trim_end() != FORMAT || size > INDEX {
            return Err(damaged());
        }
        let mut bytes = Vec::new();
        reader.take(size).read_to_end(&mut bytes)?;
        let index: Index = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        let pack = Self { path: path.to_owned(), start: (format.len() + length.len()) as u64 + size, index };
        let end = pack.index.files.values().map(|place| place.0.saturating_add(place.1)).max().unwrap_or(0);
        if fs::metadata(path)?.len() != pack.start + end {
            return Err(damaged());
        }
        Ok(pack)
    }

    pub(super) fn name(&self) -> &str {
        &self.index.name
    }

    pub(super) fn version(&self) -> &str {
        &self.index.version
    }

    pub(super) fn files(&self) -> &BTreeMap<String, Place> {
        &self.index.files
    }

    pub(super) fn leaves_out(&self, path: &str) -> bool {
        self.index.left_out.binary_search_by(|left_out| left_out.as_str().cmp(path)).is_ok()
    }

    /// The contents of a file, if the pack holds it.
    pub(super) fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(&Place(offset, packed, size)) = self.index.files.get(path) else { return Ok(None) };
        let [packed, size] = [packed, size].map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        let mut bytes = vec![0; packed];
        File::open(&self.path)?.read_exact_at(&mut bytes, self.start + offset)?;
        zstd::bulk::decompress(&bytes, size).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents() -> Contents {
        let files = [("a.js", "one"), ("b/c.js", ""), ("d", "three\n")];
        Contents {
            files: files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into(),
            left_out: vec!["a.js.map".into(), "z.md".into()],
        }
    }

    #[test]
    fn a_written_pack_gives_every_file_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pack");
        write(&path, "x", "1.0.0", &contents()).unwrap();
        let pack = Pack::open(&path).unwrap();
        assert_eq!((pack.name(), pack.version(), pack.files().len()), ("x", "1.0.0", 3));
        for (name, bytes) in contents().files {
            assert_eq!(pack.read(&name).unwrap(), Some(bytes), "{name}");
        }
        assert_eq!(pack.read("../x.pack").unwrap(), None);
        assert!(pack.leaves_out("z.md") && !pack.leaves_out("a.js"));
    }

    #[test]
    fn a_cut_pack_is_refused_wherever_it_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pack");
        write(&path, "x", "1.0.0", &contents()).unwrap();
        let whole = fs::read(&path).unwrap();
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            assert!(Pack::open(&path).is_err(), "{end}");
        }
    }
}
