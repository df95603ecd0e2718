//! A parsed page: its nodes in document order.

use std::ops::Range;

/// A node's place in its tree. Nodes are numbered in document order.
pub type NodeId = usize;

/// What kind of text a text is; Beautiful Soup keeps them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// Plain text.
    Text,
    /// The content of `<script>`.
    Script,
    /// The content of `<style>`.
    Style,
    /// Text in `<template>`.
    Template,
    /// Text in `<rt>` or `<rp>`.
    Ruby,
    /// `<!--...-->`, and declarations that are nothing else.
    Comment,
    /// `<![CDATA[...]]>`.
    CData,
    /// `<?...>`.
    Instruction,
    /// Other marked sections.
    Declaration,
    /// `<!DOCTYPE ...>`.
    Doctype,
}

/// An element or a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// An element.
    Element {
        /// In lower case.
        name: String,
        /// Sorted by name, each once.
        attributes: Vec<(String, String)>,
    },
    /// A text, a comment or the like, resolved.
    Text {
        /// Its kind.
        kind: TextKind,
        /// What is in it.
        text: String,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slot {
    pub(super) node: Node,
    /// None at the top.
    pub(super) parent: Option<NodeId>,
    /// The first node that is not within this one.
    pub(super) end: NodeId,
}

/// A parsed page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    pub(super) slots: Vec<Slot>,
}

impl Tree {
    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The node `id`.
    ///
    /// # Panics
    /// Where the tree has no such node; ids come from this tree's own methods.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.slots[id].node
    }

    /// The element that `id` lies in.
    pub fn parent(&self, id: NodeId) -> Option<NodeId> {
        self.slots[id].parent
    }

    /// `id` and all within it.
    pub fn within(&self, id: NodeId) -> Range<NodeId> {
        id..self.slots[id].end
    }

    /// The nodes that lie in `id` directly, in order.
    pub fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let end = self.slots[id].end;
        let next = move |&child: &NodeId| Some(self.slots[child].end).filter(|&next| next < end);
        std::iter::successors(Some(id + 1).filter(|&first| first < end), next)
    }

    /// All elements in document order, with their names.
    pub fn elements(&self) -> impl Iterator<Item = (NodeId, &str)> + '_ {
        self.slots.iter().enumerate().filter_map(|(id, slot)| match &slot.node {
            Node::Element { name, .. } => Some((id, name.as_str())),
            Node::Text { .. } => None,
        })
    }

    /// The first element called `wanted`.
    pub fn first(&self, wanted: &str) -> Option<NodeId> {
        self.elements().find(|(_, name)| *name == wanted).map(|(id, _)| id)
    }

    /// The name of an element; None for a text.
    pub fn name(&self, id: NodeId) -> Option<&str> {
        match &self.slots[id].node {
            Node::Element { name, .. } => Some(name),
            Node::Text { .. } => None,
        }
    }

    /// The value of an element's attribute.
    pub fn attribute(&self, id: NodeId, wanted: &str) -> Option<&str> {
        match &self.slots[id].node {
            Node::Element { attributes, .. } => attributes
                .binary_search_by(|(name, _)| name.as_str().cmp(wanted))
                .ok()
                .map(|at| attributes[at].1.as_str()),
            Node::Text { .. } => None,
        }
    }

    /// Gives an element an attribute; a text stays as it is.
    pub fn set_attribute(&mut self, id: NodeId, wanted: &str, value: String) {
        if let Node::Element { attributes, .. } = &mut self.slots[id].node {
            match attributes.binary_search_by(|(name, _)| name.as_str().cmp(wanted)) {
                Ok(at) => attributes[at].1 = value,
                Err(at) => attributes.insert(at, (wanted.to_owned(), value)),
            }
        }
    }

    /// All plain text and CDATA in one (`get_text`): no scripts, styles, templates, ruby or comments.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for slot in &self.slots {
            if let Node::Text { kind: TextKind::Text | TextKind::CData, text } = &slot.node {
                out.push_str(text);
            }
        }
        out
    }

    /// The tree without the nodes in `gone`, which are whole subtrees' first nodes in document order.
    pub fn without(&self, gone: &[NodeId]) -> Tree {
        // Where each node, and the end after the last one, goes.
        let mut places = Vec::with_capacity(self.slots.len() + 1);
        let mut gone = gone.iter().copied().peekable();
        let (mut kept, mut skip_to) = (0, 0);
        for id in 0..self.slots.len() {
            if gone.next_if_eq(&id).is_some() {
                skip_to = skip_to.max(self.slots[id].end);
            }
            places.push(kept);
            kept += usize::from(id >= skip_to);
        }
        places.push(kept);
        let moved = |id: usize| places[id];
        let stays = |id: usize| places[id + 1] > places[id];
        let slots = self.slots.iter().enumerate().filter(|&(id, _)| stays(id)).map(|(_, slot)| Slot {
            node: slot.node.clone(),
            parent: slot.parent.map(moved),
            end: moved(slot.end),
        });
        Tree { slots: slots.collect() }
    }
}
