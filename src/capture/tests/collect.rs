//! Whole runs, as they lie in their folders: what becomes of them.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::Path;

use glasshouse_capture::{Collected, Harvester, HelperCommand, Inputs, Store, encode_png};
use glasshouse_model::{Artifact, ArtifactKind, Limits};
use serde_json::{Value, json};
use tempfile::TempDir;

/// One run's folders, and where its outputs go.
struct Run {
    folder: TempDir,
    inputs: Vec<(String, Vec<u8>)>,
    limits: Limits,
    /// Whether documents are drawn.
    drawn: bool,
}

impl Run {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("work")).unwrap();
        fs::create_dir(folder.path().join("captures")).unwrap();
        let inputs = vec![("main.py".into(), b"plot()".to_vec())];
        let run = Self { folder, inputs, limits: Limits::default(), drawn: false };
        run.work("main.py", b"plot()");
        run
    }

    fn path(&self, part: &str) -> std::path::PathBuf {
        self.folder.path().join(part)
    }

    fn work(&self, name: &str, bytes: &[u8]) {
        let path = self.path("work").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn capture(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path("captures").join(name), bytes).unwrap();
    }

    fn record(&self, number: u64, value: &Value) {
        self.capture(&format!("{number:04}.json"), value.to_string().as_bytes());
    }

    fn collect(&self) -> Collected {
        let open = |part: &str| OwnedFd::from(File::open(self.path(part)).unwrap());
        let files: BTreeMap<_, _> = self.inputs.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        let inputs = Inputs { folder: "/work", files, drawn: self.drawn };
        self.harvester().collect(open("work"), open("captures"), &inputs, &self.limits).unwrap()
    }

    fn store(&self) -> std::path::PathBuf {
        self.path("store")
    }

    fn harvester(&self) -> Harvester {
        let program = env!("CARGO_BIN_EXE_glasshouse-check-helper").into();
        Harvester::new(Store::open(self.store()).unwrap(), HelperCommand { program, args: Vec::new() })
    }
}

fn names(collected: &Collected) -> Vec<&str> {
    collected.artifacts.iter().map(|artifact| artifact.name.as_str()).collect()
}

fn named<'a>(collected: &'a Collected, name: &str) -> &'a Artifact {
    collected.artifacts.iter().find(|artifact| artifact.name == name).unwrap()
}

fn origin(path: Option<&str>) -> Value {
    json!({"call": "savefig", "path": path, "written": path.map(|path| format!("/work/{path}")), "format": "x", "line": 3})
}

fn pixels(red: u8) -> Vec<u8> {
    (0..20 * 10).flat_map(|index| [red, index as u8, 7, 255]).collect()
}

fn picture(red: u8) -> Vec<u8> {
    encode_png(&pixels(red), 20, 10).unwrap()
}

const PDF: &[u8] = b"%PDF-1.4\nxref\n0 1\ntrailer\n<<>>\nstartxref\n9\n%%EOF\n";

#[test]
fn documents_that_stand_for_figures_wait_for_their_pictures() {
    let run = Run { drawn: true, ..Run::new() };
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><circle r='1'/></svg>";
    run.capture("0001.svg", svg);
    run.capture("0002.svg", svg);
    run.capture("0003.svg", b"<svg");
    run.capture("0004.bin", b"[1]");
    run.record(1, &json!({"origin": origin(None), "drawing": {"file": "0001.svg"}, "facts": {"n": 1}}));
    run.record(2, &json!({"origin": origin(None), "drawing": {"file": "0002.svg", "frame": "a-001"}}));
    run.record(3, &json!({"origin": origin(None), "drawing": {"file": "0003.svg"}}));
    run.record(
        4,
        &json!({"origin": origin(None), "buffer": {"file": "0004.bin", "format": "json", "name": "results"}}),
    );
    run.record(5, &json!({"origin": origin(None), "drawing": {"file": "gone.svg"}}));
    let collected = run.collect();
    let expected = [
        "figure-1.png",
        "figure-1.svg",
        "frames/a-001.png",
        "frames/a-001.svg",
        "figure-2.svg",
        "results.json",
        "figure-3.svg",
    ];
    assert_eq!(names(&collected), expected);
    let places: Vec<usize> = collected.vectors.iter().map(|one| one.figure).collect();
    assert_eq!(places, [0, 2]);
    assert_eq!(collected.vectors[1].document.as_bytes(), svg);
    let (waiting, frame) = (named(&collected, "figure-1.png"), named(&collected, "frames/a-001.png"));
    assert!(waiting.problem.is_some() && frame.problem.is_some(), "nobody has drawn them yet");
    assert_eq!((waiting.kind, frame.kind), (ArtifactKind::Figure, ArtifactKind::Figure));
    assert_eq!((waiting.facts.clone(), waiting.origin.as_ref().unwrap().line), (Some(json!({"n": 1})), Some(3)));
    // One that is broken has no picture, and says so itself.
    assert!(collected.artifacts[4].problem.is_some() && collected.artifacts[6].problem.is_some());
}

