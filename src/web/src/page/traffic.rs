//! The page's requests: each is answered by us or fails at once, and each is listed.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::events::{AboutRequest, AboutUrl, Attached, Paused, PausedRequest, parse};
use super::{Halt, PROMPT, Page};
use crate::answers::{Answer, Answerer, Answers, Asked, LackingPackage, NoAnswers, OwnFiles};
use crate::job::PageJob;
use crate::report::{Refused, Request};

/// Bytes of a URL that are kept.
const URL_KEPT: usize = 2048;
/// What a page tried in vain and is listed, at most.
const REFUSED_KEPT: usize = 1000;
/// Half a second without a request is rest, as Playwright has it.
const QUIET: Duration = Duration::from_millis(500);

/// Who answers, and what was asked.
pub(crate) struct Traffic {
    files: OwnFiles,
    answers: Arc<dyn Answers>,
    /// Requests that are answered before the page is ended.
    most: u32,
    asked: u32,
    most_popups: u32,
    popups: u32,
    listed: Vec<Request>,
    refused: Vec<Refused>,
    /// Requests that are under way, and since when there are none.
    open: HashSet<String>,
    quiet_since: Instant,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            files: OwnFiles::default(),
            answers: Arc::new(NoAnswers),
            most: u32::MAX,
            asked: 0,
            most_popups: 0,
            popups: 0,
            listed: Vec::new(),
            refused: Vec::new(),
            open: HashSet::new(),
            quiet_since: Instant::now(),
        }
    }
}

impl Traffic {
    /// From here on requests are answered for this job.
    pub(crate) fn serve(&mut self, job: &PageJob, answers: Arc<dyn Answers>) {
        self.files = OwnFiles::new(&job.files);
        self.answers = answers;
        self.most = job.limits.requests;
        self.most_popups = job.limits.popups;
    }

    /// Everything that was listed.
    pub(crate) fn take(&mut self) -> (Vec<Request>, Vec<Refused>) {
        (std::mem::take(&mut self.listed), std::mem::take(&mut self.refused))
    }

    /// When the page will have been at rest for long enough; `None` while a request is under way.
    pub(super) fn rested_at(&self) -> Option<Instant> {
        self.open.is_empty().then(|| self.quiet_since + QUIET)
    }

    /// From here on nothing that was under way counts: there is a new document.
    pub(super) fn start_anew(&mut self) {
        self.open.clear();
        self.quiet_since = Instant::now();
    }

    pub(super) fn refuse(&mut self, what: &str, about: &str) {
        if self.refused.len() < REFUSED_KEPT {
            self.refused.push(Refused { what: what.to_owned(), about: cut(about, URL_KEPT).to_owned() });
        }
    }

    pub(super) fn on_network(&mut self, method: &str, params: &str) {
        match method {
            "Network.requestWillBeSent" => {
                let Some(AboutRequest { request_id, kind }) = parse(params) else { return };
                // A stream of events stays open for good.
                if kind.as_deref() != Some("EventSource") {
                    self.open.insert(request_id);
                }
            }
            "Network.loadingFinished" | "Network.loadingFailed" => {
                let Some(AboutRequest { request_id, .. }) = parse(params) else { return };
                if self.open.remove(&request_id) && self.open.is_empty() {
                    self.quiet_since = Instant::now();
                }
            }
            "Network.webSocketCreated" => {
                if let Some(AboutUrl { url }) = parse(params) {
                    self.refuse("web_socket", &url);
                }
            }
            _ => {}
        }
    }

    fn answer(&self, paused: &Paused) -> Option<Answer> {
        let PausedRequest { url, method } = &paused.request;
        let asked = Asked { url, method, kind: &paused.resource_type };
        if let Some(answer) = self.files.answer(&asked) {
            return Some(answer);
        }
        let mut answer = self.answers.answer(&asked)?;
        // Public servers of packages let every origin read; what asks from another origin would get nothing else.
        if !answer.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("access-control-allow-origin")) {
            answer.headers.push(("Access-Control-Allow-Origin".to_owned(), "*".to_owned()));
        }
        Some(answer)
    }

    /// The packages that a request is for which nobody answers.
    fn lacking(&self, paused: &Paused) -> Vec<LackingPackage> {
        let PausedRequest { url, method } = &paused.request;
        self.answers.lacking(&Asked { url, method, kind: &paused.resource_type })
    }

    fn list(&mut self, paused: &Paused, by: Answerer, status: Option<u16>, lacking: Vec<LackingPackage>) {
        self.listed.push(Request {
            url: cut(&paused.request.url, URL_KEPT).to_owned(),
            method: paused.request.method.clone(),
            kind: paused.resource_type.to_lowercase(),
            by,
            status,
            lacking,
        });
    }
}

