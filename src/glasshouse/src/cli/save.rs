//! Captures of one program into a folder of the user.
//!
//! The names are a sample's choice, so they may lead nowhere but into that folder, make nothing hidden,
//! and replace nothing but an older picture or document.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use glasshouse_dataset::artifact_path;
use glasshouse_model::{Artifact, ArtifactKind};

use super::Failure;
use crate::text::plain;

/// What became of an artifact.
#[derive(Debug)]
pub(super) struct Saved {
    name: String,
    /// Why it was left out.
    problem: Option<String>,
}

impl fmt::Display for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            None => f.write_str(&plain(&self.name, 80)),
            Some(problem) => write!(f, "{} (left out: {})", plain(&self.name, 80), plain(problem, 120)),
        }
    }
}

/// Copies every artifact that was taken out from the store to `out`.
pub(super) fn save(artifacts: &[Artifact], store: &Path, out: &Path) -> Result<Vec<Saved>, Failure> {
    let one = |artifact: &Artifact| {
        let problem = match (&artifact.problem, artifact.hash) {
            (Some(problem), _) => Some(problem.clone()),
            (None, None) => Some("its bytes were not taken".to_owned()),
            (None, Some(hash)) => copy(artifact, &artifact_path(store, &hash), out)?,
        };
        Ok(Saved { name: artifact.name.clone(), problem })
    };
    artifacts.iter().map(one).collect()
}

/// Copies one artifact, or says why not.
fn copy(artifact: &Artifact, from: &Path, out: &Path) -> Result<Option<String>, Failure> {
    let Some(name) = harmless(&artifact.name) else {
        return Ok(Some("its name is hidden or leads elsewhere".to_owned()));
    };
    let target = out.join(&name);
    if let Some(problem) = in_the_way(&target, artifact.kind) {
        return Ok(Some(problem));
    }
    place(from, &target, out, &name)
        .map(|placed| (!placed).then(|| "a link is in the way".to_owned()))
        .map_err(|error| Failure::Storage(format!("cannot write {}: {error}", target.display())))
}

/// The name, if all its parts are plain and visible.
fn harmless(name: &str) -> Option<PathBuf> {
    let path = Path::new(name);
    let plain = |part: Component<'_>| match part {
        Component::Normal(part) => !part.to_string_lossy().starts_with('.'),
        _ => false,
    };
    (!name.is_empty() && path.components().all(plain)).then(|| path.to_owned())
}

fn in_the_way(target: &Path, kind: ArtifactKind) -> Option<String> {
    let found = fs::symlink_metadata(target).ok()?;
    let replaceable = found.is_file() && kind != ArtifactKind::File;
    (!replaceable).then(|| format!("{} exists; use -o DIR", target.display()))
}

/// Writes under another name first, so that a link at the target is replaced and never followed.
fn place(from: &Path, target: &Path, out: &Path, name: &Path) -> io::Result<bool> {
    fs::create_dir_all(out)?;
    let mut folder = out.to_owned();
    for part in name.parent().into_iter().flat_map(Path::components) {
        folder.push(part);
        match fs::symlink_metadata(&folder) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Ok(false),
            Err(_) => fs::create_dir(&folder)?,
        }
    }
    // As if the user had made it: the umask decides.
    let mode = fs::Permissions::from_mode(0o666);
    let unfinished = tempfile::Builder::new().permissions(mode).tempfile_in(&folder)?;
    io::copy(&mut fs::File::open(from)?, &mut unfinished.as_file())?;
    unfinished.persist(target).map_err(|error| error.error)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for name in ["a.png", "plots/a.png"] {
            assert!(harmless(name).is_some(), "{name}");
        }
        for name in ["", "/etc/x", "../x", "a/../../x", ".bashrc", ".git/hooks/x", "a/.x", "./a"] {
            assert!(harmless(name).is_none(), "{name}");
        }
    }

    #[test]
    fn only_pictures_replace_files_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("plot.png");
        assert_eq!(in_the_way(&target, ArtifactKind::File), None);
        fs::write(&target, "old").unwrap();
        assert_eq!(in_the_way(&target, ArtifactKind::Image), None);
        assert!(in_the_way(&target, ArtifactKind::File).is_some());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(in_the_way(&link, ArtifactKind::Image).is_some());
        let linked_folder = folder.path().join("elsewhere");
        std::os::unix::fs::symlink("/tmp", &linked_folder).unwrap();
        let name = Path::new("elsewhere/x.png");
        assert!(!place(&target, &folder.path().join(name), folder.path(), name).unwrap());
    }
}
