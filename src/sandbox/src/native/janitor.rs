//! The process that removes our cgroups when we are killed.

use std::io;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::guest::GuestProgram;

/// A running janitor. It acts when the pipe to it closes, that is when this process ends in any way.
#[derive(Debug)]
pub(crate) struct Janitor {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Janitor {
    /// Starts a janitor that will remove `folders`.
    pub(crate) fn start(program: &GuestProgram, folders: Vec<PathBuf>) -> io::Result<Self> {
        let mut child = Command::new(program.path())
            .arg("janitor")
            .args(folders)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe })
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.pipe = None;
        // It ends by itself; an error means that somebody else has waited for it.
        let _ = self.child.wait();
    }
}
