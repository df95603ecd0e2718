//! The rules of the house that a compiler does not check: floors, unsafe code, the size of files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Lowest first; a crate may use crates of lower floors only.
const FLOORS: [&[&str]; 4] = [
    &["model", "score"],
    &["dataset", "capture", "images", "embed"],
    &["sandbox", "svg", "web", "judge"],
    &["glasshouse"],
];
/// Where `unsafe` may be written, beside src/guest.
const UNSAFE: [&str; 1] = ["src/sandbox/src/sys.rs"];
const LONGEST_FILE: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn floor(name: &str) -> usize {
    FLOORS
        .iter()
        .position(|floor| floor.contains(&name))
        .unwrap_or_else(|| panic!("{name} has no floor in tests/house"))
}

/// The workspace's crates that each crate depends on, by the folders of src/.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root().join("src")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name == "guest" {
            continue;
        }
        let manifest: toml::Table =
            toml::from_str(&fs::read_to_string(entry.path().join("Cargo.toml")).unwrap()).unwrap();
        let table = manifest.get("dependencies").and_then(toml::Value::as_table).cloned().unwrap_or_default();
        let ours = table.keys().filter_map(|name| name.strip_prefix("glasshouse-")).map(str::to_owned);
        found.insert(name, ours.collect());
    }
    found
}

#[test]
fn imports_never_go_up_a_floor() {
    let dependencies = dependencies();
    assert!(dependencies.len() >= 6, "{dependencies:?}");
    for (name, uses) in &dependencies {
        for used in uses {
            assert!(floor(used) < floor(name), "{name} uses {used}, which is not on a lower floor");
        }
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && name != "__pycache__" {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "py") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<(String, String)> {
    let root = root();
    let mut paths = Vec::new();
    for folder in ["src", "images", "tests", "benches"] {
        sources(&root.join(folder), &mut paths);
    }
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn unsafe_code_is_where_it_may_be() {
    let word = concat!("unsafe", " ");
    for (name, text) in all_sources() {
        let allowed = name.starts_with("src/guest/") || UNSAFE.contains(&name.as_str()) || !name.ends_with(".rs");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let used =
            code.filter(|line| line.contains(&format!("{word}{{")) || line.contains(&format!("{word}fn"))).count();
        assert!(allowed || used == 0 || name.starts_with("tests/"), "{name} has unsafe code");
    }
}

/// A Dockerfile is for people to read and to build by hand; what an image holds is decided in runtime.toml.
#[test]
fn dockerfiles_install_what_runtimes_are_made_of() {
    let mut found = 0;
    for entry in fs::read_dir(root().join("images")).unwrap().flatten() {
        let Ok(text) = fs::read_to_string(entry.path().join("Dockerfile")) else { continue };
        let runtime: toml::Table =
            toml::from_str(&fs::read_to_string(entry.path().join("runtime.toml")).unwrap()).unwrap();
        let packages = runtime["debian"]["packages"].as_array().unwrap();
        let decided: Vec<&str> = packages.iter().map(|package| package.as_str().unwrap()).collect();
        // The last stage is the image: a word a line, from the command to what follows it.
        let image = text.rsplit("\nFROM ").next().unwrap();
        let after = image.split_once("apt-get install --yes --no-install-recommends").unwrap().1;
        let installed: Vec<&str> =
            after.split("&&").next().unwrap().split_whitespace().filter(|word| *word != "\\").collect();
        assert_eq!(installed, decided, "{}", entry.path().display());
        for file in [runtime.get("finish"), runtime.get("wheels").and_then(|wheels| wheels.get("requirements"))] {
            let file = file.map_or("", |file| file.as_str().unwrap());
            assert!(text.contains(&format!("COPY {file}")), "{}: {file}", entry.path().display());
        }
        let suite = runtime["debian"]["suite"].as_str().unwrap();
        assert!(image.starts_with(&format!("debian:{suite}-slim")), "{}", entry.path().display());
        found += 1;
    }
    assert!(found > 0, "no image has a Dockerfile");
}

#[test]
fn files_stay_small_and_say_what_they_are() {
    for (name, text) in all_sources() {
        let lines = text.lines().count();
        assert!(lines <= LONGEST_FILE, "{name} has {lines} lines: two things live together");
        if name.ends_with(".rs") {
            assert!(text.starts_with("//!") || text.starts_with("#!"), "{name} does not say what it is");
        }
    }
}
