//! An image's definition: the files that decide what its root file system holds.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::path::Path;

use glasshouse_model::Digest;

use crate::error::ImageError;
use crate::mirror::Lock;
use crate::spec::{Drive, RuntimeSpec};

/// The name of the file that every definition has.
const RUNTIME_FILE: &str = "runtime.toml";

/// Part of every digest: raised whenever this crate would build another root from the same files.
const BUILDER_FORMAT: &str = "glasshouse root 1";

/// A runtime's definition, read and checked.
#[derive(Clone, Debug)]
pub struct Definition {
    /// What `runtime.toml` says.
    pub runtime: RuntimeSpec,
    /// `runtime.toml` and the files it names, by their paths in the definition. Nothing else of the folder
    /// (driver, tests, documentation) changes the root.
    files: BTreeMap<String, Vec<u8>>,
    /// The lock and the tables of the runtime's mirror, which has an address of its own.
    mirror: Option<(Lock, String)>,
}

impl Definition {
    /// Reads the definition in the folder `dir`.
    pub fn load(dir: &Path) -> Result<Self, ImageError> {
        let name =
            dir.file_name().map_or_else(|| dir.display().to_string(), |name| name.to_string_lossy().into_owned());
        Self::read(&name, |file| std::fs::read(dir.join(file)).map_err(|error| error.to_string()))
    }

    /// Takes the definition `name` from files in memory, by their paths relative to the definition's folder.
    pub fn from_files(name: &str, files: &BTreeMap<String, Vec<u8>>) -> Result<Self, ImageError> {
        Self::read(name, |file| files.get(file).cloned().ok_or_else(|| "no such file".to_owned()))
    }

    fn read(name: &str, get: impl Fn(&str) -> Result<Vec<u8>, String>) -> Result<Self, ImageError> {
        let problem = |file: &str, problem: String| ImageError::Definition {
            name: name.to_owned(),
            file: file.to_owned(),
            problem,
        };
        let source = get(RUNTIME_FILE).map_err(|error| problem(RUNTIME_FILE, error))?;
        let text = std::str::from_utf8(&source).map_err(|error| problem(RUNTIME_FILE, error.to_string()))?;
        let runtime = RuntimeSpec::parse(text).map_err(|error| problem(RUNTIME_FILE, error))?;
        if runtime.name != name {
            return Err(problem(RUNTIME_FILE, format!("name: `{}` must be the folder's name", runtime.name)));
        }
        let wheels = runtime.wheels.iter().map(|wheels| &wheels.requirements);
        let sources = runtime.sources.iter().flat_map(|sources| [&sources.requirements, &sources.tools]);
        let named = runtime.finish.iter().chain(wheels).chain(sources);
        let mut files = BTreeMap::new();
        for file in named {
            files.insert(file.clone(), get(file).map_err(|error| problem(file, error))?);
        }
        files.insert(RUNTIME_FILE.to_owned(), source);
        let text = |file: &str| {
            let bytes = get(file).map_err(|error| problem(file, error))?;
            String::from_utf8(bytes).map_err(|error| problem(file, error.to_string()))
        };
        let mirror = match &runtime.drive {
            Drive::Browser { mirror: Some(named), .. } => {
                let lock = Lock::parse(&text(&named.lock)?).map_err(|error| problem(&named.lock, error))?;
                Some((lock, text(&named.tables)?))
            }
            _ => None,
        };
        Ok(Self { runtime, files, mirror })
    }

    /// The image's address: a hash of all that decides its contents, this machine's architecture included.
    pub fn digest(&self) -> Digest {
        let frame = [BUILDER_FORMAT.as_bytes(), ARCH.as_bytes()];
        let files = self.files.iter().flat_map(|(path, bytes)| [path.as_bytes(), bytes.as_slice()]);
        Digest::of_parts(frame.into_iter().chain(files))
    }

    /// The name of the image's folder in the cache.
    pub fn folder(&self) -> String {
        format!("{}-{}", self.runtime.name, &self.digest().hex()[..16])
    }

    /// The lock and the tables of the runtime's mirror.
    pub(crate) fn mirror(&self) -> Option<(&Lock, &str)> {
        self.mirror.as_ref().map(|(lock, tables)| (lock, tables.as_str()))
    }

    /// The contents of a file that `runtime.toml` names.
    pub(crate) fn file(&self, path: &str) -> &[u8] {
        self.files.get(path).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::tests::SMALL;

    fn files(runtime: &str) -> BTreeMap<String, Vec<u8>> {
        BTreeMap::from([(RUNTIME_FILE.to_owned(), runtime.as_bytes().to_vec())])
    }

    #[test]
    fn a_folder_and_its_files_in_memory_are_the_same_definition() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("tiny");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(RUNTIME_FILE), SMALL).unwrap();
        let loaded = Definition::load(&folder).unwrap();
        assert_eq!(loaded.digest(), Definition::from_files("tiny", &files(SMALL)).unwrap().digest());
    }

    #[test]
    fn the_digest_covers_named_files_and_no_others() {
        let with_finish = SMALL.replace("script =", "finish = \"finish.sh\"\nscript =");
        let mut all = files(&with_finish);
        all.insert("finish.sh".into(), b"true".to_vec());
        let digest = Definition::from_files("tiny", &all).unwrap().digest();
        all.insert("README.md".into(), b"words".to_vec());
        assert_eq!(Definition::from_files("tiny", &all).unwrap().digest(), digest);
        all.insert("finish.sh".into(), b"false".to_vec());
        assert_ne!(Definition::from_files("tiny", &all).unwrap().digest(), digest);
    }

    #[test]
    fn errors_name_definition_and_file() {
        let with_finish = SMALL.replace("script =", "finish = \"finish.sh\"\nscript =");
        let error = Definition::from_files("tiny", &files(&with_finish)).unwrap_err().to_string();
        assert_eq!(error, "image definition tiny: finish.sh: no such file");
        let error = Definition::from_files("other", &files(SMALL)).unwrap_err().to_string();
        assert!(error.contains("must be the folder's name"), "{error}");
    }
}
