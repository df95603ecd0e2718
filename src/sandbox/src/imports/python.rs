//! Which modules a Python program imports at its top level.

use super::Found;

/// Dotted names of the modules that statements at the top level import.
///
/// `from a import b` gives `a` and `a.b`, since `b` may be a module; loading treats it leniently.
pub(super) fn imports(code: &str, found: &mut Found) {
    for statement in top_level_statements(code) {
        for module in modules_of(&statement) {
            found.add(module);
        }
    }
}

/// Import statements that begin in column 0, each joined to one line, outside strings and comments.
fn top_level_statements(code: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let mut current: Option<String> = None;
    let mut scanner = Scanner::default();
    for line in code.lines() {
        let begins = scanner.is_outside();
        let visible = scanner.line(line);
        if begins && (line.starts_with("import ") || line.starts_with("from ")) {
            statements.extend(current.replace(String::new()));
        } else if begins {
            statements.extend(current.take());
        }
        if let Some(statement) = &mut current {
            statement.push_str(&visible);
            statement.push(' ');
        }
    }
    statements.extend(current);
    statements
}

/// Where a line ends: inside brackets, inside a long string, after a backslash.
#[derive(Default)]
struct Scanner {
    depth: usize,
    quote: Option<&'static str>,
    continued: bool,
}

impl Scanner {
    fn is_outside(&self) -> bool {
        self.depth == 0 && self.quote.is_none() && !self.continued
    }

    /// The line's code without strings and comments.
    fn line(&mut self, line: &str) -> String {
        let mut visible = String::new();
        let mut rest = line;
        self.continued = false;
        loop {
            if let Some(quote) = self.quote {
                match end_of_string(rest, quote) {
                    Some(after) => (self.quote, rest) = (None, after),
                    None => return visible,
                }
            }
            let Some(first) = rest.chars().next() else { return visible };
            match first {
                '#' => return visible,
                '"' | '\'' => {
                    let (quote, long) = opening(rest, first);
                    rest = &rest[quote.len()..];
                    match end_of_string(rest, quote) {
                        Some(after) => rest = after,
                        None if long => self.quote = Some(quote),
                        None => return visible,
                    }
                    continue;
                }
                '(' | '[' | '{' => self.depth += 1,
                ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
                '\\' if rest.len() == 1 => {
                    self.continued = true;
                    return visible;
                }
                _ => {}
            }
            visible.push(if matches!(first, '(' | ')') { ' ' } else { first });
            rest = &rest[first.len_utf8()..];
        }
    }
}

fn opening(text: &str, first: char) -> (&'static str, bool) {
    match (first, text.starts_with("\"\"\""), text.starts_with("'''")) {
        ('"', true, _) => ("\"\"\"", true),
        ('\'', _, true) => ("'''", true),
        ('"', ..) => ("\"", false),
        _ => ("'", false),
    }
}

/// What follows the end of a string, if it ends in `text`.
fn end_of_string<'t>(text: &'t str, quote: &str) -> Option<&'t str> {
    let mut skip = false;
    for (index, char) in text.char_indices() {
        if skip {
            skip = false;
        } else if char == '\\' {
            skip = true;
        } else if text[index..].starts_with(quote) {
            return Some(&text[index + quote.len()..]);
        }
    }
    None
}

fn modules_of(statement: &str) -> Vec<String> {
    let statement = statement.split(';').next().unwrap_or_default();
    if let Some(names) = statement.strip_prefix("import ") {
        return names.split(',').filter_map(first_word).collect();
    }
    let Some((module, names)) = statement.strip_prefix("from ").and_then(|rest| rest.split_once(" import ")) else {
        return Vec::new();
    };
    let Some(module) = first_word(module) else { return Vec::new() };
    let inner: Vec<String> = names.split(',').filter_map(first_word).map(|name| format!("{module}.{name}")).collect();
    std::iter::once(module).chain(inner).collect()
}

/// The dotted name that `text` begins with; relative names and stars are none.
fn first_word(text: &str) -> Option<String> {
    let word = text.split_whitespace().next()?;
    let good = word.split('.').all(|part| {
        part.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_')
            && part.chars().all(|char| char.is_alphanumeric() || char == '_')
    });
    good.then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    fn imports(code: &str) -> Vec<String> {
        super::super::imports(crate::Language::Python, code)
    }

    #[test]
    fn statements_of_every_form() {
        let code = "import numpy as np, os\nimport matplotlib.pyplot as plt  # c\nfrom scipy import stats\n\
                    from a.b import (\n    c as d,\n    e,\n)\nfrom x import \\\n    y\nfrom . import no\nfrom m import *\nimport z; z.f()\n";
        let expected =
            ["numpy", "os", "matplotlib.pyplot", "scipy", "scipy.stats", "a.b", "a.b.c", "a.b.e", "x", "x.y", "m", "z"];
        assert_eq!(imports(code), expected);
    }

    #[test]
    fn strings_comments_and_inner_imports_do_not_count() {
        let code = "\"\"\"\nimport fake\n\"\"\"\n'it''s \\' import no'\n# import no\nif x:\n    import inner\nx = '''\nimport fake2\n'''\nimport real\n";
        assert_eq!(imports(code), ["real"]);
    }

    #[test]
    fn any_text_is_survived() {
        for code in
            ["'", "\"\"\"", "(((", "import", "from", "from import", "import \u{e9}t\u{e9}", "\\", "from a import"]
        {
            let _ = imports(code);
        }
        assert!(imports(&"(".repeat(1_000_000)).is_empty());
    }
}
