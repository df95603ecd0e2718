//! The tables: which hosts the mirror stands for, and which addresses stand for which files.
//!
//! An address is written with `{v}` for a version (or any one part of a path, or a piece of it) and `{path}` for all that
//! follows; what it stands for is a list of targets with the same words in them, of which the first that exists is taken.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::address::Address;
use super::pictures::Style;

/// What a host does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Service {
    /// Serves packages by name as jsdelivr does.
    Jsdelivr,
    /// Serves packages by name as unpkg does.
    Unpkg,
    /// Serves what `addresses` says and nothing else.
    Table,
    /// Serves an empty script, whatever is asked for.
    Empty,
    /// Makes style sheets for fonts as Google does.
    Fonts,
    /// Serves the files that those style sheets name.
    FontFiles,
    /// Does what no mirror of packages can.
    Unsupported,
    /// Makes pictures of the size asked for.
    #[serde(untagged)]
    Pictures(Style),
}

/// What an address stands for, with the words of the pattern filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// `package@version/path`.
    File { name: String, version: String, path: String },
    /// `gone`: the real host answers 404.
    Gone,
    /// `script`: the script itself.
    Script(String),
}

/// The tables of a mirror.
#[derive(Debug)]
pub(super) struct Tables {
    hosts: BTreeMap<String, Service>,
    /// Patterns by host, those with most letters first.
    addresses: BTreeMap<String, Vec<(Pattern, Vec<String>)>>,
    scripts: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    hosts: BTreeMap<String, Service>,
    addresses: BTreeMap<String, Targets>,
    #[serde(default)]
    scripts: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Targets {
    One(String),
    Several(Vec<String>),
}

impl Tables {
    /// Reads the text of the tables; the error says which line is wrong and why.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let written: Written = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut addresses: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (address, targets) in written.addresses {
            let (host, path) = address.split_once('/').ok_or_else(|| format!("addresses: `{address}` has no path"))?;
            if !written.hosts.contains_key(host) {
                return Err(format!("addresses: `{address}`: `hosts` does not name its host"));
            }
            let targets = match targets {
                Targets::One(target) => vec![target],
                Targets::Several(targets) => targets,
            };
            let pattern = Pattern::parse(path);
            for target in &targets {
                let known: Vec<_> = pattern.words().map(|word| (word, "1".to_owned())).collect();
                let filled = fill(target, &known).ok_or_else(|| format!("addresses: `{target}` uses unknown words"))?;
                read_target(&filled, &written.scripts).ok_or_else(|| format!("addresses: `{target}` names no file"))?;
            }
            addresses.entry(host.to_owned()).or_default().push((pattern, targets));
        }
        for patterns in addresses.values_mut() {
            patterns.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.letters()));
        }
        Ok(Self { hosts: written.hosts, addresses, scripts: written.scripts })
    }

    /// What the host does, if the mirror stands for it. `*.example` in the tables stands for the hosts below example.
    pub(super) fn service(&self, host: &str) -> Option<Service> {
        let below = || host.split_once('.').and_then(|(_, parent)| self.hosts.get(&format!("*.{parent}")));
        self.hosts.get(host).or_else(below).copied()
    }

    /// What the most exact line for this address says.
    pub(super) fn named(&self, address: &Address) -> Option<Vec<Target>> {
        let patterns = self.addresses.get(&address.host)?;
        let (words, targets) =
            patterns.iter().find_map(|(pattern, targets)| Some((pattern.fit(&address.path)?, targets)))?;
        Some(targets.iter().filter_map(|target| read_target(&fill(target, &words)?, &self.scripts)).collect())
    }
}

/// A path with words in it.
#[derive(Debug)]
struct Pattern(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Text(String),
    Word(String),
}

impl Pattern {
    fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (word, next) = after.split_once('}').unwrap_or((after, ""));
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::Word(word.to_owned()));
            rest = next;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Self(pieces)
    }

    fn letters(&self) -> usize {
        self.0.iter().map(|piece| if let Piece::Text(text) = piece { text.len() } else { 0 }).sum()
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| if let Piece::Word(word) = piece { Some(word.as_str()) } else { None })
    }

    /// What the words stand for in `path`, if it has this form.
    fn fit(&self, path: &str) -> Option<Vec<(&str, String)>> {
        let mut words = Vec::new();
        fit(&self.0, path, &mut words).then_some(words)
    }
}

