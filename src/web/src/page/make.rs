//! Making a page ready before there is a job for it.

use std::sync::Arc;
use std::time::Instant;

use chromiumoxide_cdp::cdp::browser_protocol::browser::{SetDownloadBehaviorBehavior, SetDownloadBehaviorParams};
use chromiumoxide_cdp::cdp::browser_protocol::emulation::{
    MediaFeature, ScreenOrientation, ScreenOrientationType, SetDeviceMetricsOverrideParams, SetEmulatedMediaParams,
    SetFocusEmulationEnabledParams,
};
use chromiumoxide_cdp::cdp::browser_protocol::target::{CreateBrowserContextParams, CreateTargetParams};
use serde::Deserialize;
use serde_json::{Value, json};

use super::frames::{Frames, WORLD};
use super::traffic::Traffic;
use super::watch::Watch;
use super::{Call, Halt, Page};
use crate::connection::{Connection, Event, Inbox, Message};
use crate::job::Viewport;
use crate::vitals::Vitals;
use crate::{WebError, page};

/// The fonts that Playwright sets for Linux.
const FONTS: &str = r#"{"fontFamilies":{"standard":"Times New Roman","fixed":"Monospace","serif":"Times New Roman",
    "sansSerif":"Arial","cursive":"Comic Sans MS","fantasy":"Impact"}}"#;

/// What the browser draws of a page before a picture is asked for. The page does not see this: its window is that of
/// the emulated device. A picture changes the drawn size to its own in any case, and all that was drawn before is
/// drawn again then; so as little as possible is drawn before.
const SURFACE: &str = r#"{"width":100,"height":100}"#;

