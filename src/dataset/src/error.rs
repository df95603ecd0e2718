//! What can go wrong with a dataset or an OUT folder, said so that the reader knows what to do.

use std::path::Path;

use thiserror::Error;

/// A failure that concerns the whole command, not one row.
///
/// Causes are kept as text: the writer's failure is told to every caller, so it must be cloneable.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DatasetError {
    /// An input cannot be opened or is of no known format.
    #[error("cannot read {path}: {cause}; {next}")]
    Input {
        /// The input as it was named.
        path: String,
        /// What is wrong.
        cause: String,
        /// What to do.
        next: String,
    },
    /// An input ends or breaks in the middle.
    #[error("cannot read {path} past line {line}: {cause}; the rows before it are unharmed; {next}")]
    Cut {
        /// The input as it was named.
        path: String,
        /// The last line (row of Parquet, sample of a tar) that was read, counted from 1; 0: none.
        line: u64,
        /// What is wrong.
        cause: String,
        /// What to do.
        next: String,
    },
    /// OUT belongs to a run over another dataset.
    #[error(
        "{out} holds the run of another dataset ({theirs}), not of {ours}; \
         choose another folder with -o, or pass --fresh to delete that run"
    )]
    ForeignRun {
        /// The folder.
        out: String,
        /// The dataset that it holds.
        theirs: String,
        /// The dataset of this command.
        ours: String,
    },
    /// OUT belongs to a run with options that give other results.
    #[error(
        "{out} holds a run with other options ({difference}); repeat the options to go on with it, \
         choose another folder with -o, or pass --fresh to delete that run"
    )]
    OtherOptions {
        /// The folder.
        out: String,
        /// Each option that differs, with both values.
        difference: String,
    },
    /// OUT holds something that is not ours.
    #[error("{out} {cause}; choose another folder with -o, or empty it")]
    NotOurs {
        /// The folder.
        out: String,
        /// What it is.
        cause: String,
    },
    /// No run to read.
    #[error("{out} holds no run: {cause}; give the folder that was passed to `glasshouse run -o`")]
    NoRun {
        /// The folder.
        out: String,
        /// What is missing.
        cause: String,
    },
    /// Another command works on OUT.
    #[error("{out} is in use by pid {pid}; wait for it, stop it, or choose another folder with -o")]
    InUse {
        /// The folder.
        out: String,
        /// The process, or `unknown`.
        pid: String,
    },
    /// OUT does not hold what its journal says.
    #[error("{path} is damaged: {detail}; restore it from a copy, or pass --fresh to run the dataset again")]
    Damaged {
        /// The file.
        path: String,
        /// What does not fit.
        detail: String,
    },
    /// Something could not be written.
    #[error("cannot write {path}: {cause}; recorded and safe: {kept} rows; {next}")]
    Storage {
        /// The file.
        path: String,
        /// What is wrong.
        cause: String,
        /// Rows in the journal at that moment.
        kept: u64,
        /// What to do.
        next: String,
    },
    /// The journal cannot be read.
    #[error("cannot read the journal {path}: {cause}; check the disk, or pass --fresh to run the dataset again")]
    Journal {
        /// The file.
        path: String,
        /// What SQLite says.
        cause: String,
    },
    /// A row was recorded twice by one command, which is a fault of the caller.
    #[error("row {row} is already recorded")]
    Repeated {
        /// The row.
        row: u64,
    },
    /// A conversion failed.
    #[error("cannot convert to {path}: {cause}; {next}")]
    Convert {
        /// The file or folder being written.
        path: String,
        /// What is wrong.
        cause: String,
        /// What to do.
        next: String,
    },
}

impl DatasetError {
    /// Whether the command line or the input is wrong, as against a disk or journal that failed.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Input { .. }
            | Self::Cut { .. }
            | Self::ForeignRun { .. }
            | Self::OtherOptions { .. }
            | Self::NotOurs { .. }
            | Self::NoRun { .. }
            | Self::InUse { .. } => true,
            Self::Damaged { .. }
            | Self::Storage { .. }
            | Self::Journal { .. }
            | Self::Repeated { .. }
            | Self::Convert { .. } => false,
        }
    }

    pub(crate) fn input(path: &str, cause: impl ToString, next: impl Into<String>) -> Self {
        Self::Input { path: path.to_owned(), cause: cause.to_string(), next: next.into() }
    }

    pub(crate) fn storage(path: &Path, cause: &std::io::Error, kept: u64) -> Self {
        let next = match cause.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                "free some space and run the same command again to go on"
            }
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                "make the folder writable and run the same command again to go on"
            }
            _ => "check the disk and run the same command again to go on",
        };
        Self::Storage { path: show(path), cause: cause.to_string(), kept, next: next.to_owned() }
    }

    pub(crate) fn journal(path: &Path, cause: impl ToString) -> Self {
        Self::Journal { path: show(path), cause: cause.to_string() }
    }

    pub(crate) fn convert(path: &Path, cause: impl ToString) -> Self {
        let next = "the run in OUT is unharmed; free space or choose another folder, then convert again";
        Self::Convert { path: show(path), cause: cause.to_string(), next: next.to_owned() }
    }
}

pub(crate) fn show(path: &Path) -> String {
    path.display().to_string()
}
