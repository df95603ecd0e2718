//! The plain `Rscript main.R`, in the same root and environment, without isolation.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use glasshouse_images::Image;

static IMAGE: LazyLock<Image> = LazyLock::new(|| glasshouse::bench::image_of("r").unwrap());

/// What a program left.
#[derive(Debug, PartialEq)]
pub(crate) struct Plain {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The files that it wrote, by their paths.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// Runs a program.
pub(crate) fn rscript(code: &str) -> Plain {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("main.R"), code).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/common/enter.sh");
    let done = Command::new("unshare")
        .args(["--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "bash"])
        .arg(source)
        .args([IMAGE.root.as_path(), folder.path()])
        .args(["Rscript", "main.R"])
        .env_clear()
        .envs(&IMAGE.spec.env)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut files = BTreeMap::new();
    collect(folder.path(), "", &mut files);
    files.remove("main.R");
    Plain { status: done.status.code(), stdout: text(&done.stdout), stderr: text(&done.stderr), files }
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
