//! Playwright, in an environment of its own that is made once in the cache.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use glasshouse_web::mirror::Mirror;
use image::RgbaImage;
use serde_json::{Value, json};

use super::{Contract, Page, answers, common, decoded};

/// Playwright, ready to take pictures.
pub(crate) struct Control {
    folder: PathBuf,
    packages: PathBuf,
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/web-fidelity")
}

impl Control {
    pub(crate) fn start(folder: &Path, mirror: Arc<Mirror>) -> Self {
        answers::serve(&folder.join("answers"), mirror);
        Self { folder: folder.to_owned(), packages: environment() }
    }

    /// Playwright's pictures of these pages, or why there is none.
    pub(crate) fn pictures(
        &mut self,
        pages: &[Page],
        contract: Contract,
        wanted: &[usize],
        run: usize,
    ) -> BTreeMap<usize, Result<RgbaImage, String>> {
        let job = |index: &usize| {
            json!({ "index": index, "run": run, "html": pages[*index].html, "contract": contract.name() }).to_string()
                + "\n"
        };
        let jobs = self.folder.join("jobs.jsonl");
        fs::write(&jobs, wanted.iter().map(job).collect::<String>()).unwrap();
        let mut child = Command::new("python3")
            .arg(here().join("arm.py"))
            .arg(self.folder.join("answers"))
            .arg(common::browser())
            .args([&jobs, &self.folder])
            .env("PYTHONPATH", &self.packages)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pictures = BTreeMap::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let said: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let index = said["index"].as_u64().unwrap() as usize;
            let picture = match said["error"].as_str() {
                Some(error) => Err(error.to_owned()),
                None => decoded(&fs::read(self.folder.join(format!("{index}-{run}.png"))).unwrap()),
            };
            pictures.insert(index, picture);
        }
        assert!(child.wait().unwrap().success(), "Playwright's arm failed");
        assert_eq!(pictures.len(), wanted.len());
        pictures
    }
}

/// The folder with Playwright's packages. A bare Debian has neither pip nor venv: then pip is run from the wheel that
/// Debian has a package of, which needs no rights to fetch and unpack.
fn environment() -> PathBuf {
    let requirements = here().join("requirements.txt");
    let version = output(Command::new("python3").args(["-c", "import platform; print(platform.python_version())"]));
    let hash = blake3::hash(&[&fs::read(&requirements).unwrap(), version.as_bytes()].concat()).to_hex();
    let home = common::cache().join("playwright").join(&hash[..16]);
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

fn output(command: &mut Command) -> String {
    String::from_utf8_lossy(&command.output().unwrap().stdout).trim().to_owned()
}
