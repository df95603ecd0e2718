//! Images in the cache: `images/NAME-HASH/` with `root`, `image.json` and `manifest.txt`.
//!
//! A build happens in `NAME-HASH.partial` beside it and ends in a rename, under a lock on `NAME-HASH.lock`: what is
//! there is whole, two builders do not meet, and a killed one's remains are known by their name.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use glasshouse_model::Digest;
use serde::{Deserialize, Serialize};

use crate::definition::Definition;
use crate::error::ImageError;
use crate::manifest::{Manifest, VerifyReport};
use crate::spec::RuntimeSpec;

/// A whole image in the cache.
#[derive(Clone, Debug)]
pub struct Image {
    /// The runtime's name.
    pub name: String,
    /// The definition's digest.
    pub digest: Digest,
    /// The root file system.
    pub root: PathBuf,
    /// What records say of the runtime: `python`, `matplotlib`, ... with their versions.
    pub versions: BTreeMap<String, String>,
    /// What a job finds in it and how it is started.
    pub spec: RuntimeSpec,
}

/// What `image.json` says of an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageInfo {
    /// The runtime's name.
    pub name: String,
    /// The definition's digest.
    pub digest: Digest,
    /// When it was built, in seconds since 1970 (UTC).
    pub built: u64,
    /// How long that took, in seconds.
    pub seconds: f64,
    /// Files, folders and links in the root.
    pub entries: usize,
    /// Size of all files in the root, in bytes.
    pub bytes: u64,
    /// The hash of the manifest: equal for images that hold the same, whoever built them.
    pub contents: Digest,
    /// What records say of the runtime.
    pub versions: BTreeMap<String, String>,
    /// All Debian packages, with their versions.
    pub debs: BTreeMap<String, String>,
    /// All Python packages, with their versions.
    pub wheels: BTreeMap<String, String>,
}

/// An image as `list` shows it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The image's folder in the cache.
    pub folder: PathBuf,
    /// What its `image.json` says.
    pub info: ImageInfo,
}

/// The folder of all images in `cache`.
fn images(cache: &Path) -> PathBuf {
    cache.join("images")
}

/// The image that `definition` describes, if `cache` holds it.
pub fn find(definition: &Definition, cache: &Path) -> Option<Image> {
    let folder = images(cache).join(definition.folder());
    let info = read_info(&folder)?;
    (info.digest == definition.digest()).then(|| Image {
        name: info.name,
        digest: info.digest,
        root: folder.join("root"),
        versions: info.versions,
        spec: definition.runtime.clone(),
    })
}

/// All images in `cache`, by name and then by age, the oldest first.
pub fn list(cache: &Path) -> Vec<Listed> {
    let entries = fs::read_dir(images(cache)).into_iter().flatten().flatten();
    let whole = entries.map(|entry| entry.path()).filter(|path| path.extension().is_none());
    let mut found: Vec<Listed> =
        whole.filter_map(|folder| read_info(&folder).map(|info| Listed { folder, info })).collect();
    found.sort_by(|a, b| (&a.info.name, a.info.built).cmp(&(&b.info.name, b.info.built)));
    found
}

/// Reads all of `image`'s root and compares it with what was built: every path, kind, mode and size, and every
/// byte of the contents. Takes seconds when the root is in memory, and as long as reading it otherwise.
pub fn verify(image: &Image) -> Result<VerifyReport, ImageError> {
    Ok(manifest(image)?.compare(&Manifest::of(&image.root)?))
}

/// What was built into `image`, as it was written down then.
pub(crate) fn manifest(image: &Image) -> Result<Manifest, ImageError> {
    let folder = image.root.parent().unwrap_or(&image.root);
    let path = folder.join("manifest.txt");
    let text = fs::read_to_string(&path).map_err(ImageError::file("read", &path))?;
    let damaged = || ImageError::Unfit {
        step: "verify",
        problem: format!("{} is damaged: remove {} and build the image again", path.display(), folder.display()),
    };
    let built = Manifest::parse(&text).ok_or_else(damaged)?;
    let info = read_info(folder).ok_or_else(damaged)?;
    if built.digest() != info.contents {
        return Err(damaged());
    }
    Ok(built)
}

fn read_info(folder: &Path) -> Option<ImageInfo> {
    if !folder.join("root").is_dir() {
        return None;
    }
    serde_json::from_slice(&fs::read(folder.join("image.json")).ok()?).ok()
}

/// The right to build one image, held until dropped.
pub(crate) struct Site {
    /// Where the image is built.
    pub(crate) partial: PathBuf,
    place: PathBuf,
    _lock: File,
}

impl Site {
    /// Waits for the right to build `definition`'s image in `cache`, and clears what killed builds left.
    pub(crate) fn claim(definition: &Definition, cache: &Path, say: &mut dyn FnMut(&str)) -> Result<Self, ImageError> {
        let folder = images(cache);
        fs::create_dir_all(&folder).map_err(ImageError::file("create", &folder))?;
        // Paths in apt's configuration and in mounts must not depend on the current folder.
        let folder = folder.canonicalize().map_err(ImageError::file("find", &folder))?;
        let place = folder.join(definition.folder());
        let lock = lock(&place, say)?;
        sweep(&folder)?;
        let partial = place.with_extension("partial");
        remove(&partial)?;
        fs::create_dir(&partial).map_err(ImageError::file("create", &partial))?;
        Ok(Self { partial, place, _lock: lock })
    }

