//! Answers a page's requests from packages on this machine, as the content networks of the web would.
//!
//! An address goes in and an answer comes out; nothing is fetched and nothing but packs is read. Which hosts there are and
//! what their addresses stand for is data: the tables of the mirror (`images/web/mirror.toml`). What each kind of host
//! does with versions, redirects, style sheets and pictures is code: a module each.

mod address;
mod answer;
mod draw;
mod files;
mod fonts;
mod npm;
mod pictures;
mod tables;

use std::path::Path;

use glasshouse_images::mirror::Library;

pub use answer::{Answer, Lacking, Origin, Outcome};

use crate::answers::{Answerer, Answers, Asked, LackingPackage};
use address::Address;
use files::Files;
use tables::{Service, Tables};

/// Why a mirror cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// Its packs or its list cannot be read.
    #[error(transparent)]
    Library(#[from] glasshouse_images::ImageError),
    /// Its tables make no sense.
    #[error("the mirror's tables: {0}")]
    Tables(String),
}

/// A mirror, ready to answer. Shared by all pages: it holds no state but a bounded cache of files read.
#[derive(Debug)]
pub struct Mirror {
    files: Files,
    tables: Tables,
}

impl Mirror {
    /// Opens the mirror in `folder`, as [`glasshouse_images::mirror::ensure_mirror`] made it.
    pub fn open(folder: &Path) -> Result<Self, MirrorError> {
        let library = Library::open(folder)?;
        let tables = Tables::parse(library.tables()).map_err(MirrorError::Tables)?;
        Ok(Self { files: Files::new(library), tables })
    }

    /// The mirror's address as text, for records: 64 hexadecimal digits.
    pub fn digest(&self) -> String {
        self.files.library().digest().hex()
    }

    /// What a request for `url` asks for that is not in the lock, for the record: the first is what kept it from being
    /// answered, others belong to a style sheet that was answered in part.
    pub fn lacking(&self, url: &str) -> Vec<Lacking> {
        match self.answer(url) {
            Outcome::NotMirrored(lacking) => vec![lacking],
            Outcome::Answer(answer) => answer.lacking,
            Outcome::Unsupported(_) | Outcome::NotOurs => Vec::new(),
        }
    }

    /// What a GET request for `url` (`http` or `https`, as a browser writes it) gets.
    pub fn answer(&self, url: &str) -> Outcome {
        let Some(address) = Address::parse(url) else { return Outcome::NotOurs };
        // A line of the tables for this very address comes before what its host does in general.
        if let Some(outcome) = self.tables.named(&address).and_then(|targets| files::first(&self.files, targets)) {
            return outcome;
        }
        match self.tables.service(&address.host) {
            None => Outcome::NotOurs,
            Some(Service::Jsdelivr) => npm::jsdelivr(&self.files, &address),
            Some(Service::Unpkg) => npm::unpkg(&self.files, &address),
            Some(Service::Table) => Outcome::NotMirrored(Lacking::address(&address)),
            Some(Service::Empty) => Outcome::Answer(Answer::generated("text/javascript; charset=utf-8", Vec::new())),
            Some(Service::Fonts) => fonts::style_sheet(&self.files, &address),
            Some(Service::FontFiles) => fonts::file(&self.files, &address),
            Some(Service::Pictures(style)) => pictures::answer(style, &address),
            Some(Service::Unsupported) => {
                Outcome::Unsupported(format!("{}: this service is not mirrored", address.host))
            }
        }
    }
}

impl Answers for Mirror {
    fn answer(&self, asked: &Asked<'_>) -> Option<crate::Answer> {
        if !matches!(asked.method, "GET" | "HEAD") {
            return None;
        }
        let Outcome::Answer(answer) = Self::answer(self, asked.url) else { return None };
        let by = match answer.origin {
            Origin::Picture => Answerer::Placeholder,
            Origin::Package { .. } | Origin::Generated | Origin::Redirect | Origin::Absent => Answerer::Mirror,
        };
        let headers = answer.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let lacking = packages(&answer.lacking);
        Some(crate::Answer { status: answer.status, headers, body: answer.body, by, lacking })
    }

    fn lacking(&self, asked: &Asked<'_>) -> Vec<LackingPackage> {
        packages(&Self::lacking(self, asked.url))
    }
}

/// Those that are packages, as records name them.
fn packages(lacking: &[Lacking]) -> Vec<LackingPackage> {
    lacking.iter().filter_map(Lacking::package).collect()
}

#[cfg(test)]
mod tests;
