//! Compiles pinned source archives of the Python package index, for packages that have no wheel.
//!
//! A second root, the workshop, holds interpreter, compiler and headers. Pip fetches the archives from outside, as it fetches wheels, and
//! nothing of a package runs for that; they are built inside the workshop, without a network. Only what pip would install gets
//! into the image: no compiler is ever in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::apt::Apt;
use crate::command::run;
use crate::definition::Definition;
use crate::error::ImageError;
use crate::inside::run_inside;
use crate::spec::Sources;
use crate::unpack::{furnish, prepare, unpack_all, within};
use crate::wheels::{PINNED, pip, python, unpack_wheels};

const STEP: &str = "python sources";
const HINT: &str =
    "pip must reach its package index: check the network, the proxy and pip's settings (PIP_* and pip.conf)";

/// Stands in for the build backend while archives are fetched. Pip wants to know name and version of what it has fetched and asks the
/// package's own code for them; each archive says both in a file, and this reads it.
const BACKEND: &str = r#"
import email
import pathlib


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    text = pathlib.Path("PKG-INFO").read_text(encoding="utf-8")
    said = email.message_from_string(text)
    info = "{}-{}.dist-info".format(said["Name"].replace("-", "_"), said["Version"])
    place = pathlib.Path(folder, info)
    place.mkdir()
    (place / "METADATA").write_text(text, encoding="utf-8")
    (place / "WHEEL").write_text("Wheel-Version: 1.0\n", encoding="utf-8")
    return info
"#;

/// Pip, told by which program it can start a second interpreter: its own is found by its loader alone.
const PIP: &str =
    "import runpy, sys; sys.executable = sys.argv.pop(1); runpy.run_module('pip', run_name='__main__', alter_sys=True)";

/// Where the workshop keeps what a build reads and writes.
const PLACE: &str = "/build";

/// Builds inside the workshop. Without debugging information, in which paths would stand.
const BUILD: &str = r#"
export PYTHONPATH=/build/tools:$(echo /build/pip-*.whl) CFLAGS=-g0
"$1" -s -m pip install --target /build/out --no-index --no-deps --no-build-isolation --no-compile --no-input --quiet \
    --disable-pip-version-check --root-user-action=ignore /build/archives/*
"#;

/// Fetches, builds and installs into `root` what the definition's `sources` name. `scratch` is a folder for what is needed along the way.
pub(crate) fn install(
    definition: &Definition,
    sources: &Sources,
    interpreter: &str,
    root: &Path,
    apt: &Apt,
    scratch: &Path,
) -> Result<(), ImageError> {
    let Some(wheels) = &definition.runtime.wheels else { return Ok(()) };
    let workshop = scratch.join("workshop");
    prepare(&workshop)?;
    unpack_all(&apt.fetch_apart(&sources.packages)?, &[], &workshop)?;
    furnish(&workshop, &definition.runtime.home.path, &definition.runtime.home.skeleton)?;
    let place = within(&workshop, PLACE);
    fs::create_dir_all(&place).map_err(ImageError::file("create", &place))?;

    let pip = pip(apt, scratch)?;
    let tools = definition.file(&sources.tools);
    unpack_wheels(&workshop, interpreter, tools, &place.join("tools"), &pip, scratch)?;
    fetch(definition.file(&sources.requirements), interpreter, &workshop, &pip, scratch)?;
    let copied = place.join(pip.file_name().unwrap_or_default());
    fs::copy(&pip, &copied).map_err(ImageError::file("write", &copied))?;
    run_inside(STEP, &workshop, &definition.runtime.env, &["/bin/sh", "-euc", BUILD, "build", interpreter])?;

    let (built, target) = (place.join("out"), within(root, &wheels.target));
    for entry in fs::read_dir(&built).map_err(ImageError::file("list", &built))?.flatten() {
        let to = target.join(entry.file_name());
        fs::rename(entry.path(), &to).map_err(ImageError::file("write", &to))?;
    }
    fs::remove_dir_all(&workshop).map_err(ImageError::file("remove", &workshop))
}

/// Fetches the archives that `requirements` pins into the workshop, each checked against its hash. Nothing of them runs.
fn fetch(
    requirements: &[u8],
    interpreter: &str,
    workshop: &Path,
    pip: &Path,
    scratch: &Path,
) -> Result<(), ImageError> {
    let list = scratch.join("sources.txt");
    fs::write(&list, requirements).map_err(ImageError::file("write", &list))?;
    let backend = scratch.join("backend/setuptools");
    fs::create_dir_all(&backend).map_err(ImageError::file("create", &backend))?;
    for (name, text) in [("__init__.py", ""), ("build_meta.py", BACKEND)] {
        fs::write(backend.join(name), text).map_err(ImageError::file("write", &backend))?;
    }
    let starter = scratch.join("python");
    fs::write(&starter, script(&python(workshop, interpreter)?)).map_err(ImageError::file("write", &starter))?;
    fs::set_permissions(&starter, fs::Permissions::from_mode(0o755)).map_err(ImageError::file("change", &starter))?;
    let paths = std::env::join_paths([scratch.join("backend"), pip.to_path_buf()]).map_err(|error| {
        ImageError::Unfit { step: STEP, problem: format!("the cache folder's path cannot be used: {error}") }
    })?;
    let mut command = python(workshop, interpreter)?;
    command.env("PYTHONPATH", paths).args(["-s", "-c", PIP]).arg(&starter).args(["download", "--dest"]);
    command.arg(within(workshop, PLACE).join("archives")).args(["--no-binary=:all:", "--no-build-isolation"]);
    run(STEP, command.args(PINNED).arg("--requirement").arg(&list), HINT).map(drop)
}

/// A shell script that starts `command` with its own arguments behind the command's.
fn script(command: &std::process::Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted = words.map(|word| format!("'{}'", word.to_string_lossy().replace('\'', "'\\''")));
    format!("#!/bin/sh\nexec {} \"$@\"\n", quoted.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_starter_hands_its_words_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("starter");
        let mut echo = Command::new("printf");
        echo.args(["%s|", "it's"]);
        fs::write(&path, script(&echo)).unwrap();
        let said = Command::new("sh").arg(&path).args(["two words", "3"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&said.stdout), "it's|two words|3|");
    }
}
