//! Tells which record speaks of which file, and lists a run's artifacts in their order.

mod showing;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use glasshouse_model::{Artifact, ArtifactKind, Fault, Limits, Origin};
use serde_json::Value;

use crate::collect::{Inputs, VectorFigure};
use crate::contract::{BufferFile, BufferName, Capture, DrawingFile, PixelFile};
use crate::names::shown;
use crate::open::{open_regular, read_bounded};
use crate::pages::{FigurePage, PAGES_IN_ALL};
use crate::taking::{FILE, Taking, listed};
use crate::walk::{Found, Node};

const SVG: &str = "image/svg+xml";
/// Bytes of a vector document that is drawn.
const LARGEST_VECTOR: u64 = 16 << 20;

/// What there is to be joined.
pub(crate) struct Seen<'a> {
    pub(crate) work: BorrowedFd<'a>,
    pub(crate) captures: BorrowedFd<'a>,
    pub(crate) found: &'a [Found],
    pub(crate) inputs: &'a Inputs<'a>,
}

/// What came of it.
pub(crate) struct Joined {
    pub(crate) artifacts: Vec<Artifact>,
    /// Those that some artifacts still are.
    pub(crate) pages: Vec<FigurePage>,
    pub(crate) vectors: Vec<VectorFigure>,
    /// What was counted and not taken.
    pub(crate) overflow: u64,
    /// The time spent waiting for the helper.
    pub(crate) checking: Duration,
}

/// What a record says of the file that its save wrote.
struct Story {
    number: u64,
    origin: Origin,
    facts: Option<Value>,
}

/// Makes the list of artifacts.
pub(crate) struct Joining<'a> {
    seen: Seen<'a>,
    taking: Taking<'a>,
    limits: &'a Limits,
    artifacts: Vec<Artifact>,
    overflow: u64,
    figures: u64,
    buffers: u64,
    files: BTreeSet<&'a [u8]>,
    stories: BTreeMap<Vec<u8>, Story>,
    pages: Vec<FigurePage>,
    vectors: Vec<VectorFigure>,
    /// Bytes of pages that may still be taken.
    page_bytes: u64,
    /// The files that hold promises, by the records that are to keep them; then the pages that will.
    promises: BTreeMap<u64, Vec<&'a [u8]>>,
    promised: BTreeMap<&'a [u8], usize>,
}

impl<'a> Joining<'a> {
    pub(crate) fn new(seen: Seen<'a>, taking: Taking<'a>, limits: &'a Limits) -> Self {
        let files = seen.found.iter().filter(|found| matches!(found.node, Node::File(_)));
        let files = files.map(|found| found.path.as_slice()).collect();
        let (artifacts, stories) = (Vec::new(), BTreeMap::new());
        Self {
            seen,
            taking,
            limits,
            artifacts,
            overflow: 0,
            figures: 0,
            buffers: 0,
            files,
            stories,
            pages: Vec::new(),
            vectors: Vec::new(),
            page_bytes: PAGES_IN_ALL,
            promises: BTreeMap::new(),
            promised: BTreeMap::new(),
        }
    }

    /// Everything that was joined.
    pub(crate) fn finish(mut self) -> Joined {
        self.pages.retain(|page| page.figure.is_some() || !page.files.is_empty());
        let Self { artifacts, pages, vectors, overflow, taking, .. } = self;
        Joined { artifacts, pages, vectors, overflow, checking: taking.checking }
    }

    /// Takes what the records tell of, in their order.
    pub(crate) fn figures(&mut self, records: Vec<(u64, Result<Capture, String>)>) -> Result<(), Fault> {
        let promises = |record: &Capture| record.page.as_ref().is_some_and(|page| page.promise.is_some());
        if records.iter().filter_map(|(_, record)| record.as_ref().ok()).any(promises) {
            self.find_promises();
        }
        for (number, record) in records {
            match record {
                Ok(capture) => self.record(number, capture)?,
                Err(problem) => self.push_figure(Artifact { problem: Some(problem), ..listed(String::new(), 0) }),
            }
        }
        Ok(())
    }

