//! What the tests of pages share: the web image's browser, started without isolation, and the mirror.

#![allow(dead_code, reason = "each test target uses a part of it")]

#[path = "../common/cache.rs"]
mod cache;
pub(crate) mod playwright;

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use glasshouse_images::Definition;
use glasshouse_images::mirror::{MirrorPlan, ensure_mirror};
use glasshouse_web::mirror::Mirror;

pub(crate) use cache::{cache, workspace};

fn definition() -> Definition {
    Definition::load(&workspace().join("images/web")).unwrap()
}

/// A program that runs the image's browser in the image's root, built if it is not there: what both Playwright and we
/// start. `GLASSHOUSE_BROWSER` names another one.
pub(crate) fn browser() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(make_browser).clone()
}

fn make_browser() -> PathBuf {
    if let Some(program) = env::var_os("GLASSHOUSE_BROWSER") {
        return program.into();
    }
    let image = glasshouse_images::ensure(&definition(), &cache(), &mut |line| eprintln!("{line}")).unwrap();
    let folder = env::temp_dir().join("glasshouse-web-tests");
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join(format!("browser-{}", image.digest.hex()));
    let enter = workspace().join("tests/web-common/enter.sh");
    let script = format!(
        "#!/bin/sh\nexec unshare --map-root-user --mount sh {} {} \"$@\"\n",
        enter.display(),
        image.root.display()
    );
    // Renamed into place, since another test may start it right now.
    let new = folder.join(format!("new-{}", std::process::id()));
    fs::write(&new, script).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&new, &program).unwrap();
    program
}

/// The mirror, made if it is not there.
pub(crate) fn mirror() -> Mirror {
    let plan = MirrorPlan::of(&definition(), &cache()).unwrap().unwrap();
    let stored = ensure_mirror(&plan, &cache(), &mut |line| eprintln!("{line}")).unwrap();
    Mirror::open(&stored.folder).unwrap()
}
