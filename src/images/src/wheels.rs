//! Installs pinned wheels into a root with the root's own interpreter, run from outside.
//!
//! The root's dynamic loader starts the root's Python with the root's libraries, on the host's file system: so
//! wheels are chosen for exactly the interpreter and C library of the image, while pip sees the
//! host's settings, certificates and resolver. The host needs no Python, and no pip.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apt::Apt;
use crate::command::run;
use crate::error::ImageError;
use crate::spec::Wheels;
use crate::unpack::{unpack, within};

const STEP: &str = "python wheels";
const HINT: &str =
    "pip must reach its package index: check the network, the proxy and pip's settings (PIP_* and pip.conf)";

/// The package with pip as one file that runs unpacked nowhere.
const PIP_PACKAGE: &str = "python3-pip-whl";

/// What holds for whatever pip is asked: by hash, nothing beside the list, no questions, few words.
pub(crate) const PINNED: [&str; 6] =
    ["--require-hashes", "--no-deps", "--no-input", "--disable-pip-version-check", "--progress-bar=off", "--quiet"];

/// Settings of the host that would send the wheels elsewhere, or pip to another interpreter's files.
const UNWANTED: [&str; 8] = [
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_USER",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_PYTHON",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
];

/// Fetches and unpacks what `requirements` (a file's contents) pins, each wheel checked against its hash.
/// `scratch` is a folder for what is needed along the way.
pub(crate) fn install(
    root: &Path,
    interpreter: &str,
    wheels: &Wheels,
    requirements: &[u8],
    apt: &Apt,
    scratch: &Path,
) -> Result<(), ImageError> {
    let target = within(root, &wheels.target);
    unpack_wheels(root, interpreter, requirements, &target, &pip(apt, scratch)?, scratch)?;
    tidy(root, &target)
}

/// Fetches and unpacks into the folder `target` what `requirements` pins, for the interpreter of `root`. `pip` is a wheel of pip's.
pub(crate) fn unpack_wheels(
    root: &Path,
    interpreter: &str,
    requirements: &[u8],
    target: &Path,
    pip: &Path,
    scratch: &Path,
) -> Result<(), ImageError> {
    let list = scratch.join("requirements.txt");
    fs::write(&list, requirements).map_err(ImageError::file("write", &list))?;
    let mut command = python(root, interpreter)?;
    command.env("PYTHONPATH", pip).args(["-s", "-m", "pip", "install", "--no-user", "--target"]);
    command.arg(target).args(["--only-binary=:all:", "--no-compile", "--root-user-action=ignore"]).args(PINNED);
    run(STEP, command.arg("--requirement").arg(&list), HINT).map(drop)
}

/// Pip as one file that runs unpacked nowhere, fetched into `scratch` unless it is there.
pub(crate) fn pip(apt: &Apt, scratch: &Path) -> Result<PathBuf, ImageError> {
    let tools = scratch.join("tools");
    if !tools.exists() {
        unpack(&apt.fetch_single(PIP_PACKAGE)?, &tools)?;
    }
    pip_wheel(&tools)
}

/// A command that runs the root's interpreter on the host's file system.
pub(crate) fn python(root: &Path, interpreter: &str) -> Result<Command, ImageError> {
    let (loader, triplet) = match env::consts::ARCH {
        "x86_64" => ("/lib64/ld-linux-x86-64.so.2", "x86_64-linux-gnu"),
        "aarch64" => ("/lib/ld-linux-aarch64.so.1", "aarch64-linux-gnu"),
        other => {
            let problem = format!("images are built on x86_64 and aarch64 only; this machine is {other}");
            return Err(ImageError::Unfit { step: STEP, problem });
        }
    };
    let libraries = ["/lib", "/usr/lib"].map(|folder| within(root, folder).join(triplet));
    let libraries = env::join_paths(libraries).map_err(|error| ImageError::Unfit {
        step: STEP,
        problem: format!("the cache folder's path cannot be used: {error}"),
    })?;
    let mut command = Command::new(within(root, loader));
    command.arg("--library-path").arg(libraries).arg(within(root, interpreter));
    for name in UNWANTED {
        command.env_remove(name);
    }
    command.env("PYTHONHOME", within(root, "/usr")).env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONNOUSERSITE", "1");
    // Pip does not look at the variable that most other programs take their certificates from.
    if let (Some(bundle), None) = (env::var_os("SSL_CERT_FILE"), env::var_os("REQUESTS_CA_BUNDLE")) {
        command.env("REQUESTS_CA_BUNDLE", bundle);
    }
    Ok(command)
}

