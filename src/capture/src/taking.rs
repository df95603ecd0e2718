//! Takes one thing of a run: stores its bytes, has it checked, and says what it is as an [`Artifact`].

use std::fs::File;
use std::io::{self, Seek, Write};
use std::time::{Duration, Instant};

use glasshouse_model::{Artifact, ArtifactKind, Fault, FaultKind, Origin};
use serde_json::{Value, json};

use crate::check::Checked;
use crate::contract::PixelFile;
use crate::draw::{Drawable, Drawn};
use crate::helper::{Answer, Client, Pages};
use crate::names::{claimed_type, extension, shown};
use crate::store::{Store, StoreError};

/// Bytes that are read of one run, files and pixels together.
const BYTES_IN_ALL: u64 = 2 << 30;
/// Seconds of processor time that the checks of one run may take together.
const SECONDS_IN_ALL: f64 = 60.0;

/// The call that a figure comes from that was drawn of a file.
pub(crate) const FILE: &str = "file";

/// Something that we captured ourselves, to be checked and stored.
#[derive(Clone, Debug)]
pub struct Given {
    /// Its name in the record.
    pub name: String,
    /// What it was asked for as.
    pub kind: ArtifactKind,
    /// Its bytes, which come from inside a sandbox.
    pub bytes: Vec<u8>,
    /// How it came about.
    pub origin: Option<Origin>,
    /// Facts about it.
    pub facts: Option<Value>,
}

/// One run's taking: a helper, the store, and what is left of the run's budgets.
pub(crate) struct Taking<'a> {
    store: &'a Store,
    client: &'a mut Client,
    bytes: u64,
    seconds: f64,
    /// Time that went by waiting for the helper.
    pub(crate) checking: Duration,
}

impl<'a> Taking<'a> {
    pub(crate) fn new(store: &'a Store, client: &'a mut Client) -> Self {
        Self { store, client, bytes: BYTES_IN_ALL, seconds: SECONDS_IN_ALL, checking: Duration::ZERO }
    }

    /// Takes a file whose name is `path`, if it has at most `largest` bytes.
    pub(crate) fn file(&mut self, path: &[u8], file: &File, size: u64, largest: u64) -> Result<Artifact, Fault> {
        let extension = extension(path);
        let mut artifact = listed(shown(path), size);
        if size > largest {
            artifact.problem = Some(format!("holds {size} bytes; at most {largest} are taken of one file"));
        } else if size > self.bytes {
            artifact.problem = Some("is more than is taken of one run in all".to_owned());
        } else {
            self.bytes -= size;
            let (hash, bytes) = self.store.put_file(file, largest).map_err(storage)?;
            (artifact.hash, artifact.bytes) = (Some(hash), bytes);
            let answer = self.asked(|client| client.check(file, extension.as_deref()))?;
            apply(&mut artifact, answer.checked);
        }
        artifact.kind = kind(&artifact, extension.as_deref());
        Ok(artifact)
    }

    /// Takes bytes that we captured ourselves: they are of the kind that they were asked for as, or a problem.
    pub(crate) fn given(&mut self, given: Given, largest: u64) -> Result<Artifact, Fault> {
        let Given { name, kind, bytes, origin, facts } = given;
        let size = bytes.len() as u64;
        let file = in_memory(&bytes).map_err(|error| Fault::new(FaultKind::Harvest, error.to_string()))?;
        drop(bytes);
        let taken = self.file(name.as_bytes(), &file, size, largest)?;
        Ok(Artifact { name, kind, origin, facts, ..taken })
    }

    /// Takes captured pixels as a PNG.
    pub(crate) fn pixels(
        &mut self,
        name: String,
        pixels: &PixelFile,
        file: &File,
        size: u64,
    ) -> Result<Artifact, Fault> {
        let mut artifact = Artifact { kind: ArtifactKind::Figure, ..listed(name, 0) };
        if size != pixels.bytes() {
            let (width, height) = (pixels.width, pixels.height);
            artifact.problem = Some(format!("its pixels take {size} bytes, which {width} x {height} do not"));
            return Ok(artifact);
        }
        if size > self.bytes {
            artifact.problem = Some("is more than is taken of one run in all".to_owned());
            return Ok(artifact);
        }
        self.bytes -= size;
        let answer = self.asked(|client| client.encode(file, pixels.width, pixels.height))?;
        if answer.checked.problem.is_none() && !answer.png.is_empty() {
            artifact.hash = Some(self.store.put(&answer.png).map_err(storage)?);
            artifact.bytes = answer.png.len() as u64;
        }
        apply(&mut artifact, answer.checked);
        Ok(artifact)
    }

