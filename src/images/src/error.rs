//! What can go wrong with an image, told so that the reader knows the next step.

use std::io;
use std::path::{Path, PathBuf};

/// Why an image could not be loaded, built, found or verified.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The definition lacks a file or holds one that makes no sense.
    #[error("image definition {name}: {file}: {problem}")]
    Definition {
        /// The definition's name.
        name: String,
        /// The file within the definition.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file of the cache, the root or the definition could not be read or written.
    #[error("cannot {action} {path}: {source}{hint}")]
    File {
        /// What was tried, such as `write`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
        /// What to do about it; empty or starting with `; `.
        hint: &'static str,
    },
    /// A program that the build needs is not on this machine.
    #[error("image build, step `{step}`: cannot start {program}: {source}; {hint}")]
    Program {
        /// The step of the build.
        step: &'static str,
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
        /// What to install.
        hint: &'static str,
    },
    /// A command of the build failed.
    #[error("image build, step `{step}`: {command} ended with {status}\n{output}\n{hint}")]
    Command {
        /// The step of the build.
        step: &'static str,
        /// The command line, shortened.
        command: String,
        /// Its exit status or signal.
        status: String,
        /// The last lines of what it printed, indented.
        output: String,
        /// What to install or set.
        hint: &'static str,
    },
    /// The machine cannot give what the build needs.
    #[error("image build, step `{step}`: {problem}")]
    Unfit {
        /// The step of the build.
        step: &'static str,
        /// What is missing and what to do about it.
        problem: String,
    },
}

impl ImageError {
    /// For `map_err`: an error of the file system, with the cause that most often has a remedy spelled out.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| {
            let hint = match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "; an image needs about 4 GB while it is built: free some space, or name another cache folder"
                }
                io::ErrorKind::PermissionDenied => "; the cache folder must belong to you: name another one",
                _ => "",
            };
            Self::File { action, path, source, hint }
        }
    }
}
