//! What a drawing consists of.

use std::collections::BTreeMap;

use resvg::usvg::{Group, Node, Tree};
use serde::{Deserialize, Serialize};

/// Texts that are kept, and characters of each.
const TEXTS: usize = 100;
const TEXT: usize = 200;

/// Facts about a drawing, after references and `use` were resolved; what cannot be seen at all is not counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Width and height of the document in CSS pixels.
    pub size: (f32, f32),
    /// How many there are of each: `path`, `text`, `image`, `group`.
    pub elements: BTreeMap<String, u64>,
    /// What its texts say, in the order in which they are drawn; the first hundred.
    pub texts: Vec<String>,
}

impl Facts {
    pub(crate) fn of(tree: &Tree) -> Self {
        let size = (tree.size().width(), tree.size().height());
        let mut facts = Self { size, ..Self::default() };
        facts.add(tree.root());
        facts
    }

    fn add(&mut self, group: &Group) {
        for node in group.children() {
            let kind = match node {
                Node::Group(_) => "group",
                Node::Path(_) => "path",
                Node::Image(_) => "image",
                Node::Text(_) => "text",
            };
            *self.elements.entry(kind.to_owned()).or_default() += 1;
            match node {
                Node::Group(group) => self.add(group),
                Node::Text(text) if self.texts.len() < TEXTS => {
                    let said: String = text.chunks().iter().map(|chunk| chunk.text()).collect();
                    self.texts.push(said.chars().take(TEXT).collect());
                }
                _ => {}
            }
        }
    }
}