fn fit<'a>(pieces: &'a [Piece], path: &str, words: &mut Vec<(&'a str, String)>) -> bool {
    match pieces {
        [] => path.is_empty(),
        [Piece::Text(text), rest @ ..] => path.strip_prefix(text.as_str()).is_some_and(|path| fit(rest, path, words)),
        [Piece::Word(word)] if word == "path" => {
            words.push((word, path.to_owned()));
            !path.is_empty()
        }
        [Piece::Word(word), rest @ ..] => {
            let end = path.find('/').unwrap_or(path.len());
            // The longest first: a version may hold the text that follows it.
            let ends = (1..=end).rev().filter(|end| path.is_char_boundary(*end));
            for end in ends {
                // `{r}` is a number, so that r128 is told from a version that begins with an r.
                let value = &path[..end];
                if word == "r" && !value.bytes().all(|byte| byte.is_ascii_digit()) {
                    continue;
                }
                let known = words.len();
                words.push((word, value.to_owned()));
                if fit(rest, &path[end..], words) {
                    return true;
                }
                words.truncate(known);
            }
            false
        }
    }
}

fn fill(target: &str, words: &[(&str, String)]) -> Option<String> {
    let mut filled = target.to_owned();
    for (word, value) in words {
        filled = filled.replace(&format!("{{{word}}}"), value);
    }
    (!filled.contains('{')).then_some(filled)
}

/// Reads `gone`, `script NAME` or `package@version/path`.
fn read_target(text: &str, scripts: &BTreeMap<String, String>) -> Option<Target> {
    if text == "gone" {
        return Some(Target::Gone);
    }
    if let Some(name) = text.strip_prefix("script ") {
        return scripts.get(name).cloned().map(Target::Script);
    }
    let at = text.get(1..)?.find('@')? + 1;
    let (version, path) = text[at + 1..].split_once('/')?;
    Some(Target::File { name: text[..at].to_owned(), version: version.to_owned(), path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        [hosts]
        "cdn.example" = "table"
        "*.fonts.example" = "font-files"
        "holder.example" = "placehold"
        [addresses]
        "cdn.example/libs/three/{v}/{path}" = "three@{v}/build/{path}"
        "cdn.example/libs/three/r{r}/{path}" = ["three@0.{r}.0/build/{path}", "three@0.{r}/build/{path}"]
        "cdn.example/plotly-{v}.min.js" = "plotly.js-dist-min@{v}/plotly.min.js"
        "cdn.example/plotly-latest.min.js" = "plotly.js-dist-min@1.58.5/plotly.min.js"
        "cdn.example/old/{path}" = "gone"
        "cdn.example/say.js" = "script hello"
        [scripts]
        hello = "hello()"
    "#;

    fn named(path: &str) -> Option<Vec<Target>> {
        let address = Address { host: "cdn.example".into(), path: path.into(), query: String::new() };
        Tables::parse(TEXT).unwrap().named(&address)
    }

    fn file(name: &str, version: &str, path: &str) -> Target {
        Target::File { name: name.into(), version: version.into(), path: path.into() }
    }

    #[test]
    fn the_most_exact_line_counts() {
        assert_eq!(named("plotly-latest.min.js").unwrap(), [file("plotly.js-dist-min", "1.58.5", "plotly.min.js")]);
        assert_eq!(named("plotly-2.27.0.min.js").unwrap(), [file("plotly.js-dist-min", "2.27.0", "plotly.min.js")]);
        let both = [file("three", "0.128.0", "build/a/b.js"), file("three", "0.128", "build/a/b.js")];
        assert_eq!(named("libs/three/r128/a/b.js").unwrap(), both);
        assert_eq!(named("libs/three/0.155.0/three.js").unwrap(), [file("three", "0.155.0", "build/three.js")]);
        assert_eq!(named("libs/three/rc1/x.js").unwrap(), [file("three", "rc1", "build/x.js")]);
        assert_eq!(named("old/x").unwrap(), [Target::Gone]);
        assert_eq!(named("say.js").unwrap(), [Target::Script("hello()".into())]);
        assert_eq!(named("libs/other/1/x.js"), None);
    }

    #[test]
    fn hosts_may_stand_for_all_below_one() {
        let tables = Tables::parse(TEXT).unwrap();
        assert_eq!(tables.service("a.fonts.example"), Some(Service::FontFiles));
        assert_eq!(tables.service("fonts.example"), None);
        assert_eq!(tables.service("holder.example"), Some(Service::Pictures(Style::Placehold)));
    }

    #[test]
    fn wrong_lines_are_named() {
        for (line, word) in [
            ("\"cdn.example/{v}\" = \"x@{w}/a\"", "unknown words"),
            ("\"cdn.example/{v}\" = \"x/a\"", "names no file"),
            ("\"cdn.example/a\" = \"script no\"", "names no file"),
            ("\"other.example/a\" = \"gone\"", "does not name its host"),
            ("\"cdn.example\" = \"gone\"", "has no path"),
        ] {
            let text = TEXT.replace("[addresses]", &format!("[addresses]\n{line}"));
            let error = Tables::parse(&text).unwrap_err();
            assert!(error.contains(word), "{line}: {error}");
        }
    }
}
