//! Running scripts of ours in the page, in a world that the page's scripts do not see.

use std::time::{Duration, Instant};

use chromiumoxide_cdp::cdp::js_protocol::runtime::{CallArgument, CallFunctionOnParams, ExecutionContextId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Call, Halt, Page};
use crate::WebError;

/// How long to wait before a script is tried again in a page that was just replaced by another.
const AGAIN: Duration = Duration::from_millis(10);

/// The answer to `Runtime.callFunctionOn`, as far as it is used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Returned {
    result: ReturnedValue,
    exception_details: Option<ReturnedException>,
}

#[derive(Debug, Deserialize)]
struct ReturnedValue {
    #[serde(default)]
    value: Value,
}

#[derive(Debug, Deserialize)]
struct ReturnedException {
    text: String,
    exception: Option<ReturnedDescription>,
}

#[derive(Debug, Deserialize)]
struct ReturnedDescription {
    description: Option<String>,
}

/// What came of a script: its value, or what it threw.
pub(crate) type Thrown<T> = Result<T, String>;

fn command(world: i64, function: &str, arguments: &[Value]) -> CallFunctionOnParams {
    let mut command = CallFunctionOnParams::new(function);
    command.arguments = Some(
        arguments.iter().map(|value| CallArgument { value: Some(value.clone()), ..CallArgument::default() }).collect(),
    );
    command.return_by_value = Some(true);
    command.await_promise = Some(true);
    // Some things happen only at a user's wish, such as playing sound; Playwright's scripts count as such, too.
    command.user_gesture = Some(true);
    command.execution_context_id = Some(ExecutionContextId::new(world));
    command
}

impl Page {
    /// Starts a function in the main frame. The page may be between two documents; then the next one is waited for.
    pub(super) fn start(
        &mut self,
        function: &str,
        arguments: &[Value],
        deadline: Instant,
    ) -> Result<Call<Returned>, Halt> {
        let world = self.until(deadline, |page| page.frames.main_world())?;
        let Call { id, method, .. } = self.send(&command(world, function, arguments), deadline)?;
        Ok(Call { id, method, answer: std::marker::PhantomData })
    }

    /// Runs a function in the main frame and gives what it returns, or what its promise becomes. When the page goes
    /// elsewhere meanwhile, the function is run again there.
    ///
    /// The outer error is that of waiting; the inner one is what the function threw.
    pub(crate) fn run<T: DeserializeOwned>(
        &mut self,
        function: &str,
        arguments: &[Value],
        deadline: Instant,
    ) -> Result<Thrown<T>, Halt> {
        loop {
            let call = self.start(function, arguments, deadline)?;
            match self.wait(&call, deadline) {
                Err(Halt::Failed(WebError::Refused { .. })) => self.rest(AGAIN, deadline)?,
                Err(halt) => return Err(halt),
                Ok(returned) => return value(returned),
            }
        }
    }

    /// Runs a function in every frame but the main one. Frames that are gone or busy meanwhile are left out, as
    /// Playwright leaves them out.
    pub(super) fn run_in_other_frames(
        &mut self,
        function: &str,
        arguments: &[Value],
        deadline: Instant,
    ) -> Result<(), Halt> {
        let mut calls = Vec::new();
        for world in self.frames.other_worlds() {
            calls.push(self.send(&command(world, function, arguments), deadline)?);
        }
        for call in calls {
            let Call { id, method, .. } = call;
            let call: Call<Returned> = Call { id, method, answer: std::marker::PhantomData };
            match self.wait(&call, deadline) {
                Ok(_) | Err(Halt::Failed(_)) => {}
                Err(halt) => return Err(halt),
            }
        }
        Ok(())
    }
}

/// Takes a function's answer apart.
fn value<T: DeserializeOwned>(returned: Returned) -> Result<Thrown<T>, Halt> {
    if let Some(thrown) = returned.exception_details {
        return Ok(Err(thrown.exception.and_then(|exception| exception.description).unwrap_or(thrown.text)));
    }
    let form = |error: serde_json::Error| WebError::Form {
        method: "Runtime.callFunctionOn".to_owned(),
        message: error.to_string(),
    };
    Ok(Ok(serde_json::from_value(returned.result.value).map_err(form)?))
}
