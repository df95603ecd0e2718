//! Policies: what a job may use, read from TOML with inheritance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limits::LimitChanges;
pub use crate::limits::Limits;
use crate::quantity::show_bytes;
use crate::scenes::ManimOptions;

/// What a job can reach over the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// Nothing: an empty network namespace.
    #[default]
    None,
}

/// A layer of the glass that a policy insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// User, mount, pid, ipc, uts and network namespaces.
    Namespaces,
    /// A cgroup leaf for each job: memory, processes, processor time.
    Cgroup,
    /// The system call filter.
    Seccomp,
    /// Landlock rules on files, signals and abstract sockets.
    Landlock,
    /// A user id of its own for each job, different from that of every other process.
    OwnUid,
}

impl Requirement {
    /// Every layer.
    pub const ALL: [Self; 5] = [Self::Namespaces, Self::Cgroup, Self::Seccomp, Self::Landlock, Self::OwnUid];

    /// The name in policies, flags and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Cgroup => "cgroup",
            Self::Seccomp => "seccomp",
            Self::Landlock => "landlock",
            Self::OwnUid => "own-uid",
        }
    }

    /// Reads a name back.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layer| layer.name() == name)
    }
}

/// A policy with all inheritance resolved and every value checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// The name of its file, without `.toml`.
    pub name: String,
    /// One sentence for `glasshouse policy list`.
    pub description: String,
    /// What the network is.
    pub network: Network,
    /// The name of the seccomp profile (policies/seccomp/NAME.toml).
    pub seccomp: String,
    /// The layers without which a run is refused.
    pub require: Vec<Requirement>,
    /// Whether each job gets a worker (with the docker backend: a container) that no other job has been in.
    // Left out of a job's identity where it is not asked for, as it was before there was such a key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
    /// How scenes are rendered of which their row does not say it.
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub manim: ManimOptions,
    /// How much may be used.
    pub limits: Limits,
}

fn says_nothing(options: &ManimOptions) -> bool {
    *options == ManimOptions::default()
}

/// One policy file as written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PolicyFile {
    extends: Option<String>,
    description: Option<String>,
    network: Option<Network>,
    seccomp: Option<String>,
    require: Option<Vec<Requirement>>,
    fresh: Option<bool>,
    manim: ManimOptions,
    limits: LimitChanges,
}

/// What is wrong with a policy, with the file and the key.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum PolicyError {
    /// The text is not TOML, or a key is unknown or of the wrong type.
    #[error("policy {name:?}: {message}")]
    Syntax {
        /// The policy's name.
        name: String,
        /// The parser's message, which names the line and the key.
        message: String,
    },
    /// A limit is outside its range.
    #[error("policy {name:?}: limits.{key}: {message}")]
    Range {
        /// The policy's name.
        name: String,
        /// The key under `limits`.
        key: String,
        /// The value and the range.
        message: String,
    },
    /// There is no policy of that name.
    #[error("there is no policy {name:?}; there are: {known}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The names that exist, separated by commas.
        known: String,
    },
    /// A policy extends itself, perhaps by way of others.
    #[error("policy {name:?}: extends makes a circle: {path}")]
    Circle {
        /// The policy's name.
        name: String,
        /// The names on the circle.
        path: String,
    },
}

/// All policies that there are, by name.
#[derive(Clone, Debug, Default)]
pub struct PolicySet {
    files: BTreeMap<String, PolicyFile>,
}

impl PolicySet {
    /// Adds (or replaces) the policy `name` from its TOML text.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), PolicyError> {
        let file = toml::from_str(text).map_err(|error| PolicyError::Syntax {
            name: name.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        self.files.insert(name.to_owned(), file);
        Ok(())
    }

    /// The names of all policies, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The policy `name` with everything it inherits.
    pub fn get(&self, name: &str) -> Result<Policy, PolicyError> {
        let mut policy = Policy {
            name: name.to_owned(),
            description: String::new(),
            network: Network::None,
            seccomp: "default".to_owned(),
            require: Requirement::ALL.to_vec(),
            fresh: false,
            manim: ManimOptions::default(),
            limits: Limits::default(),
        };
        for (ancestor, file) in self.lineage(name)?.into_iter().rev() {
            policy.apply(ancestor, file)?;
        }
        Ok(policy)
    }

    /// The policy and its ancestors, nearest first.
    fn lineage(&self, name: &str) -> Result<Vec<(&str, &PolicyFile)>, PolicyError> {
        let mut path: Vec<(&str, &PolicyFile)> = Vec::new();
        let mut next = Some(name);
        while let Some(current) = next {
            let (key, file) = self.files.get_key_value(current).ok_or_else(|| PolicyError::Unknown {
                name: current.to_owned(),
                known: self.names().collect::<Vec<_>>().join(", "),
            })?;
            if path.iter().any(|(seen, _)| *seen == current) {
                let names = path.iter().map(|(seen, _)| *seen).chain([current]);
                return Err(PolicyError::Circle {
                    name: name.to_owned(),
                    path: names.collect::<Vec<_>>().join(" -> "),
                });
            }
            path.push((key, file));
            next = file.extends.as_deref();
        }
        Ok(path)
    }
}

impl Policy {
    fn apply(&mut self, name: &str, file: &PolicyFile) -> Result<(), PolicyError> {
        self.limits = self.limits.with(&file.limits).map_err(|(key, message)| PolicyError::Range {
            name: name.to_owned(),
            key: key.to_owned(),
            message,
        })?;
        if let Some(description) = &file.description {
            self.description.clone_from(description);
        }
        if let Some(network) = file.network {
            self.network = network;
        }
        if let Some(seccomp) = &file.seccomp {
            self.seccomp.clone_from(seccomp);
        }
        if let Some(require) = &file.require {
            self.require.clone_from(require);
        }
        self.fresh = file.fresh.unwrap_or(self.fresh);
        file.manim
            .check()
            .map_err(|message| PolicyError::Syntax { name: name.to_owned(), message: format!("manim.{message}") })?;
        self.manim = file.manim.or(&self.manim);
        Ok(())
    }

