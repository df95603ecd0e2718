//! The references: transformers in a Python of its own, run once for all tests of this program.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use glasshouse_judge::model::{Configuration, Grid, Pixels, Prompt};
use glasshouse_model::Digest;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::python;

/// Models by what is special about them, as `oracle.py` names them.
pub(crate) const VISION: [&str; 4] = ["nested-untied", "nested-tied", "flat-untied", "flat-tied"];
pub(crate) const TEXT: [&str; 2] = ["text-untied", "text-flat-tied"];

/// A rubric of few words: the tiny models' tokenizer makes many tokens of one that comes along.
pub(crate) const RUBRIC: &str = include_str!("../short.toml");

/// A prompt and what transformers makes of it.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) prompt: Arc<Prompt>,
    /// Scores after each token, token by token, in single precision.
    pub(crate) logits: Vec<f32>,
    /// The same in bf16.
    pub(crate) half: Vec<f32>,
    /// The most likely sixteen tokens.
    pub(crate) greedy: Vec<u32>,
}

/// The folder with the references, made if this is the first test to ask. Says why and returns None where transformers
/// cannot run.
pub(crate) fn references() -> Option<&'static Path> {
    static MADE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    able(MADE.get_or_init(make).as_deref().map_err(String::as_str), "the comparison with transformers")
}

/// What is needed for a test, if it can be had here. Else says why not, and that the test is not run.
pub(crate) fn able<T>(needed: Result<T, &str>, what: &str) -> Option<T> {
    match needed {
        Ok(needed) => Some(needed),
        Err(why) if env::var("GLASSHOUSE_ORACLE").is_ok_and(|value| value == "required") => panic!("{why}"),
        Err(why) => {
            eprintln!("NOT RUN: {what}: {why}");
            None
        }
    }
}

/// An interpreter, and the folder with transformers and torch.
pub(crate) fn transformers() -> Result<(PathBuf, PathBuf), String> {
    if env::consts::ARCH != "x86_64" {
        return Err("its packages are pinned for x86-64".to_owned());
    }
    let interpreter = python::interpreter()?;
    let packages = packages(&interpreter, &here())?;
    Ok((interpreter, packages))
}

/// Where this file is; the command's tests read it too.
fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../judge/tests/parity")
}

fn make() -> Result<PathBuf, String> {
    let (interpreter, packages) = transformers()?;
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(concat!(env!("CARGO_PKG_NAME"), "-references"));
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out).map_err(|error| error.to_string())?;
    let said = Command::new(interpreter)
        .arg("-s")
        .arg(here().join("oracle.py"))
        .arg(&out)
        .env("PYTHONPATH", packages)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("HF_HUB_OFFLINE", "1")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    // From here on, a failure is one of the test and not of its surroundings.
    assert!(said.status.success(), "{}: {}", said.status, String::from_utf8_lossy(&said.stderr));
    Ok(out)
}

/// The folder with transformers and torch, made if it is missing: 1.4 GB, in two minutes.
fn packages(interpreter: &Path, here: &Path) -> Result<PathBuf, String> {
    let (requirements, lean) = (here.join("requirements.txt"), here.join("lean.py"));
    let read = |path: &Path| fs::read(path).map_err(|error| error.to_string());
    let hash = Digest::of_parts([read(&requirements)?.as_slice(), &read(&lean)?]).hex();
    let home = python::cache()?.join("oracle").join(&hash[..16]);
    let packages = python::packages(interpreter, &home, "packages", &requirements)?;
    let done = home.join("lean.complete");
    if !done.exists() {
        let said = Command::new(interpreter).arg(lean).arg(&packages).output().map_err(|error| error.to_string())?;
        if !said.status.success() {
            let why = String::from_utf8_lossy(&said.stderr).into_owned();
            return Err(format!("{why}; it needs nm, readelf and cc: install binutils and gcc"));
        }
        fs::write(done, "").map_err(|error| error.to_string())?;
    }
    Ok(packages)
}

pub(crate) fn json<T: DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

pub(crate) fn numbers(path: &Path) -> Vec<f32> {
    fs::read(path).unwrap().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

pub(crate) fn tokens(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

/// The cases of a model in its folder.
pub(crate) fn cases(folder: &Path, configuration: &Configuration) -> Vec<Case> {
    let cases: Vec<Value> = json(&folder.join("cases.json"));
    let file = |name: &Value| numbers(&folder.join(name.as_str().unwrap()));
    let case = |case: &Value| {
        let pictures = case["pictures"].as_array().unwrap().iter().map(|picture| {
            let [frames, height, width] = serde_json::from_value(picture["grid"].clone()).unwrap();
            Arc::new(Pixels::new(Grid { frames, height, width }, file(&picture["numbers"])))
        });
        let prompt = Prompt::new(tokens(&case["tokens"]), pictures.collect(), configuration).unwrap();
        Case {
            name: case["name"].as_str().unwrap().to_owned(),
            prompt: Arc::new(prompt),
            logits: file(&case["logits"]),
            half: file(&case["bf16"]),
            greedy: tokens(&case["greedy"]),
        }
    };
    cases.iter().map(case).collect()
}
