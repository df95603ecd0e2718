//! Renders pages in a browser that has no network, one fresh context for each page.
//!
//! A [`Renderer`] has one browser, started by a [`Host`], and gives each [`PageJob`] a page in a browser context of its
//! own, made ahead. Every request of the page is answered by the job's files, by [`Answers`], or fails at once. What
//! was seen comes back as a [`PageReport`]: evidence, from which verdicts are made elsewhere. An error of
//! [`Renderer::render`] is a fault of ours.
//!
//! Pictures are Playwright's: the same switches, the same preparation, the same command to the browser
//! (`src/page/shot.rs` says how).

mod answers;
mod browser;
mod connection;
mod error;
mod host;
mod job;
mod local;
pub mod mirror;
mod page;
mod renderer;
mod report;
mod run;
mod steps;
mod switches;
mod vitals;

pub use answers::{Answer, Answerer, Answers, Asked, Body, LackingPackage, NoAnswers, OWN_ORIGIN, media_type};
pub use browser::Recycling;
pub use error::WebError;
pub use host::{BrowserProcess, Death, Host, Pipes};
pub use job::{
    Area, Captures, Format, Frames, Options, PageJob, PageLimits, Rect, Shot, Source, Step, Until, Viewport,
};
pub use local::LocalHost;
pub use page::failure;
pub use renderer::Renderer;
pub use report::{ConsoleLine, Cut, Ending, PageReport, Picture, Refused, Request, Timings};
pub use switches::{ChromeSandbox, switches};