    fn record(&mut self, number: u64, mut capture: Capture) -> Result<(), Fault> {
        if let Some(buffer) = capture.buffer.take() {
            let facts = if capture.pixels.is_none() { capture.facts.take() } else { None };
            self.buffer(&buffer, &capture.origin, facts)?;
        }
        let path = capture.written.as_deref().and_then(|written| self.path_of(written));
        let origin = capture.origin;
        if let Some(drawing) = &capture.drawing {
            self.drawing(drawing, &origin, capture.facts.take())?;
        }
        if let Some(page) = capture.page {
            return self.page(number, &page, path, origin, capture.facts);
        }
        if let Some(pixels) = &capture.pixels {
            let facts = capture.facts.take();
            if self.has_room() {
                let mut figure = self.pixels(pixels)?;
                (figure.origin, figure.facts) = (Some(origin.clone()), facts);
                self.push_figure(figure);
            }
        } else if let Some(error) = capture.error {
            let problem = Some(format!("the figure could not be drawn: {error}"));
            let (origin, facts) = (Some(origin.clone()), capture.facts.take());
            self.push_figure(Artifact { problem, origin, facts, ..listed(String::new(), 0) });
        }
        match path {
            Some(path) => self.tell(path, Story { number, origin, facts: capture.facts }, capture.same_as),
            // Its picture was a file that is gone, or outside the work folder: what is left are the facts.
            None if capture.facts.is_some() => self.without_picture(origin, capture.facts),
            None => {}
        }
        Ok(())
    }

    /// Notes a record's story for the file at `path`. A file that was written twice shows the last save only.
    fn tell(&mut self, path: Vec<u8>, mut story: Story, same_as: Option<u64>) {
        let Some(earlier) = self.stories.remove(&path) else {
            self.stories.insert(path, story);
            return;
        };
        if story.facts.is_none() && same_as == Some(earlier.number) {
            story.facts = earlier.facts;
        } else if earlier.facts.is_some() {
            self.without_picture(earlier.origin, earlier.facts);
        }
        self.stories.insert(path, story);
    }

    fn without_picture(&mut self, origin: Origin, facts: Option<Value>) {
        let media_type = "image/png".to_owned();
        self.push_figure(Artifact { origin: Some(origin), facts, media_type, ..listed(String::new(), 0) });
    }

    fn pixels(&mut self, pixels: &PixelFile) -> Result<Artifact, Fault> {
        match open_regular(self.seen.captures, pixels.file.as_str()) {
            Ok((file, size)) => self.taking.pixels(String::new(), pixels, &file, size),
            Err(error) => Ok(unreadable(String::new(), &error)),
        }
    }

    fn buffer(&mut self, buffer: &BufferFile, origin: &Origin, facts: Option<Value>) -> Result<(), Fault> {
        if !self.has_room() {
            return Ok(());
        }
        let format = &buffer.format;
        let name = match &buffer.called {
            BufferName::Frame(frame) => format!("frames/{frame}.{format}"),
            BufferName::Figure => format!("figure-{}.{format}", self.figures + 1),
            BufferName::Own(name) => format!("{name}.{format}"),
            BufferName::Numbered => {
                self.buffers += 1;
                format!("buffer-{}.{format}", self.buffers)
            }
        };
        let mut artifact = match open_regular(self.seen.captures, buffer.file.as_str()) {
            Ok((file, size)) => self.taking.file(name.as_bytes(), &file, size, self.limits.artifact_size)?,
            Err(error) => unreadable(name, &error),
        };
        (artifact.origin, artifact.facts) = (Some(origin.clone()), facts);
        if buffer.called == BufferName::Figure {
            self.push_figure(artifact);
        } else {
            self.artifacts.push(artifact);
        }
        Ok(())
    }

    /// Takes the document of a figure, and keeps it for who can draw it.
    fn drawing(&mut self, drawing: &DrawingFile, origin: &Origin, facts: Option<Value>) -> Result<(), Fault> {
        if !self.has_room() {
            return Ok(());
        }
        let next = self.figures + 1;
        let stem = match &drawing.frame {
            Some(frame) => format!("frames/{frame}"),
            None => format!("figure-{next}"),
        };
        let name = format!("{stem}.svg");
        let origin = Some(origin.clone());
        let mut artifact = match open_regular(self.seen.captures, drawing.file.as_str()) {
            Ok((file, size)) => {
                let artifact = self.taking.file(name.as_bytes(), &file, size, self.limits.artifact_size)?;
                if self.seen.inputs.drawn {
                    let (origin, facts) = (origin.clone(), facts.clone());
                    let figure = Artifact { origin, facts, ..listed(format!("{stem}.png"), 0) };
                    self.vector(&artifact, &file, figure);
                }
                artifact
            }
            Err(error) => unreadable(name, &error),
        };
        (artifact.origin, artifact.facts) = (origin, facts);
        self.artifacts.push(artifact);
        if drawing.frame.is_none() {
            // One without a picture has a number of its own too.
            self.figures = next;
        }
        Ok(())
    }

    /// A figure takes the next number; one that has a name already is one of several and keeps it.
    fn push_figure(&mut self, figure: Artifact) {
        if self.artifacts.len() as u64 >= self.limits.artifacts {
            self.overflow += 1;
            return;
        }
        if figure.name.starts_with("frames/") {
            self.artifacts.push(Artifact { kind: ArtifactKind::Figure, ..figure });
            return;
        }
        self.figures += 1;
        let name = format!("figure-{}.png", self.figures);
        self.artifacts.push(Artifact { name, kind: ArtifactKind::Figure, ..figure });
    }

