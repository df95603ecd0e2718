"""The hostile pages, and the verdicts (with cause) that each may get."""

from typing import Callable, NamedTuple

LATE = ("time_limit_exceeded wall",)
MEMORY = ("memory_limit_exceeded memory",)
FLOOD = ("output_limit_exceeded flood",)
OK = ("ok",)


class Page(NamedTuple):
    """A page as rows have it."""

    name: str
    code: Callable[[], str]
    answers: tuple
    wall: str = "30s"
    columns: dict = {}
    share: float = 1
    """How often it comes, of the times asked for: those that take long come more rarely."""


def page(name, text, answers, wall="30s", share=1, **columns):
    """A page of this text, which may be a function where it is long."""
    return Page(name, text if callable(text) else lambda: text, answers, wall, columns, share)


def script(name, text, answers, wall="30s", share=1, **columns):
    """A page that shows a heading and then runs a script."""
    return page(name, f"<!DOCTYPE html><h1>here</h1><script>{text}</script>", answers, wall, share, **columns)


def settle(ms):
    return {"settle": ms}


PAGES = (
    # Documents
    page("cut off inside a tag", "<html><body><div style='color:red'><p>a<b>b<table><tr><td cla", OK),
    page("empty", "<!-- -->", ("blank_artifact blank",)),
    page("no text at all", "\u0001\ufffd<p>\u202ex\u0002", OK),
    page("ten megabytes", "<p>x</p><script>document.write('<!--' + 'word '.repeat(2e6) + '--><p>y</p>')</script>", OK),
    page("100,000 px high", "<div style='height:100000px;background:linear-gradient(red,blue)'>x</div>", OK),
    page("20,000 elements deep", lambda: "<div>" * 20_000 + "x", OK),
    page("endless animation", "<style>@keyframes a{to{opacity:0}}b{animation:a 1s infinite}</style><b>x</b><p>y", OK),
    page("plays video", "<video autoplay loop src='data:video/mp4;base64,AAAA'></video><p>x", OK),
    # Scripts
    script("loops while it is parsed", "while (true);", LATE, "2s"),
    script("loops later", "setTimeout(() => { while (true); }, 100)", LATE, "2s", page=settle(500)),
    script("promises without end", "(function f() { Promise.resolve().then(f) })()", LATE, "2s"),
    script("loops when it is left", "for (const e of ['beforeunload', 'pagehide', 'unload']) addEventListener(e, () => { while (true); })", OK),
    script("fills its memory", "const a = []; while (true) a.push(new Uint8Array(1e7).fill(7))", MEMORY + ("runtime_error RangeError",)),
    script("fills its heap", "const a = []; while (true) a.push(new Array(1e6).fill(1.5))", MEMORY),
    script("recurses", "(function f() { f() })()", ("runtime_error RangeError",)),
    script("floods its console", "for (let i = 0; i < 3e4; i++) console.log('line ' + i)", OK),
    script("workers without end", "for (let i = 0; i < 8; i++) new Worker(URL.createObjectURL(new Blob(['while (true);'])))", OK),
    script(
        "replaces what others call",
        "Element.prototype.getBoundingClientRect = document.getAnimations = Document.prototype.write = () => { while (true); };"
        "Object.defineProperty(document, 'body', { get() { while (true); } }); globalThis.Promise = null; JSON.stringify = null",
        OK,
    ),
    script("closes itself", "window.close()", OK + ("runtime_error closed",), page=settle(300)),
    # What it opens
    script("asks and asks", "for (let i = 0; i < 20; i++) { alert(i); confirm(i); prompt(i) }", OK),
    script("asks without end", "while (true) alert('again')", LATE + FLOOD, "2s"),
    script("opens 1,000 windows", "for (let i = 0; i < 1000; i++) window.open('about:blank#' + i)", FLOOD),
    script(
        "downloads",
        "const a = document.createElement('a'); a.download = 'x'; a.href = URL.createObjectURL(new Blob(['x']));"
        "document.body.append(a); a.click()",
        OK,
        page=settle(200),
    ),
    page(
        "registers a service worker",
        "<h1>x</h1><script>navigator.serviceWorker.register('sw.js').then(() => document.body.remove(), () => 0)</script>",
        OK,
        files={"sw.js": "onfetch = (e) => e.respondWith(new Response('mine'))"},
        page=settle(200),
    ),
    script("fills its storage", "try { for (let i = 0; ; i++) localStorage['k' + i] = 'x'.repeat(1e5) } catch (e) {}", OK),
    script("leaves something in every store", "localStorage.x = 1; sessionStorage.x = 1; document.cookie = 'x=1'; indexedDB.open('x')", OK),
    # Where it goes
    script("asks for 20,000 things", "for (let i = 0; i < 20000; i++) fetch('https://x.example/' + i).catch(() => 0)", FLOOD, share=0.1, page=settle(25_000)),
    script("goes elsewhere at once", "location.href = 'https://elsewhere.example/'", ("denied network",)),
    page("is reloaded without end", "<meta http-equiv=refresh content='0'><p>x", OK + LATE + FLOOD, "2s"),
    page("goes on without end", "<h1>x</h1><script>location.href = '?' + Math.random()</script>", OK + LATE + FLOOD, "2s"),
    script("never rests", "setInterval(() => fetch('https://x.example/').catch(() => 0), 50)", OK + LATE, "2s", page={"until": "networkidle"}),
    script(
        "goes to the browser's own pages",
        # The last one is an empty page.
        "for (const u of ['chrome://crash', 'chrome://gpucrash', 'chrome://kill', 'about:crash']) { try { location.href = u } catch {} }",
        ("blank_artifact blank",),
        page=settle(200),
    ),
)
