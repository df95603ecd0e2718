//! What is embedded in the command, so that one binary is enough: images, policies, the sample rows.

use std::collections::BTreeMap;

use include_dir::{Dir, DirEntry, include_dir};
use serde::Deserialize;

/// The runtimes' definitions and drivers: one folder each.
pub static IMAGES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../images");
/// The built-in policies, and their seccomp profiles in `seccomp/`.
pub static POLICIES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../policies");
/// The rows of `glasshouse demo`.
pub static DEMO: &str = include_str!("../../../fixtures/demo.jsonl");

/// A runtime's driver: its files by their paths in the driver's folder.
pub fn driver(runtime: &str) -> BTreeMap<String, Vec<u8>> {
    let base = format!("{runtime}/driver");
    let mut files = BTreeMap::new();
    if let Some(folder) = IMAGES.get_dir(&base) {
        collect(folder, &base, &mut files);
    }
    files
}

/// What a runtime says of figures that its programs leave in other forms than pictures: `figures.toml` beside its definition.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Figures {
    runtime: Option<String>,
    words: Vec<String>,
    documents: bool,
}

/// What a runtime says of figures that its programs leave as pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeavesPages {
    /// The runtime whose browser shows them.
    pub runtime: String,
    /// Words of which a program that leaves such pages has one.
    pub words: Vec<String>,
}

/// What the runtime says of figures that are pages. `None`: its programs leave none.
///
/// # Errors
/// The file, the key and what is wrong with it.
pub fn leaves_pages(runtime: &str) -> Result<Option<LeavesPages>, String> {
    let Figures { runtime, words, .. } = figures(runtime)?;
    Ok(runtime.map(|runtime| LeavesPages { runtime, words }))
}

/// Whether the runtime's programs leave figures in files alone, which are then drawn page by page.
///
/// # Errors
/// The file, the key and what is wrong with it.
pub fn leaves_documents(runtime: &str) -> Result<bool, String> {
    Ok(figures(runtime)?.documents)
}

fn figures(runtime: &str) -> Result<Figures, String> {
    let path = format!("{runtime}/figures.toml");
    let Some(file) = IMAGES.get_file(&path) else { return Ok(Figures::default()) };
    toml::from_str(file.contents_utf8().unwrap_or_default()).map_err(|error| format!("images/{path}: {error}"))
}

fn collect(folder: &Dir<'_>, base: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in folder.entries() {
        match entry {
            // Bytecode that a developer's own interpreter left is no part of the driver.
            DirEntry::Dir(inner) if inner.path().ends_with("__pycache__") => {}
            DirEntry::Dir(inner) => collect(inner, base, files),
            // Neither is what is written for people.
            DirEntry::File(file) if file.path().extension().is_some_and(|extension| extension == "md") => {}
            DirEntry::File(file) => {
                let path = file.path().strip_prefix(base).unwrap_or(file.path());
                files.insert(path.to_string_lossy().into_owned(), file.contents().to_vec());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_is_whole_and_clean() {
        let files = driver("python");
        assert!(
            files.contains_key("start.py") && files.contains_key("glasshouse_driver/program.py"),
            "{:?}",
            files.keys()
        );
        assert!(files.keys().all(|path| path.ends_with(".py")), "{:?}", files.keys());
        assert!(driver("r").contains_key("start.sh"));
        assert!(driver("cobol").is_empty());
    }

    #[test]
    fn what_shows_pythons_pages_is_a_runtime() {
        let python = leaves_pages("python").unwrap().unwrap();
        assert!(IMAGES.get_file(format!("{}/runtime.toml", python.runtime)).is_some());
        assert!(python.words.iter().any(|word| word == "plotly"));
        assert_eq!(leaves_pages("web"), Ok(None));
        assert_eq!((leaves_documents("r"), leaves_documents("python")), (Ok(true), Ok(false)));
    }
}
