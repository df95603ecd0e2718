//! Fetches Debian packages with the host's apt-get, but with a state of our own.
//!
//! Nothing is installed on the host and nothing of the host's package state is read: an empty list of
//! installed packages, lists and archives in the build's folder. So it works for an ordinary user, before the
//! first `apt-get update`, and gives the same packages everywhere. Mirror, proxy, credentials and
//! keys are those of the host's apt.
//!
//! apt-get is used rather than mmdebstrap, whose `extract` variant would come to the same two steps (fetch the
//! closure, unpack it): mmdebstrap sets up an apt configuration that drops the host's, and needs more of
//! Perl than a bare machine has.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::run;
use crate::error::ImageError;

const STEP: &str = "debian packages";
const HINT: &str =
    "the build fetches packages with apt-get: it needs a Debian machine with the archive in apt's sources";

/// Where Debian machines keep the keys of their archive.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Names that releases of the archive go by in apt's sources.
const RELEASES: [&str; 9] =
    ["bullseye", "bookworm", "trixie", "forky", "sid", "oldstable", "stable", "testing", "unstable"];

/// The archives that a release consists of, as suffixes of its name.
const PARTS: [&str; 3] = ["", "-updates", "-security"];

/// An apt with its own state, ready to fetch packages of one release.
pub(crate) struct Apt {
    folder: PathBuf,
}

impl Apt {
    /// Prepares `folder` and fetches the lists of `suite`.
    pub(crate) fn open(folder: &Path, suite: &str) -> Result<Self, ImageError> {
        for part in ["lists/partial", "single"] {
            let path = folder.join(part);
            fs::create_dir_all(&path).map_err(ImageError::file("create", &path))?;
        }
        let apt = Self { folder: folder.to_path_buf() };
        let listing = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
        // The host's own sources, and without their lists, which a fresh machine has not fetched.
        let mut command = Command::new("apt-get");
        command.args(["indextargets", "--no-release-info", "--format", listing, "Created-By: Packages"]);
        let sources = sources(&run(STEP, &command, HINT)?, suite);
        if sources.is_empty() {
            let problem = format!(
                "apt's sources name no Debian archive to fetch {suite} from: add a file to /etc/apt/sources.list.d \
                 with a line `deb MIRROR {suite} main`"
            );
            return Err(ImageError::Unfit { step: STEP, problem });
        }
        apt.write("status", "")?;
        apt.write("apt.conf", &configuration(folder))?;
        apt.write("sources.list", &sources)?;
        run(STEP, apt.get().args(["--quiet", "update"]), HINT)?;
        apt.keep_debian(&sources, suite)?;
        Ok(apt)
    }

    /// Drops sources that another archive under the same release name gave, and those that could not be reached.
    fn keep_debian(&self, sources: &str, suite: &str) -> Result<(), ImageError> {
        let listing = "$(ORIGIN) $(REPO_URI) $(RELEASE) ";
        let reached = run(STEP, self.get().args(["indextargets", "--format", listing, "Created-By: Packages"]), HINT)?;
        let is_debian = |line: &&str| {
            let mut words = line.split(' ').skip_while(|word| !word.contains("://"));
            let (uri, release) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            reached.contains(&format!("Debian {uri} {release} "))
        };
        let kept: Vec<&str> = sources.lines().filter(is_debian).collect();
        if !kept.iter().any(|line| line.ends_with(&format!(" {suite} main"))) {
            // Without the option apt-get counts an archive out of reach as a success; with it, it says what failed.
            run(STEP, self.get().args(["--quiet", "update", "--error-on=any"]), HINT)?;
            let problem = format!("apt's sources name no archive with Debian's {suite}, but:\n{sources}");
            return Err(ImageError::Unfit { step: STEP, problem });
        }
        self.write("sources.list", &(kept.join("\n") + "\n"))
    }

    /// Fetches `packages` and all they depend on, recommendations aside; the archives' paths, sorted.
    pub(crate) fn fetch(&self, packages: &[String]) -> Result<Vec<PathBuf>, ImageError> {
        self.fetch_into("archives", packages)
    }

    /// The same for packages that another root is made of.
    pub(crate) fn fetch_apart(&self, packages: &[String]) -> Result<Vec<PathBuf>, ImageError> {
        self.fetch_into("apart", packages)
    }

