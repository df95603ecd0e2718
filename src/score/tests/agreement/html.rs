//! The same trees and the same texts from them.

use glasshouse_score::html::{Dialect, Node, TextKind, Tree, parse};
use serde_json::{Value, json};

use super::oracle::Oracle;
use super::samples::{self, Dice, mutate, soup};

#[test]
fn own_pages_make_the_same_trees() {
    for dialect in Dialect::ALL {
        let Some(mut judge) = Judge::start(dialect) else { return };
        for (name, page) in samples::own() {
            judge.check(&name, &page);
        }
    }
}

#[test]
fn mutated_pages_make_the_same_trees() {
    let pages = samples::own();
    for (dialect, rounds) in Dialect::ALL.into_iter().zip([1500, 500]) {
        let Some(mut judge) = Judge::start(dialect) else { return };
        let mut dice = Dice(1);
        for round in 0..rounds {
            let (name, page) = &pages[dice.below(pages.len())];
            judge.check(&format!("{name}, round {round}"), &mutate(page, &mut dice));
            judge.check(&format!("soup {round}"), &soup(&mut dice));
        }
    }
}

#[test]
fn real_pages_make_the_same_trees() {
    let Some(pages) = samples::real() else { return };
    for dialect in Dialect::ALL {
        let Some(mut judge) = Judge::start(dialect) else { return };
        let mut dice = Dice(2);
        for (task, model, page) in &pages {
            judge.check(&format!("{model}/{task}"), page);
            judge.check(&format!("{model}/{task}, mutated"), &mutate(page, &mut dice));
        }
        println!("{}: {} real pages, and each of them mutated: the same trees", dialect.name(), pages.len());
    }
}

/// An oracle and the dialect that it speaks.
struct Judge {
    oracle: Oracle,
    dialect: Dialect,
}

impl Judge {
    fn start(dialect: Dialect) -> Option<Judge> {
        Some(Judge { oracle: Oracle::start_of(dialect)?, dialect })
    }

    fn check(&mut self, name: &str, page: &str) {
        check(&mut self.oracle, self.dialect, name, page);
    }
}

fn check(oracle: &mut Oracle, dialect: Dialect, name: &str, page: &str) {
    let theirs = oracle.ask(&json!({"ask": "page", "text": page}));
    let ours = parse(page, dialect);
    match (&theirs, &ours) {
        (Ok(theirs), Ok(ours)) => {
            let said = json!({
                "nodes": nodes(ours), "html": ours.to_html(), "pretty": ours.prettify(), "text": ours.text(),
            });
            for part in ["nodes", "text", "html", "pretty"] {
                let differs = said[part] != theirs[part];
                assert!(!differs, "{name}: {part}\nours   {}\ntheirs {}\nof {page:?}", said[part], theirs[part]);
            }
        }
        (Err(_), Err(_)) => {}
        _ => panic!("{name}: ours {:?}, theirs {theirs:?}\nof {page:?}", ours.map(|tree| tree.to_html())),
    }
}

fn nodes(tree: &Tree) -> Vec<Value> {
    let depth = |id| std::iter::successors(tree.parent(id), |&id| tree.parent(id)).count() + 1;
    let node = |id| match tree.node(id) {
        Node::Element { name, attributes } => {
            let value = |(name, value): &(String, String)| (name.clone(), json!(value));
            json!([depth(id), name, attributes.iter().map(value).collect::<serde_json::Map<_, _>>()])
        }
        Node::Text { kind, text } => json!([depth(id), class(*kind), text]),
    };
    (0..tree.len()).map(node).collect()
}

/// Python's class for a text.
fn class(kind: TextKind) -> &'static str {
    match kind {
        TextKind::Text => "NavigableString",
        TextKind::Script => "Script",
        TextKind::Style => "Stylesheet",
        TextKind::Template => "TemplateString",
        TextKind::Ruby => "RubyTextString",
        TextKind::Comment => "Comment",
        TextKind::CData => "CData",
        TextKind::Instruction => "ProcessingInstruction",
        TextKind::Declaration => "Declaration",
        TextKind::Doctype => "Doctype",
    }
}
