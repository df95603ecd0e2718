//! The plain `manim` command, in the same root and environment, without isolation.

use std::fs;
use std::sync::LazyLock;

use glasshouse_images::Image;

use crate::root::{self, Plain};

static IMAGE: LazyLock<Image> = LazyLock::new(|| glasshouse::bench::image_of("manim").unwrap());

/// Runs `manim render --quality QUALITY main.py SCENE`; without the files that Manim keeps for its next run.
pub(crate) fn manim(code: &str, scene: &str, quality: &str) -> Plain {
    let mut plain = root::run(&IMAGE, "main.py", code, &["manim", "render", "--quality", quality, "main.py", scene]);
    let cached = |path: &str| ["media/Tex/", "media/texts/"].iter().any(|folder| path.starts_with(folder));
    plain.files.retain(|path, _| !cached(path) && !path.contains("/partial_movie_files/"));
    plain
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
    let done = root::enter(&IMAGE, folder.path(), &["python", "-c", DECODE]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}
