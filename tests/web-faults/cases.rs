//! The hostile pages, and what has to be true of each.

use std::time::Duration;

use glasshouse_web::{Ending, PageJob, PageReport, Source, Step, Until};

use crate::files;

/// One hostile page.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) job: fn() -> PageJob,
    pub(crate) holds: fn(&PageReport) -> Result<(), String>,
}

fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("not so: {what}")) }
}

fn complete(report: &PageReport) -> Result<(), String> {
    ensure(report.ending == Ending::Complete && report.shots.len() == 1, "complete with one picture")
}

fn late(report: &PageReport, alive: bool) -> Result<(), String> {
    let Ending::Deadline { responsive, .. } = &report.ending else { return Err("not late".into()) };
    ensure(*responsive == alive, "the page's sign of life")
}

fn hung(report: &PageReport) -> Result<(), String> {
    late(report, false)
}

fn out_of_heap(report: &PageReport) -> Result<(), String> {
    ensure(matches!(report.ending, Ending::Crashed { .. }), "crashed")
}

fn refused(report: &PageReport, what: &str) -> Result<(), String> {
    complete(report)?;
    ensure(report.refused.iter().any(|refused| refused.what == what), what)
}

fn html(text: impl Into<String>) -> PageJob {
    PageJob::of_html(text)
}

fn script(text: &str) -> PageJob {
    html(format!("<!DOCTYPE html><h1>here</h1><script>{text}</script>"))
}

/// A page of its own origin, gone to and loaded.
fn site(text: &str) -> PageJob {
    PageJob {
        source: Source::Visit("index.html".into()),
        files: files::one("index.html", text),
        until: Until::Load,
        ..html("")
    }
}

fn visit(path: &str) -> PageJob {
    PageJob { source: Source::Visit(path.into()), files: files::other_kinds(), until: Until::Load, ..html("") }
}

/// A job of which the deadline is part of the test.
fn brief(mut job: PageJob) -> PageJob {
    job.limits.wall = Duration::from_secs(3);
    job
}

fn settling(mut job: PageJob, ms: u64) -> PageJob {
    job.settle = Duration::from_millis(ms);
    job
}

const fn case(name: &'static str, job: fn() -> PageJob, holds: fn(&PageReport) -> Result<(), String>) -> Case {
    Case { name, job, holds }
}

/// Every hostile page.
pub(crate) fn all() -> Vec<Case> {
    let mut all = documents();
    all.extend(scripts());
    all.extend(openings());
    all.extend(elsewhere());
    all
}

/// What is odd about the document itself.
fn documents() -> Vec<Case> {
    vec![
        case("nothing at all", || html(""), complete),
        case(
            "cut off in the middle of a tag",
            || html("<html><body><div style='color:red'><p>a<b>b<table><tr><td cla"),
            complete,
        ),
        case("bytes that are no text", || html("\u{0}\u{1}\u{fffd}<p>\u{202e}x\u{0}"), complete),
        case(
            "10 MB",
            || html(format!("<p>{}</p>", "word ".repeat(100)).repeat(20_000)),
            |report| {
                complete(report)?;
                ensure(report.shots[0].cut_from.is_some(), "cut")
            },
        ),
        case(
            "100,000 px high",
            || html("<div style='height:100000px;background:linear-gradient(red,blue)'>x</div>"),
            |report| {
                complete(report)?;
                let shot = &report.shots[0];
                ensure((shot.height, shot.cut_from) == (16_384, Some((1280, 100_016))), "cut at 16,384")
            },
        ),
        case(
            "5,000,000 px wide",
            || html("<div style='width:5000000px;height:5000000px'>x</div>"),
            |report| {
                complete(report)?;
                ensure(report.shots[0].cut_from.is_some(), "cut")
            },
        ),
        case("20,000 elements deep", || html("<div>".repeat(20_000)), complete),
        case("no root element", || script("document.documentElement.remove()"), complete),
        case(
            "animations without end",
            || {
                html(
                    "<style>@keyframes a{to{transform:rotate(1turn)}}b{display:block;width:9px;animation:a 1s infinite}</style><b>x</b>",
                )
            },
            complete,
        ),
        case(
            "plays video and sound",
            || {
                html(
                    "<video autoplay loop src='data:video/mp4;base64,AAAA'></video><audio autoplay src='https://x.example/a.mp3'></audio>",
                )
            },
            complete,
        ),
        case(
            "frames in frames of itself",
            || brief(site("<script>document.write('<iframe src=\"?'+Math.random()+'\"></iframe>')</script>")),
            |report| {
                ensure(
                    matches!(report.ending, Ending::Complete | Ending::Deadline { .. } | Ending::Flood { .. }),
                    "ends",
                )
            },
        ),
        case(
            "a filter that takes forever",
            || {
                brief(html(
                    "<div style='width:1200px;height:3000px;filter:blur(400px) blur(400px) blur(400px) blur(400px);background:red'>x</div>",
                ))
            },
            |report| ensure(matches!(report.ending, Ending::Complete | Ending::Deadline { .. }), "ends"),
        ),
    ]
}

