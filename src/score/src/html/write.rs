//! A tree as text again: `str(soup)` and `soup.prettify()`, with the "minimal" formatter.

use std::ops::Range;

use memchr::memchr3;

use super::builder::{is_preformatted, is_void};
use super::scan::strip;
use super::tree::{Node, NodeId, TextKind, Tree};

/// What is written next.
enum Event {
    Start,
    Empty,
    End,
    Text,
}

impl Tree {
    /// The whole tree (`str(soup)`).
    pub fn to_html(&self) -> String {
        let mut out = String::new();
        self.walk(|event, id| self.write(&mut out, &event, id));
        out
    }

    /// The whole tree, and which part of it each element is (`str(element)`); texts have an empty part.
    pub fn to_html_with_parts(&self) -> (String, Vec<Range<usize>>) {
        let mut out = String::new();
        let mut parts = vec![0..0; self.slots.len()];
        self.walk(|event, id| {
            if matches!(event, Event::Start | Event::Empty) {
                parts[id].start = out.len();
            }
            self.write(&mut out, &event, id);
            if matches!(event, Event::End | Event::Empty) {
                parts[id].end = out.len();
            }
        });
        (out, parts)
    }

    /// The tree with each tag and text on a line of its own (`soup.prettify()`), except in `pre` and `textarea`.
    pub fn prettify(&self) -> String {
        let mut out = String::new();
        let mut piece = String::new();
        let mut level = 0;
        // The element whose white space counts, and all in it.
        let mut literal = None;
        self.walk(|event, id| {
            piece.clear();
            self.write(&mut piece, &event, id);
            if matches!(event, Event::End) {
                level -= 1;
            }
            let (before, after) = match &event {
                Event::Start if literal.is_none() && self.name(id).is_some_and(is_preformatted) => {
                    literal = Some(id);
                    (true, false)
                }
                Event::End if literal == Some(id) => {
                    literal = None;
                    (false, true)
                }
                _ => (literal.is_none(), literal.is_none()),
            };
            let stripped = if matches!(event, Event::Text) && (before || after) { strip(&piece) } else { &piece };
            if !stripped.is_empty() {
                out.extend(std::iter::repeat_n(' ', if before { level } else { 0 }));
                out.push_str(stripped);
                out.extend(after.then_some('\n'));
            }
            if matches!(event, Event::Start) {
                level += 1;
            }
        });
        out
    }

    /// Calls `visit` at each element's start and end and at each text, in order.
    fn walk(&self, mut visit: impl FnMut(Event, NodeId)) {
        let mut open: Vec<NodeId> = Vec::new();
        for (id, slot) in self.slots.iter().enumerate() {
            while let Some(&last) = open.last()
                && self.slots[last].end <= id
            {
                visit(Event::End, last);
                open.pop();
            }
            match &slot.node {
                Node::Text { .. } => visit(Event::Text, id),
                Node::Element { name, .. } if slot.end == id + 1 && is_void(name) => visit(Event::Empty, id),
                Node::Element { .. } => {
                    visit(Event::Start, id);
                    open.push(id);
                }
            }
        }
        while let Some(last) = open.pop() {
            visit(Event::End, last);
        }
    }

    fn write(&self, out: &mut String, event: &Event, id: NodeId) {
        match &self.slots[id].node {
            Node::Element { name, .. } if matches!(event, Event::End) => {
                out.push_str("</");
                out.push_str(name);
                out.push('>');
            }
            Node::Element { name, attributes } => {
                out.push('<');
                out.push_str(name);
                for (name, value) in attributes {
                    out.push(' ');
                    out.push_str(name);
                    out.push('=');
                    push_quoted(out, value);
                }
                out.push_str(if matches!(event, Event::Empty) { "/>" } else { ">" });
            }
            Node::Text { kind, text } => {
                let raw = self.slots[id].parent.and_then(|parent| self.name(parent));
                push_text(out, *kind, text, matches!(raw, Some("script" | "style")));
            }
        }
    }
}

fn push_text(out: &mut String, kind: TextKind, text: &str, raw: bool) {
    let (prefix, suffix) = match kind {
        TextKind::Comment => ("<!--", "-->"),
        TextKind::CData => ("<![CDATA[", "]]>"),
        TextKind::Instruction => ("<?", ">"),
        TextKind::Declaration => ("<?", "?>"),
        TextKind::Doctype => ("<!DOCTYPE ", ">\n"),
        _ if raw => ("", ""),
        _ => return push_escaped(out, text),
    };
    out.push_str(prefix);
    out.push_str(text);
    out.push_str(suffix);
}

fn push_escaped(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = memchr3(b'&', b'<', b'>', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            _ => "&gt;",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

/// A value in the quotes that spare the most escapes.
fn push_quoted(out: &mut String, value: &str) {
    let mut escaped = String::with_capacity(value.len());
    push_escaped(&mut escaped, value);
    let quote = if escaped.contains('"') && !escaped.contains('\'') { '\'' } else { '"' };
    out.push(quote);
    match quote {
        '"' => out.push_str(&escaped.replace('"', "&quot;")),
        _ => out.push_str(&escaped),
    }
    out.push(quote);
}