    /// Whether one more artifact may be taken; counts it if not.
    fn has_room(&mut self) -> bool {
        let room = (self.artifacts.len() as u64) < self.limits.artifacts;
        self.overflow += u64::from(!room);
        room
    }

    /// The path in the work folder of a file that the program wrote, if it is there.
    fn path_of(&self, written: &str) -> Option<Vec<u8>> {
        let inside = written.strip_prefix(self.seen.inputs.folder)?.strip_prefix('/')?.as_bytes();
        self.files.contains(inside).then(|| inside.to_vec())
    }

    /// Takes the files that the run made or changed, in the order of their paths.
    pub(crate) fn files(&mut self) -> Result<(), Fault> {
        for found in self.seen.found {
            let name = || shown(&found.path);
            let page = self.promised.get(found.path.as_slice()).copied();
            let mut artifact = match &found.node {
                Node::File(size) if self.is_unchanged_input(&found.path, *size) => continue,
                _ if !self.has_room() => continue,
                Node::File(_) => match page.map(|page| self.filled_later(page, name())) {
                    Some(waiting) => waiting,
                    None => self.file_and_its_pages(found)?,
                },
                Node::Refused(media_type, why) => Artifact {
                    media_type: (*media_type).to_owned(),
                    problem: Some((*why).to_owned()),
                    ..listed(name(), 0)
                },
                Node::Unreadable(why) => Artifact { problem: Some(why.clone()), ..listed(name(), 0) },
            };
            if let Some(story) = self.stories.remove(&found.path) {
                (artifact.origin, artifact.facts) = (Some(story.origin), story.facts);
            }
            self.artifacts.push(artifact);
        }
        Ok(())
    }

    /// Takes a file. Figures of its pages, if any are to be drawn, come before it.
    fn file_and_its_pages(&mut self, found: &Found) -> Result<Artifact, Fault> {
        let (file, size) = match open_regular(self.seen.work, found.path.as_slice()) {
            Ok(opened) => opened,
            Err(error) => return Ok(unreadable(shown(&found.path), &error)),
        };
        let artifact = self.taking.file(&found.path, &file, size, self.limits.artifact_size)?;
        if self.seen.inputs.drawn {
            let room = self.limits.artifacts.saturating_sub(self.artifacts.len() as u64 + 1);
            let (figures, left_out) = self.taking.drawn(&artifact, &file, room as usize)?;
            self.overflow += left_out;
            figures.into_iter().for_each(|figure| self.push_figure(figure));
            let origin = Origin { call: FILE.to_owned(), path: Some(artifact.name.clone()), ..Origin::default() };
            let origin = Some(Origin { format: Some("svg".to_owned()), ..origin });
            self.vector(&artifact, &file, Artifact { origin, ..listed(String::new(), 0) });
        }
        Ok(artifact)
    }

    /// Keeps a vector document for who can draw it as `figure`.
    fn vector(&mut self, artifact: &Artifact, file: &File, mut figure: Artifact) {
        // The file itself needs room as well.
        let room = self.limits.artifacts.saturating_sub(self.artifacts.len() as u64) > 1;
        if artifact.media_type != SVG || artifact.problem.is_some() || !room {
            return;
        }
        let text = read_bounded(file, LARGEST_VECTOR).map(String::from_utf8);
        "image/png".clone_into(&mut figure.media_type);
        match text {
            Ok(Ok(document)) => {
                figure.problem = Some("its document was not drawn".to_owned());
                self.vectors.push(VectorFigure { document, figure: self.artifacts.len() });
            }
            Ok(Err(_)) => figure.problem = Some(format!("{} is not in UTF-8", artifact.name)),
            Err(error) => figure.problem = Some(format!("{} is not drawn: {error}", artifact.name)),
        }
        self.push_figure(figure);
    }

    fn is_unchanged_input(&self, path: &[u8], size: u64) -> bool {
        let content = std::str::from_utf8(path).ok().and_then(|path| self.seen.inputs.files.get(path));
        let Some(content) = content.filter(|content| content.len() as u64 == size) else { return false };
        let bytes = open_regular(self.seen.work, path).and_then(|(file, _)| read_bounded(&file, size));
        bytes.is_ok_and(|bytes| bytes == *content)
    }
}

fn unreadable(name: String, error: &std::io::Error) -> Artifact {
    Artifact { problem: Some(format!("cannot be opened: {error}")), ..listed(name, 0) }
}