/// What is switched on in a new page, in this order, before it runs. `Fetch.enable` is what keeps it from the network.
const ENABLED: [(&str, &str); 11] = [
    ("Fetch.enable", r#"{"patterns":[{"urlPattern":"*"}]}"#),
    ("Page.enable", "{}"),
    ("Log.enable", "{}"),
    ("Page.setLifecycleEventsEnabled", r#"{"enabled":true}"#),
    ("Runtime.enable", "{}"),
    ("Network.enable", r#"{"maxTotalBufferSize":1,"maxResourceBufferSize":1}"#),
    ("Network.setCacheDisabled", r#"{"cacheDisabled":true}"#),
    ("Network.setBypassServiceWorker", r#"{"bypass":true}"#),
    ("Target.setAutoAttach", r#"{"autoAttach":true,"waitForDebuggerOnStart":true,"flatten":true}"#),
    ("Page.setFontFamilies", FONTS),
    // The world of our scripts in every document that comes.
    ("Page.addScriptToEvaluateOnNewDocument", r#"{"source":"","worldName":"glasshouse"}"#),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameTree {
    frame_tree: Tree,
}

#[derive(Deserialize)]
struct Tree {
    frame: page::events::Frame,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct World {
    execution_context_id: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Window {
    window_id: i64,
}

impl Page {
    /// Makes a page of its own browser context at `about:blank`, with everything switched on.
    pub(crate) fn make(connection: &Connection, deadline: Instant) -> Result<Self, Halt> {
        let inbox = Arc::new(Inbox::default());
        let mut page = Self {
            connection: connection.clone(),
            inbox,
            context: String::new(),
            target: String::new(),
            session: String::new(),
            wanted: std::collections::HashMap::new(),
            crashed: None,
            vitals: Vitals::new(connection),
            heard: 0,
            closed: false,
            title: String::new(),
            mouse_down: false,
            frames: Frames::default(),
            traffic: Traffic::default(),
            watch: Watch::default(),
        };
        let context = CreateBrowserContextParams { dispose_on_detach: Some(true), ..Default::default() };
        let context = page.ask_browser(&context, deadline)?.browser_context_id;
        page.context = context.inner().clone();
        page.connection.bind_context(&page.context, &page.inbox);
        let mut downloads = SetDownloadBehaviorParams::new(SetDownloadBehaviorBehavior::Deny);
        downloads.browser_context_id = Some(context.clone());
        page.ask_browser(&downloads, deadline)?;
        let mut target = CreateTargetParams::new("about:blank");
        let window = Viewport::default();
        (target.width, target.height) = (Some(window.width.into()), Some(window.height.into()));
        target.browser_context_id = Some(context);
        let target = page.send_to(None, &target, deadline)?;
        page.session = page.attached(deadline)?;
        page.target = page.wait(&target, deadline)?.target_id.inner().clone();
        page.enable(deadline)?;
        page.vitals.ask();
        Ok(page)
    }

    /// The session of the context's first target. Until it is known, no event is of interest.
    fn attached(&mut self, deadline: Instant) -> Result<String, Halt> {
        loop {
            match self.inbox.next(deadline)? {
                Message::Event(Event { method, params, .. }) if method == "Target.attachedToTarget" => {
                    if let Some(attached) = super::events::parse::<super::events::Attached>(params.get())
                        && attached.target_info.kind == "page"
                    {
                        return Ok(attached.session_id);
                    }
                }
                Message::Event(_) => {}
                Message::Answer(answer) => {
                    if let Err(message) = &answer.result {
                        let method = "Target.createTarget".to_owned();
                        return Err(WebError::Refused { method, message: message.clone() }.into());
                    }
                    if let Some(wanted) = self.wanted.get_mut(&answer.id) {
                        *wanted = Some(answer.result);
                    }
                }
            }
        }
    }

    fn enable(&mut self, deadline: Instant) -> Result<(), Halt> {
        let tree: Call<FrameTree> = self.send_plain("Page.getFrameTree", "{}", deadline)?;
        let mut calls: Vec<Call<Value>> = Vec::new();
        for (method, params) in ENABLED {
            calls.push(self.send_plain(method, params, deadline)?);
        }
        self.show(&Viewport::default(), deadline)?;
        let surface: Call<Value> = self.send_plain("Emulation.setVisibleSize", SURFACE, deadline)?;
        let focus = self.send(&SetFocusEmulationEnabledParams::new(true), deadline)?;
        calls.push(self.send_plain("Runtime.runIfWaitingForDebugger", "{}", deadline)?);
        let frame = self.wait(&tree, deadline)?.frame_tree.frame;
        self.frames.main.clone_from(&frame.id);
        self.frames.loader = frame.loader_id;
        self.frames.url = frame.url;
        for call in calls {
            self.wait(&call, deadline)?;
        }
        self.wait(&focus, deadline)?;
        self.wait(&surface, deadline)?;
        let world = json!({ "frameId": frame.id, "grantUniveralAccess": true, "worldName": WORLD }).to_string();
        let world: Call<World> = self.send_plain("Page.createIsolatedWorld", &world, deadline)?;
        let world = self.wait(&world, deadline)?.execution_context_id;
        self.frames.found_main_world(world);
        Ok(())
    }

    /// Gives the browser's window the size of the viewport, which the page sees as its outer size.
    pub(crate) fn fit_window(&mut self, viewport: &Viewport, deadline: Instant) -> Result<(), Halt> {
        let window: Call<Window> = self.send_plain("Browser.getWindowForTarget", "{}", deadline)?;
        let window = self.wait(&window, deadline)?.window_id;
        let bounds = json!({ "width": viewport.width, "height": viewport.height });
        let params = json!({ "windowId": window, "bounds": bounds }).to_string();
        let call: Call<Value> = self.send_plain("Browser.setWindowBounds", &params, deadline)?;
        self.wait(&call, deadline).map(|_| ())
    }

    /// Gives the page a window of this size and these preferences.
    pub(crate) fn show(&mut self, viewport: &Viewport, deadline: Instant) -> Result<(), Halt> {
        let (width, height) = (i64::from(viewport.width), i64::from(viewport.height));
        let mut metrics = SetDeviceMetricsOverrideParams::new(width, height, viewport.scale, false);
        metrics.screen_width = Some(width);
        metrics.screen_height = Some(height);
        metrics.screen_orientation = Some(ScreenOrientation::new(ScreenOrientationType::LandscapePrimary, 0));
        let feature = |name: &str, value: &str| MediaFeature::new(name, value);
        let media = SetEmulatedMediaParams {
            media: Some(String::new()),
            features: Some(vec![
                feature("prefers-color-scheme", if viewport.dark { "dark" } else { "light" }),
                feature("prefers-reduced-motion", "no-preference"),
                feature("forced-colors", "none"),
                feature("prefers-contrast", "no-preference"),
            ]),
        };
        let metrics = self.send(&metrics, deadline)?;
        let media = self.send(&media, deadline)?;
        self.wait(&metrics, deadline)?;
        self.wait(&media, deadline)?;
        Ok(())
    }
}
