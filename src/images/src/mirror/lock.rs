//! A lock: which packages a mirror holds, each by its version and hash, and which of their files.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use nodejs_semver::Version;
use serde::Deserialize;

/// The comment that a written lock starts with.
const HEADER: &str = "\
# The packages of the mirror by name, version and the hash that the npm registry gives. Written by
# `glasshouse images mirror add`, which also fetches; `keep` may be edited by hand.
#
# `keep` says which files of a package are there (`only`) and which are not (`never`): a path, a folder with a slash at its
# end, or `*` and how the path ends. \"*\" stands for every package. A page that asks for one left out is told so.
";

/// The rule for packages that have none of their own, added to those that have.
const EVERY: &str = "*";

/// Packages by version and hash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Which files are kept, by the package's name; `*` for all.
    #[serde(default)]
    keep: BTreeMap<String, Keep>,
    /// Hashes by name and version.
    #[serde(default)]
    packages: BTreeMap<String, BTreeMap<String, String>>,
}

/// Which files of a package a mirror holds. `package.json` is always held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    /// Only these, if any are given.
    pub only: Vec<String>,
    /// None of these.
    pub never: Vec<String>,
}

impl Keep {
    /// Whether the file at `path` in the package is held.
    pub fn holds(&self, path: &str) -> bool {
        let is = |pattern: &String| matches(pattern, path);
        path == "package.json" || ((self.only.is_empty() || self.only.iter().any(is)) && !self.never.iter().any(is))
    }

    /// What tells this rule from others, for the address of what it made.
    pub(super) fn text(&self) -> String {
        format!("only {}\nnever {}", self.only.join(" "), self.never.join(" "))
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(end) => path.ends_with(end),
        None if pattern.ends_with('/') => path.starts_with(pattern),
        None => path == pattern,
    }
}

impl Lock {
    /// Reads the text of a lock; the error says which package is wrong and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lock: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        for (name, version, integrity) in lock.packages() {
            if !is_package_name(name) {
                return Err(format!("packages: `{name}` is no name of an npm package"));
            }
            if Version::parse(version).is_err() {
                return Err(format!("packages.\"{name}\": `{version}` is no version: it must be exact, such as 1.2.3"));
            }
            if !integrity.starts_with("sha512-") {
                return Err(format!("packages.\"{name}\".\"{version}\": the hash must be a `sha512-` integrity"));
            }
        }
        Ok(lock)
    }

    /// The text that [`Lock::parse`] reads back, versions from the oldest to the newest.
    pub fn text(&self) -> String {
        let mut text = HEADER.to_owned();
        // Writing to a String cannot fail.
        for (name, keep) in &self.keep {
            let _ = writeln!(text, "\n[keep.{name:?}]");
            for (key, patterns) in [("only", &keep.only), ("never", &keep.never)] {
                if !patterns.is_empty() {
                    let _ = writeln!(text, "{key} = {patterns:?}");
                }
            }
        }
        for (name, versions) in &self.packages {
            let _ = writeln!(text, "\n[packages.{name:?}]");
            let mut versions: Vec<_> = versions.iter().collect();
            versions.sort_by_cached_key(|(version, _)| Version::parse(version).ok());
            for (version, integrity) in versions {
                let _ = writeln!(text, "{version:?} = {integrity:?}");
            }
        }
        text
    }

    /// Every package: name, version, hash.
    pub fn packages(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.packages.iter().flat_map(|(name, versions)| {
            versions.iter().map(move |(version, integrity)| (name.as_str(), version.as_str(), integrity.as_str()))
        })
    }

    /// Which files of the package `name` are held.
    pub fn keep(&self, name: &str) -> Keep {
        let mut keep = self.keep.get(name).cloned().unwrap_or_default();
        if let Some(every) = self.keep.get(EVERY) {
            keep.never.extend(every.never.iter().cloned());
        }
        keep
    }

    /// Adds a package, replacing the hash that it had; whether that changed anything.
    pub fn insert(&mut self, name: &str, version: &str, integrity: &str) -> bool {
        let versions = self.packages.entry(name.to_owned()).or_default();
        versions.insert(version.to_owned(), integrity.to_owned()).as_deref() != Some(integrity)
    }

    /// Takes over all that `other` holds; its rules and hashes win.
    pub fn merge(&mut self, other: &Self) {
        for (name, version, integrity) in other.packages() {
            self.insert(name, version, integrity);
        }
        self.keep.extend(other.keep.iter().map(|(name, keep)| (name.clone(), keep.clone())));
    }
}

/// Whether `name` is the name of an npm package: safe in an argument, a path (`/` aside) and an address.
pub(super) fn is_package_name(name: &str) -> bool {
    let is_part = |part: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        part.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) && part.bytes().all(allowed)
    };
    name.len() <= 214
        && match name.strip_prefix('@') {
            Some(scoped) => scoped.split_once('/').is_some_and(|(scope, rest)| is_part(scope) && is_part(rest)),
            None => is_part(name),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        [keep."*"]
        never = ["*.map"]
        [keep.three]
        only = ["build/", "license.txt"]
        [packages.three]
        "0.128.0" = "sha512-a"
        "0.9.0" = "sha512-b"
        [packages."@fontsource/inter"]
        "5.0.0" = "sha512-c"
    "#;

    #[test]
    fn a_written_lock_reads_back_with_versions_in_order() {
        let lock = Lock::parse(TEXT).unwrap();
        let text = lock.text();
        assert_eq!(Lock::parse(&text).unwrap(), lock);
        assert!(text.find("\"0.9.0\"").unwrap() < text.find("\"0.128.0\"").unwrap(), "{text}");
    }

    #[test]
    fn rules_decide_which_files_are_held() {
        let lock = Lock::parse(TEXT).unwrap();
        let three = lock.keep("three");
        for held in ["package.json", "build/three.js", "license.txt"] {
            assert!(three.holds(held), "{held}");
        }
        for left_out in ["build/three.js.map", "src/a.js", "license.txt2", "x/build/a.js"] {
            assert!(!three.holds(left_out), "{left_out}");
        }
        assert!(lock.keep("p5").holds("lib/p5.js") && !lock.keep("p5").holds("lib/p5.js.map"));
    }

    #[test]
    fn refuses_what_no_registry_could_give() {
        for (bad, word) in [
            ("[packages.\"../x\"]\n\"1.0.0\" = \"sha512-a\"", "no name"),
            ("[packages.\"@x\"]\n\"1.0.0\" = \"sha512-a\"", "no name"),
            ("[packages.x]\n\"^1\" = \"sha512-a\"", "exact"),
            ("[packages.x]\n\"1.0.0\" = \"sha1-a\"", "sha512-"),
        ] {
            assert!(Lock::parse(bad).unwrap_err().contains(word), "{bad}");
        }
    }

    #[test]
    fn merging_adds_and_replaces() {
        let mut lock = Lock::parse(TEXT).unwrap();
        let more = Lock::parse("[packages.three]\n\"0.128.0\" = \"sha512-z\"\n\"0.160.0\" = \"sha512-y\"").unwrap();
        lock.merge(&more);
        assert_eq!(lock.packages().count(), 4);
        assert!(lock.packages().any(|package| package == ("three", "0.128.0", "sha512-z")));
        assert!(!lock.insert("three", "0.160.0", "sha512-y"));
    }
}
