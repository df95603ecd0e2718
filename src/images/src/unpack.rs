//! Unpacks Debian archives into a root and gives it what maintainer scripts would have made.
//!
//! No maintainer script runs: they need a configured system and root's rights, and what a runtime needs of
//! them is little and the same for all.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::pipe;
use crate::error::ImageError;

const STEP: &str = "debian packages";
const HINT: &str = "unpacking needs dpkg-deb and tar, which every Debian machine has";

/// What no program reads.
const LEFT_OUT: [&str; 7] = [
    "./usr/share/man/*",
    "./usr/share/info/*",
    "./usr/share/locale/*",
    "./usr/share/lintian/*",
    "./usr/share/bug/*",
    "./usr/share/doc/*/*.gz",
    "./usr/share/doc/*/examples/*",
];

/// Folders that have lived in /usr since Debian 12; archives may still use the old paths.
const MERGED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

/// Folders that jobs or sandboxes mount over or write to.
const FOLDERS: [&str; 10] = [
    "dev",
    "proc",
    "sys",
    "run",
    "tmp",
    "var/tmp",
    "work",
    "opt/glasshouse/driver",
    "opt/glasshouse/out",
    "usr/local/bin",
];

/// Folders among them that anyone may write to.
const SHARED: [&str; 3] = ["tmp", "var/tmp", "work"];

/// The user that jobs see themselves as: number 1000.
const PASSWD: &str = "root:x:0:0:root:/root:/usr/sbin/nologin\n\
    sample:x:1000:1000:sample:{home}:/bin/sh\n\
    nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nsample:x:1000:\nnogroup:x:65534:\n";
const NSSWITCH: &str = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n\
    networks: files\nprotocols: files\nservices: files\n";
const HOSTS: &str = "127.0.0.1 localhost\n::1 localhost\n";

/// Unpacks one archive into `root`. Files belong to whoever builds; the modes are kept.
pub(crate) fn unpack(archive: &Path, root: &Path) -> Result<(), ImageError> {
    fs::create_dir_all(root).map_err(ImageError::file("create", root))?;
    let mut reader = Command::new("dpkg-deb");
    reader.arg("--fsys-tarfile").arg(archive);
    let mut writer = Command::new("tar");
    writer.arg("--extract").arg("--directory").arg(root);
    writer.args(["--keep-directory-symlink", "--no-same-owner", "--preserve-permissions", "--file=-"]);
    writer.args(LEFT_OUT.map(|pattern| format!("--exclude={pattern}")));
    pipe(STEP, &reader, &writer, HINT)
}

/// Makes `root` with the links that the archives of a merged /usr expect.
pub(crate) fn prepare(root: &Path) -> Result<(), ImageError> {
    for name in MERGED {
        let folder = root.join("usr").join(name);
        fs::create_dir_all(&folder).map_err(ImageError::file("create", &folder))?;
        link(&format!("usr/{name}"), &root.join(name))?;
    }
    Ok(())
}

/// Adds accounts, names, time zone, shell and empty folders. `home` and `skeleton` are paths in the root.
pub(crate) fn furnish(root: &Path, home: &str, skeleton: &str) -> Result<(), ImageError> {
    let folders = FOLDERS.map(|folder| root.join(folder));
    for folder in folders.into_iter().chain([within(root, home), within(root, skeleton)]) {
        fs::create_dir_all(&folder).map_err(ImageError::file("create", &folder))?;
    }
    for folder in SHARED.map(|folder| root.join(folder)) {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o1777))
            .map_err(ImageError::file("change", &folder))?;
    }
    let passwd = PASSWD.replace("{home}", home);
    for (name, text) in [("passwd", passwd.as_str()), ("group", GROUP), ("nsswitch.conf", NSSWITCH), ("hosts", HOSTS)] {
        let path = root.join("etc").join(name);
        fs::write(&path, text).map_err(ImageError::file("write", &path))?;
    }
    if !root.join("usr/bin/sh").exists() {
        link("dash", &root.join("usr/bin/sh"))?;
    }
    link("/usr/share/zoneinfo/Etc/UTC", &root.join("etc/localtime"))
}

/// The host's path of an absolute path of the root.
pub(crate) fn within(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

fn link(target: &str, path: &Path) -> Result<(), ImageError> {
    symlink(target, path).map_err(ImageError::file("write", path))
}

/// Name and version of an archive, from its file's name: `fonts_1%3a2.0-1_all.deb`.
pub(crate) fn name_and_version(archive: &Path) -> Option<(String, String)> {
    let stem = archive.file_stem()?.to_str()?;
    let mut parts = stem.split('_');
    Some((parts.next()?.to_owned(), parts.next()?.replace("%3a", ":")))
}

/// Unpacks `archives` except those of the packages `without`; the versions of those unpacked, by name.
pub(crate) fn unpack_all(
    archives: &[PathBuf],
    without: &[String],
    root: &Path,
) -> Result<BTreeMap<String, String>, ImageError> {
    let mut versions = BTreeMap::new();
    for archive in archives {
        let Some((name, version)) = name_and_version(archive) else { continue };
        if without.contains(&name) {
            continue;
        }
        unpack(archive, root)?;
        versions.insert(name, version);
    }
    Ok(versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archive_names_give_versions_with_epochs() {
        let path = Path::new("/x/fonts-noto-cjk_1%3a20220127+repack1-1_all.deb");
        let expected = ("fonts-noto-cjk".to_owned(), "1:20220127+repack1-1".to_owned());
        assert_eq!(name_and_version(path), Some(expected));
    }

    #[test]
    fn paths_of_the_root_stay_in_it() {
        assert_eq!(within(Path::new("/cache/root"), "/usr/bin"), Path::new("/cache/root/usr/bin"));
    }

    #[test]
    fn a_furnished_root_has_its_user_and_shared_folders() {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path()).unwrap();
        fs::create_dir(dir.path().join("etc")).unwrap();
        furnish(dir.path(), "/home/sample", "/etc/skel").unwrap();
        let passwd = fs::read_to_string(dir.path().join("etc/passwd")).unwrap();
        assert!(passwd.contains("sample:x:1000:1000:sample:/home/sample:/bin/sh"));
        assert_eq!(fs::metadata(dir.path().join("work")).unwrap().permissions().mode() & 0o7777, 0o1777);
        assert!(dir.path().join("home/sample").is_dir() && dir.path().join("etc/skel").is_dir());
        assert_eq!(fs::read_link(dir.path().join("bin")).unwrap(), Path::new("usr/bin"));
    }
}
