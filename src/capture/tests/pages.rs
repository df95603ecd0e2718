//! Runs that leave pages in place of pictures: which artifacts wait for them, and what is handed on.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use std::fs::{self, File};
use std::os::fd::OwnedFd;

use glasshouse_capture::{Collected, Harvester, HelperCommand, Inputs, PageFormat, PictureOf, Store};
use glasshouse_model::{ArtifactKind, Limits};
use serde_json::{Value, json};
use tempfile::TempDir;

/// One run's folders.
struct Run {
    folder: TempDir,
    limits: Limits,
}

impl Run {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("work")).unwrap();
        fs::create_dir(folder.path().join("captures")).unwrap();
        Self { folder, limits: Limits::default() }
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// A record with a page of its own; `promise` is the format of the file that it fills.
    fn page(&self, number: u64, promise: Option<&str>) {
        self.put(&format!("captures/{number:04}.html"), format!("<p>{number}").as_bytes());
        let page = json!({"file": format!("{number:04}.html"), "promise": promise, "picture": "text", "ready": true,
            "width": 1280, "height": 720, "scale": 1.0});
        self.record(number, "show", None, page);
    }

    fn record(&self, number: u64, call: &str, written: Option<&str>, page: Value) {
        let written = written.map(|path| format!("/work/{path}"));
        let origin = json!({"call": call, "path": "p", "written": written, "format": null, "line": 3});
        let record = json!({"seq": number, "origin": origin, "page": page, "facts": {"library": "plotly"}});
        self.put(&format!("captures/{number:04}.json"), record.to_string().as_bytes());
    }

    fn collect(&self) -> Collected {
        let open = |part: &str| OwnedFd::from(File::open(self.folder.path().join(part)).unwrap());
        let inputs = Inputs { folder: "/work", ..Inputs::default() };
        let program = env!("CARGO_BIN_EXE_glasshouse-check-helper").into();
        let store = Store::open(self.folder.path().join("store")).unwrap();
        let harvester = Harvester::new(store, HelperCommand { program, args: Vec::new() });
        harvester.collect(open("work"), open("captures"), &inputs, &self.limits).unwrap()
    }
}

fn promise(number: u64) -> Vec<u8> {
    format!("glasshouse: picture {number:04} is drawn when the program has ended\n").into_bytes()
}

fn names(collected: &Collected) -> Vec<&str> {
    collected.artifacts.iter().map(|artifact| artifact.name.as_str()).collect()
}

#[test]
fn a_shown_figure_waits_under_the_next_name() {
    let run = Run::new();
    run.page(1, None);
    run.page(2, None);
    let collected = run.collect();
    assert_eq!(names(&collected), ["figure-1.png", "figure-2.png"]);
    let second = &collected.artifacts[1];
    assert_eq!((second.kind, second.origin.as_ref().unwrap().line), (ArtifactKind::Figure, Some(3)));
    assert!(second.problem.as_ref().unwrap().contains("was not shown") && second.facts.is_some());
    let page = &collected.pages[1];
    assert_eq!((page.html.as_slice(), page.figure, page.files.len()), (&b"<p>2"[..], Some(1), 0));
    assert_eq!(page.view.picture, PictureOf::Result);
}

#[test]
fn files_that_wait_are_found_wherever_they_went() {
    let run = Run::new();
    run.page(1, Some("png"));
    run.page(2, Some("svg"));
    run.page(3, Some("png"));
    run.put("work/out/renamed.png", &promise(1));
    run.put("work/copy.png", &promise(1));
    run.put("work/b.svg", &promise(2));
    run.put("work/forged.png", &promise(9));
    run.put("work/c.txt", b"glasshouse: picture 0001 is drawn when the program has endeD\n");
    let collected = run.collect();
    let expected = ["figure-1.png", "figure-2.png", "b.svg", "c.txt", "copy.png", "forged.png", "out/renamed.png"];
    assert_eq!(names(&collected), expected);
    let places: Vec<_> = collected.pages.iter().map(|page| (page.figure, page.files.clone(), page.format)).collect();
    assert_eq!(
        places,
        [
            // A PNG that the program saves is the picture; a drawing has one beside it; a file that is gone leaves it.
            (None, vec![4, 6], PageFormat::Png),
            (Some(0), vec![2], PageFormat::Svg),
            (Some(1), vec![], PageFormat::Png),
        ]
    );
    assert_eq!(collected.artifacts[2].kind, ArtifactKind::Document);
    assert!(collected.artifacts[4].origin.is_some() && collected.artifacts[4].facts.is_some());
    // Nobody will fill what was forged: it is a file that is no PNG.
    assert!(!collected.artifacts[5].problem.as_ref().unwrap().contains("was not shown"));
}

#[test]
fn a_written_page_is_shown_with_what_it_names_and_stays_a_file() {
    let run = Run::new();
    run.put("work/out/a.html", b"<script src=\"js/lib.js\"></script>");
    run.put("work/out/js/lib.js", b"1");
    run.put("work/out/secret.txt", b"2");
    run.put("work/lib.js", b"3");
    let page = json!({"file": null, "promise": null, "picture": "window", "ready": false, "width": 1280, "height": 720,
        "scale": 1.0});
    run.record(1, "write_html", Some("out/a.html"), page.clone());
    run.record(2, "write_html", Some("gone.html"), page);
    let collected = run.collect();
    assert_eq!(names(&collected)[..1], ["figure-1.png"]);
    assert_eq!(collected.pages.len(), 1, "what is gone shows nothing");
    let beside: Vec<_> = collected.pages[0].beside.iter().collect();
    assert_eq!(beside, [(&"js/lib.js".to_owned(), &b"1".to_vec())]);
    let file = collected.artifacts.iter().find(|artifact| artifact.name == "out/a.html").unwrap();
    assert_eq!(file.origin.as_ref().unwrap().call, "write_html");
    assert!(file.hash.is_some() && file.problem.is_none());
}

#[test]
fn pages_are_bounded_in_bytes_and_number() {
    let mut run = Run::new();
    run.page(1, None);
    run.put("captures/0001.html", &vec![b' '; (32 << 20) + 1]);
    run.page(2, None);
    run.page(3, None);
    std::os::unix::fs::symlink("/etc/passwd", run.folder.path().join("captures/0004.html")).unwrap();
    let page = json!({"file": "0004.html", "promise": null, "picture": "text", "ready": true, "width": 1280, "height": 720,
        "scale": 1.0});
    run.record(4, "show", None, page);
    run.limits.artifacts = 2;
    let collected = run.collect();
    assert_eq!((names(&collected).len(), collected.pages.len(), collected.overflow), (2, 1, 2));
    assert!(collected.artifacts[0].problem.as_ref().unwrap().contains("holds more than"));
    run.limits.artifacts = 10;
    let collected = run.collect();
    assert!(collected.artifacts[3].problem.as_ref().unwrap().contains("cannot be shown"));
    assert!(collected.pages.iter().all(|page| !page.html.starts_with(b"root")));
}
