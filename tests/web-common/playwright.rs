//! Playwright, the control of comparisons, in an environment of its own that is made once in the cache.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::workspace;

/// The folder with Playwright's packages. A bare Debian has neither pip nor venv: then pip is run from the wheel that
/// Debian has a package of, which needs no rights to fetch and unpack.
pub(crate) fn packages() -> PathBuf {
    let requirements = workspace().join("tests/web-fidelity/requirements.txt");
    let version = said(Command::new("python3").args(["-c", "import platform; print(platform.python_version())"]));
    let hash = blake3::hash(&[&fs::read(&requirements).unwrap(), version.as_bytes()].concat()).to_hex();
    let home = super::cache().join("playwright").join(&hash[..16]);
    fs::create_dir_all(&home).unwrap();
    let lock = File::create(home.join("lock")).unwrap();
    lock.lock().unwrap();
    let packages = home.join("packages");
    if !home.join("complete").exists() {
        println!("fetching Playwright into {} (once, half a minute)", home.display());
        let mut install = pip(&home);
        install.args(["install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--upgrade"]);
        install.arg("--target").arg(&packages).arg("-r").arg(requirements);
        assert!(install.status().unwrap().success(), "{install:?} failed");
        File::create(home.join("complete")).unwrap();
    }
    packages
}

fn pip(home: &Path) -> Command {
    let mut command = Command::new("python3");
    let there = Command::new("python3").args(["-m", "pip", "--version"]).output().unwrap().status.success();
    if there {
        command.args(["-m", "pip"]);
        return command;
    }
    let fetched = Command::new("apt-get").args(["download", "python3-pip-whl"]).current_dir(home).status().unwrap();
    assert!(fetched.success(), "apt-get download python3-pip-whl failed; install python3-pip");
    let find = |folder: &Path, start: &str| {
        let entries = fs::read_dir(folder).unwrap().flatten();
        entries
            .map(|entry| entry.path())
            .find(|path| path.file_name().unwrap().to_string_lossy().starts_with(start))
            .unwrap()
    };
    let package = find(home, "python3-pip-whl_");
    let unpacked = Command::new("dpkg-deb").arg("-x").arg(package).arg(home.join("wheel")).status().unwrap();
    assert!(unpacked.success(), "dpkg-deb -x failed");
    command.arg(find(&home.join("wheel/usr/share/python-wheels"), "pip-").join("pip"));
    command
}

fn said(command: &mut Command) -> String {
    String::from_utf8_lossy(&command.output().unwrap().stdout).trim().to_owned()
}
