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

/// A runtime's driver: its files by their paths in the driver's folder, those of the driver that it adds to among them.
pub fn driver(runtime: &str) -> BTreeMap<String, Vec<u8>> {
    let base = format!("{runtime}/driver");
    let mut files = added_to(runtime).map(|other| driver(&other)).unwrap_or_default();
    if let Some(folder) = IMAGES.get_dir(&base) {
        collect(folder, &base, &mut files);
    }
    files
}

/// The runtime to whose driver this one's is added: `driver` in `zygotes.toml` beside its definition.
fn added_to(runtime: &str) -> Option<String> {
    let text = IMAGES.get_file(format!("{runtime}/zygotes.toml"))?.contents_utf8()?;
    let other = toml::from_str::<toml::Table>(text).ok()?.get("driver")?.as_str()?.to_owned();
    // A driver that is added to itself would have no end.
    (other != runtime).then_some(other)
}

/// What a runtime says of figures that its programs leave in other forms than pictures: `figures.toml` beside its definition.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Figures {
    runtime: Option<String>,
    words: Vec<String>,
    documents: bool,
    scenes: bool,
    policy: Option<String>,
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

/// Whether classes of the runtime's programs are animated scenes, so that rows may say which and how.
///
/// # Errors
/// The file, the key and what is wrong with it.
pub fn has_scenes(runtime: &str) -> Result<bool, String> {
    Ok(figures(runtime)?.scenes)
}

/// The policy of the runtime's rows, where neither they nor the command name one. `None`: that of all others.
///
/// # Errors
/// The file, the key and what is wrong with it.
pub fn own_policy(runtime: &str) -> Result<Option<String>, String> {
    Ok(figures(runtime)?.policy)
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
        let (python, manim) = (driver("python"), driver("manim"));
        assert!(manim.contains_key("glasshouse_manim/scenes.py"), "{:?}", manim.keys());
        assert_eq!(manim["glasshouse_driver/program.py"], python["glasshouse_driver/program.py"]);
        assert_ne!(manim["start.py"], python["start.py"]);
        assert!(driver("wolfram").contains_key("glasshouse_wolfram/scripts.py"));
    }

    #[test]
    fn what_shows_pythons_pages_is_a_runtime() {
        let python = leaves_pages("python").unwrap().unwrap();
        assert!(IMAGES.get_file(format!("{}/runtime.toml", python.runtime)).is_some());
        assert!(python.words.iter().any(|word| word == "plotly"));
        assert_eq!(leaves_pages("web"), Ok(None));
        assert_eq!((leaves_documents("r"), leaves_documents("python")), (Ok(true), Ok(false)));
        assert_eq!(leaves_documents("wolfram"), Ok(true));
        assert_eq!((has_scenes("manim"), has_scenes("python")), (Ok(true), Ok(false)));
        assert_eq!((own_policy("manim"), own_policy("python")), (Ok(Some("film".to_owned())), Ok(None)));
    }
}