/// What scripts do to time, memory and us.
fn scripts() -> Vec<Case> {
    vec![
        case("a loop without end while it is parsed", || brief(script("while (true);")), hung),
        case(
            "a loop without end later",
            || brief(settling(script("setTimeout(() => { while (true); }, 100)"), 500)),
            hung,
        ),
        case("promises without end", || brief(script("(function f() { Promise.resolve().then(f) })()")), hung),
        case(
            "a loop without end when it is left",
            || {
                script(
                    "for (const e of ['beforeunload','pagehide','unload']) addEventListener(e, () => { while (true); })",
                )
            },
            complete,
        ),
        case("fills its heap", || script("const a = []; while (true) a.push(new Array(1e5).fill({}))"), out_of_heap),
        case(
            "fills its heap later",
            || {
                settling(
                    script("setTimeout(() => { const a = []; while (true) a.push('x'.repeat(1e6) + a.length) }, 50)"),
                    60_000,
                )
            },
            out_of_heap,
        ),
        case(
            "recurses",
            || script("(function f() { f() })()"),
            |report| {
                complete(report)?;
                ensure(report.console.iter().any(|line| line.kind == "uncaught"), "uncaught")
            },
        ),
        case(
            "100,000 lines of console",
            || script("for (let i = 0; i < 1e5; i++) console.log('line ' + i)"),
            |report| {
                complete(report)?;
                ensure(report.console.len() == 1000 && report.console_dropped > 1000, "kept and counted")
            },
        ),
        case(
            "a line of console of 20 MB",
            || script("console.log('x'.repeat(2e7))"),
            |report| {
                complete(report)?;
                ensure(report.console.iter().all(|line| line.text.len() <= 4096), "cut")
            },
        ),
        case(
            "replaces what our scripts would call",
            || {
                script(
                    "Element.prototype.getBoundingClientRect = document.getAnimations = Document.prototype.write = document.open = \
                () => { while (true); }; Object.defineProperty(document, 'body', { get() { while (true); } }); Array.prototype.push = null; \
                globalThis.Promise = null; Object.prototype.then = () => {}; JSON.stringify = null",
                )
            },
            complete,
        ),
        case("stops at the debugger", || script("for (let i = 0; i < 1000; i++) { debugger; }"), complete),
        case(
            "workers without end",
            || script("for (let i = 0; i < 8; i++) new Worker(URL.createObjectURL(new Blob(['while (true);'])))"),
            complete,
        ),
        case(
            "fonts that never come to rest",
            || {
                brief(script(
                    "setInterval(() => { const f = new FontFace('f' + Math.random(), 'url(https://x.example/f)'); \
                document.fonts.add(f); f.load().catch(() => 0) }, 0)",
                ))
            },
            |report| {
                ensure(matches!(report.ending, Ending::Complete | Ending::Deadline { responsive: true, .. }), "ends")
            },
        ),
        case(
            "a canvas of 32,767 by 32,767",
            || {
                script(
                    "const c = document.createElement('canvas'); c.width = c.height = 32767; const x = c.getContext('2d'); \
                x && x.fillRect(0, 0, 9, 9); document.body.append(c)",
                )
            },
            |report| ensure(matches!(report.ending, Ending::Complete | Ending::Crashed { .. }), "ends"),
        ),
        case(
            "closes itself",
            || settling(script("window.close()"), 300),
            |report| ensure(matches!(report.ending, Ending::Complete | Ending::Closed), "closed or not"),
        ),
        case(
            "goes back and forth in its history",
            || {
                site(
                    "<script>for (let i = 0; i < 300; i++) { history.pushState({}, '', '?' + i) } history.back()</script>",
                )
            },
            complete,
        ),
    ]
}

