//! The same trees and the same texts from them.

use glasshouse_score::html::{Dialect, Node, TextKind, Tree, parse};
use serde_json::{Value, json};

use super::oracle::Oracle;
use super::samples::{self, Dice, mutate, soup};

#[test]
fn own_pages_make_the_same_trees() {
    let Some(mut oracle) = Oracle::start() else { return };
    for (name, page) in samples::own() {
        check(&mut oracle, &name, &page);
    }
}

#[test]
fn mutated_pages_make_the_same_trees() {
    let Some(mut oracle) = Oracle::start() else { return };
    let mut dice = Dice(1);
    let pages = samples::own();
    for round in 0..1500 {
        let (name, page) = &pages[dice.below(pages.len())];
        check(&mut oracle, &format!("{name}, round {round}"), &mutate(page, &mut dice));
        check(&mut oracle, &format!("soup {round}"), &soup(&mut dice));
    }
}

#[test]
fn real_pages_make_the_same_trees() {
    let (Some(pages), Some(mut oracle)) = (samples::real(), Oracle::start()) else { return };
    let mut dice = Dice(2);
    for (task, model, page) in &pages {
        check(&mut oracle, &format!("{model}/{task}"), page);
        check(&mut oracle, &format!("{model}/{task}, mutated"), &mutate(page, &mut dice));
    }
    println!("{} real pages, and each of them mutated: the same trees", pages.len());
}

fn check(oracle: &mut Oracle, name: &str, page: &str) {
    let theirs = oracle.ask(&json!({"ask": "page", "text": page}));
    let ours = parse(page, Dialect::default());
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
