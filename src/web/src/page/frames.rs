//! The page's frames: what each has reached, and the world in which our scripts run there.

use std::collections::{BTreeSet, HashMap};

use super::events::{Console, ContextCreated, ContextGone, FrameGone, Lifecycle, Navigated, WithinDocument, parse};
use crate::job::Until;

/// The name of the JavaScript world in which our scripts run: they see the document, and the page's scripts do not
/// see them.
pub(super) const WORLD: &str = "glasshouse";

/// What is known of a page's frames.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// The main frame's id.
    pub(super) main: String,
    /// The main frame's document.
    pub(super) loader: String,
    pub(super) url: String,
    /// What the main frame's document has reached.
    reached: BTreeSet<&'static str>,
    /// Our world's execution context in each frame.
    worlds: HashMap<String, i64>,
    /// The console line that marks where new content starts, until it comes.
    mark: Option<String>,
}

impl Frames {
    /// Takes note of an event; `true` if nobody else needs to know of it.
    pub(super) fn on_event(&mut self, method: &str, params: &str) -> bool {
        match method {
            "Page.lifecycleEvent" => self.on_lifecycle(params),
            "Page.frameNavigated" => self.on_navigated(params),
            "Page.navigatedWithinDocument" => {
                if let Some(WithinDocument { frame_id, url }) = parse(params)
                    && frame_id == self.main
                {
                    self.url = url;
                }
            }
            "Page.frameDetached" => {
                if let Some(FrameGone { frame_id }) = parse(params) {
                    self.worlds.remove(&frame_id);
                }
            }
            "Runtime.executionContextCreated" => {
                if let Some(ContextCreated { context }) = parse(params)
                    && context.name == WORLD
                    && let Some(frame) = context.aux_data.and_then(|of| of.frame_id)
                {
                    self.worlds.insert(frame, context.id);
                }
            }
            "Runtime.executionContextDestroyed" => {
                if let Some(ContextGone { execution_context_id }) = parse(params) {
                    self.worlds.retain(|_, id| *id != execution_context_id);
                }
            }
            "Runtime.executionContextsCleared" => self.worlds.clear(),
            "Runtime.consoleAPICalled" if self.mark.is_some() => return self.look_for_mark(params),
            _ => {}
        }
        false
    }

    fn on_lifecycle(&mut self, params: &str) {
        let Some(Lifecycle { frame_id, name }) = parse(params) else { return };
        if frame_id != self.main {
            return;
        }
        match name.as_str() {
            "DOMContentLoaded" => self.reached.insert("DOMContentLoaded"),
            "load" => self.reached.insert("load"),
            _ => false,
        };
    }

    fn on_navigated(&mut self, params: &str) {
        let Some(Navigated { frame }) = parse(params) else { return };
        if frame.parent_id.is_none() {
            self.main = frame.id;
            self.loader = frame.loader_id;
            self.url = frame.unreachable_url.unwrap_or(frame.url);
            self.reached.clear();
        }
    }

    /// New content is about to be written, after a console line with this text.
    pub(super) fn expect_mark(&mut self, mark: &str) {
        self.mark = Some(mark.to_owned());
    }

    fn look_for_mark(&mut self, params: &str) -> bool {
        let Some(Console { kind, args, .. }) = parse(params) else { return false };
        let text = args.first().and_then(|arg| arg.value.as_ref()).and_then(|value| value.as_str());
        let found = kind == "debug" && text == self.mark.as_deref();
        if found {
            self.mark = None;
            self.reached.clear();
        }
        found
    }

    /// Whether the main frame's document is where it should be. Rest is looked at elsewhere.
    pub(super) fn reached(&self, until: Until) -> bool {
        let name = match until {
            Until::DomContentLoaded => "DOMContentLoaded",
            Until::Load | Until::NetworkIdle => "load",
        };
        self.mark.is_none() && self.reached.contains(name)
    }

    /// Our world in the main frame.
    pub(super) fn main_world(&self) -> Option<i64> {
        self.worlds.get(&self.main).copied()
    }

    /// Our world in the main frame was made by hand.
    pub(super) fn found_main_world(&mut self, world: i64) {
        self.worlds.insert(self.main.clone(), world);
    }

    /// No content is written any more.
    pub(super) fn forget_mark(&mut self) {
        self.mark = None;
    }

    /// Our worlds in all other frames.
    pub(super) fn other_worlds(&self) -> Vec<i64> {
        self.worlds.iter().filter(|(frame, _)| **frame != self.main).map(|(_, id)| *id).collect()
    }

    /// The main frame's URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn main_frame() -> Frames {
        Frames { main: "F".into(), ..Frames::default() }
    }

    #[test]
    fn what_an_earlier_document_reached_does_not_count_for_the_next() {
        let mut frames = main_frame();
        frames.on_event("Page.lifecycleEvent", r#"{"frameId":"F","name":"load"}"#);
        frames.on_event("Page.lifecycleEvent", r#"{"frameId":"G","name":"DOMContentLoaded"}"#);
        assert!(frames.reached(Until::Load));
        assert!(!frames.reached(Until::DomContentLoaded), "that was another frame");
        frames.expect_mark("here");
        assert!(!frames.reached(Until::Load));
        frames.on_event("Runtime.consoleAPICalled", r#"{"type":"log","args":[{"type":"string","value":"here"}]}"#);
        assert!(frames.mark.is_some(), "a page's own line is no mark");
        frames.on_event("Runtime.consoleAPICalled", r#"{"type":"debug","args":[{"type":"string","value":"here"}]}"#);
        assert!(!frames.reached(Until::Load));
        frames.on_event("Page.lifecycleEvent", r#"{"frameId":"F","name":"load"}"#);
        assert!(frames.reached(Until::Load));
    }

    #[test]
    fn an_error_page_has_the_address_that_it_stands_for() {
        let mut frames = main_frame();
        let frame = r#"{"frame":{"id":"F","loaderId":"L","url":"chrome-error://chromewebdata/","unreachableUrl":"https://x.example/"}}"#;
        frames.on_event("Page.frameNavigated", frame);
        assert_eq!(frames.url(), "https://x.example/");
    }

    #[test]
    fn our_worlds_come_and_go_with_their_contexts() {
        let mut frames = main_frame();
        let created = |id: i64, name: &str, frame: &str| {
            format!(r#"{{"context":{{"id":{id},"name":"{name}","auxData":{{"frameId":"{frame}"}}}}}}"#)
        };
        frames.on_event("Runtime.executionContextCreated", &created(1, "", "F"));
        assert_eq!(frames.main_world(), None);
        frames.on_event("Runtime.executionContextCreated", &created(2, WORLD, "F"));
        frames.on_event("Runtime.executionContextCreated", &created(3, WORLD, "G"));
        assert_eq!((frames.main_world(), frames.other_worlds()), (Some(2), vec![3]));
        frames.on_event("Runtime.executionContextDestroyed", r#"{"executionContextId":2}"#);
        assert_eq!(frames.main_world(), None);
        frames.on_event("Page.frameDetached", r#"{"frameId":"G"}"#);
        assert!(frames.other_worlds().is_empty());
    }
}