/// What a page opens.
fn openings() -> Vec<Case> {
    vec![
        case(
            "asks and asks",
            || script("for (let i = 0; i < 20; i++) { alert(i); confirm(i); prompt(i) }"),
            |report| {
                refused(report, "dialog")?;
                ensure(report.refused.len() == 60, "60 dialogs")
            },
        ),
        case(
            "asks without end",
            || brief(script("while (true) alert('again')")),
            |report| ensure(matches!(report.ending, Ending::Deadline { .. }), "late"),
        ),
        case(
            "asks again whenever it is answered",
            || brief(settling(script("setInterval(() => alert('again'), 0)"), 200)),
            |report| ensure(matches!(report.ending, Ending::Complete | Ending::Deadline { .. }), "ends"),
        ),
        case(
            "will not be left",
            || {
                let mut job =
                    site("<script>onbeforeunload = () => 'stay'; onclick = () => 1</script><button>b</button>");
                job.files.insert("next.html".into(), b"<title>next</title>".to_vec());
                job.steps =
                    vec![Step::Click { selector: "button".into(), count: 1 }, Step::Goto { url: "next.html".into() }];
                job
            },
            |report| {
                complete(report)?;
                ensure(report.title == "next", "left")
            },
        ),
        case(
            "opens 20 windows",
            || script("for (let i = 0; i < 20; i++) window.open('about:blank#' + i)"),
            |report| {
                refused(report, "popup")?;
                ensure(report.refused.len() == 20, "20 windows")
            },
        ),
        case(
            "opens 1,000 windows",
            || script("for (let i = 0; i < 1000; i++) window.open('about:blank#' + i)"),
            |report| ensure(matches!(&report.ending, Ending::Flood { what } if what.contains("windows")), "a flood"),
        ),
        case(
            "downloads",
            || {
                settling(
                    script(
                        "const a = document.createElement('a'); a.download = 'x'; a.href = URL.createObjectURL(new Blob(['x'])); \
                document.body.append(a); a.click()",
                    ),
                    500,
                )
            },
            |report| refused(report, "download"),
        ),
        case(
            "registers a service worker",
            || {
                let mut job = settling(
                    site(
                        "<script>navigator.serviceWorker.register('sw.js').then(() => console.log('in'), () => console.log('out'))</script>",
                    ),
                    500,
                );
                job.files.insert("sw.js".into(), b"onfetch = (e) => e.respondWith(new Response('mine'))".to_vec());
                job
            },
            |report| {
                complete(report)?;
                ensure(report.console.iter().all(|line| line.text != "in"), "not registered")
            },
        ),
        case(
            "speaks to servers by web socket",
            || settling(script("new WebSocket('wss://echo.example/'); new WebSocket('ws://127.0.0.1:22/')"), 300),
            |report| {
                refused(report, "web_socket")?;
                ensure(report.refused.len() == 2, "two sockets")
            },
        ),
        case(
            "speaks to others by WebRTC",
            || {
                settling(
                    script(
                        "const p = new RTCPeerConnection({iceServers:[{urls:'stun:stun.example:3478'}]}); p.createDataChannel('x'); \
                p.createOffer().then((o) => p.setLocalDescription(o)); p.onicecandidate = (e) => e.candidate && console.log(e.candidate.candidate)",
                    ),
                    500,
                )
            },
            complete,
        ),
        case("prints", || script("window.print()"), complete),
        case(
            "fills its storage",
            || {
                site(
                    "<script>try { for (let i = 0; ; i++) localStorage['k' + i] = 'x'.repeat(1e5) } catch (e) { console.log(e.name) }</script>",
                )
            },
            complete,
        ),
    ]
}