    /// Makes the built image visible.
    pub(crate) fn publish(&self) -> Result<(), ImageError> {
        // A folder here that `find` did not take for an image is damaged.
        remove(&self.place)?;
        fs::rename(&self.partial, &self.place).map_err(ImageError::file("write", &self.place))
    }
}

impl Drop for Site {
    /// Clears a failed build; after a published one there is nothing left.
    fn drop(&mut self) {
        let _ = remove(&self.partial);
    }
}

pub(crate) fn lock(place: &Path, say: &mut dyn FnMut(&str)) -> Result<File, ImageError> {
    let path = place.with_extension("lock");
    let file = File::create(&path).map_err(ImageError::file("create", &path))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => say("another process builds this image: waiting for it"),
        Err(TryLockError::Error(error)) => return Err(ImageError::file("lock", &path)(error)),
    }
    file.lock().map_err(ImageError::file("lock", &path))?;
    Ok(file)
}

/// Removes unfinished builds whose builder is gone.
fn sweep(folder: &Path) -> Result<(), ImageError> {
    for entry in fs::read_dir(folder).map_err(ImageError::file("list", folder))?.flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "partial") {
            continue;
        }
        let lock_path = path.with_extension("lock");
        let lock = File::create(&lock_path).map_err(ImageError::file("create", &lock_path))?;
        if lock.try_lock().is_ok() {
            remove(&path)?;
        }
    }
    Ok(())
}

pub(crate) fn remove(folder: &Path) -> Result<(), ImageError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ImageError::file("remove", folder)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::spec::tests::SMALL;

    fn definition() -> Definition {
        let files = BTreeMap::from([("runtime.toml".to_owned(), SMALL.as_bytes().to_vec())]);
        Definition::from_files("tiny", &files).unwrap()
    }

    /// Publishes an image whose root holds one file.
    fn publish(cache: &Path) -> Image {
        published(cache, |_| ())
    }

    /// Publishes an image whose root holds one file, and what `add` puts there.
    pub(crate) fn published(cache: &Path, add: impl FnOnce(&Path)) -> Image {
        let site = Site::claim(&definition(), cache, &mut |_| {}).unwrap();
        let root = site.partial.join("root");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("file"), "text").unwrap();
        add(&root);
        let manifest = Manifest::of(&root).unwrap();
        let info = ImageInfo {
            name: "tiny".into(),
            digest: definition().digest(),
            built: 1,
            seconds: 0.5,
            entries: manifest.len(),
            bytes: manifest.bytes,
            contents: manifest.digest(),
            versions: BTreeMap::new(),
            debs: BTreeMap::new(),
            wheels: BTreeMap::new(),
        };
        fs::write(site.partial.join("manifest.txt"), manifest.text()).unwrap();
        fs::write(site.partial.join("image.json"), serde_json::to_vec(&info).unwrap()).unwrap();
        site.publish().unwrap();
        find(&definition(), cache).unwrap()
    }

    #[test]
    fn a_published_image_is_found_listed_and_sound() {
        let cache = tempfile::tempdir().unwrap();
        assert!(find(&definition(), cache.path()).is_none());
        let image = publish(cache.path());
        assert_eq!(list(cache.path()).len(), 1);
        assert!(verify(&image).unwrap().is_sound());
        fs::write(image.root.join("file"), "test").unwrap();
        assert_eq!(verify(&image).unwrap().changed, ["file"]);
    }

    #[test]
    fn remains_of_killed_builds_go_and_those_at_work_stay() {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().join("images");
        fs::create_dir_all(folder.join("gone-1.partial/root")).unwrap();
        fs::create_dir_all(folder.join("busy-2.partial/root")).unwrap();
        let busy = File::create(folder.join("busy-2.lock")).unwrap();
        busy.lock().unwrap();
        publish(cache.path());
        assert!(!folder.join("gone-1.partial").exists());
        assert!(folder.join("busy-2.partial").exists());
    }

    #[test]
    fn a_failed_build_leaves_nothing() {
        let cache = tempfile::tempdir().unwrap();
        let site = Site::claim(&definition(), cache.path(), &mut |_| {}).unwrap();
        let partial = site.partial.clone();
        drop(site);
        assert!(!partial.exists());
        assert!(find(&definition(), cache.path()).is_none());
    }

    #[test]
    fn a_tampered_manifest_is_refused() {
        let cache = tempfile::tempdir().unwrap();
        let image = publish(cache.path());
        fs::write(image.root.with_file_name("manifest.txt"), "").unwrap();
        assert!(verify(&image).unwrap_err().to_string().contains("build the image again"));
    }
}
