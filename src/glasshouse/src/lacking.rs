//! Packages that pages asked for and the mirror does not have: counted, so that a user sees which are worth adding.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use glasshouse_model::page::{LackingPackage, Request};
use serde::{Serialize, Serializer};

use crate::text::{count, plain};

/// Different packages that are counted; a page may ask for as many as it likes.
const MOST: usize = 1000;
/// How many a person is shown.
pub const SHOWN: usize = 10;
/// Characters of a name that a person is shown: it comes from a page.
const NAME: usize = 60;

/// How many pages asked for each package that the mirror does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LackingPackages {
    pages: BTreeMap<LackingPackage, u64>,
    /// Whether there were more than are counted.
    more: bool,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Lacked<'a> {
    /// It, and the command that adds it.
    #[serde(flatten)]
    pub package: &'a LackingPackage,
    /// Pages that asked for it.
    pub pages: u64,
}

impl LackingPackages {
    /// Counts what one page asked for, each package once.
    pub fn add(&mut self, requests: &[Request]) {
        let asked: BTreeSet<&LackingPackage> = requests.iter().flat_map(|request| &request.lacking).collect();
        for package in asked {
            // Files that the mirror leaves out of a package are no packages to add.
            if package.file.is_some() {
                continue;
            }
            let room = self.pages.len() < MOST;
            match self.pages.get_mut(package) {
                Some(pages) => *pages += 1,
                None if room => {
                    self.pages.insert(package.clone(), 1);
                }
                None => self.more = true,
            }
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// How many different ones there are; `MOST` where there are more.
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// Those that most pages asked for, first; at most `most`.
    pub fn most(&self, most: usize) -> Vec<Lacked<'_>> {
        let mut all: Vec<Lacked<'_>> = self.pages.iter().map(|(package, &pages)| Lacked { package, pages }).collect();
        all.sort_by_key(|lacked| std::cmp::Reverse(lacked.pages));
        all.truncate(most);
        all
    }

    /// The one command that adds those that a person is shown.
    pub fn command(&self) -> Option<String> {
        let shown = self.most(SHOWN);
        let arguments: Vec<&str> = shown
            .iter()
            .filter_map(|lacked| lacked.package.add.as_deref()?.strip_prefix(LackingPackage::ADD))
            .collect();
        (!arguments.is_empty()).then(|| format!("{}{}", LackingPackage::ADD, arguments.join(" ")))
    }

    /// Lines for the end of a command; `None` if nothing is lacking.
    pub fn lines(&self) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        let mut text =
            "  packages that pages asked for and the mirror does not have, and how many pages did:".to_owned();
        for lacked in self.most(SHOWN) {
            let _ = write!(text, "\n  {:>10}  {}", count(lacked.pages), name(lacked.package));
        }
        let rest = self.len().saturating_sub(SHOWN);
        if rest > 0 {
            let _ = write!(
                text,
                "\n  {:>10}  {} more{}",
                "",
                count(rest as u64),
                if self.more { " and others" } else { "" }
            );
        }
        if let Some(command) = self.command() {
            let _ = write!(text, "\n  to add them: {command}");
        }
        Some(text)
    }
}

impl Serialize for LackingPackages {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.most(MOST))
    }
}

/// A package and its version, for people.
pub fn name(package: &LackingPackage) -> String {
    plain(&format!("{}@{}", package.package, package.version), NAME)
}

#[cfg(test)]
pub(crate) mod tests {
    use glasshouse_model::page::Answerer;

    use super::*;

    pub(crate) fn request(lacking: Vec<LackingPackage>) -> Request {
        let url = "https://cdn.example/x.js".to_owned();
        let (method, kind) = ("GET".to_owned(), "script".to_owned());
        Request { url, method, kind, by: Answerer::Nobody, status: None, lacking }
    }

    fn asked(names: &[&str]) -> Vec<Request> {
        names.iter().map(|name| request(vec![LackingPackage::whole(name, "1.0.0")])).collect()
    }

    #[test]
    fn a_page_counts_once_for_each_package_and_the_most_wanted_come_first() {
        let mut lacking = LackingPackages::default();
        assert_eq!((lacking.lines(), lacking.command()), (None, None));
        lacking.add(&asked(&["b", "b", "a"]));
        lacking.add(&asked(&["b"]));
        lacking.add(&[request(vec![LackingPackage::left_out("three", "1.0.0", "x.js")]), request(Vec::new())]);
        let all: Vec<(&str, u64)> =
            lacking.most(9).iter().map(|lacked| (lacked.package.package.as_str(), lacked.pages)).collect();
        assert_eq!(all, [("b", 2), ("a", 1)]);
        assert_eq!(lacking.command().unwrap(), "glasshouse images mirror add npm:b@1.0.0 npm:a@1.0.0");
        let lines = lacking.lines().unwrap();
        assert!(lines.contains("2  b@1.0.0\n") && lines.ends_with("npm:a@1.0.0"), "{lines}");
    }

    #[test]
    fn a_page_that_asks_for_everything_does_not_fill_memory_or_the_screen() {
        let mut lacking = LackingPackages::default();
        for page in 0..20 {
            let names: Vec<String> = (0..500).map(|n| format!("p{page}-{n}")).collect();
            lacking.add(&asked(&names.iter().map(String::as_str).collect::<Vec<_>>()));
        }
        assert_eq!(lacking.len(), MOST);
        let lines = lacking.lines().unwrap();
        assert!(lines.lines().count() < 15 && lines.contains("990 more and others"), "{lines}");
    }

    #[test]
    fn what_no_package_can_be_called_is_shown_and_in_no_command() {
        let mut lacking = LackingPackages::default();
        lacking.add(&asked(&["x;reboot", "good"]));
        assert_eq!(lacking.command().unwrap(), "glasshouse images mirror add npm:good@1.0.0");
    }
}
