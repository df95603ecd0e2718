//! Fetches packages with npm: the host's if there is one, else Debian's, unpacked beside the build.
//!
//! Registry, proxy, credentials and certificates are those of npm's own settings on this machine (`npm config`, .npmrc,
//! HTTPS_PROXY). Nothing is installed and no package's scripts run: `npm pack` only fetches archives.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::STEP;
use super::lock::is_package_name;
use crate::apt::Apt;
use crate::command::run;
use crate::error::ImageError;
use crate::unpack::{prepare, unpack_all};

const HINT: &str = "npm must reach its registry: check the network, the proxy and npm's settings (`npm config list`), \
    and that the package and version exist (`npm view NAME versions`)";

/// How many packages one call of npm fetches.
const BATCH: usize = 24;

/// Runs Debian's npm in its own root: node reads parts of itself from there. All other folders are the host's, and so
/// are settings, certificates, resolver and caches.
const ENTER: &str = r#"
root=$1; shift
for folder in /*; do
    case $folder in
    /usr | /bin | /sbin | /lib* | /boot | /lost+found) continue ;;
    esac
    test -d "$folder" || continue
    mkdir -p "$root$folder"
    mount --rbind "$folder" "$root$folder"
done
exec chroot "$root" /usr/bin/node /usr/share/nodejs/npm/bin/npm-cli.js "$@"
"#;

/// A way to run npm.
pub(super) struct Npm {
    /// Program and first arguments.
    words: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    scratch: PathBuf,
}

impl Npm {
    /// Finds npm, or fetches `suite`'s into `scratch`, a folder that is there.
    pub(super) fn find(scratch: &Path, suite: &str, say: &mut dyn FnMut(&str)) -> Result<Self, ImageError> {
        let mut npm = Self { words: vec!["npm".into()], environment: Vec::new(), scratch: scratch.to_owned() };
        let certificates = env::var_os("SSL_CERT_FILE").filter(|_| env::var_os("NODE_EXTRA_CA_CERTS").is_none());
        // Node does not look at the variable that most other programs take their certificates from.
        npm.environment.extend(certificates.map(|bundle| ("NODE_EXTRA_CA_CERTS", bundle)));
        if run(STEP, npm.command().arg("--version"), HINT).is_ok() {
            return Ok(npm);
        }
        say("there is no npm on this machine: fetching Debian's for this build");
        npm.unpack_debians(suite)?;
        run(STEP, npm.command().arg("--version"), HINT)?;
        Ok(npm)
    }

    fn unpack_debians(&mut self, suite: &str) -> Result<(), ImageError> {
        let root = self.scratch.join("npm");
        let archives = Apt::open(&self.scratch.join("apt"), suite)?.fetch(&["npm".to_owned()])?;
        prepare(&root)?;
        unpack_all(&archives, &[], &root)?;
        let words = ["unshare", "--user", "--map-root-user", "--mount", "/bin/sh", "-euc", ENTER, "sh"];
        self.words = words.map(OsString::from).into_iter().chain([root.into()]).collect();
        // An ordinary user's PATH may lack the folder of chroot.
        self.environment.push(("PATH", "/usr/sbin:/usr/bin:/sbin:/bin".into()));
        Ok(())
    }

    /// Fetches `specs` (`name@version` or `name@range`) and gives each batch's archives to `take` as soon as it is there.
    pub(super) fn fetch(
        &self,
        specs: &[String],
        mut take: impl FnMut(Vec<PathBuf>) -> Result<(), ImageError>,
    ) -> Result<(), ImageError> {
        for batch in specs.chunks(BATCH) {
            let folder = self.scratch.join("archives");
            fs::create_dir_all(&folder).map_err(ImageError::file("create", &folder))?;
            let mut command = self.command();
            command.args(["pack", "--ignore-scripts", "--loglevel=error", "--pack-destination"]).arg(&folder);
            run(STEP, command.arg("--").args(batch), HINT)?;
            let entries = fs::read_dir(&folder).map_err(ImageError::file("list", &folder))?;
            take(entries.flatten().map(|entry| entry.path()).collect())?;
            fs::remove_dir_all(&folder).map_err(ImageError::file("remove", &folder))?;
        }
        Ok(())
    }

    /// An npm that is this program, for tests.
    #[cfg(test)]
    pub(super) fn at(program: &Path, scratch: &Path) -> Self {
        Self { words: vec![program.into()], environment: Vec::new(), scratch: scratch.to_owned() }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        // No project's .npmrc, package.json or workspace is to be found above the current folder.
        command.args(&self.words[1..]).current_dir(&self.scratch);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Checks what a user wrote, `npm:NAME`, `npm:NAME@RANGE` or without `npm:`, and gives it as npm takes it.
pub(super) fn spec(text: &str) -> Result<String, String> {
    let plain = text.strip_prefix("npm:").unwrap_or(text);
    let split = plain.get(1..).and_then(|rest| rest.find('@')).map(|at| at + 1);
    let (name, range) = split.map_or((plain, "latest"), |at| (&plain[..at], &plain[at + 1..]));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".^~<>=|*+- ".contains(&byte);
    if !is_package_name(name) || range.is_empty() || range.starts_with('-') || !range.bytes().all(allowed) {
        return Err(format!("`{text}` names no package: write npm:NAME@VERSION, such as npm:three@0.160.0"));
    }
    Ok(format!("{name}@{range}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_names_and_ranges_of_the_registry_only() {
        assert_eq!(spec("npm:three@0.160.0").unwrap(), "three@0.160.0");
        assert_eq!(spec("@fontsource/inter").unwrap(), "@fontsource/inter@latest");
        assert_eq!(spec("@fontsource/inter@^5").unwrap(), "@fontsource/inter@^5");
        for bad in ["", "npm:", "--help", "x@", "x@-1", "x@file:/etc", "user/repo", "a@b/c", "x@\"1\"", "@a", "../x"] {
            assert!(spec(bad).is_err(), "{bad}");
        }
    }
}
