//! The command's side: starts helpers, asks them, and judges how they end.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use glasshouse_model::{Fault, FaultKind};

use super::protocol::{Hello, Reply, Request, receive, send_request};
use super::serve::SECONDS;
use crate::check::Checked;

/// Time on the clock for a helper to start or to answer. Processor time is limited far more tightly, by the
/// kernel; on this one only a host that is badly overloaded, or a helper that was stopped, can run out.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a helper may die of one file, or be killed from outside while it holds it, before that is final.
const TRIES: u32 = 2;

/// How a helper is started: the program must call [`super::main`] first thing.
#[derive(Clone, Debug)]
pub struct HelperCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

/// What a helper said of one file.
#[derive(Debug, Default)]
pub struct Answer {
    /// What the file is, or why it is nothing.
    pub checked: Checked,
    /// The PNG, if pixels were to be encoded and could be.
    pub png: Vec<u8>,
    /// Seconds of processor time that it took.
    pub cpu: f64,
}

impl Answer {
    fn problem(text: String, cpu: f64) -> Self {
        Self { checked: Checked::broken("application/octet-stream", text), png: Vec::new(), cpu }
    }
}

/// One helper, started when it is first needed and again when it died.
#[derive(Debug)]
pub struct Client {
    command: HelperCommand,
    live: Option<Live>,
}

/// A running helper. Dropping it ends the process and waits for it, so that none is left behind.
#[derive(Debug)]
struct Live {
    child: Child,
    socket: UnixStream,
    layers: Vec<String>,
}

impl Drop for Live {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Why one exchange came to nothing.
enum Broken {
    /// The helper's process has ended, thus.
    Ended(ExitStatus),
    /// No answer in time, or none that can be understood.
    Mute(io::Error),
}

impl Client {
    /// A client that starts its helper at the first request.
    pub fn new(command: HelperCommand) -> Self {
        Self { command, live: None }
    }

    /// Starts the helper now, if it does not run, and tells the layers that confine it.
    ///
    /// # Errors
    /// A fault if it cannot be started or does not confine itself.
    pub fn start(&mut self) -> Result<&[String], Fault> {
        Ok(&self.running()?.layers)
    }

    /// The helper's process id, if it runs.
    pub fn pid(&self) -> Option<u32> {
        self.live.as_ref().map(|live| live.child.id())
    }

    /// Asks what a file is. `extension` is what its name claims, in lower case.
    ///
    /// # Errors
    /// A fault if no helper can be had; never for anything that the file holds.
    pub fn check(&mut self, file: &File, extension: Option<&str>) -> Result<Answer, Fault> {
        self.ask(&Request::Check { extension: extension.map(str::to_owned) }, file, 0)
    }

    /// Asks for a PNG of raw pixels.
    ///
    /// # Errors
    /// A fault if no helper can be had; never for anything that the file holds.
    pub fn encode(&mut self, pixels: &File, width: u32, height: u32) -> Result<Answer, Fault> {
        let raw = u64::from(width) * u64::from(height) * 4;
        self.ask(&Request::Encode { width, height }, pixels, raw + raw / 8 + (64 << 10))
    }

    fn ask(&mut self, request: &Request, file: &File, limit: u64) -> Result<Answer, Fault> {
        let mut crashes = 0;
        let mut troubles = 0;
        loop {
            let status = match self.running()?.exchange(request, file, limit) {
                Ok((reply, png)) => return Ok(Answer { checked: bounded(reply.checked), png, cpu: reply.cpu }),
                Err(broken) => {
                    self.live = None;
                    broken
                }
            };
            match status {
                Broken::Ended(status) if status.signal() == Some(libc::SIGXCPU) => {
                    let text = format!("took more than {SECONDS} s of processor time to decode");
                    return Ok(Answer::problem(text, SECONDS as f64));
                }
                Broken::Ended(status) if is_crash(status) => {
                    crashes += 1;
                    if crashes == TRIES {
                        let text = format!("crashed the decoder, or needed more memory than allowed ({status})");
                        return Ok(Answer::problem(text, 0.0));
                    }
                }
                other => {
                    troubles += 1;
                    if troubles > TRIES {
                        return Err(fault(&other));
                    }
                }
            }
        }
    }

    fn running(&mut self) -> Result<&mut Live, Fault> {
        let live = match self.live.take() {
            Some(live) => live,
            None => start(&self.command)?,
        };
        Ok(self.live.insert(live))
    }
}

impl Live {
    fn exchange(&mut self, request: &Request, file: &File, limit: u64) -> Result<(Reply, Vec<u8>), Broken> {
        let outcome = send_request(&mut self.socket, request, file.as_fd())
            .and_then(|()| receive(&mut Patient::new(&self.socket), limit));
        outcome.map_err(|error| self.post_mortem(error))
    }

