//! A Python of a known kind, with pinned packages in a folder of the cache, for tests that compare with Python.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The interpreter whose standard library is ported. Others of 3.11 do as well if the modules that matter are the same,
/// as Debian 12's 3.11.2 has them: Python itself tells, by a hash of their text without comments.
const MODULES: &str = "html,html.parser,html.entities,_markupbase,difflib";
const TELL: &str = "
import hashlib, importlib, platform, sys
text = ''
for name in sys.argv[1].split(','):
    for line in open(importlib.import_module(name).__file__, encoding='utf-8'):
        text += '' if line.lstrip().startswith('#') else line
print(platform.python_implementation(), platform.python_version_tuple()[1], hashlib.sha256(text.encode()).hexdigest())
";
/// What CPython 3.11.7 tells.
const TOLD: &str = "CPython 11 d8521a3fec7309ca324e31b4cb99bc12acc9ff2b2a215398af00f2d801e201e4";

/// Names an interpreter.
const NAMED: &str = "GLASSHOUSE_ORACLE_PYTHON";

/// An interpreter that will do.
pub(crate) fn interpreter() -> Result<PathBuf, String> {
    let named = env::var_os(NAMED).map(PathBuf::from);
    let usual = ["python3.11", "python3", "python", "/usr/bin/python3.11"].map(PathBuf::from);
    let fits = |python: &PathBuf| {
        let said = Command::new(python).args(["-I", "-c", TELL, MODULES]).output();
        said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).trim() == TOLD)
    };
    let missing = "it needs CPython 3.11.7, or one of 3.11 with the same html.parser and difflib, as Debian 12 has it";
    let missing = format!("{missing}: install python3.11, or name one in {NAMED}");
    named.into_iter().chain(usual).find(fits).ok_or(missing)
}

/// The folder with the packages that `requirements` pins by version and hash, made if it is missing, in `home`, whose
/// name must tell the requirements from others.
pub(crate) fn packages(python: &Path, home: &Path, name: &str, requirements: &Path) -> Result<PathBuf, String> {
    let folder = home.join(name);
    let failed = |error: io::Error| format!("{}: {error}", home.display());
    fs::create_dir_all(home).map_err(failed)?;
    // Two tests at a time must not fill the same folder.
    let lock = File::create(home.join("lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let complete = home.join(format!("{name}.complete"));
    if !complete.exists() {
        eprintln!("fetching Python packages ({}) into {} (once, a minute)", requirements.display(), folder.display());
        let _ = fs::remove_dir_all(&folder);
        let mut install = pip(python, home)?;
        install.args(["install", "--quiet", "--disable-pip-version-check", "--no-input", "--require-hashes"]);
        install
            .args(["--root-user-action=ignore", "--no-deps", "--upgrade", "--target"])
            .arg(&folder)
            .arg("-r")
            .arg(requirements);
        step(&mut install)?;
        File::create(complete).map_err(failed)?;
    }
    Ok(folder)
}

/// pip, which a bare Debian has not, and no ensurepip either: then it is run from the wheel that Debian has a package
/// of, which needs no rights to fetch and unpack.
fn pip(python: &Path, home: &Path) -> Result<Command, String> {
    let mut command = Command::new(python);
    let asked = Command::new(python).args(["-m", "pip", "--version"]).output();
    if asked.is_ok_and(|said| said.status.success()) {
        command.args(["-m", "pip"]);
        return Ok(command);
    }
    let missing = "; install python3-pip, or python3-pip-whl from which it can be run";
    let mut wheel = first(Path::new("/usr/share/python-wheels"), "pip-");
    if wheel.is_none() {
        eprintln!("there is no pip: fetching Debian's wheel of it into {}", home.display());
        step(Command::new("apt-get").args(["download", "python3-pip-whl"]).current_dir(home))
            .map_err(|error| error + missing)?;
        let package = first(home, "python3-pip-whl_").ok_or_else(|| format!("no package came{missing}"))?;
        step(Command::new("dpkg-deb").arg("-x").arg(package).arg(home.join("pip"))).map_err(|error| error + missing)?;
        wheel = first(&home.join("pip/usr/share/python-wheels"), "pip-");
    }
    // A wheel is a zip file, in which Python finds the program.
    command.arg(wheel.ok_or_else(|| format!("no wheel of pip was found{missing}"))?.join("pip"));
    Ok(command)
}

/// The first entry of a folder whose name begins so.
fn first(folder: &Path, start: &str) -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    found.sort();
    found.into_iter().find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start)))
}

fn step(command: &mut Command) -> Result<(), String> {
    let done = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    done.success().then_some(()).ok_or_else(|| format!("{command:?} failed"))
}

/// The cache folder of these tests.
pub(crate) fn cache() -> Result<PathBuf, String> {
    let from = |name| env::var_os(name).map(PathBuf::from);
    from("GLASSHOUSE_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|base| base.join("glasshouse")))
        .or_else(|| from("HOME").map(|home| home.join(".cache/glasshouse")))
        .ok_or_else(|| "no cache folder: set GLASSHOUSE_CACHE".to_owned())
}
