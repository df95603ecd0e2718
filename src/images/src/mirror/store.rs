//! Mirrors in the cache: `mirrors/NAME-HASH/` with the list of packs, and `packages/` with the packs of all mirrors.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use glasshouse_model::Digest;

use super::library::{LIST, List, Listed, TABLES, read_list};
use super::lock::Lock;
use super::npm::{Npm, spec};
use super::pack::{self, FORMAT, Pack};
use super::plan::{MirrorPlan, read_lock};
use super::{STEP, tarball};
use crate::error::ImageError;

/// A mirror in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMirror {
    /// Its folder, which [`super::Library::open`] takes.
    pub folder: PathBuf,
    /// Its address.
    pub digest: Digest,
}

/// A package that was added to a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Its name.
    pub name: String,
    /// The version that the range came to.
    pub version: String,
    /// Whether the lock had not held it, or with another hash.
    pub is_new: bool,
}

/// The mirror that `plan` describes, if `cache` holds it.
pub fn find_mirror(plan: &MirrorPlan, cache: &Path) -> Option<StoredMirror> {
    let folder = plan.folder(cache);
    let list = read_list(&folder).ok()?;
    let whole = list.digest == plan.digest() && list.packs.iter().all(|pack| folder.join(&pack.path).is_file());
    whole.then_some(StoredMirror { folder, digest: list.digest })
}

/// The mirror that `plan` describes, from `cache` or else made in it. `say` gets one line per step.
///
/// Packages that no mirror of `cache` holds are fetched from the npm registry by npm, each checked against its hash.
pub fn ensure_mirror(plan: &MirrorPlan, cache: &Path, say: &mut dyn FnMut(&str)) -> Result<StoredMirror, ImageError> {
    ensure_with(plan, cache, say, &Npm::find)
}

/// How npm is come by: a folder for what is needed along the way, the release whose npm serves in need, who is told.
type Finder = dyn Fn(&Path, &str, &mut dyn FnMut(&str)) -> Result<Npm, ImageError>;

fn ensure_with(
    plan: &MirrorPlan,
    cache: &Path,
    say: &mut dyn FnMut(&str),
    find_npm: &Finder,
) -> Result<StoredMirror, ImageError> {
    if let Some(mirror) = find_mirror(plan, cache) {
        return Ok(mirror);
    }
    let store = Store::open(cache, say)?;
    let missing: Vec<_> = plan
        .lock
        .packages()
        .filter(|(name, version, integrity)| !store.pack(&plan.lock, name, version, integrity).is_file())
        .collect();
    if !missing.is_empty() {
        say(&format!("fetching {} packages of the mirror from the npm registry", missing.len()));
        let npm = find_npm(&store.scratch()?, &plan.suite, say)?;
        store.fetch(plan, &missing, &npm, say)?;
    }
    store.publish(plan, &plan.folder(cache))?;
    say(&format!("mirror of {}: {} packages", plan.runtime, plan.len()));
    find_mirror(plan, cache).ok_or_else(|| unfit(format!("the mirror vanished from {}", cache.display())))
}

/// Fetches `specs` (`npm:NAME@VERSION` or a range), and adds them to the lock at `lock`, which is made if it is not
/// there. The packages then belong to the next mirror of `plan`'s runtime.
pub fn add(
    plan: &MirrorPlan,
    cache: &Path,
    lock: &Path,
    specs: &[String],
    say: &mut dyn FnMut(&str),
) -> Result<Vec<Added>, ImageError> {
    add_with(plan, cache, lock, specs, say, &Npm::find)
}

fn add_with(
    plan: &MirrorPlan,
    cache: &Path,
    lock: &Path,
    specs: &[String],
    say: &mut dyn FnMut(&str),
    find_npm: &Finder,
) -> Result<Vec<Added>, ImageError> {
    let specs = specs.iter().map(|text| spec(text)).collect::<Result<Vec<_>, _>>().map_err(unfit)?;
    let store = Store::open(cache, say)?;
    let mut wanted = read_lock(lock)?.unwrap_or_default();
    // The rules of all locks count, since they decide what is kept of the archive that is here now.
    let mut whole = plan.lock.clone();
    whole.merge(&wanted);
    let mut added = Vec::new();
    let scratch = store.scratch()?;
    find_npm(&scratch, &plan.suite, say)?.fetch(&specs, |archives| {
        for archive in archives {
            let integrity = tarball::integrity(&archive).map_err(ImageError::file("read", &archive))?;
            let (name, version) = name_and_version(&archive)?;
            store.keep(&whole, &archive, &name, &version, &integrity)?;
            let is_new = wanted.insert(&name, &version, &integrity);
            added.push(Added { name, version, is_new });
        }
        Ok(())
    })?;
    let partial = lock.with_extension("partial");
    fs::write(&partial, wanted.text()).map_err(ImageError::file("write", &partial))?;
    fs::rename(&partial, lock).map_err(ImageError::file("write", lock))?;
    Ok(added)
}

