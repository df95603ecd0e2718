//! System call profiles: TOML in, a seccomp program out.
//!
//! The program finds a call's rule by binary search, so that loading it is cheap: the kernel tries
//! every call number against a new filter to find those that it may always let through, and a list
//! of 300 comparisons costs half a millisecond there, for each job.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

mod assemble;
mod engine;
mod names;

pub use assemble::Program;
pub use engine::for_engine;

/// A profile as written in policies/seccomp/NAME.toml.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileFile {
    #[serde(rename = "description")]
    _description: String,
    /// The profile whose rules hold where this one says nothing of a call.
    extends: Option<String>,
    #[serde(default)]
    allow: Vec<Group>,
    #[serde(default)]
    refused: Vec<Refused>,
    #[serde(default)]
    argument: Vec<ArgumentRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    #[serde(rename = "reason")]
    _reason: String,
    calls: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    #[serde(rename = "reason")]
    _reason: String,
    error: String,
    calls: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ArgumentRule {
    #[serde(rename = "reason")]
    _reason: String,
    call: String,
    index: u8,
    error: String,
    mask: Option<u32>,
    forbidden_bits: Option<u32>,
    allowed_values: Option<Vec<u32>>,
    forbidden_values: Option<Vec<u32>>,
}

/// What happens to one system call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    Allow,
    Refuse(u16),
    /// Allowed unless one of these checks on an argument fails.
    Check(Vec<Check>),
}

/// A check on the low half of one argument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Check {
    pub(crate) index: u8,
    pub(crate) mask: u32,
    pub(crate) test: Test,
    pub(crate) error: u16,
}

/// What must hold of the masked argument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    /// No bit of these is set.
    NoneOf(u32),
    /// It is one of these.
    In(Vec<u32>),
    /// It is none of these.
    NotIn(Vec<u32>),
}

/// What is wrong with a profile.
#[derive(Debug, Error)]
pub enum ProfileError {
    /// Not TOML, or a key is unknown or of the wrong type.
    #[error("seccomp profile {name:?}: {message}")]
    Syntax {
        /// The profile's name.
        name: String,
        /// What the parser says.
        message: String,
    },
    /// A name that this architecture's table does not have.
    #[error("seccomp profile {name:?}: {kind} {word:?} is not known")]
    Unknown {
        /// The profile's name.
        name: String,
        /// `system call` or `error`.
        kind: &'static str,
        /// The name.
        word: String,
    },
    /// It extends one that is not there.
    #[error("seccomp profile {name:?}: it extends {base:?}, which does not exist or extends another itself")]
    Base {
        /// The profile's name.
        name: String,
        /// The name after `extends`.
        base: String,
    },
    /// A rule about arguments that says nothing, or more than one thing.
    #[error(
        "seccomp profile {name:?}: the argument rule of {call} needs exactly one of forbidden-bits, allowed-values, forbidden-values"
    )]
    Argument {
        /// The profile's name.
        name: String,
        /// The call.
        call: String,
    },
}

/// Compiles the profile `name` from its text; `find` gives the text of the profile that it extends.
pub fn compile<'a>(name: &str, text: &str, find: impl Fn(&str) -> Option<&'a str>) -> Result<Program, ProfileError> {
    Ok(assemble::assemble(&merged(name, text, find, rules)?))
}

/// What `read` makes of a profile and of the one that it extends: what a profile says of a call stands in place of all that
/// the one below says of it.
fn merged<'a, K: Ord, V>(
    name: &str,
    text: &str,
    find: impl Fn(&str) -> Option<&'a str>,
    read: impl Fn(&str, &ProfileFile) -> Result<BTreeMap<K, V>, ProfileError>,
) -> Result<BTreeMap<K, V>, ProfileError> {
    let file = parse(name, text)?;
    let mut all = BTreeMap::new();
    if let Some(base) = &file.extends {
        let absent = || ProfileError::Base { name: name.to_owned(), base: base.clone() };
        let below = parse(base, find(base).ok_or_else(absent)?)?;
        if below.extends.is_some() {
            return Err(absent());
        }
        all = read(base, &below)?;
    }
    all.extend(read(name, &file)?);
    Ok(all)
}