#[test]
fn a_saved_pdf_comes_with_its_picture_and_facts() {
    let run = Run::new();
    run.work("out/plot.pdf", PDF);
    run.capture("0001.rgba", &pixels(1));
    run.record(
        1,
        &json!({"origin": origin(Some("out/plot.pdf")), "facts": {"axes": 1},
            "pixels": {"file": "0001.rgba", "width": 20, "height": 10}}),
    );
    let collected = run.collect();
    assert_eq!(names(&collected), ["figure-1.png", "out/plot.pdf"]);
    let figure = named(&collected, "figure-1.png");
    assert_eq!((figure.kind, figure.width, figure.blank), (ArtifactKind::Figure, Some(20), Some(false)));
    assert_eq!(figure.facts, Some(json!({"axes": 1})));
    let store = Store::open(run.store()).unwrap();
    let stored = fs::read(store.path_of(figure.hash.unwrap())).unwrap();
    assert_eq!(figure.bytes, stored.len() as u64);
    assert_eq!(image::load_from_memory(&stored).unwrap().to_rgba8().into_raw(), pixels(1));
    let file = named(&collected, "out/plot.pdf");
    assert_eq!(
        (file.kind, file.media_type.as_str(), &file.problem),
        (ArtifactKind::Document, "application/pdf", &None)
    );
    assert_eq!(file.origin.as_ref().unwrap().line, Some(3));
    assert!(file.facts.is_none());
}

#[test]
fn a_png_that_the_script_saved_carries_the_facts_itself() {
    let run = Run::new();
    run.work("a.png", &picture(1));
    run.record(1, &json!({"origin": origin(Some("a.png")), "facts": {"axes": 2}}));
    run.record(2, &json!({"origin": origin(Some("a.png")), "same_as": 1}));
    let collected = run.collect();
    assert_eq!(names(&collected), ["a.png"]);
    assert_eq!(collected.artifacts[0].kind, ArtifactKind::Image);
    assert_eq!(collected.artifacts[0].facts, Some(json!({"axes": 2})));
}

#[test]
fn a_png_that_was_overwritten_leaves_its_facts() {
    let run = Run::new();
    run.work("a.png", &picture(2));
    run.record(1, &json!({"origin": origin(Some("a.png")), "facts": {"which": 1}}));
    run.record(2, &json!({"origin": origin(Some("a.png")), "facts": {"which": 2}}));
    run.record(3, &json!({"origin": {"call": "savefig", "written": "/tmp/a.png"}, "facts": {"which": 3}}));
    let collected = run.collect();
    assert_eq!(names(&collected), ["figure-1.png", "figure-2.png", "a.png"]);
    assert_eq!(named(&collected, "a.png").facts, Some(json!({"which": 2})));
    let lost = named(&collected, "figure-1.png");
    assert_eq!((lost.hash, &lost.problem, &lost.facts), (None, &None, &Some(json!({"which": 1}))));
    assert_eq!(named(&collected, "figure-2.png").facts, Some(json!({"which": 3})));
}

