//! What starts a browser: the place where isolation is put around it.

use std::os::fd::OwnedFd;

use crate::WebError;

/// Starts browsers. The renderer asks for one at a time, whenever the last one is spent or dead.
pub trait Host: Send + Sync {
    /// A new browser process that speaks the DevTools protocol over a pipe, with [`crate::switches`] on its command
    /// line, a profile folder of its own, and nothing that an earlier browser left.
    ///
    /// # Errors
    /// [`WebError::Launch`] with the cause and the next step.
    fn launch(&self) -> Result<Box<dyn BrowserProcess>, WebError>;
}

/// Our ends of a browser's pipes.
#[derive(Debug)]
pub struct Pipes {
    /// What we write arrives at the browser's descriptor 3.
    pub commands: OwnedFd,
    /// What the browser writes to its descriptor 4 arrives here.
    pub messages: OwnedFd,
}

/// A browser with all its processes. Dropping it ends them all and removes its profile.
pub trait BrowserProcess: Send {
    /// The pipes, once; `None` when they were taken before.
    fn pipes(&mut self) -> Option<Pipes>;

    /// Ends every process of the browser and waits until all are gone.
    fn kill(&mut self);

    /// Memory in use by all its processes now, in bytes; `None` when it cannot be told.
    fn memory(&self) -> Option<u64>;

    /// Seconds of processor time that all its processes have used; `None` when it cannot be told.
    fn cpu(&self) -> Option<f64>;

    /// How often the kernel killed one of its processes for memory since it was started. Zero where the host cannot
    /// tell, which makes such a kill a fault of ours.
    fn memory_kills(&self) -> u64;

    /// How its main process ended; `None` while it runs.
    fn death(&mut self) -> Option<Death>;
}

/// How a browser's main process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// `exit status 1`, `signal 9`.
    pub how: String,
    /// The last lines that it wrote to its standard error, for people.
    pub last_words: String,
}