fn parse(name: &str, text: &str) -> Result<ProfileFile, ProfileError> {
    toml::from_str(text).map_err(|error| ProfileError::Syntax { name: name.to_owned(), message: error.to_string() })
}

fn rules(name: &str, file: &ProfileFile) -> Result<BTreeMap<u32, Action>, ProfileError> {
    let unknown = |kind, word: &str| ProfileError::Unknown { name: name.to_owned(), kind, word: word.to_owned() };
    let call = |word: &str| names::call(word).ok_or_else(|| unknown("system call", word));
    let error = |word: &str| names::error(word).ok_or_else(|| unknown("error", word));
    let mut rules = BTreeMap::new();
    for word in file.allow.iter().flat_map(|group| &group.calls) {
        rules.insert(call(word)?, Action::Allow);
    }
    for group in &file.refused {
        for word in &group.calls {
            rules.insert(call(word)?, Action::Refuse(error(&group.error)?));
        }
    }
    for rule in &file.argument {
        let check = Check {
            index: rule.index,
            mask: rule.mask.unwrap_or(u32::MAX),
            test: test(rule)
                .ok_or_else(|| ProfileError::Argument { name: name.to_owned(), call: rule.call.clone() })?,
            error: error(&rule.error)?,
        };
        match rules.entry(call(&rule.call)?).or_insert_with(|| Action::Check(Vec::new())) {
            Action::Check(checks) => checks.push(check),
            other => *other = Action::Check(vec![check]),
        }
    }
    Ok(rules)
}

fn test(rule: &ArgumentRule) -> Option<Test> {
    match (&rule.forbidden_bits, &rule.allowed_values, &rule.forbidden_values) {
        (Some(bits), None, None) => Some(Test::NoneOf(*bits)),
        (None, Some(values), None) => Some(Test::In(values.clone())),
        (None, None, Some(values)) => Some(Test::NotIn(values.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: &str = include_str!("../../../policies/seccomp/default.toml");

    #[test]
    fn the_default_profile_compiles_and_is_small() {
        let program = compile("default", DEFAULT, |_| None).unwrap();
        assert!(program.len() < 400, "{}", program.len());
    }

    #[test]
    fn a_profile_replaces_what_the_one_below_says_of_a_call() {
        let own = "description = \"\"\nextends = \"default\"\n[[allow]]\nreason = \"\"\ncalls = [\"clone3\"]";
        let of = |text: &str| rules("p", &parse("p", text).unwrap()).unwrap();
        let clone3 = names::call("clone3").unwrap();
        assert_ne!(of(DEFAULT)[&clone3], Action::Allow);
        assert_eq!(of(own)[&clone3], Action::Allow);
        let found = |name: &str| (name == "default").then_some(DEFAULT);
        let (base, longer) = (compile("default", DEFAULT, |_| None).unwrap(), compile("p", own, found).unwrap());
        assert!(base.len().abs_diff(longer.len()) < 8, "{} and {}", base.len(), longer.len());
        assert!(compile("p", own, |_| None).unwrap_err().to_string().contains("\"default\""));
    }

    #[test]
    fn errors_name_what_is_wrong() {
        let text = "description = \"\"\n[[allow]]\nreason = \"\"\ncalls = [\"reed\"]";
        assert!(compile("p", text, |_| None).unwrap_err().to_string().contains("\"reed\""));
        let text = "description = \"\"\n[[argument]]\nreason = \"\"\ncall = \"clone\"\nindex = 0\nerror = \"EPERM\"";
        assert!(compile("p", text, |_| None).unwrap_err().to_string().contains("clone"));
    }
}