    /// Tells a helper that ended from one that is still there but says nothing of use.
    fn post_mortem(&mut self, error: io::Error) -> Broken {
        let closed = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
        );
        // A closed socket means that the process is ending; its status is there in a moment.
        let until = Instant::now() + Duration::from_secs(5);
        while closed && Instant::now() < until {
            match self.child.try_wait() {
                Ok(Some(status)) => return Broken::Ended(status),
                Ok(None) => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => return Broken::Mute(error),
            }
        }
        Broken::Mute(error)
    }
}

/// A crash is the decoder's own; `SIGKILL` and the like come from outside and prove nothing about the file.
fn is_crash(status: ExitStatus) -> bool {
    let own = [libc::SIGSEGV, libc::SIGBUS, libc::SIGABRT, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGSYS];
    status.signal().is_some_and(|signal| own.contains(&signal))
}

fn fault(broken: &Broken) -> Fault {
    let message = match broken {
        Broken::Ended(status) => format!("the check helper ended from outside while it held a file ({status})"),
        Broken::Mute(error) => format!("the check helper gave no usable answer: {error}"),
    };
    Fault::new(FaultKind::Check, message)
}

fn start(command: &HelperCommand) -> Result<Live, Fault> {
    let failed = |why: String| {
        let program = command.program.display();
        Fault::new(FaultKind::Check, format!("cannot start the check helper {program}: {why}"))
    };
    let (here, there) = UnixStream::pair().map_err(|error| failed(error.to_string()))?;
    let child = Command::new(&command.program)
        .args(&command.args)
        .env_clear()
        .current_dir("/")
        // Ctrl-C in the terminal is for the command; it ends its helpers itself.
        .process_group(0)
        .stdin(Stdio::from(OwnedFd::from(there)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let mut live = Live { child, socket: here, layers: Vec::new() };
    let (hello, _) = receive::<Hello>(&mut Patient::new(&live.socket), 0).map_err(|error| failed(error.to_string()))?;
    match hello {
        Hello::Ready { layers } => live.layers = layers,
        Hello::Refused { why } => return Err(failed(why)),
    }
    Ok(live)
}

/// Reads until a deadline for all reads together, so that a trickle of bytes cannot stretch it.
struct Patient<'a> {
    socket: &'a UnixStream,
    until: Instant,
}

impl<'a> Patient<'a> {
    fn new(socket: &'a UnixStream) -> Self {
        Self { socket, until: Instant::now() + PATIENCE }
    }
}

impl io::Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("none within {} s", PATIENCE.as_secs())));
        }
        self.socket.set_read_timeout(Some(left))?;
        self.socket.read(buffer)
    }
}

/// A helper that a file took over could say anything, so what it says is bounded and plain.
fn bounded(mut checked: Checked) -> Checked {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/+-.".contains(&byte);
    if checked.media_type.len() > 80 || !checked.media_type.bytes().all(plain) {
        checked.media_type = "application/octet-stream".to_owned();
    }
    let shorten = |text: String| crate::names::shown(text.chars().take(500).collect::<String>().as_bytes());
    checked.problem = checked.problem.map(shorten);
    checked.duration = checked.duration.filter(|seconds| seconds.is_finite());
    checked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_no_helper_is_a_fault() {
        for program in ["/bin/true", "/no/such/program"] {
            let mut client = Client::new(HelperCommand { program: program.into(), args: Vec::new() });
            let fault = client.start().unwrap_err();
            assert_eq!(fault.kind, FaultKind::Check);
            assert!(fault.message.contains(program), "{fault:?}");
        }
    }

    #[test]
    fn what_a_helper_says_is_bounded() {
        let checked = bounded(Checked {
            media_type: "text/<script>".into(),
            problem: Some("\n".repeat(9000)),
            duration: Some(f64::NAN),
            ..Checked::default()
        });
        assert_eq!(checked.media_type, "application/octet-stream");
        assert_eq!(checked.problem.unwrap().len(), 2000);
        assert_eq!(checked.duration, None);
    }

    #[test]
    fn only_the_decoders_own_signals_are_crashes() {
        assert!(is_crash(ExitStatus::from_raw(libc::SIGSEGV)));
        assert!(is_crash(ExitStatus::from_raw(libc::SIGABRT)));
        assert!(!is_crash(ExitStatus::from_raw(libc::SIGKILL)));
        assert!(!is_crash(ExitStatus::from_raw(libc::SIGTERM)));
        assert!(!is_crash(ExitStatus::from_raw(256)));
    }
}