/// The first `most` bytes of a text, or a few less where a character would be cut.
pub(super) fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// Why a request for a URL fails on a machine without a network, in DevTools' words (`Network.ErrorReason`).
pub fn failure(url: &str) -> &'static str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.starts_with('[') {
        return if host.starts_with("[::1]") { "ConnectionRefused" } else { "AddressUnreachable" };
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let local = name == "localhost" || name.ends_with(".localhost") || name.starts_with("127.");
    if local {
        return "ConnectionRefused";
    }
    let numeric = !name.is_empty() && name.chars().all(|c| c.is_ascii_digit() || c == '.');
    if numeric { "AddressUnreachable" } else { "NameNotResolved" }
}

impl Page {
    /// Answers a request that the browser holds back for us.
    pub(super) fn on_request_paused(&mut self, session: Option<&str>, params: &str) -> Result<(), Halt> {
        let Some(paused) = parse::<Paused>(params) else { return Ok(()) };
        let url = &paused.request.url;
        if url.starts_with("data:") || url.starts_with("blob:") || url.starts_with("about:") {
            let params = json!({ "requestId": paused.request_id }).to_string();
            return self.tell(session, "Fetch.continueRequest", &params);
        }
        self.traffic.asked += 1;
        if self.traffic.asked > self.traffic.most {
            return Err(Halt::Flood(format!("requests: more than {}", self.traffic.most)));
        }
        match self.traffic.answer(&paused) {
            Some(answer) => {
                self.fulfil(session, &paused.request_id, &answer)?;
                self.traffic.list(&paused, answer.by, Some(answer.status), answer.lacking);
            }
            None => {
                let params = json!({ "requestId": paused.request_id, "errorReason": failure(url) }).to_string();
                self.tell(session, "Fetch.failRequest", &params)?;
                let lacking = self.traffic.lacking(&paused);
                self.traffic.list(&paused, Answerer::Nobody, None, lacking);
            }
        }
        Ok(())
    }

    /// The typed command would copy the body twice and look through it for characters to escape; libraries of several
    /// megabytes are the rule, so this one is written as it is.
    fn fulfil(&self, session: Option<&str>, request: &str, answer: &Answer) -> Result<(), Halt> {
        let headers: Vec<_> =
            answer.headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        let mut head = String::new();
        let _ = write!(
            head,
            "{{\"requestId\":{},\"responseCode\":{},\"responseHeaders\":{},\"body\":\"",
            json!(request),
            answer.status,
            json!(headers),
        );
        let deadline = Instant::now() + PROMPT;
        let params = [head.as_str(), answer.body.encoded(), "\"}"];
        self.connection.send_raw(None, session, "Fetch.fulfillRequest", &params, deadline)?;
        Ok(())
    }

    /// A target that the page opened: a popup, which is closed, a frame, or a worker. None is left to wait.
    pub(super) fn on_attached(&mut self, params: &str) -> Result<(), Halt> {
        let Some(Attached { session_id, target_info }) = parse(params) else { return Ok(()) };
        if target_info.target_id == self.target {
            return Ok(());
        }
        let close = json!({ "targetId": target_info.target_id }).to_string();
        if target_info.kind == "service_worker" {
            self.traffic.refuse("service_worker", &target_info.url);
            return self.tell(None, "Target.closeTarget", &close);
        }
        self.tell(Some(&session_id), "Fetch.enable", r#"{"patterns":[{"urlPattern":"*"}]}"#)?;
        // A popup that is held shares the page's thread and would hold it, too: it runs until it is closed.
        self.tell(Some(&session_id), "Runtime.runIfWaitingForDebugger", "{}")?;
        if matches!(target_info.kind.as_str(), "page" | "tab" | "other") {
            self.traffic.refuse("popup", &target_info.url);
            self.traffic.popups += 1;
            if self.traffic.popups > self.traffic.most_popups {
                return Err(Halt::Flood(format!("windows: more than {}", self.traffic.most_popups)));
            }
            self.tell(None, "Target.closeTarget", &close)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_fail_as_they_do_without_a_network() {
        for (url, reason) in [
            ("https://cdn.example/x.js", "NameNotResolved"),
            ("http://user:pw@example.com:81/", "NameNotResolved"),
            ("http://10.0.0.1/", "AddressUnreachable"),
            ("http://127.0.0.1:8080/", "ConnectionRefused"),
            ("http://localhost/", "ConnectionRefused"),
            ("http://[::1]:80/", "ConnectionRefused"),
            ("http://[2001:db8::1]/", "AddressUnreachable"),
            ("file:///etc/passwd", "NameNotResolved"),
        ] {
            assert_eq!(failure(url), reason, "{url}");
        }
    }

    #[test]
    fn rest_is_half_a_second_without_a_request() {
        let mut traffic = Traffic::default();
        assert!(traffic.rested_at().is_some());
        traffic.on_network("Network.requestWillBeSent", r#"{"requestId":"1","type":"Script"}"#);
        traffic.on_network("Network.requestWillBeSent", r#"{"requestId":"2","type":"EventSource"}"#);
        assert_eq!(traffic.rested_at(), None);
        traffic.on_network("Network.loadingFailed", r#"{"requestId":"1"}"#);
        assert!(traffic.rested_at().unwrap() > Instant::now());
    }

    #[test]
    fn long_urls_are_cut_between_characters() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
    }
}
