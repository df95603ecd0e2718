//! The command's side: starts helpers, asks them, and tells how they end.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use glasshouse_model::{Fault, FaultKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::protocol::{Bounds, Envelope, Hello, Reply, receive, send_request};

/// Time on the clock for a helper to start or to answer. Processor time is limited far more tightly, by the
/// kernel; on this one only a host that is badly overloaded, or a helper that was stopped, can run out.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a helper may die of one file, or be killed from outside while it holds it, before that is final.
const TRIES: u32 = 2;
/// Bytes that are read of what a helper said on its standard error before it ended.
const LAST_WORDS: u64 = 1000;

/// How a helper is started: the program must call [`super::serve`] first thing.
#[derive(Clone, Debug)]
pub struct HelperCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

/// What came of one request.
#[derive(Debug)]
pub enum Said<A> {
    /// An answer.
    Answer {
        /// It.
        value: A,
        /// What was made.
        payload: Vec<u8>,
        /// Seconds of processor time that it took.
        cpu: f64,
    },
    /// The code that answers gave up in the middle: it met a case that it does not know.
    GaveUp {
        /// Seconds of processor time until then.
        cpu: f64,
    },
    /// It needed more processor time than its bounds allow.
    OutOfTime,
    /// It ended its helper, twice.
    Crashed {
        /// How.
        status: ExitStatus,
        /// What the helper said last.
        words: String,
    },
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
    /// The helper's process has ended, thus, with these last words.
    Ended { status: ExitStatus, words: String },
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

    /// Asks something of a file; what is made has at most `limit` bytes.
    ///
    /// # Errors
    /// A fault if no helper can be had; never for anything that the file holds.
    pub fn ask<Q: Serialize, A: DeserializeOwned>(
        &mut self,
        request: &Q,
        file: &File,
        bounds: Bounds,
        limit: u64,
    ) -> Result<Said<A>, Fault> {
        let envelope = Envelope { request, bounds };
        let mut crashes = 0;
        let mut troubles = 0;
        loop {
            let broken = match self.running()?.exchange::<_, Reply<A>>(&envelope, file, limit) {
                Ok((Reply { answer: Some(value), cpu }, payload)) => return Ok(Said::Answer { value, payload, cpu }),
                Ok((Reply { answer: None, cpu }, _)) => return Ok(Said::GaveUp { cpu }),
                Err(broken) => {
                    self.live = None;
                    broken
                }
            };
            match broken {
                Broken::Ended { status, .. } if status.signal() == Some(libc::SIGXCPU) => return Ok(Said::OutOfTime),
                Broken::Ended { status, words } if is_crash(status) => {
                    crashes += 1;
                    if crashes == TRIES {
                        return Ok(Said::Crashed { status, words });
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
    fn exchange<Q: Serialize, A: DeserializeOwned>(
        &mut self,
        request: &Q,
        file: &File,
        limit: u64,
    ) -> Result<(A, Vec<u8>), Broken> {
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
                Ok(Some(status)) => return Broken::Ended { status, words: self.last_words() },
                Ok(None) => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => return Broken::Mute(error),
            }
        }
        Broken::Mute(error)
    }

    /// What a helper that has ended wrote to its standard error. Nobody else holds the pipe, so this ends.
    fn last_words(&mut self) -> String {
        let mut words = Vec::new();
        if let Some(pipe) = self.child.stderr.take() {
            // What cannot be read was not said.
            let _ = pipe.take(LAST_WORDS).read_to_end(&mut words);
        }
        String::from_utf8_lossy(&words).into_owned()
    }
}

/// A crash is the decoder's own; `SIGKILL` and the like come from outside and prove nothing about the file.
fn is_crash(status: ExitStatus) -> bool {
    let own = [libc::SIGSEGV, libc::SIGBUS, libc::SIGABRT, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGSYS];
    status.signal().is_some_and(|signal| own.contains(&signal))
}

fn fault(broken: &Broken) -> Fault {
    let message = match broken {
        Broken::Ended { status, .. } => format!("a helper ended from outside while it held a file ({status})"),
        Broken::Mute(error) => format!("a helper gave no usable answer: {error}"),
    };
    Fault::new(FaultKind::Check, message)
}

fn start(command: &HelperCommand) -> Result<Live, Fault> {
    let failed = |why: String| {
        let program = command.program.display();
        Fault::new(FaultKind::Check, format!("cannot start the helper {program}: {why}"))
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
        .stderr(Stdio::piped())
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
    fn only_the_decoders_own_signals_are_crashes() {
        assert!(is_crash(ExitStatus::from_raw(libc::SIGSEGV)));
        assert!(is_crash(ExitStatus::from_raw(libc::SIGABRT)));
        assert!(!is_crash(ExitStatus::from_raw(libc::SIGKILL)));
        assert!(!is_crash(ExitStatus::from_raw(libc::SIGTERM)));
        assert!(!is_crash(ExitStatus::from_raw(256)));
    }
}
