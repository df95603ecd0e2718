//! What the page says, and what it tries that is never let through.

use serde_json::json;

use super::events::{AboutUrl, Console, Dialog, Entry, Exception, ExceptionDetails, LogEntry, Remote, Stack, parse};
use super::traffic::cut;
use super::{Halt, Page};
use crate::report::ConsoleLine;

/// Bytes of a console line that are kept.
const TEXT_KEPT: usize = 4096;

/// The console of a page.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    lines: Vec<ConsoleLine>,
    dropped: u64,
    /// Lines that are kept.
    most: usize,
    /// Whether virtual time has run out.
    pub(super) virtual_time_over: bool,
    /// Whether the page's time is virtual and stands still.
    pub(super) time_stands: bool,
    downloads: Vec<String>,
}

impl Watch {
    pub(super) fn on_event(&mut self, method: &str, params: &str) {
        match method {
            "Runtime.consoleAPICalled" => self.on_console(params),
            "Runtime.exceptionThrown" => self.on_exception(params),
            "Log.entryAdded" => self.on_log(params),
            "Page.downloadWillBegin" => {
                if let Some(AboutUrl { url }) = parse(params) {
                    self.downloads.push(url);
                }
            }
            "Emulation.virtualTimeBudgetExpired" => self.virtual_time_over = true,
            _ => {}
        }
    }

    /// From here on so many lines are kept.
    pub(crate) fn keep_lines(&mut self, most: usize) {
        self.most = most;
    }

    /// The lines, and how many were not kept.
    pub(crate) fn take(&mut self) -> (Vec<ConsoleLine>, u64) {
        (std::mem::take(&mut self.lines), self.dropped)
    }

    /// Downloads that began, all of them denied by the browser.
    pub(super) fn take_downloads(&mut self) -> Vec<String> {
        std::mem::take(&mut self.downloads)
    }

    fn keep(&mut self, kind: &str, text: &str, place: Option<(String, u64)>) {
        if self.lines.len() >= self.most {
            self.dropped += 1;
            return;
        }
        let (url, line) = place.filter(|(url, _)| !url.is_empty()).unzip();
        self.lines.push(ConsoleLine { kind: kind.to_owned(), text: cut(text, TEXT_KEPT).to_owned(), url, line });
    }

    fn on_console(&mut self, params: &str) {
        if self.lines.len() >= self.most {
            self.dropped += 1;
            return;
        }
        let Some(Console { kind, args, stack_trace }) = parse(params) else { return };
        let text = args.iter().map(text_of).collect::<Vec<_>>().join(" ");
        self.keep(&kind, &text, stack_trace.and_then(place));
    }

    fn on_exception(&mut self, params: &str) {
        let Some(Exception { exception_details }) = parse(params) else { return };
        let ExceptionDetails { text, line_number, url, exception, stack_trace } = exception_details;
        let said = exception.map(|exception| text_of(&exception)).unwrap_or_default();
        let text = if said.is_empty() { text } else { said };
        let place = stack_trace.and_then(place).or_else(|| url.map(|url| (url, line_number + 1)));
        self.keep("uncaught", &text, place);
    }

    fn on_log(&mut self, params: &str) {
        let Some(LogEntry { entry: Entry { level, text, url, line_number } }) = parse(params) else { return };
        let kind = if level == "error" { "browser_error" } else { "browser" };
        self.keep(kind, &text, url.map(|url| (url, line_number.map_or(0, |line| line + 1))));
    }
}

fn place(stack: Stack) -> Option<(String, u64)> {
    stack.call_frames.into_iter().next().map(|frame| (frame.url, frame.line_number + 1))
}

/// A value as a console shows it.
fn text_of(remote: &Remote) -> String {
    if let Some(text) = remote.value.as_ref().and_then(|value| value.as_str()) {
        return text.to_owned();
    }
    let plain = remote.unserializable_value.clone().or_else(|| remote.description.clone());
    plain.or_else(|| remote.value.as_ref().map(ToString::to_string)).unwrap_or_else(|| remote.kind.clone())
}

impl Page {
    /// Answers a dialog as nobody would: it is dismissed. Leaving a page is never held up.
    pub(super) fn on_dialog(&mut self, session: Option<&str>, params: &str) -> Result<(), Halt> {
        let Some(Dialog { kind, message }) = parse(params) else { return Ok(()) };
        let accept = kind == "beforeunload";
        self.traffic.refuse("dialog", &format!("{kind}: {message}"));
        self.tell(session, "Page.handleJavaScriptDialog", &json!({ "accept": accept }).to_string())
    }

    /// Lists the downloads that were denied since the last time.
    pub(crate) fn note_downloads(&mut self) {
        for url in self.watch.take_downloads() {
            self.traffic.refuse("download", &url);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_as_a_console_shows_them_up_to_the_limit() {
        let mut watch = Watch { most: 3, ..Watch::default() };
        watch.on_event(
            "Runtime.consoleAPICalled",
            r#"{"type":"warning","args":[{"type":"string","value":"a"},{"type":"number","value":1.5},
                {"type":"number","unserializableValue":"NaN"},{"type":"object","description":"Array(2)"},
                {"type":"undefined"}],
                "stackTrace":{"callFrames":[{"url":"http://x/y.js","lineNumber":4}]}}"#,
        );
        watch.on_event(
            "Runtime.exceptionThrown",
            r#"{"exceptionDetails":{"text":"Uncaught","lineNumber":0,
                "exception":{"type":"object","description":"Error: no\n    at f"}}}"#,
        );
        watch.on_event("Log.entryAdded", r#"{"entry":{"level":"error","text":"Failed to load","url":"http://z/"}}"#);
        watch.on_event("Log.entryAdded", r#"{"entry":{"level":"error","text":"one too many"}}"#);
        let texts: Vec<_> = watch.lines.iter().map(|line| (line.kind.as_str(), line.text.as_str())).collect();
        let expected = [
            ("warning", "a 1.5 NaN Array(2) undefined"),
            ("uncaught", "Error: no\n    at f"),
            ("browser_error", "Failed to load"),
        ];
        assert_eq!(texts, expected);
        assert_eq!((watch.lines[0].url.as_deref(), watch.lines[0].line), (Some("http://x/y.js"), Some(5)));
        assert_eq!(watch.dropped, 1);
    }
}
