//! Joins pages that stand for figures, and the files that wait for them.

use std::collections::BTreeMap;

use glasshouse_model::{Artifact, ArtifactKind, Fault, Origin};
use serde_json::Value;

use super::{Joining, Story};
use crate::open::{open_regular, read_bounded};
use crate::pages::{BESIDE, FigurePage, PAGE_LIMIT, PageFormat, PagePlace, PageRecord, promise_length, promised};
use crate::taking::listed;
use crate::walk::Node;

/// A page's text, and the files that it names.
type Document = (Vec<u8>, BTreeMap<String, Vec<u8>>);

impl<'a> Joining<'a> {
    /// Notes which files wait for the picture of a page.
    pub(super) fn find_promises(&mut self) {
        let length = promise_length();
        for found in self.seen.found.iter().filter(|found| found.node == Node::File(length)) {
            let bytes = open_regular(self.seen.work, found.path.as_slice())
                .and_then(|(file, _)| read_bounded(&file, length))
                .unwrap_or_default();
            if let Some(number) = promised(&bytes) {
                self.promises.entry(number).or_default().push(&found.path);
            }
        }
    }

    /// Takes a page that stands for a figure. Until it is shown, the figure and the files that it fills have a problem.
    pub(super) fn page(
        &mut self,
        number: u64,
        page: &PageRecord,
        path: Option<Vec<u8>>,
        origin: Origin,
        mut facts: Option<Value>,
    ) -> Result<(), Fault> {
        let files = self.promises.remove(&number).filter(|_| page.promise.is_some()).unwrap_or_default();
        let (html, beside) = match self.document(&page.place, path.as_deref()) {
            Ok(Some(document)) => document,
            // A file that was removed, or lies elsewhere, shows nothing.
            Ok(None) => return Ok(()),
            Err(problem) => {
                let problem = Some(format!("its page cannot be shown: {problem}"));
                self.push_figure(Artifact { problem, origin: Some(origin), facts, ..listed(String::new(), 0) });
                return Ok(());
            }
        };
        let format = page.promise.unwrap_or(PageFormat::Png);
        // As for Matplotlib's: where the program saves a PNG itself, that is the picture.
        let place = if format == PageFormat::Png && !files.is_empty() {
            None
        } else {
            let place = self.artifacts.len();
            self.push_figure(Artifact {
                origin: Some(origin.clone()),
                facts: facts.take(),
                ..waiting(String::new(), PageFormat::Png)
            });
            // Unless there is no room for it.
            Some(place).filter(|place| *place < self.artifacts.len())
        };
        for path in files {
            self.promised.insert(path, self.pages.len());
            self.stories.insert(path.to_vec(), Story { number, origin: origin.clone(), facts: facts.take() });
        }
        // What was promised may have been renamed since; what was written is known by its name.
        if let Some(path) = path.filter(|_| page.promise.is_none()) {
            self.tell(path, Story { number, origin, facts: None }, None);
        }
        self.pages.push(FigurePage { html, beside, view: page.view, figure: place, files: Vec::new(), format });
        Ok(())
    }

    /// An artifact for a file that this page fills when it is shown.
    pub(super) fn filled_later(&mut self, page: usize, name: String) -> Artifact {
        let place = self.artifacts.len();
        let format = self.pages.get_mut(page).map(|page| {
            page.files.push(place);
            page.format
        });
        waiting(name, format.unwrap_or(PageFormat::Png))
    }

    fn document(&mut self, place: &PagePlace, written: Option<&[u8]>) -> Result<Option<Document>, String> {
        match place {
            PagePlace::Captured(name) => {
                let captures = self.seen.captures;
                Ok(Some((self.read(captures, name.as_bytes())?, BTreeMap::new())))
            }
            PagePlace::Written => {
                let Some(path) = written else { return Ok(None) };
                let html = self.read(self.seen.work, path)?;
                let beside = self.beside(path, &html);
                Ok(Some((html, beside)))
            }
        }
    }

    /// The files of a page's folder, and below, whose paths its text names.
    fn beside(&mut self, path: &[u8], html: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let folder = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let text = String::from_utf8_lossy(html);
        let mut beside = BTreeMap::new();
        for found in self.seen.found.iter().filter(|found| found.path != path).take(BESIDE) {
            let (Some(name), Node::File(_)) = (found.path.strip_prefix(&path[..folder]), &found.node) else { continue };
            let Some(name) = std::str::from_utf8(name).ok().filter(|name| text.contains(name)) else { continue };
            // One that cannot be had is answered with 404.
            if let Ok(bytes) = self.read(self.seen.work, &found.path) {
                beside.insert(name.to_owned(), bytes);
            }
        }
        beside
    }

    /// All of a file, if it is within the limits of one page and of all pages.
    fn read(&mut self, folder: std::os::fd::BorrowedFd<'_>, path: &[u8]) -> Result<Vec<u8>, String> {
        let most = PAGE_LIMIT.min(self.page_bytes);
        let bytes = open_regular(folder, path).and_then(|(file, _)| read_bounded(&file, most));
        let bytes = bytes.map_err(|error| error.to_string())?;
        self.page_bytes -= bytes.len() as u64;
        Ok(bytes)
    }
}

/// What becomes of a page, before it is shown.
fn waiting(name: String, format: PageFormat) -> Artifact {
    let kind = if format.is_document() { ArtifactKind::Document } else { ArtifactKind::Image };
    let problem = Some("its page was not shown".to_owned());
    Artifact { kind, media_type: format.media_type().to_owned(), problem, ..listed(name, 0) }
}
