//! Finding elements as a user would: there, visible, still, enabled, and not covered.
//!
//! The states are Playwright's: visible is a box that is not empty and not `visibility: hidden`; stable is the same box
//! in two frames; enabled is not disabled, itself or by its fieldset; and a point gets the mouse's events if nothing
//! else lies over it there.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Halt, Page, Thrown};
use crate::job::Rect;

const FIND: &str = include_str!("../script/find.js");

/// Pauses between looks, as Playwright has them; the last one is repeated.
const PAUSES: [u64; 5] = [0, 20, 100, 100, 500];

/// An element that is as it should be.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Point {
    /// The middle of what is in view, in CSS pixels of the window.
    pub(crate) x: f64,
    pub(crate) y: f64,
    /// Its box in CSS pixels of the document.
    pub(crate) document: Rect,
}

/// What one look at an element gives.
#[derive(Debug, Deserialize)]
struct Look<T> {
    /// What is wrong so far; looking again may help.
    not_yet: Option<String>,
    /// What is wrong for good.
    never: Option<String>,
    found: Option<T>,
}

impl Page {
    /// Waits until the first element that `selector` finds is in all of these `states`, scrolled into view.
    pub(crate) fn sight(&mut self, selector: &str, states: &[&str], deadline: Instant) -> Result<Thrown<Point>, Halt> {
        self.look("point", selector, states, &Value::Null, deadline)
    }

    /// Waits until an element is in these states and does `task` with it, which may ask to be tried again.
    pub(crate) fn look<T: DeserializeOwned>(
        &mut self,
        task: &str,
        selector: &str,
        states: &[&str],
        argument: &Value,
        deadline: Instant,
    ) -> Result<Thrown<T>, Halt> {
        let mut last = "it was not looked for".to_owned();
        for tries in 0.. {
            let arguments = [json!(task), json!(selector), json!(states), argument.clone(), json!(tries)];
            let look = match self.run::<Look<T>>(FIND, &arguments, deadline) {
                Ok(Ok(look)) => look,
                Ok(Err(thrown)) => return Ok(Err(thrown)),
                Err(Halt::Late) => break,
                Err(halt) => return Err(halt),
            };
            match look {
                Look { found: Some(found), .. } => return Ok(Ok(found)),
                Look { never: Some(why), .. } => return Ok(Err(format!("{selector}: {why}"))),
                Look { not_yet, .. } => last = not_yet.unwrap_or_default(),
            }
            let pause = PAUSES[tries.min(PAUSES.len() - 1)];
            match self.rest(Duration::from_millis(pause), deadline) {
                Err(Halt::Late) => break,
                other => other?,
            }
        }
        Ok(Err(format!("{LATE}{selector}: {last}")))
    }
}

/// How the message of a look that met its deadline starts.
pub(crate) const LATE: &str = "not in time: ";