    /// Draws the pages of a document, or a picture that is no PNG, that has been taken as `artifact`: figures, without names.
    /// Where it cannot be drawn, one with a problem; none of what is drawn already or not at all.
    ///
    /// How many more pages there are than `most` comes with them.
    pub(crate) fn drawn(
        &mut self,
        artifact: &Artifact,
        file: &File,
        most: usize,
    ) -> Result<(Vec<Artifact>, u64), Fault> {
        let Some(kind) = Drawable::of(&artifact.media_type).filter(|_| artifact.problem.is_none()) else {
            return Ok((Vec::new(), 0));
        };
        let Pages { drawn: Drawn { pages, left_out, problem }, pngs, .. } = match self.out_of_time() {
            Some(problem) => Pages { drawn: Drawn { problem: Some(problem), ..Drawn::default() }, ..Pages::default() },
            None => self.timed(|client| client.draw(file, kind, most), |pages| pages.cpu)?,
        };
        let origin = |page: usize| {
            let extension = extension(artifact.name.as_bytes()).unwrap_or_default();
            let (path, format) = (Some(artifact.name.clone()), Some(extension));
            let facts = (kind == Drawable::Pdf).then(|| json!({ "page": page }));
            (Some(Origin { call: FILE.to_owned(), path, format, line: None }), facts)
        };
        let mut figures = Vec::new();
        let mut rest = pngs.as_slice();
        for (index, page) in pages.iter().enumerate() {
            let (png, after) = rest.split_at_checked(page.bytes).unwrap_or_default();
            rest = after;
            let mut figure = listed(String::new(), png.len() as u64);
            figure.hash = Some(self.store.put(png).map_err(storage)?);
            figure.media_type = "image/png".to_owned();
            (figure.width, figure.height, figure.blank) = (Some(page.width), Some(page.height), Some(page.blank));
            (figure.origin, figure.facts) = origin(index + 1);
            figures.push(figure);
        }
        if let Some(problem) = problem {
            let mut figure = listed(String::new(), 0);
            figure.problem = Some(format!("{} {problem}", artifact.name));
            (figure.origin, figure.facts) = origin(pages.len() + 1);
            figures.push(figure);
        }
        Ok((figures, left_out))
    }

    fn asked(&mut self, ask: impl FnOnce(&mut Client) -> Result<Answer, Fault>) -> Result<Answer, Fault> {
        if let Some(problem) = self.out_of_time() {
            let checked = Checked::broken("application/octet-stream", problem);
            return Ok(Answer { checked, ..Answer::default() });
        }
        self.timed(ask, |answer| answer.cpu)
    }

    fn out_of_time(&self) -> Option<String> {
        let over = self.seconds <= 0.0;
        over.then(|| format!("was not checked: the run's files took more than {SECONDS_IN_ALL} s to check"))
    }

    fn timed<A>(
        &mut self,
        ask: impl FnOnce(&mut Client) -> Result<A, Fault>,
        cpu: impl FnOnce(&A) -> f64,
    ) -> Result<A, Fault> {
        let started = Instant::now();
        let answer = ask(self.client)?;
        self.checking += started.elapsed();
        self.seconds -= cpu(&answer).max(0.0);
        Ok(answer)
    }
}

/// An artifact of which nothing but its name and size is known.
pub(crate) fn listed(name: String, bytes: u64) -> Artifact {
    Artifact {
        name,
        kind: ArtifactKind::File,
        media_type: "application/octet-stream".to_owned(),
        bytes,
        hash: None,
        width: None,
        height: None,
        duration: None,
        frames: None,
        blank: None,
        problem: None,
        origin: None,
        facts: None,
    }
}

fn apply(artifact: &mut Artifact, checked: Checked) {
    artifact.media_type = checked.media_type;
    artifact.width = checked.width;
    artifact.height = checked.height;
    artifact.frames = checked.frames;
    artifact.duration = checked.duration;
    artifact.blank = checked.blank;
    artifact.problem = checked.problem;
}

/// The kind by the bytes, or by the claim where the bytes could not be told.
fn kind(artifact: &Artifact, extension: Option<&str>) -> ArtifactKind {
    let claim = extension.and_then(claimed_type).filter(|_| artifact.problem.is_some());
    match claim.unwrap_or(&artifact.media_type) {
        "image/svg+xml" | "application/pdf" | "application/postscript" | "text/html" => ArtifactKind::Document,
        media_type if media_type.starts_with("video/") => ArtifactKind::Video,
        media_type if media_type.starts_with("image/") && artifact.frames > Some(1) => ArtifactKind::Video,
        media_type if media_type.starts_with("image/") => ArtifactKind::Image,
        _ => ArtifactKind::File,
    }
}

/// A file that holds these bytes and has no name.
fn in_memory(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("glasshouse-capture", rustix::fs::MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

fn storage(error: StoreError) -> Fault {
    Fault::new(FaultKind::Storage, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(media_type: &str, frames: Option<u64>, problem: bool, extension: &str) -> ArtifactKind {
        let mut artifact = listed(String::new(), 0);
        artifact.media_type = media_type.to_owned();
        artifact.frames = frames;
        artifact.problem = problem.then(String::new);
        kind(&artifact, Some(extension))
    }

    #[test]
    fn kinds_follow_the_bytes_and_broken_ones_the_claim() {
        assert_eq!(kind_of("image/png", None, false, "txt"), ArtifactKind::Image);
        assert_eq!(kind_of("image/gif", Some(1), false, "gif"), ArtifactKind::Image);
        assert_eq!(kind_of("image/gif", Some(2), false, "gif"), ArtifactKind::Video);
        assert_eq!(kind_of("image/svg+xml", None, false, "svg"), ArtifactKind::Document);
        assert_eq!(kind_of("text/plain", None, true, "png"), ArtifactKind::Image);
        assert_eq!(kind_of("application/x-empty", None, true, "pdf"), ArtifactKind::Document);
        assert_eq!(kind_of("text/csv", None, false, "csv"), ArtifactKind::File);
    }
}
