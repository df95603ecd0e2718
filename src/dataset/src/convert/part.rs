//! The files of a conversion: each is written under a name of its own and renamed when it is whole.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::DatasetError;

/// The parts in a folder.
pub(crate) struct Parts {
    folder: PathBuf,
    extension: &'static str,
    kept: Vec<PathBuf>,
}

impl Parts {
    pub(crate) fn new(folder: &Path, extension: &'static str) -> Self {
        Self { folder: folder.to_owned(), extension, kept: Vec::new() }
    }

    /// Where the next part is written.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.folder.join(format!(".records.{}.part", self.extension))
    }

    /// The next part is whole: it gets its name.
    pub(crate) fn keep(&mut self) -> Result<(), DatasetError> {
        let name = self.folder.join(format!("records-{:05}.{}", self.kept.len(), self.extension));
        let temporary = self.temporary();
        let kept = File::open(&temporary).and_then(|file| file.sync_all()).and_then(|()| fs::rename(&temporary, &name));
        kept.map_err(|error| DatasetError::convert(&name, error))?;
        self.kept.push(name);
        Ok(())
    }

    /// Deletes the parts that an earlier conversion left beyond ours; gives ours.
    pub(crate) fn finish(self) -> Result<Vec<PathBuf>, DatasetError> {
        let failed = |error| DatasetError::convert(&self.folder, error);
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if self.is_part(&path) && !self.kept.contains(&path) {
                fs::remove_file(&path).map_err(failed)?;
            }
        }
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(self.kept)
    }

    /// `records-`, five digits or more, and our extension.
    fn is_part(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number =
            name.strip_prefix("records-").and_then(|rest| rest.strip_suffix(self.extension)?.strip_suffix('.'));
        number.is_some_and(|digits| digits.len() >= 5 && digits.bytes().all(|digit| digit.is_ascii_digit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parts_of_an_earlier_conversion_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let names =
            ["records-00000.tar", "records-00001.tar", "records-00001.parquet", "records-1.tar", "records-x0001.tar"];
        for name in names {
            fs::write(folder.path().join(name), "old").unwrap();
        }
        let mut parts = Parts::new(folder.path(), "tar");
        fs::write(parts.temporary(), "new").unwrap();
        parts.keep().unwrap();
        assert_eq!(parts.finish().unwrap(), [folder.path().join("records-00000.tar")]);
        assert_eq!(fs::read(folder.path().join("records-00000.tar")).unwrap(), b"new");
        let left = names.map(|name| folder.path().join(name).exists());
        assert_eq!(left, [true, false, true, true, true]);
    }
}