#[test]
fn buffers_are_artifacts_of_their_own() {
    let run = Run::new();
    run.capture("0001.bin", &picture(3));
    run.record(
        1,
        &json!({"origin": origin(None), "buffer": {"file": "0001.bin", "format": "png"}, "facts": {"axes": 3}}),
    );
    let collected = run.collect();
    assert_eq!(names(&collected), ["buffer-1.png"]);
    assert_eq!(collected.artifacts[0].facts, Some(json!({"axes": 3})));
    assert_eq!(collected.artifacts[0].problem, None);
}

#[test]
fn unchanged_inputs_are_not_artifacts_and_changed_ones_are() {
    let mut run = Run::new();
    run.inputs.push(("data.csv".into(), b"a,b".to_vec()));
    run.inputs.push(("same.csv".into(), b"a,b".to_vec()));
    run.work("data.csv", b"a,c");
    run.work("same.csv", b"a,b");
    assert_eq!(names(&run.collect()), ["data.csv"]);
}

#[test]
fn hostile_captures_are_problems_and_nothing_more() {
    let run = Run::new();
    run.capture("0001.rgba", &pixels(1)[..100]);
    run.record(1, &json!({"pixels": {"file": "0001.rgba", "width": 20, "height": 10}}));
    run.record(2, &json!({"pixels": {"file": "../work/main.py", "width": 20, "height": 10}}));
    run.record(3, &json!({"pixels": {"file": "gone.rgba", "width": 20, "height": 10}}));
    std::os::unix::fs::symlink("/etc/passwd", run.path("captures").join("0004.rgba")).unwrap();
    run.record(4, &json!({"pixels": {"file": "0004.rgba", "width": 20, "height": 10}}));
    run.record(5, &json!({"pixels": {"file": "5", "width": 60_000, "height": 60_000}}));
    run.capture("0006.json", b"\xff\xfe");
    run.record(7, &json!({"error": "ValueError: no", "facts": {"axes": 1}}));
    let collected = run.collect();
    assert_eq!(collected.artifacts.len(), 7);
    for (artifact, words) in collected.artifacts.iter().zip([
        "take 100 bytes",
        "names a file",
        "cannot be opened",
        "cannot be opened",
        "60000 x 60000",
        "agreed shape",
        "could not be drawn: ValueError",
    ]) {
        assert_eq!((artifact.kind, artifact.hash), (ArtifactKind::Figure, None));
        assert!(artifact.problem.as_ref().unwrap().contains(words), "{words}: {artifact:?}");
    }
}

#[test]
fn hostile_files_are_listed_and_the_rest_goes_on() {
    let mut run = Run::new();
    run.limits.artifact_size = 1 << 20;
    let at = |name: &str| run.path("work").join(name);
    std::os::unix::fs::symlink("/etc/passwd", at("a-link.png")).unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, at("b-fifo.png"), fifo, 0o600.into(), 0).unwrap();
    File::create(at("c-huge.png")).unwrap().set_len(1 << 36).unwrap();
    fs::write(at("d-empty.png"), "").unwrap();
    fs::write(at("e-cut.png"), &picture(1)[..60]).unwrap();
    fs::write(at("f-good.png"), picture(1)).unwrap();
    fs::hard_link(at("f-good.png"), at("g-again.png")).unwrap();
    let collected = run.collect();
    let problem = |name: &str| named(&collected, name).problem.clone().unwrap_or_default();
    assert_eq!(collected.artifacts.len(), 7);
    assert!(problem("a-link.png").contains("symbolic link"));
    assert!(problem("b-fifo.png").contains("FIFO"));
    assert!(problem("c-huge.png").contains("at most 1048576 are taken"));
    assert!(problem("d-empty.png").contains("is empty"));
    assert!(problem("e-cut.png").contains("cut short"));
    assert_eq!(problem("f-good.png"), "");
    assert_eq!(named(&collected, "f-good.png").hash, named(&collected, "g-again.png").hash);
    assert!(collected.artifacts[..3].iter().all(|artifact| artifact.hash.is_none()));
}

