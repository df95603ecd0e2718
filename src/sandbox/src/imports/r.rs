//! Which packages an R program loads at its top level.
//!
//! Unlike Python's modules, a loaded package of R's can be seen by who has not asked for it: `loadedNamespaces()` lists it.
//! So nothing counts after a call of a function that can tell, and nothing that might not be executed: in the body of a
//! function, after `if`, in a loop.

use super::Found;

/// Functions that load the package that their first argument names.
const LOADERS: [&str; 5] = ["library", "require", "requireNamespace", "loadNamespace", "attachNamespace"];
/// Functions by which a program can see what is loaded, and those that take such functions' names as texts.
const WITNESSES: [&str; 13] = [
    "loadedNamespaces",
    "isNamespaceLoaded",
    "sessionInfo",
    "session_info",
    "getLoadedDLLs",
    "asNamespace",
    "getAnywhere",
    "methods",
    "getS3method",
    "library.dynam",
    "unloadNamespace",
    "eval",
    "source",
];

/// Names of the packages that statements at the top level load.
pub(super) fn imports(code: &str, found: &mut Found) {
    let mut tokens = Tokens { rest: code };
    let mut previous = Token::Other;
    // Conditions are executed, what depends on them may not be: after which of the open parentheses a statement is skipped.
    let mut open = Vec::new();
    while let Some(token) = tokens.next() {
        match token {
            Token::Word(word) if WITNESSES.contains(&word) => return,
            Token::Word(word) if LOADERS.contains(&word) && tokens.opens_call() => {
                open.push(false);
                let argument = tokens.clone().first_argument();
                if let Some(name) = argument {
                    found.add(name.to_owned());
                }
            }
            Token::Word("if" | "for" | "while") if tokens.opens_call() => open.push(true),
            Token::Word("function") | Token::Sign('\\') => {
                if tokens.opens_call() {
                    tokens.skip_to_close();
                }
                tokens.skip_statement();
            }
            Token::Word("else" | "repeat") => tokens.skip_statement(),
            Token::Sign('(' | '[' | '{') => open.push(false),
            Token::Sign(')' | ']' | '}') => {
                let of_condition = open.pop() == Some(true);
                if of_condition {
                    tokens.skip_statement();
                }
            }
            Token::Sign(':') if tokens.rest.starts_with(':') => {
                if let Token::Word(name) = previous {
                    found.add(name.to_owned());
                }
            }
            _ => {}
        }
        previous = token;
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Token<'c> {
    /// A name or a number.
    Word(&'c str),
    /// What a text holds, escapes unread.
    Text(&'c str),
    Sign(char),
    Newline,
    Other,
}

/// The rest of a program, token by token; comments and blanks are none.
#[derive(Clone)]
struct Tokens<'c> {
    rest: &'c str,
}

impl<'c> Tokens<'c> {
    fn next(&mut self) -> Option<Token<'c>> {
        loop {
            let first = self.rest.chars().next()?;
            match first {
                '\n' => return Some(self.taken(1, Token::Newline)),
                '#' => self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]),
                _ if first.is_whitespace() => self.rest = &self.rest[first.len_utf8()..],
                'r' | 'R' if self.raw_text().is_some() => return self.take_raw_text(),
                '"' | '\'' | '`' => return Some(self.take_text(first)),
                _ if is_of_word(first) => {
                    let end = self.rest.find(|char| !is_of_word(char)).unwrap_or(self.rest.len());
                    let word = &self.rest[..end];
                    return Some(self.taken(end, Token::Word(word)));
                }
                _ => return Some(self.taken(first.len_utf8(), Token::Sign(first))),
            }
        }
    }

    fn taken(&mut self, length: usize, token: Token<'c>) -> Token<'c> {
        self.rest = &self.rest[length..];
        token
    }

    fn take_text(&mut self, quote: char) -> Token<'c> {
        let inside = &self.rest[1..];
        let mut skip = false;
        for (index, char) in inside.char_indices() {
            if skip {
                skip = false;
            } else if char == '\\' {
                skip = true;
            } else if char == quote {
                let text = &inside[..index];
                self.rest = &inside[index + 1..];
                return if quote == '`' { Token::Word(text) } else { Token::Text(text) };
            }
        }
        self.rest = "";
        Token::Other
    }

    /// `r"--(`: its length and what ends it.
    fn raw_text(&self) -> Option<(usize, String)> {
        let quoted = &self.rest[1..];
        let quote = quoted.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let dashes = quoted[1..].bytes().take_while(|byte| *byte == b'-').count();
        let close = match quoted[1 + dashes..].chars().next()? {
            '(' => ')',
            '[' => ']',
            '{' => '}',
            _ => return None,
        };
        // R reads as many dashes as there are; a program that has more than these is none that a person wrote.
        (dashes < 100).then(|| (3 + dashes, format!("{close}{}{quote}", "-".repeat(dashes))))
    }

    fn take_raw_text(&mut self) -> Option<Token<'c>> {
        let (start, end) = self.raw_text()?;
        let inside = &self.rest[start..];
        let Some(length) = inside.find(&end) else {
            self.rest = "";
            return Some(Token::Other);
        };
        self.rest = &inside[length + end.len()..];
        Some(Token::Text(&inside[..length]))
    }

    /// Whether a call's parenthesis follows; takes it.
    fn opens_call(&mut self) -> bool {
        let trimmed = self.rest.trim_start();
        let opens = trimmed.starts_with('(');
        if opens {
            self.rest = &trimmed[1..];
        }
        opens
    }

    /// The name that a call's first argument is, with or without quotes; `package =` before it does not matter.
    fn first_argument(&mut self) -> Option<&'c str> {
        let mut name = self.next_solid()?;
        if name == Token::Word("package") {
            let after = self.rest;
            if self.next_solid() == Some(Token::Sign('=')) {
                name = self.next_solid()?;
            } else {
                self.rest = after;
            }
        }
        match name {
            Token::Word(name) | Token::Text(name) => Some(name),
            _ => None,
        }
    }

    fn next_solid(&mut self) -> Option<Token<'c>> {
        loop {
            match self.next()? {
                Token::Newline => {}
                token => return Some(token),
            }
        }
    }

    /// Skips to behind the sign that closes what is open.
    fn skip_to_close(&mut self) {
        let mut depth = 1_usize;
        while let Some(token) = self.next() {
            match token {
                Token::Sign('(' | '[' | '{') => depth += 1,
                Token::Sign(')' | ']' | '}') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Skips one statement: a block, or all up to the end of a line, a semicolon, or what closes something around it.
    fn skip_statement(&mut self) {
        let mut begun = false;
        loop {
            let before = self.rest;
            let Some(token) = self.next() else { return };
            match token {
                Token::Newline if begun => return,
                Token::Newline => {}
                Token::Sign(';' | ',') => return,
                Token::Sign(')' | ']' | '}') => {
                    // It closes what is around the statement.
                    self.rest = before;
                    return;
                }
                Token::Sign('{') if !begun => return self.skip_to_close(),
                Token::Sign('(' | '[' | '{') => {
                    self.skip_to_close();
                    begun = true;
                }
                _ => begun = true,
            }
        }
    }
}

fn is_of_word(char: char) -> bool {
    char.is_alphanumeric() || char == '.' || char == '_'
}

#[cfg(test)]
mod tests {
    fn imports(code: &str) -> Vec<String> {
        super::super::imports(crate::Language::R, code)
    }

    #[test]
    fn every_way_to_load() {
        let code = "library(ggplot2)\nrequire( 'dplyr' )\nsuppressPackageStartupMessages({\n  library(tidyr); library(\"scales\")\n})\n\
                    library(package = maps)\nif (!require(grid)) install.packages('grid')\nx <- MASS::mvrnorm(1)\nplotly:::f\n\
                    if (!requireNamespace(\"cowplot\", quietly = TRUE)) {\n  stop()\n}\nlibrary(\n  patchwork)\n";
        let expected =
            ["ggplot2", "dplyr", "tidyr", "scales", "maps", "grid", "MASS", "plotly", "cowplot", "patchwork"];
        assert_eq!(imports(code), expected);
    }

    #[test]
    fn what_may_not_be_executed_does_not_count() {
        let code = "f <- function(x) library(a)\ng <- function(x) {\n  library(b)\n}\nif (FALSE) library(c)\nif (x) {\n library(d)\n} else library(e)\n\
                    for (p in q) {\n require(f)\n}\nlapply(x, function(p) library(g))\n\\(x) library(h)\n# library(i)\n'library(j)'\nr\"-(library(k))-\"\n\
                    while (i) library(l); library(real)\n";
        assert_eq!(imports(code), ["real"]);
    }

    #[test]
    fn nothing_counts_after_a_look_at_what_is_loaded() {
        assert_eq!(imports("library(a)\nprint(loadedNamespaces())\nlibrary(b)"), ["a"]);
        assert_eq!(imports("f <- function() sessionInfo()\nlibrary(b)"), ["b"]);
        assert!(imports("eval(parse(text = x)); library(a)").is_empty());
    }

    #[test]
    fn any_text_is_survived() {
        for code in [
            "\"", "r\"", "r\"(", "r\"---", "library(", "library", "if", "if (", "function", "::", "a::", "{", "}",
            "\\", "é::ü", "`",
        ] {
            let _ = imports(code);
        }
        for part in ["(", "{", "if (", "if (x) ", "function(x) ", "function(", "r\"(", "r\"-", "library(", "library(\n"]
        {
            let _ = imports(&part.repeat(100_000));
        }
    }
}
