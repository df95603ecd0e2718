//! A browser without isolation of ours around it: for tests and development, never for pages of others.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt, FdMapping};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tempfile::TempDir;

use crate::WebError;
use crate::host::{BrowserProcess, Death, Host, Pipes};
use crate::switches::{ChromeSandbox, switches};

/// The descriptors that Chrome reads commands from and writes messages to.
const COMMANDS: i32 = 3;
const MESSAGES: i32 = 4;
/// How much of its standard error is kept for people.
const LAST_WORDS: u64 = 2048;
/// How long killed processes may take to be gone.
const GRACE: Duration = Duration::from_secs(5);

/// Starts a browser's program directly, in a process group of its own.
#[derive(Clone, Debug)]
pub struct LocalHost {
    program: PathBuf,
    extra: Vec<String>,
}

impl LocalHost {
    /// A host for this program: a `chromium-headless-shell`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), extra: Vec::new() }
    }

    /// Adds switches to the command line.
    #[must_use]
    pub fn with_switches(mut self, switches: impl IntoIterator<Item = String>) -> Self {
        self.extra.extend(switches);
        self
    }

    /// Debian's program, if it is installed on this machine.
    pub fn installed() -> Option<Self> {
        let program = Path::new("/usr/lib/chromium/chromium-headless-shell");
        program.is_file().then(|| Self::new(program))
    }
}

fn launch_error(what: &str, error: &dyn std::fmt::Display) -> WebError {
    WebError::Launch(format!("{what}: {error}"))
}

impl Host for LocalHost {
    fn launch(&self) -> Result<Box<dyn BrowserProcess>, WebError> {
        let folder = tempfile::Builder::new()
            .prefix("glasshouse-web-")
            .tempdir()
            .map_err(|error| launch_error("no folder could be made for its profile", &error))?;
        let said = File::create(folder.path().join("stderr"))
            .and_then(|file| Ok((file.try_clone()?, file)))
            .map_err(|error| launch_error("no file could be made for its standard error", &error))?;
        let pipes = || -> std::io::Result<_> { Ok((std::io::pipe()?, std::io::pipe()?)) };
        let ((commands_there, commands), (messages, messages_there)) =
            pipes().map_err(|error| launch_error("no pipe could be made", &error))?;
        let mut command = Command::new(&self.program);
        command
            .args(switches(ChromeSandbox::Off))
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .args(&self.extra)
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::from(said.0))
            .process_group(0);
        let mappings = vec![
            FdMapping { parent_fd: commands_there.into(), child_fd: COMMANDS },
            FdMapping { parent_fd: messages_there.into(), child_fd: MESSAGES },
        ];
        command.fd_mappings(mappings).map_err(|error| launch_error("its pipes cannot be handed over", &error))?;
        let child = command.spawn().map_err(|error| {
            WebError::Launch(format!("{}: {error}; install chromium-headless-shell", self.program.display()))
        })?;
        // The command holds the browser's ends; as long as we held them too we should not see it end.
        drop(command);
        let group = Pid::from_child(&child);
        let pipes = Some(Pipes { commands: commands.into(), messages: messages.into() });
        Ok(Box::new(LocalProcess { child, group, pipes, said: said.1, ended: None, folder: Some(folder) }))
    }
}

struct LocalProcess {
    child: Child,
    group: Pid,
    pipes: Option<Pipes>,
    said: File,
    ended: Option<ExitStatus>,
    folder: Option<TempDir>,
}

impl LocalProcess {
    fn last_words(&mut self) -> String {
        let mut text = Vec::new();
        let length = self.said.metadata().map_or(0, |metadata| metadata.len());
        let from = SeekFrom::Start(length.saturating_sub(LAST_WORDS));
        if self.said.seek(from).is_ok() {
            // What cannot be read is not shown: these words only help people.
            let _ = (&self.said).take(LAST_WORDS).read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl BrowserProcess for LocalProcess {
    fn pipes(&mut self) -> Option<Pipes> {
        self.pipes.take()
    }

    fn kill(&mut self) {
        let until = Instant::now() + GRACE;
        // The group's id is free for others only when all in it are gone, so this can hit nobody else.
        while test_kill_process_group(self.group).is_ok() && Instant::now() < until {
            let _ = kill_process_group(self.group, Signal::KILL);
            if let Ok(Some(status)) = self.child.try_wait() {
                self.ended.get_or_insert(status);
            }
            thread::sleep(Duration::from_millis(1));
        }
        if let Ok(status) = self.child.wait() {
            self.ended.get_or_insert(status);
        }
    }

    fn memory(&self) -> Option<u64> {
        let entries = fs::read_dir("/proc").ok()?;
        let group = self.group.as_raw_nonzero().get();
        let bytes = entries.flatten().filter_map(|entry| memory_of(&entry.path(), group)).sum();
        Some(bytes)
    }

    fn cpu(&self) -> Option<f64> {
        let entries = fs::read_dir("/proc").ok()?;
        let group = self.group.as_raw_nonzero().get();
        Some(entries.flatten().filter_map(|entry| cpu_of(&entry.path(), group)).sum())
    }

    fn memory_kills(&self) -> u64 {
        0
    }

    fn death(&mut self) -> Option<Death> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        let status = self.ended?;
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => status.to_string(),
        };
        Some(Death { how, last_words: self.last_words() })
    }
}

/// The proportional share of memory of one process, if it belongs to the group.
fn memory_of(folder: &Path, group: i32) -> Option<u64> {
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    let found: i32 = stat.rsplit(')').next()?.split_whitespace().nth(2)?.parse().ok()?;
    if found != group {
        return None;
    }
    let rollup = fs::read_to_string(folder.join("smaps_rollup")).ok()?;
    let share = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    share.trim().trim_end_matches(" kB").trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Seconds of processor time of one process, if it belongs to the group.
fn cpu_of(folder: &Path, group: i32) -> Option<f64> {
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    if fields.get(2)?.parse() != Ok(group) {
        return None;
    }
    // Fields 14 and 15 of the whole line, in clock ticks.
    let ticks = number(11)? + number(12)?;
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

impl Drop for LocalProcess {
    fn drop(&mut self) {
        self.pipes = None;
        self.kill();
        if let Some(folder) = self.folder.take() {
            // A profile that cannot be removed whole is left in the temporary folder, which the system empties.
            let _ = folder.close();
        }
    }
}
