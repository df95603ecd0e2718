//! A root as one tar archive, for container engines, and an engine's archive compared with what was built.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tar::{Archive, Builder, EntryType, Header};

use crate::error::ImageError;
use crate::manifest::{Manifest, VerifyReport, line, walk};
use crate::store::{Image, manifest};

/// What container engines put into the root of every container, or in place of what is there; workers cover all that
/// would tell.
const OF_ENGINES: [&str; 8] =
    [".dockerenv", "dev/console", "dev/pts", "dev/shm", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf"];

/// Writes all of an image's root to `out`: root's own files, with their modes and the exact times of their changes,
/// which caches of fonts are compared with.
///
/// # Errors
/// A file cannot be read, or `out` takes no more.
pub fn pack(image: &Image, out: impl Write) -> Result<(), ImageError> {
    let root = &image.root;
    let mut paths: Vec<PathBuf> = Vec::new();
    walk(root, &mut |path, _| {
        paths.push(path.to_path_buf());
        Ok(())
    })?;
    // A folder before what is in it, and the same order for the same root.
    paths.sort();
    let mut archive = Builder::new(out);
    for path in &paths {
        append(&mut archive, root, path).map_err(ImageError::file("pack", path))?;
    }
    archive.finish().map_err(ImageError::file("pack", root))
}

fn append(archive: &mut Builder<impl Write>, root: &Path, path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    let name = path.strip_prefix(root).unwrap_or(path);
    if metadata.mtime_nsec() != 0 {
        let time = format!("{}.{:09}", metadata.mtime(), metadata.mtime_nsec());
        archive.append_pax_extensions([("mtime", time.as_bytes())])?;
    }
    let mut header = Header::new_gnu();
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(metadata.mtime().max(0) as u64);
    header.set_mode(metadata.permissions().mode() & 0o7777);
    header.set_size(0);
    if metadata.is_symlink() {
        header.set_entry_type(EntryType::Symlink);
        return archive.append_link(&mut header, name, fs::read_link(path)?);
    }
    if metadata.is_dir() {
        header.set_entry_type(EntryType::Directory);
        return archive.append_data(&mut header, name, io::empty());
    }
    header.set_entry_type(EntryType::Regular);
    header.set_size(metadata.len());
    archive.append_data(&mut header, name, fs::File::open(path)?)
}

/// Compares the root in a container's archive with what was built, as [`crate::verify`] does with the root itself.
///
/// # Errors
/// The archive cannot be read, or the image's own manifest is damaged.
pub fn verify_archive(image: &Image, archive: impl Read) -> Result<VerifyReport, ImageError> {
    let broken = |error: io::Error| ImageError::Unfit {
        step: "verify",
        problem: format!("the archive of {}'s container image cannot be read: {error}", image.name),
    };
    let mut found = Manifest::default();
    for entry in Archive::new(archive).entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.into_owned();
        let path = path.strip_prefix(".").unwrap_or(&path).to_path_buf();
        let name = path.to_string_lossy().trim_end_matches('/').to_owned();
        if name.is_empty() || OF_ENGINES.contains(&name.as_str()) {
            continue;
        }
        let mode = entry.header().mode().map_err(broken)? & 0o7777;
        let (text, size) = match entry.header().entry_type() {
            EntryType::Symlink => {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                (line('l', mode, 0, Some(blake3::hash(&target))), 0)
            }
            EntryType::Directory => (line('d', mode, 0, None), 0),
            EntryType::Regular => {
                let mut hasher = blake3::Hasher::new();
                let size = io::copy(&mut entry, &mut hasher).map_err(broken)?;
                (line('f', mode, size, Some(hasher.finalize())), size)
            }
            // No root has hard links: packages that ship some are unpacked into copies.
            _ => (line('x', mode, 0, None), 0),
        };
        found.put(name, text, size);
    }
    let mut report = manifest(image)?.compare(&found);
    report.missing.retain(|name| !OF_ENGINES.contains(&name.as_str()));
    Ok(report)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::store::tests::published;

    fn image(cache: &Path) -> Image {
        published(cache, |root| {
            fs::create_dir(root.join("etc")).unwrap();
            fs::write(root.join("etc").join("n".repeat(150)), "text").unwrap();
            fs::write(root.join("etc/hosts"), "in its place is the engine's").unwrap();
            symlink("l".repeat(150), root.join("etc/link")).unwrap();
        })
    }

    fn packed(image: &Image) -> Vec<u8> {
        let mut bytes = Vec::new();
        pack(image, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_is_packed_is_what_was_built() {
        let cache = tempfile::tempdir().unwrap();
        let image = image(cache.path());
        let report = verify_archive(&image, packed(&image).as_slice()).unwrap();
        assert!(report.is_sound() && report.entries == 5, "{report:?}");
        let time = fs::metadata(image.root.join("etc")).unwrap();
        let mut archive = Archive::new(io::Cursor::new(packed(&image)));
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        let said = entry.pax_extensions().unwrap().unwrap().next().unwrap().unwrap();
        assert_eq!(said.value().unwrap(), format!("{}.{:09}", time.mtime(), time.mtime_nsec()));
    }

    #[test]
    fn every_kind_of_difference_is_told() {
        let cache = tempfile::tempdir().unwrap();
        let image = image(cache.path());
        fs::write(image.root.join("file"), "tex_").unwrap();
        fs::remove_file(image.root.join("etc/link")).unwrap();
        fs::remove_file(image.root.join("etc/hosts")).unwrap();
        fs::write(image.root.join("new"), "").unwrap();
        fs::write(image.root.join(".dockerenv"), "").unwrap();
        let report = verify_archive(&image, packed(&image).as_slice()).unwrap();
        let expected = (vec!["file".to_owned()], vec!["etc/link".to_owned()], vec!["new".to_owned()]);
        assert_eq!((report.changed, report.missing, report.added), expected);
        assert!(verify_archive(&image, &packed(&image)[..700]).is_err(), "an archive that was cut is no image");
    }
}
