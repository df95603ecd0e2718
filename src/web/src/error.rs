//! What can go wrong between us and the browser. Never the page's doing: that is [`crate::Ending`].

use std::time::Duration;

use thiserror::Error;

/// A failure of ours or of the browser: a fault, never a verdict on a page.
#[derive(Debug, Error)]
pub enum WebError {
    /// No browser could be started.
    #[error("start the browser: {0}")]
    Launch(String),
    /// The browser's process ended, or its pipe closed.
    #[error("the browser is gone: {0}")]
    Gone(String),
    /// The browser did not answer a command in time.
    #[error("the browser did not answer {method} within {after:?}; it is replaced")]
    Silent {
        /// The DevTools method.
        method: String,
        /// How long we waited.
        after: Duration,
    },
    /// The browser answered a command with an error.
    #[error("the browser refused {method}: {message}")]
    Refused {
        /// The DevTools method.
        method: String,
        /// The browser's words.
        message: String,
    },
    /// The browser's answer to a command is none that we know.
    #[error("the browser answered {method} in a form that is not known ({message}); is it a supported version?")]
    Form {
        /// The DevTools method.
        method: String,
        /// What is wrong with the answer.
        message: String,
    },
    /// A job asks for something that no browser can do.
    #[error("the job cannot be run: {0}")]
    Job(String),
}
