//! What `runtime.toml` says: the contents of an image and what a job finds in it.

use std::collections::BTreeMap;

use glasshouse_model::CaptureKind;
use serde::Deserialize;

/// A runtime, as its `runtime.toml` describes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct RuntimeSpec {
    /// The runtime's name, which is its folder's name too.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// The names of fenced blocks, and of a row's `language`, that mean this runtime; lower case.
    pub languages: Vec<String>,
    /// What runs a job's code.
    pub drive: Drive,
    /// The captures that this runtime can make.
    pub captures: Vec<CaptureKind>,
    /// The definition's file that `sh` runs inside the root once all packages are in place.
    pub finish: Option<String>,
    /// A job's home folder.
    pub home: Home,
    /// What comes from the Debian archive.
    pub debian: Debian,
    /// What comes from the Python package index, if anything.
    pub wheels: Option<Wheels>,
    /// What of that has to be compiled, for want of a wheel.
    pub sources: Option<Sources>,
    /// What records say of the runtime: a name, and the package whose version is meant.
    pub versions: BTreeMap<String, Package>,
    /// The whole environment of a job.
    pub env: BTreeMap<String, String>,
}

/// What runs a job's code, and under which name it finds the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drive {
    /// A program that reads the code from a file, with libraries that can be loaded before the code is there.
    /// Written as `interpreter` and `script`.
    Interpreter {
        /// The interpreter's absolute path in the root.
        program: String,
        /// The name that a job's code is stored under.
        script: String,
    },
    /// A program that is started before any job, is spoken to over the DevTools protocol and opens a job's code as
    /// a page. Written as `browser` and `page`.
    Browser {
        /// The browser's absolute path in the root.
        program: String,
        /// The name of a job's page, the last part of its address.
        page: String,
        /// What answers pages in place of the network; written as `[mirror]`.
        mirror: Option<MirrorFiles>,
    },
    /// A helper of ours that draws a job's code, of which nothing runs; the root holds no program. Written as `fonts`.
    Drawer {
        /// The absolute path of the folder in the root whose fonts it draws with.
        fonts: String,
    },
}

/// The definition's files that describe the local mirror. They are no part of the root, nor of its address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MirrorFiles {
    /// Packages by name, version and hash.
    pub lock: String,
    /// Which addresses stand for which files of which packages.
    pub tables: String,
}

const DRIVES: &str =
    "a runtime has either `interpreter` and `script`, or `browser`, `page` and perhaps a `[mirror]`, or `fonts`";

/// The keys of `runtime.toml`, before it is known that they fit together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    description: String,
    languages: Vec<String>,
    interpreter: Option<String>,
    script: Option<String>,
    browser: Option<String>,
    page: Option<String>,
    fonts: Option<String>,
    mirror: Option<MirrorFiles>,
    captures: Vec<CaptureKind>,
    finish: Option<String>,
    home: Home,
    debian: Debian,
    wheels: Option<Wheels>,
    sources: Option<Sources>,
    versions: BTreeMap<String, Package>,
    env: BTreeMap<String, String>,
}

impl TryFrom<Written> for RuntimeSpec {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let (interpreted, shown) = ((written.interpreter, written.script), (written.browser, written.page));
        let drive = match (interpreted, shown, written.fonts, written.mirror) {
            ((Some(program), Some(script)), (None, None), None, None) => Drive::Interpreter { program, script },
            ((None, None), (Some(program), Some(page)), None, mirror) => Drive::Browser { program, page, mirror },
            ((None, None), (None, None), Some(fonts), None) => Drive::Drawer { fonts },
            _ => return Err(DRIVES.to_owned()),
        };
        if written.wheels.is_some() && !matches!(drive, Drive::Interpreter { .. }) {
            return Err("wheels: only a runtime with an `interpreter` can install them".to_owned());
        }
        if written.sources.is_some() && written.wheels.is_none() {
            return Err("sources: what is compiled goes where wheels go, so there must be `[wheels]`".to_owned());
        }
        Ok(Self {
            name: written.name,
            description: written.description,
            languages: written.languages,
            drive,
            captures: written.captures,
            finish: written.finish,
            home: written.home,
            debian: written.debian,
            wheels: written.wheels,
            sources: written.sources,
            versions: written.versions,
            env: written.env,
        })
    }
}