/// Where a page goes.
fn elsewhere() -> Vec<Case> {
    vec![
        case(
            "asks for 20,000 things",
            || {
                settling(
                    script("for (let i = 0; i < 20000; i++) fetch('https://x.example/' + i).catch(() => 0)"),
                    30_000,
                )
            },
            |report| ensure(matches!(report.ending, Ending::Flood { .. }), "flood"),
        ),
        case(
            "asks again and again and never rests",
            || {
                let mut job = script("setInterval(() => fetch('https://x.example/').catch(() => 0), 50)");
                job.until = Until::NetworkIdle;
                job.limits.idle = Duration::from_secs(1);
                job
            },
            complete,
        ),
        case("goes elsewhere at once", || script("location.href = 'https://elsewhere.example/'"), complete),
        case(
            "goes elsewhere without end",
            || {
                let mut job = brief(site("<script>location.href = '?' + Math.random()</script>"));
                job.until = Until::NetworkIdle;
                job
            },
            |report| {
                ensure(
                    matches!(report.ending, Ending::Complete | Ending::Deadline { .. } | Ending::Flood { .. }),
                    "ends",
                )
            },
        ),
        case(
            "refreshes without end",
            || brief(site("<meta http-equiv=refresh content='0'><p>x")),
            |report| ensure(matches!(report.ending, Ending::Complete | Ending::Deadline { .. }), "ends"),
        ),
        case(
            "is sent around in circles",
            || PageJob { source: Source::Visit("https://circles.example/0".into()), until: Until::Load, ..html("") },
            |report| {
                let Ending::Navigation { error, .. } = &report.ending else { return Err("arrived".into()) };
                ensure(error.contains("TOO_MANY_REDIRECTS"), error)
            },
        ),
        case(
            "is not there",
            || visit("https://nowhere.example/"),
            |report| {
                ensure(
                    matches!(&report.ending, Ending::Navigation { error, .. } if error.contains("NAME_NOT_RESOLVED")),
                    "not found",
                )
            },
        ),
        case(
            "is a file of this machine",
            || visit("file:///etc/passwd"),
            |report| ensure(matches!(&report.ending, Ending::Navigation { .. }), "not read"),
        ),
        case(
            "reads files of this machine",
            || {
                settling(
                    script(
                        "fetch('file:///etc/passwd').then((r) => r.text()).then((t) => console.log('got ' + t)).catch(() => console.log('no')); \
                document.body.append(Object.assign(document.createElement('iframe'), { src: 'file:///etc/passwd' }))",
                    ),
                    300,
                )
            },
            |report| {
                complete(report)?;
                ensure(!report.console.iter().any(|line| line.text.starts_with("got")), "not read")
            },
        ),
        case(
            "goes to the browser's own pages",
            || {
                settling(
                    script(
                        "for (const u of ['chrome://crash', 'chrome://gpucrash', 'about:crash', 'chrome://kill']) { try { location.href = u } catch {} \
                document.body.append(Object.assign(document.createElement('iframe'), { src: u })) }",
                    ),
                    300,
                )
            },
            complete,
        ),
        case("is a picture", || visit("picture.png"), complete),
        case("is a drawing", || visit("drawing.svg"), complete),
        case("is words", || visit("words.txt"), complete),
        case("is broken XML", || visit("broken.xml"), complete),
        case(
            "is bytes",
            || visit("bytes.bin"),
            |report| {
                ensure(matches!(report.ending, Ending::Navigation { .. }), "a download")?;
                ensure(report.refused.iter().any(|refused| refused.what == "download"), "denied")
            },
        ),
        case(
            "is a paper",
            || visit("paper.pdf"),
            |report| ensure(matches!(report.ending, Ending::Complete | Ending::Navigation { .. }), "shown or denied"),
        ),
        case(
            "is not among the files",
            || visit("missing.html"),
            |report| {
                complete(report)?;
                ensure(report.requests[0].status == Some(404), "404")
            },
        ),
    ]
}
