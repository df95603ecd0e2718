//! The browser's command line.
//!
//! The first part is Playwright's own (`chromiumSwitches.ts` of 1.65, and what its `chromium.ts` adds for a headless
//! browser), since each of these can change a picture or the order of events. The second part is ours.

/// Features that Playwright turns off.
const FEATURES_OFF: [&str; 13] = [
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
];

/// Features that we turn off in addition: each would start a process or a request that no page asked for.
const OUR_FEATURES_OFF: [&str; 3] = ["SpareRendererForSitePerProcess", "Prerender2", "SpeculationRulesPrefetchFuture"];

/// Features that Playwright turns on, without `CDPScreenshotNewSurface`: it has a picture drawn into a new surface, which
/// costs a tenth of a page's whole time. The pixels are the same (`tests/web-fidelity`).
const FEATURES_ON: &str = "SkipListAccountsWithoutGaiaCookies";

/// Switches that Playwright gives a headless browser.
const PLAYWRIGHT: [&str; 33] = [
    "--disable-field-trial-config",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-back-forward-cache",
    "--disable-breakpad",
    "--disable-component-extensions-with-background-pages",
    "--disable-component-update",
    "--no-default-browser-check",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--allow-pre-commit-input",
    "--disable-hang-monitor",
    "--disable-ipc-flooding-protection",
    "--disable-popup-blocking",
    "--disable-prompt-on-repost",
    "--disable-renderer-backgrounding",
    "--force-color-profile=srgb",
    "--metrics-recording-only",
    "--no-first-run",
    "--password-store=basic",
    "--use-mock-keychain",
    "--no-service-autorun",
    "--disable-search-engine-choice-screen",
    "--unsafely-disable-devtools-self-xss-warnings",
    "--enable-unsafe-swiftshader",
    "--disable-infobars",
    "--disable-sync",
    "--headless",
    "--hide-scrollbars",
    "--mute-audio",
    "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
];

/// Switches of ours.
const OURS: [&str; 6] = [
    // No name has an address and no page has a way around a proxy that is not there. Every request that DevTools can
    // see is answered before this matters; web sockets and WebRTC are what it cannot see.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    // A page is one job: its frames need no walls between them, and each process that is not made is saved.
    "--disable-site-isolation-trials",
    "--renderer-process-limit=4",
    "--remote-debugging-pipe",
    "--no-startup-window",
];

/// Whether Chrome's own sandbox is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChromeSandbox {
    /// Renderers are confined by Chrome as well. Needs user namespaces, and a user other than root.
    On,
    /// Only what the [`crate::Host`] puts around the browser confines it.
    Off,
}

/// The command line without the program's name and the profile (`--user-data-dir=`), which the host adds.
pub fn switches(sandbox: ChromeSandbox) -> Vec<String> {
    let mut all: Vec<String> = PLAYWRIGHT.iter().chain(&OURS).map(|switch| (*switch).to_owned()).collect();
    let off: Vec<&str> = FEATURES_OFF.iter().chain(&OUR_FEATURES_OFF).copied().collect();
    all.push(format!("--disable-features={}", off.join(",")));
    all.push(format!("--enable-features={FEATURES_ON}"));
    if sandbox == ChromeSandbox::Off {
        all.push("--no-sandbox".to_owned());
    }
    all
}