/// Reads all of a mirror's packs; the paths of those that are not what was fetched.
pub fn verify_mirror(mirror: &StoredMirror) -> Result<Vec<PathBuf>, ImageError> {
    let mut damaged = Vec::new();
    for listed in read_list(&mirror.folder)?.packs {
        let path = mirror.folder.join(&listed.path);
        if hash(&path).ok() != Some(listed.contents) {
            damaged.push(path);
        }
    }
    Ok(damaged)
}

/// A package given as its files, by their paths in it.
pub type Files<'a> = &'a [(&'a str, &'a [u8])];

/// Makes a mirror in `folder` of packages that are here already (name, version, files), without a lock or a network: for
/// tests, and for machines that reach no registry. `folder` must be empty or not there yet.
pub fn assemble(folder: &Path, tables: &str, packages: &[(&str, &str, Files<'_>)]) -> Result<StoredMirror, ImageError> {
    fs::create_dir_all(folder).map_err(ImageError::file("create", folder))?;
    let mut packs = Vec::new();
    for (name, version, files) in packages {
        let mut contents = tarball::Contents::default();
        contents.files.extend(files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())));
        let path = folder.join(format!("{}@{version}.pack", name.replace('/', "+")));
        pack::write(&path, name, version, &contents).map_err(ImageError::file("write", &path))?;
        let hash = hash(&path).map_err(ImageError::file("read", &path))?;
        packs.push(Listed { path: path.file_name().unwrap_or_default().into(), contents: hash });
    }
    let hashes = packs.iter().map(|pack| pack.contents.as_bytes().as_slice());
    let digest = Digest::of_parts([FORMAT.as_bytes(), tables.as_bytes()].into_iter().chain(hashes));
    write_list(folder, List { digest, packs }, tables)?;
    Ok(StoredMirror { folder: folder.to_owned(), digest })
}

fn write_list(folder: &Path, list: List, tables: &str) -> Result<(), ImageError> {
    let list = serde_json::to_vec(&list).map_err(io::Error::from).map_err(ImageError::file("write", folder))?;
    for (name, bytes) in [(LIST, list.as_slice()), (TABLES, tables.as_bytes())] {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(ImageError::file("write", &path))?;
    }
    Ok(())
}

/// The packs of a cache, with the right to add to them.
struct Store {
    packages: PathBuf,
    mirrors: PathBuf,
    _lock: File,
}

impl Store {
    fn open(cache: &Path, say: &mut dyn FnMut(&str)) -> Result<Self, ImageError> {
        let [packages, mirrors] = ["packages", "mirrors"].map(|name| cache.join(name));
        for folder in [&packages, &mirrors] {
            fs::create_dir_all(folder).map_err(ImageError::file("create", folder))?;
        }
        let canonical = |folder: PathBuf| folder.canonicalize().map_err(ImageError::file("find", &folder));
        let lock = crate::store::lock(&packages, say)?;
        Ok(Self { packages: canonical(packages)?, mirrors: canonical(mirrors)?, _lock: lock })
    }

    /// Where the pack of a package lies; its name tells what decides its bytes.
    fn pack(&self, lock: &Lock, name: &str, version: &str, integrity: &str) -> PathBuf {
        let rule = lock.keep(name).text();
        let digest = Digest::of_parts([FORMAT.as_bytes(), integrity.as_bytes(), rule.as_bytes()]);
        self.packages.join(format!("{}@{version}-{}.pack", name.replace('/', "+"), &digest.hex()[..16]))
    }