fn pip_wheel(tools: &Path) -> Result<PathBuf, ImageError> {
    let folder = tools.join("usr/share/python-wheels");
    let entries = fs::read_dir(&folder).map_err(ImageError::file("list", &folder))?;
    let is_pip = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("pip-"));
    entries.flatten().map(|entry| entry.path()).find(is_pip).ok_or_else(|| ImageError::Unfit {
        step: STEP,
        problem: format!("{PIP_PACKAGE} holds no pip wheel in {}", folder.display()),
    })
}

/// Puts data files where `sys.prefix` would have them, and drops commands, whose first line names the
/// interpreter by its path on the host.
fn tidy(root: &Path, target: &Path) -> Result<(), ImageError> {
    let share = target.join("share");
    if share.exists() {
        let to = within(root, "/usr/local/share");
        fs::create_dir_all(&to).map_err(ImageError::file("create", &to))?;
        for entry in fs::read_dir(&share).map_err(ImageError::file("list", &share))?.flatten() {
            let place = to.join(entry.file_name());
            fs::rename(entry.path(), &place).map_err(ImageError::file("write", &place))?;
        }
    }
    for name in ["share", "bin"] {
        let path = target.join(name);
        if path.exists() {
            fs::remove_dir_all(&path).map_err(ImageError::file("remove", &path))?;
        }
    }
    for folder in info_folders(target)? {
        let record = folder.join("RECORD");
        if let Ok(text) = fs::read_to_string(&record) {
            fs::write(&record, without_commands(&text)).map_err(ImageError::file("write", &record))?;
        }
    }
    Ok(())
}

/// A package's list of its files, less the commands. (Their hashes would differ with the cache's place.)
fn without_commands(record: &str) -> String {
    record.lines().filter(|line| !line.starts_with("../../bin/")).map(|line| format!("{line}\n")).collect()
}

/// The folders with the packages' descriptions.
fn info_folders(target: &Path) -> Result<Vec<PathBuf>, ImageError> {
    let entries = fs::read_dir(target).map_err(ImageError::file("list", target))?;
    let paths = entries.flatten().map(|entry| entry.path());
    Ok(paths.filter(|path| path.extension().is_some_and(|extension| extension == "dist-info")).collect())
}

/// Versions of the packages in the folder `target`, by normalised name.
pub(crate) fn versions(root: &Path, target: &str) -> Result<BTreeMap<String, String>, ImageError> {
    let folders = info_folders(&within(root, target))?;
    Ok(folders.iter().filter_map(|folder| split_info(folder.file_name()?.to_str()?)).collect())
}

/// Name and version from a folder's name such as `scikit_learn-1.9.1.dist-info`.
fn split_info(folder: &str) -> Option<(String, String)> {
    let (name, version) = folder.strip_suffix(".dist-info")?.split_once('-')?;
    Some((name.to_lowercase().replace(['_', '.'], "-"), version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_the_info_folders() {
        let expected = Some(("scikit-learn".to_owned(), "1.9.1".to_owned()));
        assert_eq!(split_info("scikit_learn-1.9.1.dist-info"), expected);
        assert_eq!(split_info("sklearn"), None);
    }

    #[test]
    fn commands_go_and_data_moves() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("packages");
        fs::create_dir_all(target.join("bin")).unwrap();
        fs::create_dir_all(target.join("share/maps")).unwrap();
        let record = target.join("x-1.dist-info/RECORD");
        fs::create_dir(record.parent().unwrap()).unwrap();
        fs::write(&record, "../../bin/x,sha256=abc,1\nx.py,sha256=def,2\n").unwrap();
        tidy(dir.path(), &target).unwrap();
        assert_eq!(fs::read_to_string(&record).unwrap(), "x.py,sha256=def,2\n");
        assert!(!target.join("bin").exists() && !target.join("share").exists());
        assert!(dir.path().join("usr/local/share/maps").is_dir());
    }
}
