//! Plain tools in an image's own root and environment, without isolation: what a runtime's answers are compared with.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use glasshouse_images::Image;

/// What a program left.
#[derive(Debug, PartialEq)]
pub(crate) struct Plain {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The files that it wrote, by their paths.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// Runs `words` where `code` is the file `script`, and nothing else is there.
pub(crate) fn run(image: &Image, script: &str, code: &str, words: &[&str]) -> Plain {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(script), code).unwrap();
    let done = enter(image, folder.path(), words);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut files = BTreeMap::new();
    collect(folder.path(), "", &mut files);
    files.remove(script);
    Plain { status: done.status.code(), stdout: text(&done.stdout), stderr: text(&done.stderr), files }
}

/// Runs `words` with `folder` as /work.
pub(crate) fn enter(image: &Image, folder: &Path, words: &[&str]) -> Output {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/common/enter.sh");
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "bash"]).arg(source);
    command.args([image.root.as_path(), folder]).args(words).env_clear().envs(&image.spec.env);
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin").stdin(Stdio::null()).output().unwrap()
}

/// What `run` says of each item, in order, as many at a time as there are cores.
pub(crate) fn of_each<I: Sync, P: Send>(items: &[I], run: impl Fn(&I) -> P + Sync) -> Vec<P> {
    let lanes = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(place) else { return found };
            found.push((place, run(item)));
        }
    };
    let mut all: Vec<(usize, P)> = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(work)).collect();
        lanes.into_iter().flat_map(|lane| lane.join().unwrap()).collect()
    });
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, said)| said).collect()
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
}