/// Where a job's home is and what it starts with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Home {
    /// Absolute path of the home folder: empty in the image, writable and a job's own at run time.
    pub path: String,
    /// Absolute path of a folder in the root whose contents are copied into each job's home.
    pub skeleton: String,
}

/// Packages of the Debian archive.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Debian {
    /// The release's code name, such as `bookworm`.
    pub suite: String,
    /// The packages wanted, as `name` or `name=version`; what they depend on comes along.
    pub packages: Vec<String>,
    /// Packages that come along and are not unpacked.
    pub without: Vec<String>,
}

/// Packages of the Python package index.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheels {
    /// The definition's file with pinned versions and hashes.
    pub requirements: String,
    /// Absolute path of the folder in the root that they are unpacked into.
    pub target: String,
}

/// Packages of the Python package index that are compiled in a root of their own, of which only the result gets into the image.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sources {
    /// The definition's file with the source archives, by pinned versions and hashes.
    pub requirements: String,
    /// The definition's file with the wheels that the builds need, by pinned versions and hashes.
    pub tools: String,
    /// The Debian packages that the builds need: interpreter, compiler, headers.
    pub packages: Vec<String>,
}

/// A package by the archive it comes from, written `deb:NAME` or `wheel:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Package {
    /// A Debian package.
    Deb(String),
    /// A Python package, by its normalised name.
    Wheel(String),
}

impl TryFrom<String> for Package {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("deb", name)) if !name.is_empty() => Ok(Self::Deb(name.to_owned())),
            Some(("wheel", name)) if !name.is_empty() => Ok(Self::Wheel(name.to_owned())),
            _ => Err(format!("`{text}` names no package: write `deb:NAME` or `wheel:NAME`")),
        }
    }
}

