//! Beautiful Soup's tree building: which element a tag opens or closes, and which strings become one text.

use std::collections::HashMap;

use super::attributes::settle;
use super::tree::{Node, NodeId, Slot, TextKind, Tree};
use super::{DEEPEST, Dialect};
use crate::ScoreError;

/// Elements without content, those of old HTML included.
pub(super) fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "keygen"
            | "link"
            | "menuitem"
            | "meta"
            | "param"
            | "source"
            | "track"
            | "wbr"
            | "basefont"
            | "bgsound"
            | "command"
            | "frame"
            | "image"
            | "isindex"
            | "nextid"
            | "spacer"
    )
}

/// Elements whose white space counts.
pub(super) fn is_preformatted(name: &str) -> bool {
    matches!(name, "pre" | "textarea")
}

/// The kind of the text within an element that has one of its own.
fn text_kind(name: &str) -> Option<TextKind> {
    Some(match name {
        "script" => TextKind::Script,
        "style" => TextKind::Style,
        "template" => TextKind::Template,
        "rt" | "rp" => TextKind::Ruby,
        _ => return None,
    })
}

/// A tree that grows.
pub(super) struct Builder {
    dialect: Dialect,
    tree: Tree,
    /// Open elements, outermost first.
    open: Vec<NodeId>,
    /// How many elements of each name are open.
    open_by_name: HashMap<String, usize>,
    /// Void elements that were closed at once: as many end tags of their name mean nothing.
    closed_voids: HashMap<String, usize>,
    /// Kinds of the open elements that have text of their own.
    kinds: Vec<TextKind>,
    preformatted: usize,
    /// Text that is not yet a node; None where not even an empty string came.
    pending: Option<String>,
}

impl Builder {
    pub(super) fn new(dialect: Dialect) -> Self {
        Builder {
            dialect,
            tree: Tree::default(),
            open: Vec::new(),
            open_by_name: HashMap::new(),
            closed_voids: HashMap::new(),
            kinds: Vec::new(),
            preformatted: 0,
            pending: None,
        }
    }

    /// Text, resolved. Several in a row become one.
    pub(super) fn data(&mut self, text: &str) {
        if !text.is_empty() {
            self.pending.get_or_insert_default().push_str(text);
        }
    }

    /// A comment or the like.
    pub(super) fn special(&mut self, text: &str, kind: TextKind) {
        self.flush(None);
        self.pending = Some(text.to_owned());
        self.flush(Some(kind));
    }

    /// A start tag.
    pub(super) fn start(&mut self, name: String, attributes: Vec<(String, String)>) -> Result<(), ScoreError> {
        let void = is_void(&name);
        self.open(&name, attributes)?;
        if void {
            self.close(&name);
            *self.closed_voids.entry(name).or_default() += 1;
        }
        Ok(())
    }

    /// `<NAME/>`.
    pub(super) fn start_and_end(&mut self, name: String, attributes: Vec<(String, String)>) -> Result<(), ScoreError> {
        self.open(&name, attributes)?;
        match self.dialect {
            Dialect::CPython3_11_7 => self.close(&name),
            // Taken for the end tag that an earlier `<NAME>` may still have.
            Dialect::CPython3_11_7Soup4_12 => self.end(&name),
        }
        Ok(())
    }

    /// An end tag.
    pub(super) fn end(&mut self, name: &str) {
        match self.closed_voids.get_mut(name) {
            Some(count) if *count > 0 => *count -= 1,
            _ => self.close(name),
        }
    }

    /// The end of the document.
    pub(super) fn finish(mut self) -> Tree {
        self.flush(None);
        while !self.open.is_empty() {
            self.pop();
        }
        self.tree
    }

    fn open(&mut self, name: &str, attributes: Vec<(String, String)>) -> Result<(), ScoreError> {
        self.flush(None);
        if self.open.len() >= DEEPEST {
            return Err(ScoreError::TooDeep { depth: self.open.len() + 1 });
        }
        let node = Node::Element { name: name.to_owned(), attributes: settle(name, attributes) };
        let id = self.push(node);
        self.open.push(id);
        *self.open_by_name.entry(name.to_owned()).or_default() += 1;
        self.kinds.extend(text_kind(name));
        self.preformatted += usize::from(is_preformatted(name));
        Ok(())
    }

    /// Closes the innermost element called `name` and all within it; nothing where none is open.
    fn close(&mut self, name: &str) {
        self.flush(None);
        if self.open_by_name.get(name).is_none_or(|&count| count == 0) {
            return;
        }
        while self.pop().is_some_and(|closed| closed != name) {}
    }

    fn pop(&mut self) -> Option<String> {
        let id = self.open.pop()?;
        self.tree.slots[id].end = self.tree.slots.len();
        let name = self.tree.name(id)?.to_owned();
        if let Some(count) = self.open_by_name.get_mut(&name) {
            *count -= 1;
        }
        if text_kind(&name).is_some() {
            self.kinds.pop();
        }
        self.preformatted -= usize::from(is_preformatted(&name));
        Some(name)
    }

    fn push(&mut self, node: Node) -> NodeId {
        let id = self.tree.slots.len();
        self.tree.slots.push(Slot { node, parent: self.open.last().copied(), end: id + 1 });
        id
    }

    /// Makes the pending strings a text. Where white space does not count, a text of nothing else, the empty one
    /// included, becomes one line feed or one space.
    fn flush(&mut self, kind: Option<TextKind>) {
        let Some(mut text) = self.pending.take() else { return };
        let blank = |c: char| matches!(c, ' ' | '\n' | '\t' | '\x0c' | '\r');
        if self.preformatted == 0 && text.chars().all(blank) {
            text = if text.contains('\n') { "\n" } else { " " }.to_owned();
        }
        let kind = kind.or_else(|| self.kinds.last().copied()).unwrap_or(TextKind::Text);
        self.push(Node::Text { kind, text });
    }
}
