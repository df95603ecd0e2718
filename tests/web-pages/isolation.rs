//! No page sees or changes anything of another page's job, before, after or beside it. Each way is first shown to work
//! within one job.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use glasshouse_web::{PageJob, Step};

use super::{complete, files, renderer, said, site};

/// Leaves something behind in every way that there is, and tells what it finds of an earlier visit.
const TRACES: &str = r#"<!DOCTYPE html><title>traces</title><script type="module">
const found = [];
const note = async (name, look, leave) => {
  try { if (await look()) found.push(name); } catch (error) { console.log('error ' + name + ' ' + error.name); }
  try { await leave(); } catch (error) { console.log('error ' + name + ' ' + error.name); }
};
const open = () => new Promise((done, fail) => {
  const request = indexedDB.open('traces', 1);
  request.onupgradeneeded = () => request.result.createObjectStore('s');
  request.onsuccess = () => done(request.result);
  request.onerror = () => fail(request.error);
});
const get = (db) => new Promise((done) => { const r = db.transaction('s').objectStore('s').get('k'); r.onsuccess = () => done(r.result); });
await note('localStorage', () => localStorage.getItem('k'), () => localStorage.setItem('k', 'v'));
await note('sessionStorage', () => sessionStorage.getItem('k'), () => sessionStorage.setItem('k', 'v'));
await note('cookie', () => document.cookie.includes('k=v'), () => { document.cookie = 'k=v; max-age=9999' });
await note('indexedDB', async () => get(await open()), async () => { const db = await open(); await new Promise((done) => {
  const t = db.transaction('s', 'readwrite'); t.objectStore('s').put('v', 'k'); t.oncomplete = done; }); });
await note('caches', async () => (await (await caches.open('c')).keys()).length,
  async () => (await caches.open('c')).put('/x', new Response('v')));
await note('files', async () => { const d = await navigator.storage.getDirectory(); for await (const _ of d.keys()) return true; },
  async () => (await navigator.storage.getDirectory()).getFileHandle('f', { create: true }));
await note('window.name', () => window.name, () => { window.name = 'v' });
await note('history.state', () => history.state, () => history.replaceState('v', ''));
const channel = new BroadcastChannel('traces');
await note('broadcast', () => new Promise((done) => { channel.onmessage = () => done(true); channel.postMessage('anyone?');
  setTimeout(() => done(false), 200); }), () => { channel.onmessage = () => channel.postMessage('here') });
await note('locks', async () => (await navigator.locks.query()).held.length, () => { navigator.locks.request('l', () => new Promise(() => {})) });
await note('clipboard', async () => (await navigator.clipboard.readText()).includes('trace'), () => navigator.clipboard.writeText('trace'));
await note('serviceWorker', async () => (await navigator.serviceWorker.getRegistrations()).length || navigator.serviceWorker.controller, () => {});
console.log('found ' + found.join(' '));
</script>"#;

/// What the positive control has to find: all that outlives a visit within one context.
const OUTLIVE: [&str; 7] = ["localStorage", "sessionStorage", "cookie", "indexedDB", "caches", "files", "window.name"];