    fn fetch_into(&self, folder: &str, packages: &[String]) -> Result<Vec<PathBuf>, ImageError> {
        let folder = self.folder.join(folder);
        let partial = folder.join("partial");
        fs::create_dir_all(&partial).map_err(ImageError::file("create", &partial))?;
        let mut command = self.get();
        command.arg("--option").arg(format!("Dir::Cache::archives={}", folder.display()));
        command.args(["--quiet", "--yes", "--download-only", "--no-install-recommends", "install"]).args(packages);
        run(STEP, &command, HINT)?;
        archives(&folder)
    }

    /// Fetches one package without what it depends on; its archive's path.
    pub(crate) fn fetch_single(&self, package: &str) -> Result<PathBuf, ImageError> {
        let folder = self.folder.join("single");
        run(STEP, self.get().args(["--quiet", "download", package]).current_dir(&folder), HINT)?;
        let prefix = format!("{package}_");
        let is_it = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
        archives(&folder)?.into_iter().find(is_it).ok_or_else(|| ImageError::Unfit {
            step: STEP,
            problem: format!("apt-get fetched no archive of {package} into {}", folder.display()),
        })
    }

    fn get(&self) -> Command {
        let mut command = Command::new("apt-get");
        command.env("APT_CONFIG", self.folder.join("apt.conf")).env("LC_ALL", "C.UTF-8");
        command
    }

    fn write(&self, name: &str, text: &str) -> Result<(), ImageError> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(ImageError::file("write", &path))
    }
}

/// Settings on top of the host's, which APT_CONFIG leaves in force.
fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    let mut text = format!(
        r#"Dir::State "{folder}";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}";
Dir::Cache::archives "{folder}/archives";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Sandbox::User "";
APT::Install-Suggests "0";
Acquire::Retries "3";
Acquire::Languages "none";
#clear Acquire::IndexTargets::deb::DEP-11;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Install-Pkgs;
#clear DPkg::Post-Invoke;
"#
    );
    if let Some(bundle) = std::env::var_os("SSL_CERT_FILE") {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "Acquire::https::CAInfo \"{}\";", bundle.to_string_lossy());
    }
    text
}

/// The lines of a sources.list for `suite`, from a listing of the host's sources (address, release, component).
///
/// A host of another Debian release has the same archives: only the release's name is replaced.
fn sources(listing: &str, suite: &str) -> String {
    let signed = if Path::new(KEYRING).exists() { format!("[signed-by={KEYRING}] ") } else { String::new() };
    let mut lines: Vec<String> = Vec::new();
    for line in listing.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [uri, release, "main"] = words[..] else { continue };
        let Some(part) = part_of_release(release, suite) else { continue };
        let line = format!("deb {signed}{uri} {suite}{part} main");
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Which part of a Debian release `release` names, if any; `suite` counts as a release whatever it is called.
fn part_of_release(release: &str, suite: &str) -> Option<&'static str> {
    PARTS
        .into_iter()
        .find(|part| release.strip_suffix(part).is_some_and(|name| name == suite || RELEASES.contains(&name)))
}

fn archives(folder: &Path) -> Result<Vec<PathBuf>, ImageError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(ImageError::file("list", folder))? {
        let path = entry.map_err(ImageError::file("list", folder))?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "http://mirror/debian/ bookworm main\n\
        http://mirror/debian/ bookworm main\n\
        http://mirror/debian/ bookworm contrib\n\
        http://mirror/debian/ bookworm-updates main\n\
        http://mirror/debian/ bookworm-backports main\n\
        http://mirror/debian-security/ bookworm-security main\n\
        https://vendor/apt cloud-sdk-bookworm main\n\
        https://vendor/node nodistro main\n";

    fn addresses(listing: &str, suite: &str) -> Vec<String> {
        let after_options = |line: &str| line.rsplitn(4, ' ').take(3).map(str::to_owned).collect::<Vec<_>>();
        sources(listing, suite).lines().map(|line| after_options(line).join(" ")).collect()
    }

    #[test]
    fn takes_the_debian_archive_once_and_no_others() {
        let expected = [
            "main bookworm http://mirror/debian/",
            "main bookworm-updates http://mirror/debian/",
            "main bookworm-security http://mirror/debian-security/",
        ];
        assert_eq!(addresses(LISTING, "bookworm"), expected);
    }

    #[test]
    fn a_host_of_another_release_serves_too() {
        let listing = LISTING.replace("bookworm", "trixie");
        assert_eq!(addresses(&listing, "bookworm"), addresses(LISTING, "bookworm"));
    }

    #[test]
    fn other_distributions_give_nothing() {
        assert_eq!(sources("http://mirror/ubuntu/ noble main\n", "bookworm"), "");
    }
}
