//! A daemon of the test's own.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

/// A daemon with two workers, warm for Python.
pub(crate) struct Service {
    daemon: Child,
    said: BufReader<ChildStderr>,
    socket: PathBuf,
}

impl Service {
    /// Starts one that serves `serve.sock` in `folder`, and waits until it does.
    pub(crate) fn start(folder: &Path) -> Self {
        let socket = folder.join("serve.sock");
        let mut daemon = glasshouse(&["serve", "--workers", "2", "--socket"]);
        let mut daemon = daemon.arg(&socket).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(daemon.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("serving ") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "the daemon ended: {:?}", daemon.wait());
        }
        Self { daemon, said, socket }
    }

    pub(crate) fn socket(&self) -> &str {
        self.socket.to_str().unwrap()
    }

    /// What it has of artifacts that are not handed over.
    pub(crate) fn spooled(&self) -> usize {
        files(&self.socket.with_extension("spool"))
    }

    /// Asks it to end.
    pub(crate) fn stop(&self) {
        let status = Command::new("kill").args(["-s", "TERM", &self.daemon.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Ends it; jobs that it answered.
    pub(crate) fn end(self) -> u64 {
        self.stop();
        self.ended()
    }

    /// Waits until it has ended as it was asked to; jobs that it answered. Nothing of it may be left.
    pub(crate) fn ended(mut self) -> u64 {
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        assert_eq!(self.daemon.wait().unwrap().code(), Some(0), "{rest}");
        assert!(!self.socket.exists() && !self.socket.with_extension("spool").exists());
        let answered = rest.trim().rsplit(' ').next().unwrap().replace(',', "");
        answered.parse().unwrap_or_else(|_| panic!("{rest}"))
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A test that fails leaves no daemon behind; one that has ended cannot be killed.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// `glasshouse ARGUMENTS`, with nothing to read.
pub(crate) fn glasshouse(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glasshouse"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs the command to its end.
pub(crate) fn done(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code(), text(stdout), text(stderr))
}

fn files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count = |path: PathBuf| if path.is_dir() { files(&path) } else { 1 };
    entries.map(|entry| count(entry.unwrap().path())).sum()
}
