//! What a program loads before it does anything that could tell, read without running it.
//!
//! Linear scans of our own rather than parsers: the text is hostile, a parser recurses, and a stack overflow would
//! end the daemon. The answer only chooses a zygote, so a rare miss costs time, nothing else.

mod python;
mod r;

use crate::Language;

/// Longest program that is scanned; beyond it nothing is preloaded.
const LONGEST: usize = 4 << 20;
const MOST: usize = 128;

/// Names of what a program in this language loads, as its zygotes know them, in order, without repetition.
pub fn imports(language: Language, code: &str) -> Vec<String> {
    if code.len() > LONGEST {
        return Vec::new();
    }
    let mut found = Found::default();
    match language {
        Language::Python => python::imports(code, &mut found),
        Language::R => r::imports(code, &mut found),
        // Its zygotes have loaded all that they ever load ahead: nothing of it can be told from a program.
        Language::Octave => {}
    }
    found.names
}

/// Names in the order of their first appearance.
#[derive(Default)]
struct Found {
    names: Vec<String>,
}

impl Found {
    fn add(&mut self, name: String) {
        if !self.names.contains(&name) && self.names.len() < MOST {
            self.names.push(name);
        }
    }
}