    /// An empty folder for what is needed along the way.
    fn scratch(&self) -> Result<PathBuf, ImageError> {
        let scratch = self.packages.join("scratch");
        crate::store::remove(&scratch)?;
        fs::create_dir(&scratch).map_err(ImageError::file("create", &scratch))?;
        Ok(scratch)
    }

    fn fetch(
        &self,
        plan: &MirrorPlan,
        missing: &[(&str, &str, &str)],
        npm: &Npm,
        say: &mut dyn FnMut(&str),
    ) -> Result<(), ImageError> {
        let mut by_hash: BTreeMap<&str, (&str, &str)> =
            missing.iter().map(|(name, version, integrity)| (*integrity, (*name, *version))).collect();
        let specs: Vec<String> = missing.iter().map(|(name, version, _)| format!("{name}@{version}")).collect();
        npm.fetch(&specs, |archives| {
            for archive in archives {
                let integrity = tarball::integrity(&archive).map_err(ImageError::file("read", &archive))?;
                let Some((name, version)) = by_hash.remove(integrity.as_str()) else {
                    let (name, version) = name_and_version(&archive)?;
                    return Err(unfit(format!(
                        "{name} {version}: the registry gave {integrity}, which is not the lock's hash; if the lock is \
                         wrong, `glasshouse images mirror add npm:{name}@{version}` mends it"
                    )));
                };
                self.keep(&plan.lock, &archive, name, version, &integrity)?;
            }
            say(&format!("{} packages to go", by_hash.len()));
            Ok(())
        })?;
        match by_hash.first_key_value() {
            None => Ok(()),
            Some((_, (name, version))) => Err(unfit(format!("npm fetched no archive of {name} {version}"))),
        }
    }

    /// Makes a pack of an archive.
    fn keep(&self, lock: &Lock, archive: &Path, name: &str, version: &str, integrity: &str) -> Result<(), ImageError> {
        let contents = tarball::read(archive, &lock.keep(name))
            .map_err(|problem| unfit(format!("the archive of {name} {version} is refused: {problem}")))?;
        let path = self.pack(lock, name, version, integrity);
        pack::write(&path, name, version, &contents).map_err(ImageError::file("write", &path))
    }

    /// Writes the folder of `plan`'s mirror, all or nothing.
    fn publish(&self, plan: &MirrorPlan, folder: &Path) -> Result<(), ImageError> {
        let mut packs = Vec::new();
        for (name, version, integrity) in plan.lock.packages() {
            let path = self.pack(&plan.lock, name, version, integrity);
            Pack::open(&path).map_err(ImageError::file("read", &path))?;
            let contents = hash(&path).map_err(ImageError::file("read", &path))?;
            let relative = Path::new("../../packages").join(path.file_name().unwrap_or_default());
            packs.push(Listed { path: relative, contents });
        }
        let partial = self.mirrors.join("partial");
        crate::store::remove(&partial)?;
        crate::store::remove(&self.packages.join("scratch"))?;
        fs::create_dir(&partial).map_err(ImageError::file("create", &partial))?;
        write_list(&partial, List { digest: plan.digest(), packs }, &plan.tables)?;
        // A folder here that `find_mirror` did not take for a mirror is damaged.
        crate::store::remove(folder)?;
        fs::rename(&partial, folder).map_err(ImageError::file("write", folder))
    }
}

/// What an archive's `package.json` says of itself.
fn name_and_version(archive: &Path) -> Result<(String, String), ImageError> {
    let only = super::lock::Keep { only: vec!["package.json".to_owned()], never: Vec::new() };
    let read = || {
        let contents = tarball::read(archive, &only)?;
        let bytes = contents.files.get("package.json").ok_or("there is no package.json")?;
        let json: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let text = |key: &str| json[key].as_str().map(str::to_owned).ok_or(format!("package.json has no {key}"));
        let (name, version) = (text("name")?, text("version")?);
        let mut lock = Lock::default();
        lock.insert(&name, &version, "sha512-");
        Lock::parse(&lock.text()).map(|_| (name, version))
    };
    read().map_err(|problem: String| unfit(format!("{}: {problem}", archive.display())))
}

fn hash(path: &Path) -> io::Result<Digest> {
    fs::read(path).map(|bytes| Digest::of(&bytes))
}

fn unfit(problem: String) -> ImageError {
    ImageError::Unfit { step: STEP, problem }
}

#[cfg(test)]
mod tests;