    /// The policy as `glasshouse policy show` prints it: TOML, with every inherited value filled in.
    pub fn show(&self) -> String {
        let limits = &self.limits;
        let require = self.require.iter().map(|layer| format!("{:?}", layer.name())).collect::<Vec<_>>().join(", ");
        let size = |bytes: u64| exact_size(bytes);
        format!(
            "# policy {name}, with everything it inherits\n\
             description = {description:?}\n\
             network = \"none\"\n\
             seccomp = {seccomp:?}\n\
             require = [{require}]\n\
             fresh = {fresh}  # whether each job gets a worker of its own\n\n\
             [limits]\n\
             wall = {wall}            # seconds on the clock\n\
             cpu = {cpu}             # seconds of processor time, all processes together\n\
             memory = {memory}      # all processes and the private disk together\n\
             processes = {processes}       # processes and threads at one time\n\
             output = {output}     # stdout and stderr together; more ends the run\n\
             output-kept = {kept}  # of each stream, in the record\n\
             disk = {disk}      # the private disk\n\
             files = {files}         # files and folders on it\n\
             artifacts = {artifacts}      # files taken out\n\
             artifact-size = {artifact_size}\n{manim}",
            name = self.name,
            description = self.description,
            seccomp = self.seccomp,
            fresh = self.fresh,
            wall = limits.wall.as_secs_f64(),
            cpu = limits.cpu.as_secs_f64(),
            memory = size(limits.memory),
            processes = limits.processes,
            output = size(limits.output),
            kept = size(limits.output_kept),
            disk = size(limits.disk),
            files = limits.files,
            artifacts = limits.artifacts,
            artifact_size = size(limits.artifact_size),
            manim = self.shown_options(),
        )
    }

    /// The table of what scenes are rendered with, if the policy says anything of it.
    fn shown_options(&self) -> String {
        if says_nothing(&self.manim) {
            return String::new();
        }
        format!("\n[manim]\n{}", toml::to_string(&self.manim).unwrap_or_default())
    }
}

/// A size that reads back exactly: with a unit where that is a whole number, else in bytes.
fn exact_size(bytes: u64) -> String {
    let shown = show_bytes(bytes);
    if shown.contains('.') { bytes.to_string() } else { format!("{:?}", shown.replace(' ', "")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(files: &[(&str, &str)]) -> PolicySet {
        let mut set = PolicySet::default();
        for (name, text) in files {
            set.add(name, text).unwrap();
        }
        set
    }

    #[test]
    fn a_child_keeps_what_it_does_not_say() {
        let set = set(&[
            ("base", "description = \"b\"\n[limits]\nwall = \"10s\"\nmemory = \"1GiB\""),
            ("child", "extends = \"base\"\n[limits]\nwall = 5"),
        ]);
        let child = set.get("child").unwrap();
        assert_eq!(child.limits.wall.as_secs(), 5);
        assert_eq!(child.limits.memory, 1 << 30);
        assert_eq!(child.description, "b");
    }

    #[test]
    fn circles_unknown_names_and_keys_are_named() {
        let looped = set(&[("a", "extends = \"b\""), ("b", "extends = \"a\"")]);
        assert!(looped.get("a").unwrap_err().to_string().contains("a -> b -> a"));
        assert!(looped.get("c").unwrap_err().to_string().contains("there are: a, b"));
        let error = PolicySet::default().add("p", "[limits]\nwal = 3").unwrap_err().to_string();
        assert!(error.contains("wal"), "{error}");
        let range = set(&[("p", "[limits]\nwall = 0")]).get("p").unwrap_err().to_string();
        assert!(range.contains("limits.wall"), "{range}");
    }

    #[test]
    fn what_show_prints_reads_back_as_the_same_policy() {
        let first = set(&[(
            "p",
            "seccomp = \"strict\"\nfresh = true\n[manim]\nquality = \"low\"\nfps = 7.5\n[limits]\nwall = 3.5\ndisk = \"7MiB\"",
        )]);
        let policy = first.get("p").unwrap();
        let again = set(&[("p", &policy.show())]).get("p").unwrap();
        assert_eq!(policy, again);
    }
}
