//! Reads npm's archives: a hash that must fit, and bounds on all that is unpacked.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha512};
use tar::{Archive, EntryType};

use super::lock::Keep;

/// The most bytes that an archive may have, packed.
const PACKED: u64 = 256 << 20;
/// The most bytes that all of an archive's contents may have.
const UNPACKED: u64 = 1 << 30;
/// The most bytes of one file.
const FILE: u64 = 64 << 20;
/// The most entries of one archive.
const ENTRIES: usize = 100_000;
/// The most bytes of one path.
const PATH: usize = 512;

/// What an archive holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The files that are kept, by their paths in the package.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// The paths of the others.
    pub(super) left_out: Vec<String>,
}

/// The hash of the file at `path` as npm writes it: `sha512-` and base64.
pub(super) fn integrity(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() > PACKED {
        return Err(io::Error::other(format!("the archive is larger than {PACKED} bytes")));
    }
    let mut hasher = Sha512::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(format!("sha512-{}", STANDARD.encode(hasher.finalize()))),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// Reads the archive at `path`, keeping the files that `keep` holds; the error says what is wrong with it.
pub(super) fn read(path: &Path, keep: &Keep) -> Result<Contents, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    unpack(GzDecoder::new(file), keep)
}

fn unpack(reader: impl Read, keep: &Keep) -> Result<Contents, String> {
    // One more than allowed, so that reaching the end of it shows.
    let mut archive = Archive::new(reader.take(UNPACKED + 1));
    let mut contents = Contents::default();
    let mut total = 0;
    for (count, entry) in archive.entries().map_err(|error| error.to_string())?.enumerate() {
        let mut entry = entry.map_err(|error| error.to_string())?;
        let name = String::from_utf8(entry.path_bytes().into_owned()).map_err(|_| "a path that is not UTF-8")?;
        if count >= ENTRIES {
            return Err(format!("more than {ENTRIES} entries"));
        }
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => {}
            EntryType::Directory | EntryType::XGlobalHeader => continue,
            other => return Err(format!("`{name}` is neither a file nor a folder ({other:?})")),
        }
        let inner = inner_path(&name)?;
        let size = entry.size();
        total += size;
        if size > FILE || total > UNPACKED {
            return Err(format!("`{name}` is larger than {FILE} bytes, or all files together than {UNPACKED}"));
        }
        if !keep.holds(inner) {
            contents.left_out.push(inner.to_owned());
            continue;
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        entry.read_to_end(&mut bytes).map_err(|error| format!("`{name}`: {error}"))?;
        contents.files.insert(inner.to_owned(), bytes);
    }
    contents.left_out.sort();
    Ok(contents)
}

/// A path without the archive's outermost folder, whatever that is called.
fn inner_path(name: &str) -> Result<&str, String> {
    let plain = name.strip_prefix("./").unwrap_or(name);
    let inner = plain.split_once('/').map(|(_, inner)| inner).unwrap_or_default();
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    let sound = !plain.starts_with('/')
        && name.len() <= PATH
        && inner.split('/').all(is_plain)
        && !inner.contains(['\\', '\0', '\n']);
    if sound { Ok(inner) } else { Err(format!("`{}` is no path of a file in a package", name.escape_debug())) }
}

#[cfg(test)]
pub(in crate::mirror) mod tests {
    use super::*;

    /// A gzipped archive with `files`, as npm makes them.
    pub(in crate::mirror) fn tarball(files: &[(&str, &[u8])]) -> Vec<u8> {
        let gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut builder = tar::Builder::new(gz);
        for (path, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, format!("package/{path}"), *bytes).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn raw(name: &str, kind: EntryType) -> Vec<u8> {
        let mut header = tar::Header::new_old();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_cksum();
        let mut builder = tar::Builder::new(Vec::new());
        builder.append(&header, io::empty()).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn keeps_what_the_rule_holds_and_names_the_rest() {
        let bytes = tarball(&[("package.json", b"{}"), ("lib/a.js", b"1"), ("lib/a.js.map", b"2")]);
        let keep = Keep { only: vec![], never: vec!["*.map".into()] };
        let contents = unpack(GzDecoder::new(bytes.as_slice()), &keep).unwrap();
        assert_eq!(contents.files.keys().collect::<Vec<_>>(), ["lib/a.js", "package.json"]);
        assert_eq!(contents.left_out, ["lib/a.js.map"]);
    }

    #[test]
    fn refuses_paths_that_leave_the_package_and_links() {
        for name in ["/etc/passwd", "package/../../x", "package/a//b", "package/", "package", "package/a\\b"] {
            assert!(unpack(raw(name, EntryType::Regular).as_slice(), &Keep::default()).is_err(), "{name}");
        }
        for kind in [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Fifo] {
            let error = unpack(raw("package/a", kind).as_slice(), &Keep::default()).unwrap_err();
            assert!(error.contains("neither a file nor a folder"), "{error}");
        }
        assert!(unpack(raw("package/a", EntryType::Regular).as_slice(), &Keep::default()).is_ok());
    }

    #[test]
    fn refuses_files_that_are_too_large_by_what_they_declare() {
        let mut header = tar::Header::new_gnu();
        header.set_path("package/big").unwrap();
        header.set_size(FILE + 1);
        header.set_cksum();
        let error = unpack(header.as_bytes().as_slice(), &Keep::default()).unwrap_err();
        assert!(error.contains("larger than"), "{error}");
    }

    #[test]
    fn the_hash_is_npms() {
        let file = tempfile::NamedTempFile::new().unwrap();
        // The SHA-512 of nothing, as FIPS 180-4's examples give it.
        let empty = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";
        assert_eq!(integrity(file.path()).unwrap(), empty);
    }
}