fn found(lines: &[&str]) -> Vec<String> {
    let found =
        lines.iter().filter_map(|line| line.strip_prefix("found ")).next_back().unwrap_or_else(|| panic!("{lines:?}"));
    found.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn what_a_page_leaves_behind_is_gone_for_the_next() {
    let mut renderer = renderer();
    let once = site(TRACES);
    let mut twice = once.clone();
    twice.files.insert("other.html".into(), TRACES.as_bytes().to_vec());
    twice.steps = vec![
        Step::Wait { ms: Some(500), selector: None, until: None },
        Step::Goto { url: "other.html".into() },
        Step::Wait { ms: Some(800), selector: None, until: None },
    ];
    let control = complete(&mut renderer, &twice);
    let seen = found(&said(&control));
    for name in OUTLIVE {
        assert!(seen.iter().any(|found| found == name), "within one job {name} should be found: {seen:?}");
    }
    let mut settled = once;
    settled.steps = vec![Step::Wait { ms: Some(800), selector: None, until: None }];
    for _ in 0..2 {
        let report = complete(&mut renderer, &settled);
        assert_eq!(found(&said(&report)), Vec::<String>::new(), "of an earlier job");
    }
}

#[test]
fn pages_beside_each_other_do_not_meet() {
    let threads: Vec<_> = (0..2)
        .map(|_| {
            std::thread::spawn(|| {
                let mut renderer = renderer();
                let mut job = site(TRACES);
                job.steps = vec![Step::Wait { ms: Some(1500), selector: None, until: None }];
                let report = complete(&mut renderer, &job);
                found(&said(&report))
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), Vec::<String>::new());
    }
}

/// What a page has in its memory cache must not answer another page's request: what is in it tells who was here.
#[test]
fn nothing_is_answered_from_a_cache_of_another_page() {
    let html = "<script src='once.js'></script>";
    let mut renderer = renderer();
    let mut with = site(html);
    with.files.insert("once.js".into(), b"console.log('loaded')".to_vec());
    assert_eq!(said(&complete(&mut renderer, &with)), ["loaded"]);
    let without = site(html);
    let report = complete(&mut renderer, &without);
    assert!(said(&report).is_empty());
    let request = report.requests.iter().find(|request| request.url.ends_with("once.js")).unwrap();
    assert_eq!(request.status, Some(404));
}

#[test]
fn no_server_of_this_machine_is_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let visits = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&visits);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            counter.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nAccess-Control-Allow-Origin: *\r\n\r\n");
        }
    });
    // The control: the server is there.
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    let visited = visits.load(Ordering::SeqCst);
    assert_eq!(visited, 1);

    let html = r#"<link rel=preconnect href="http://127.0.0.1:PORT/"><link rel=prefetch href="http://127.0.0.1:PORT/prefetch">
        <link rel=stylesheet href="http://127.0.0.1:PORT/style"><link rel=icon href="http://127.0.0.1:PORT/icon">
        <script type=speculationrules>{"prerender":[{"source":"list","urls":["http://127.0.0.1:PORT/rules"]}]}</script>
        <img src="http://127.0.0.1:PORT/img"><iframe src="http://127.0.0.1:PORT/frame"></iframe>
        <object data="http://127.0.0.1:PORT/object"></object><video src="http://127.0.0.1:PORT/video"></video>
        <a id=a href="http://127.0.0.1:PORT/a" ping="http://127.0.0.1:PORT/ping" target=_blank>a</a>
        <form id=f action="http://127.0.0.1:PORT/form" method=post target=_blank></form>
        <script>
        const at = (path) => 'http://127.0.0.1:PORT/' + path;
        const tell = (text) => console.log(text);
        fetch(at('fetch')).then(() => tell('fetch'), () => 0);
        fetch('http://localhost:PORT/name').then(() => tell('name'), () => 0);
        fetch('http://[::ffff:127.0.0.1]:PORT/six').then(() => tell('six'), () => 0);
        fetch(at('keepalive'), { keepalive: true, method: 'POST' }).then(() => tell('keepalive'), () => 0);
        navigator.sendBeacon(at('beacon'), 'x');
        new WebSocket('ws://127.0.0.1:PORT/socket').onopen = () => tell('socket');
        new EventSource(at('events')).onopen = () => tell('events');
        const worker = (text) => new Worker(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })));
        worker("fetch('" + at('worker') + "').catch(() => 0); try { importScripts('" + at('import') + "') } catch {}");
        try { new SharedWorker(URL.createObjectURL(new Blob(["fetch('" + at('shared') + "')"]))) } catch {}
        try { new SharedWorker('shared.js') } catch {}
        try { navigator.serviceWorker.register('sw.js').catch(() => 0) } catch {}
        import(at('module')).catch(() => 0);
        new FontFace('f', 'url(' + at('font') + ')').load().catch(() => 0);
        const xhr = new XMLHttpRequest(); xhr.open('GET', at('sync'), false); try { xhr.send() } catch {}
        new RTCPeerConnection({ iceServers: [{ urls: 'turn:127.0.0.1:PORT?transport=tcp', username: 'u', credential: 'p' }] })
          .createOffer({ offerToReceiveAudio: true }).catch(() => 0);
        try { new WebTransport('https://127.0.0.1:PORT/').ready.catch(() => 0) } catch {}
        window.open(at('popup')); document.getElementById('a').click(); document.getElementById('f').submit();
        </script>"#
        .replace("PORT", &port.to_string());
    let mut renderer = renderer();
    let mut job = site(&html);
    let inner = format!("fetch('http://127.0.0.1:{port}/inner')");
    for name in ["shared.js", "sw.js"] {
        job.files.insert(name.into(), inner.clone().into_bytes());
    }
    job.steps = vec![Step::Wait { ms: Some(1500), selector: None, until: None }];
    let report = complete(&mut renderer, &job);
    assert_eq!(said(&report), Vec::<&str>::new());
    let asked = report.requests.iter().filter(|request| request.url.contains(&port.to_string())).count();
    assert!(asked >= 15, "{asked} requests were listed: {:#?}", report.requests);
    drop(renderer);
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(visits.load(Ordering::SeqCst), visited, "the page reached a server of this machine");
}

#[test]
fn a_page_without_files_has_no_origin_to_share() {
    let mut renderer = renderer();
    let job = PageJob {
        settle: std::time::Duration::from_millis(200),
        ..PageJob::of_html(
            "<script>try { console.log('storage ' + localStorage.length) } catch (error) { console.log(error.name) }</script>",
        )
    };
    let report = complete(&mut renderer, &job);
    assert_eq!(said(&report), ["SecurityError"]);
    let _ = files(&[]);
}