impl RuntimeSpec {
    /// Reads and checks the text of a `runtime.toml`; the error says which key is wrong and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let spec: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        spec.check()?;
        Ok(spec)
    }

    fn check(&self) -> Result<(), String> {
        let (key, path, code) = match &self.drive {
            Drive::Interpreter { program, script } => ("interpreter", program, Some(("script", script))),
            Drive::Browser { program, page, .. } => ("browser", program, Some(("page", page))),
            Drive::Drawer { fonts } => ("fonts", fonts, None),
        };
        let mut paths = vec![(key, path), ("home.path", &self.home.path), ("home.skeleton", &self.home.skeleton)];
        paths.extend(self.wheels.iter().map(|wheels| ("wheels.target", &wheels.target)));
        for (key, path) in paths {
            if !path.starts_with('/') || path.split('/').any(|part| part == "..") {
                return Err(format!("{key}: `{path}` must be an absolute path without `..`"));
            }
        }
        if !is_name(&self.name) {
            return Err(format!("name: `{}` must be lower-case letters, digits and dashes", self.name));
        }
        if !is_name(&self.debian.suite) {
            return Err(format!("debian.suite: `{}` is not a release's code name", self.debian.suite));
        }
        let building = self.sources.iter().map(|sources| ("sources.packages", &sources.packages));
        for (key, packages) in [("debian.packages", &self.debian.packages)].into_iter().chain(building) {
            if let Some(bad) = packages.iter().find(|package| !is_package(package)) {
                return Err(format!("{key}: `{bad}` must be `name` or `name=version`"));
            }
        }
        match code {
            Some((key, name)) if name.is_empty() || name.contains('/') => {
                Err(format!("{key}: `{name}` must be a plain file name"))
            }
            _ => Ok(()),
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Whether `text` is safe to hand to apt-get as an argument and names one package.
fn is_package(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.~:=".contains(&byte);
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) && text.bytes().all(allowed)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The smallest definition that is whole.
    pub(crate) const SMALL: &str = r#"
        name = "tiny"
        description = "a test"
        languages = ["tiny"]
        interpreter = "/usr/bin/sh"
        script = "main.sh"
        captures = ["text"]
        [home]
        path = "/home/sample"
        skeleton = "/etc/skel"
        [debian]
        suite = "bookworm"
        packages = ["dash"]
        without = []
        [versions]
        sh = "deb:dash"
        [env]
        PATH = "/usr/bin"
    "#;

    #[test]
    fn reads_a_small_runtime() {
        let spec = RuntimeSpec::parse(SMALL).unwrap();
        assert_eq!(spec.captures, [CaptureKind::Text]);
        assert_eq!(spec.versions["sh"], Package::Deb("dash".into()));
    }

    #[test]
    fn a_runtime_has_an_interpreter_or_a_browser_and_never_parts_of_both() {
        let page = SMALL
            .replace("interpreter = \"/usr/bin/sh\"", "browser = \"/usr/lib/shell\"")
            .replace("script = \"main.sh\"", "page = \"index.html\"");
        let drive = RuntimeSpec::parse(&page).unwrap().drive;
        assert_eq!(drive, Drive::Browser { program: "/usr/lib/shell".into(), page: "index.html".into(), mirror: None });
        let mirror = "[mirror]\nlock = \"m.lock\"\ntables = \"m.toml\"\n";
        assert!(RuntimeSpec::parse(&(page.clone() + mirror)).is_ok());
        let mixed = [page.replace("page =", "script ="), page.replace("page =", "interpreter =")];
        for bad in mixed.into_iter().chain([SMALL.to_owned() + mirror]) {
            assert!(RuntimeSpec::parse(&bad).unwrap_err().contains("either `interpreter` and `script`"), "{bad}");
        }
        let drawn = SMALL
            .replace("interpreter = \"/usr/bin/sh\"", "fonts = \"/usr/share/fonts\"")
            .replace("script = \"main.sh\"", "");
        let drive = RuntimeSpec::parse(&drawn).unwrap().drive;
        assert_eq!(drive, Drive::Drawer { fonts: "/usr/share/fonts".into() });
        assert!(RuntimeSpec::parse(&(drawn + mirror)).is_err());
        let wheels = page + "[wheels]\nrequirements = \"r.txt\"\ntarget = \"/opt\"\n";
        assert!(RuntimeSpec::parse(&wheels).unwrap_err().contains("wheels:"));
    }

    #[test]
    fn what_is_compiled_goes_where_wheels_go() {
        let sources = "[sources]\nrequirements = \"s.txt\"\ntools = \"t.txt\"\npackages = [\"gcc\"]\n";
        assert!(RuntimeSpec::parse(&(SMALL.to_owned() + sources)).unwrap_err().contains("`[wheels]`"));
        let both = SMALL.to_owned() + sources + "[wheels]\nrequirements = \"r.txt\"\ntarget = \"/opt\"\n";
        assert_eq!(RuntimeSpec::parse(&both).unwrap().sources.unwrap().packages, ["gcc"]);
        let option = both.replace("\"gcc\"", "\"--force\"");
        assert!(RuntimeSpec::parse(&option).unwrap_err().contains("sources.packages"));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let error = RuntimeSpec::parse(&SMALL.replace("script =", "skript =")).unwrap_err();
        assert!(error.contains("skript"), "{error}");
    }

    #[test]
    fn refuses_relative_paths_options_and_nameless_packages() {
        for (good, bad, key) in [
            ("/usr/bin/sh", "usr/bin/sh", "interpreter"),
            ("\"/home/sample\"", "\"/home/../etc\"", "home.path"),
            ("[\"dash\"]", "[\"--force\"]", "debian.packages"),
            ("deb:dash", "dash", "names no package"),
            ("\"bookworm\"", "\"../x\"", "debian.suite"),
        ] {
            let error = RuntimeSpec::parse(&SMALL.replace(good, bad)).unwrap_err();
            assert!(error.contains(key), "{bad}: {error}");
        }
    }
}
