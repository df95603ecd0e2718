//! What we read of the browser's events: no more than is used, so that newer browsers stay readable.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads an event; one that cannot be read is as if it had not come.
pub(super) fn parse<T: DeserializeOwned>(params: &str) -> Option<T> {
    serde_json::from_str(params).ok()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Paused {
    pub(super) request_id: String,
    pub(super) request: PausedRequest,
    pub(super) resource_type: String,
}

#[derive(Deserialize)]
pub(super) struct PausedRequest {
    pub(super) url: String,
    pub(super) method: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attached {
    pub(super) session_id: String,
    pub(super) target_info: Target,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    pub(super) target_id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Crashed {
    target_id: String,
    status: String,
    error_code: i64,
}

/// Status and code of a crash, if it is that of `target`.
pub(super) fn crashed(params: &str, target: &str) -> Option<(String, i64)> {
    let crashed: Crashed = parse(params)?;
    (crashed.target_id == target).then_some((crashed.status, crashed.error_code))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detached {
    session_id: String,
}

/// The session that is over.
pub(super) fn ended_session(params: &str) -> Option<String> {
    parse(params).map(|Detached { session_id }| session_id)
}

#[derive(Deserialize)]
pub(super) struct Dialog {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lifecycle {
    pub(super) frame_id: String,
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct Navigated {
    pub(super) frame: Frame,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Frame {
    pub(super) id: String,
    pub(super) parent_id: Option<String>,
    pub(super) loader_id: String,
    pub(super) url: String,
    /// Of an error page: the address that it stands for.
    pub(super) unreachable_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FrameGone {
    pub(super) frame_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WithinDocument {
    pub(super) frame_id: String,
    pub(super) url: String,
}

#[derive(Deserialize)]
pub(super) struct ContextCreated {
    pub(super) context: Context,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Context {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) aux_data: Option<ContextOf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContextOf {
    pub(super) frame_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContextGone {
    pub(super) execution_context_id: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Console {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) args: Vec<Remote>,
    pub(super) stack_trace: Option<Stack>,
}

/// A value of the page's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Remote {
    pub(super) value: Option<Value>,
    pub(super) unserializable_value: Option<String>,
    pub(super) description: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stack {
    pub(super) call_frames: Vec<CallFrame>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallFrame {
    pub(super) url: String,
    pub(super) line_number: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Exception {
    pub(super) exception_details: ExceptionDetails,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExceptionDetails {
    pub(super) text: String,
    pub(super) line_number: u64,
    pub(super) url: Option<String>,
    pub(super) exception: Option<Remote>,
    pub(super) stack_trace: Option<Stack>,
}

#[derive(Deserialize)]
pub(super) struct LogEntry {
    pub(super) entry: Entry,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    pub(super) level: String,
    pub(super) text: String,
    pub(super) url: Option<String>,
    pub(super) line_number: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct AboutUrl {
    pub(super) url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AboutRequest {
    pub(super) request_id: String,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
}