#[test]
fn what_is_beyond_the_limit_is_counted() {
    let mut run = Run::new();
    run.limits.artifacts = 3;
    for index in 0..5 {
        run.work(&format!("{index}.txt"), b"x");
    }
    run.capture("0001.rgba", &pixels(1));
    run.record(1, &json!({"pixels": {"file": "0001.rgba", "width": 20, "height": 10}}));
    run.capture("overflow.json", br#"{"figures": 10}"#);
    let collected = run.collect();
    assert_eq!(names(&collected), ["figure-1.png", "0.txt", "1.txt"]);
    assert_eq!(collected.overflow, 13);
}

#[test]
fn the_uncaught_error_is_handed_on() {
    let run = Run::new();
    let error = json!({"type": "OSError", "message": "full", "line": 4, "traceback": "Traceback",
        "chain": [{"type": "OSError", "errno": 28}]});
    run.capture("error.json", error.to_string().as_bytes());
    let collected = run.collect();
    assert_eq!(collected.error.unwrap().message, "full");
    assert_eq!(collected.error_chain[0].errno, Some(28));
}

#[test]
fn many_threads_share_one_harvester() {
    let run = Run::new();
    run.work("a.png", &picture(4));
    let harvester = run.harvester();
    let layers = harvester.warm(2).unwrap();
    assert!(layers.contains(&"seccomp".to_owned()));
    let open = |part: &str| OwnedFd::from(File::open(run.path(part)).unwrap());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let inputs = Inputs {
                        folder: "/work",
                        files: BTreeMap::from([("main.py", b"plot()".as_slice())]),
                        ..Inputs::default()
                    };
                    let collected = harvester.collect(open("work"), open("captures"), &inputs, &run.limits).unwrap();
                    assert_eq!(names(&collected), ["a.png"]);
                }
            });
        }
    });
    let objects = fs::read_dir(run.store()).unwrap().filter(|entry| entry.as_ref().unwrap().file_name() != ".tmp");
    assert_eq!(objects.count(), 1);
}

/// Needs the right to mount; says so where it is missing.
#[test]
fn a_detached_tmpfs_is_read_and_never_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let outcome = std::thread::spawn(move || in_own_mounts(&path)).join().unwrap();
    if let Err(error) = outcome {
        eprintln!("not run: mounting needs rights that are missing here ({error})");
    }
}

fn in_own_mounts(path: &Path) -> rustix::io::Result<()> {
    use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
    #[expect(deprecated)] // this thread's mounts only; no descriptor table is unshared
    rustix::thread::unshare(rustix::thread::UnshareFlags::NEWNS)?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    mount("tmpfs", path, c"tmpfs", MountFlags::empty(), None)?;
    fs::write(path.join("a.txt"), "a").unwrap();
    fs::create_dir(path.join("other")).unwrap();
    mount("tmpfs", path.join("other"), c"tmpfs", MountFlags::empty(), None)?;
    fs::write(path.join("other/secret.txt"), "s").unwrap();
    let captures = tempfile::tempdir().unwrap();
    let work = File::open(path).unwrap();

    let run = Run::new();
    let look = |work: &File| {
        let captures = OwnedFd::from(File::open(captures.path()).unwrap());
        let inputs = Inputs { folder: "/work", ..Inputs::default() };
        run.harvester().collect(work.try_clone().unwrap().into(), captures, &inputs, &run.limits).unwrap()
    };
    // Mounted, the other file system is in reach of an ordinary walk, and ours does not enter it.
    assert!(path.join("other/secret.txt").exists());
    let collected = look(&work);
    assert_eq!(names(&collected), ["a.txt", "other"]);
    assert!(collected.artifacts[1].problem.as_ref().unwrap().contains("cannot be read"));
    // Detached, as after the run's namespaces are gone, the descriptor still answers.
    unmount(path.join("other"), UnmountFlags::DETACH)?;
    unmount(path, UnmountFlags::DETACH)?;
    assert!(!path.join("a.txt").exists());
    assert_eq!(names(&look(&work)), ["a.txt"]);
    Ok(())
}
