//! All policies: those embedded in the command and those of the user's folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use glasshouse_model::{Policy, PolicyError, PolicySet};
use thiserror::Error;

use crate::resources::POLICIES;

/// What can be wrong with the policies.
#[derive(Debug, Error)]
pub enum PoliciesError {
    /// A file or folder cannot be read.
    #[error("cannot read policies from {path}: {source}; --policies takes a folder of NAME.toml files", path = path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the user's folder is wrong.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The key and what is wrong with it.
        source: PolicyError,
    },
    /// A built-in policy is wrong, or a name is unknown.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// The built-in policies, with those of `folder` added or in their place; each is checked as a whole.
pub fn load(folder: Option<&Path>) -> Result<PolicySet, PoliciesError> {
    let mut set = built_in()?;
    for path in folder.map(toml_files).transpose()?.unwrap_or_default() {
        add_file(&mut set, &path)?;
    }
    Ok(set)
}

/// One policy file, read together with all others, so that it may extend them.
pub fn check(file: &Path, folder: Option<&Path>) -> Result<Policy, PoliciesError> {
    let mut set = load(folder)?;
    let name = add_file(&mut set, file)?;
    set.get(&name).map_err(|source| PoliciesError::File { path: file.to_owned(), source })
}

fn built_in() -> Result<PolicySet, PoliciesError> {
    let mut set = PolicySet::default();
    for file in POLICIES.files() {
        let name = file.path().file_stem().and_then(|stem| stem.to_str());
        if let (Some(name), Some(text)) = (name, file.contents_utf8())
            && is_toml(file.path())
        {
            set.add(name, text)?;
        }
    }
    Ok(set)
}

fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, PoliciesError> {
    let unreadable = |source| PoliciesError::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if is_toml(&path) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn add_file(set: &mut PolicySet, path: &Path) -> Result<String, PoliciesError> {
    let text = fs::read_to_string(path).map_err(|source| PoliciesError::Read { path: path.to_owned(), source })?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    set.add(&name, &text).map_err(|source| PoliciesError::File { path: path.to_owned(), source })?;
    Ok(name)
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

#[cfg(test)]
mod tests {
    use glasshouse_model::Limits;

    use super::*;

    #[test]
    fn the_default_policy_states_the_default_limits() {
        assert_eq!(load(None).unwrap().get("default").unwrap().limits, Limits::default());
    }

    #[test]
    fn every_built_in_policy_is_whole_and_described() {
        let set = load(None).unwrap();
        let names: Vec<_> = set.names().collect();
        assert_eq!(names, ["default", "film", "long", "strict"]);
        for name in names {
            assert!(!set.get(name).unwrap().description.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_folder_adds_and_replaces() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("strict.toml"), "extends = \"default\"\n[limits]\nwall = 3").unwrap();
        fs::write(folder.path().join("mine.toml"), "extends = \"strict\"\n[limits]\ncpu = 2").unwrap();
        let mine = load(Some(folder.path())).unwrap().get("mine").unwrap();
        assert_eq!((mine.limits.wall.as_secs(), mine.limits.cpu.as_secs()), (3, 2));
    }

    #[test]
    fn errors_name_file_and_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bad.toml");
        fs::write(&file, "[limits]\nwal = 3").unwrap();
        let error = check(&file, None).unwrap_err().to_string();
        assert!(error.contains("bad.toml") && error.contains("wal"), "{error}");
        fs::write(&file, "extends = \"lax\"").unwrap();
        let error = check(&file, None).unwrap_err().to_string();
        assert!(error.contains("lax") && error.contains("there are: "), "{error}");
        let absent = load(Some(Path::new("absent"))).unwrap_err().to_string();
        assert!(absent.contains("absent") && absent.contains("NAME.toml"), "{absent}");
    }
}
