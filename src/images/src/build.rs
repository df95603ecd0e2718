//! Builds an image from its definition, step by step.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::apt::Apt;
use crate::definition::Definition;
use crate::error::ImageError;
use crate::inside;
use crate::manifest::{Manifest, normalise};
use crate::sources;
use crate::spec::{Drive, Package};
use crate::store::{Image, ImageInfo, Site, find};
use crate::unpack::{furnish, prepare, unpack_all};
use crate::wheels;

/// What ldconfig leaves in the root for its next run.
const LDCONFIG_STATE: &str = "var/cache/ldconfig";

/// The image that `definition` describes, from `cache` or else built into it. `say` gets one line per step.
///
/// Needs a Debian machine's apt-get, dpkg-deb and util-linux, user namespaces and a network; neither root's
/// rights nor anything installed. The build takes a few minutes and two to three times the image's size on disk.
pub fn ensure(definition: &Definition, cache: &Path, say: &mut dyn FnMut(&str)) -> Result<Image, ImageError> {
    if let Some(image) = find(definition, cache) {
        return Ok(image);
    }
    let site = Site::claim(definition, cache, say)?;
    // Another process may have built it while this one waited.
    if find(definition, cache).is_none() {
        say(&format!("building the image {}", definition.folder()));
        build(definition, &site, say)?;
        site.publish()?;
    }
    find(definition, cache).ok_or_else(|| ImageError::Unfit {
        step: "publish",
        problem: format!("the image {} vanished from {}", definition.folder(), cache.display()),
    })
}

/// Builds into the site's partial folder.
fn build(definition: &Definition, site: &Site, say: &mut dyn FnMut(&str)) -> Result<(), ImageError> {
    inside::check()?;
    let begin = Instant::now();
    let spec = &definition.runtime;
    let root = site.partial.join("root");
    let scratch = site.partial.join("scratch");
    let mut clock = Clock { last: begin, say };

    let apt = Apt::open(&scratch.join("apt"), &spec.debian.suite)?;
    let archives = apt.fetch(&spec.debian.packages)?;
    clock.done(&format!("{} Debian packages fetched ({})", archives.len(), size_of(&archives)));

    prepare(&root)?;
    let debs = unpack_all(&archives, &spec.debian.without, &root)?;
    furnish(&root, &spec.home.path, &spec.home.skeleton)?;
    clock.done("Debian packages unpacked");

    let mut installed = BTreeMap::new();
    if let (Some(wanted), Drive::Interpreter { program, .. }) = (&spec.wheels, &spec.drive) {
        let requirements = definition.file(&wanted.requirements);
        wheels::install(&root, program, wanted, requirements, &apt, &scratch)?;
        if let Some(wanted) = &spec.sources {
            clock.done("wheels installed");
            sources::install(definition, wanted, program, &root, &apt, &scratch)?;
        }
        installed = wheels::versions(&root, &wanted.target)?;
        clock.done(&format!("{} Python packages installed", installed.len()));
    }

    finish(definition, &root)?;
    clock.done("library caches made, and what the definition adds inside the root");

    for path in [root.join(LDCONFIG_STATE), scratch].iter().filter(|path| path.exists()) {
        fs::remove_dir_all(path).map_err(ImageError::file("remove", path))?;
    }
    let manifest = seal(&root, &site.partial)?;
    let info = ImageInfo {
        name: spec.name.clone(),
        digest: definition.digest(),
        built: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs()),
        seconds: (begin.elapsed().as_secs_f64() * 10.0).round() / 10.0,
        entries: manifest.len(),
        bytes: manifest.bytes,
        contents: manifest.digest(),
        versions: reported(&spec.versions, &debs, &installed)?,
        debs,
        wheels: installed,
    };
    write_info(&info, &site.partial)?;
    clock.done(&format!("{} files hashed ({})", manifest.len(), megabytes(manifest.bytes)));
    (clock.say)(&format!("image {} built in {:.0} s", definition.folder(), info.seconds));
    Ok(())
}

/// Runs what must run inside the root.
fn finish(definition: &Definition, root: &Path) -> Result<(), ImageError> {
    let mut env = definition.runtime.env.clone();
    // The jobs' home belongs to the jobs.
    env.insert("HOME".to_owned(), "/tmp".to_owned());
    if root.join("usr/sbin/ldconfig").exists() {
        inside::run_inside("library cache", root, &env, &["/usr/sbin/ldconfig"])?;
    }
    let Some(file) = &definition.runtime.finish else { return Ok(()) };
    let script = String::from_utf8_lossy(definition.file(file));
    inside::run_inside("finish", root, &env, &["/bin/sh", "-c", &script, file]).map(drop)
}

/// Sets the modes and writes the manifest.
fn seal(root: &Path, folder: &Path) -> Result<Manifest, ImageError> {
    normalise(root)?;
    let manifest = Manifest::of(root)?;
    let path = folder.join("manifest.txt");
    fs::write(&path, manifest.text()).map_err(ImageError::file("write", &path))?;
    Ok(manifest)
}

fn write_info(info: &ImageInfo, folder: &Path) -> Result<(), ImageError> {
    let path = folder.join("image.json");
    let text =
        serde_json::to_vec_pretty(info).map_err(std::io::Error::from).map_err(ImageError::file("write", &path))?;
    fs::write(&path, text).map_err(ImageError::file("write", &path))
}

/// The versions that records name, each from the package that the definition says.
fn reported(
    wanted: &BTreeMap<String, Package>,
    debs: &BTreeMap<String, String>,
    wheels: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, ImageError> {
    let mut versions = BTreeMap::new();
    for (name, package) in wanted {
        let version = match package {
            Package::Deb(package) => debs.get(package),
            Package::Wheel(package) => wheels.get(package),
        };
        let version = version.ok_or_else(|| ImageError::Unfit {
            step: "versions",
            problem: format!("runtime.toml, versions.{name}: the image holds no such package"),
        })?;
        versions.insert(name.clone(), version.clone());
    }
    Ok(versions)
}

/// Tells what was done and how long it took.
struct Clock<'a> {
    last: Instant,
    say: &'a mut dyn FnMut(&str),
}

impl Clock<'_> {
    fn done(&mut self, what: &str) {
        (self.say)(&format!("{what}, {:.1} s", self.last.elapsed().as_secs_f64()));
        self.last = Instant::now();
    }
}

fn size_of(files: &[std::path::PathBuf]) -> String {
    megabytes(files.iter().filter_map(|path| path.metadata().ok()).map(|metadata| metadata.len()).sum())
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reported_versions_come_from_the_named_packages() {
        let wanted = BTreeMap::from([
            ("python".to_owned(), Package::Deb("python3.11".into())),
            ("numpy".to_owned(), Package::Wheel("numpy".into())),
        ]);
        let debs = BTreeMap::from([("python3.11".to_owned(), "3.11.2-6".to_owned())]);
        let wheels = BTreeMap::from([("numpy".to_owned(), "2.4.6".to_owned())]);
        assert_eq!(reported(&wanted, &debs, &wheels).unwrap()["python"], "3.11.2-6");
        let error = reported(&wanted, &debs, &BTreeMap::new()).unwrap_err().to_string();
        assert!(error.contains("versions.numpy"), "{error}");
    }
}
