//! The plain `manim` command, in the same root and environment, without isolation.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use glasshouse_images::Image;

static IMAGE: LazyLock<Image> = LazyLock::new(|| glasshouse::bench::image_of("manim").unwrap());

/// What a program left.
#[derive(Debug, PartialEq)]
pub(crate) struct Plain {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The files that it wrote, by their paths, without those that Manim keeps for its next run.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// Runs `manim render --quality QUALITY main.py SCENE`.
pub(crate) fn manim(code: &str, scene: &str, quality: &str) -> Plain {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("main.py"), code).unwrap();
    let done = enter(folder.path(), &["manim", "render", "--quality", quality, "main.py", scene]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut files = BTreeMap::new();
    collect(folder.path(), "", &mut files);
    let kept = |path: &String, _: &mut Vec<u8>| {
        let cached = ["media/Tex/", "media/texts/"].iter().any(|folder| path.starts_with(folder));
        path != "main.py" && !cached && !path.contains("/partial_movie_files/")
    };
    files.retain(kept);
    Plain { status: done.status.code(), stdout: text(&done.stdout), stderr: text(&done.stderr), files }
}

/// Decodes films in the root: a line for each frame, its time stamp and the hash of its pixels.
pub(crate) fn decoded(film: &[u8]) -> String {
    const DECODE: &str = "import av, hashlib, sys
with av.open('film') as film:
    for frame in film.decode(video=0):
        print(frame.pts * frame.time_base, hashlib.sha256(frame.to_ndarray(format='rgb24').tobytes()).hexdigest())
";
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("film"), film).unwrap();
    let done = enter(folder.path(), &["python", "-c", DECODE]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

fn enter(folder: &Path, words: &[&str]) -> Output {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/common/enter.sh");
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "bash"]).arg(source);
    command.args([IMAGE.root.as_path(), folder]).args(words).env_clear().envs(&IMAGE.spec.env);
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin").stdin(Stdio::null()).output().unwrap()
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
