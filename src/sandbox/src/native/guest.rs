//! The guest's artifacts, embedded, and how they reach a sandbox.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use glasshouse_model::Digest;
use rustix::fs::{MemfdFlags, SealFlags};

use crate::Language;

/// The worker's init: a static program.
static GUEST: &[u8] = include_bytes!(env!("GLASSHOUSE_GUEST"));
/// The library that an interpreter loads.
static JAIL: &[u8] = include_bytes!(env!("GLASSHOUSE_JAIL"));
const JAIL_NAME: &str = "libglasshouse_jail.so";
/// The library that R loads in its place.
static JAIL_R: &[u8] = include_bytes!(env!("GLASSHOUSE_JAIL_R"));
const JAIL_R_NAME: &str = "libglasshouse_r.so";
/// The library that Octave loads in its place, by the name that Octave asks of a MEX file.
static JAIL_OCTAVE: &[u8] = include_bytes!(env!("GLASSHOUSE_JAIL_OCTAVE"));
const JAIL_OCTAVE_NAME: &str = "glasshouse_octave.mex";

/// The guest program as a sealed file in memory, which nobody can change and nobody has to clean up.
#[derive(Debug)]
pub(crate) struct GuestProgram(OwnedFd);

impl GuestProgram {
    pub(crate) fn load() -> io::Result<Self> {
        let file = rustix::fs::memfd_create("glasshouse-guest", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let mut writer = fs::File::from(file);
        writer.write_all(GUEST)?;
        let file = OwnedFd::from(writer);
        rustix::fs::fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok(Self(file))
    }

    /// A path by which this process can start it.
    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}

/// The name of the guest program's file.
const GUEST_NAME: &str = "glasshouse-guest";

/// Writes the guest program below `cache`, once for each content, for containers that mount it; the folder in which it
/// lies as `glasshouse-guest`.
pub(crate) fn lay_out_guest(cache: &Path) -> io::Result<PathBuf> {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let name = Digest::of(GUEST).hex()[..16].to_owned();
    let folder = cache.join("guests").join(&name);
    if !folder.is_dir() {
        let partial = cache.join("guests").join(format!("{name}.{}", std::process::id()));
        write_all(&partial, &BTreeMap::from([(GUEST_NAME.to_owned(), GUEST.to_vec())]))?;
        fs::set_permissions(partial.join(GUEST_NAME), Permissions::from_mode(0o755))?;
        // Another process may have been faster with the same content.
        if fs::rename(&partial, &folder).is_err() {
            fs::remove_dir_all(&partial)?;
        }
    }
    Ok(folder)
}

/// A runtime's driver: what its zygote runs, laid out in a folder that workers mount read-only.
#[derive(Clone, Debug)]
pub struct Driver {
    folder: PathBuf,
    digest: Digest,
}

impl Driver {
    /// Lays out `files` (by relative path) and the library for interpreters of `language` under `cache`, once for each
    /// content.
    pub fn lay_out(files: &BTreeMap<String, Vec<u8>>, language: Language, cache: &Path) -> io::Result<Self> {
        let mut files = files.clone();
        let (name, library) = match language {
            Language::Python => (JAIL_NAME, JAIL),
            Language::R => (JAIL_R_NAME, JAIL_R),
            Language::Octave => (JAIL_OCTAVE_NAME, JAIL_OCTAVE),
        };
        files.insert(name.to_owned(), library.to_vec());
        let parts = files.iter().flat_map(|(path, bytes)| [path.as_bytes(), bytes.as_slice()]);
        let digest = Digest::of_parts(parts);
        let folder = cache.join("drivers").join(&digest.hex()[..16]);
        if !folder.is_dir() {
            let partial = cache.join("drivers").join(format!("{}.{}", &digest.hex()[..16], std::process::id()));
            write_all(&partial, &files)?;
            // Another process may have been faster with the same content.
            if fs::rename(&partial, &folder).is_err() {
                fs::remove_dir_all(&partial)?;
            }
        }
        Ok(Self { folder, digest })
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Hash of all its files and of the jail library.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

fn write_all(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    create_readable(folder)?;
    for (path, bytes) in files {
        let target = folder.join(path);
        if let Some(parent) = target.parent() {
            create_readable(parent)?;
        }
        fs::write(&target, bytes)?;
        fs::set_permissions(&target, Permissions::from_mode(0o644))?;
    }
    Ok(())
}

/// Workers run as users of their own, so everything in the driver is readable by all.
fn create_readable(folder: &Path) -> io::Result<()> {
    if !folder.is_dir() {
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_is_static_and_the_jail_asks_for_no_symbol() {
        let listed = |bytes: &[u8], option: &str| {
            let file = std::env::temp_dir().join(format!("glasshouse-symbols-{}-{option}", std::process::id()));
            fs::write(&file, bytes).unwrap();
            let output = std::process::Command::new("readelf").args(["--wide", option]).arg(&file).output().unwrap();
            fs::remove_file(&file).unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert!(!listed(GUEST, "-d").contains("NEEDED"));
        assert!(!listed(JAIL, "-d").contains("NEEDED"));
        let symbols = listed(JAIL, "--dyn-syms");
        assert!(symbols.contains("gh_fork"), "{symbols}");
        let undefined = |symbols: &str| -> Vec<String> {
            let asked = symbols.lines().filter(|line| line.contains(" UND ") && !line.contains(" 0: "));
            asked.filter_map(|line| line.split_whitespace().nth(7)).map(str::to_owned).collect()
        };
        assert_eq!(undefined(&symbols), [""; 0]);
        // R's library asks R, and for two functions that any libc has under this name.
        let symbols = listed(JAIL_R, "--dyn-syms");
        let of_r = |name: &str| name.starts_with("R_") || name.starts_with("Rf_") || name.starts_with("ptr_R_");
        let values = ["INTEGER", "RAW", "REAL", "SET_SYMVALUE", "SET_VECTOR_ELT", "STRING_ELT"];
        let of_libc = ["bcmp@GLIBC_2.2.5", "strlen@GLIBC_2.2.5"];
        let asked = undefined(&symbols);
        let others =
            asked.iter().filter(|name| !of_r(name) && ![&values[..], &of_libc].concat().contains(&name.as_str()));
        assert_eq!(others.collect::<Vec<_>>(), [""; 0]);
        assert!(asked.contains(&"ptr_R_ReadConsole".to_owned()), "{asked:?}");
        // Octave's asks Octave for functions of the MEX interface.
        let symbols = listed(JAIL_OCTAVE, "--dyn-syms");
        let of_libc = ["bcmp", "dlsym", "fflush", "strlen"];
        let known = |name: &str| name.starts_with("mx") || of_libc.contains(&name.split('@').next().unwrap());
        let asked = undefined(&symbols);
        assert_eq!(asked.iter().filter(|name| !known(name)).collect::<Vec<_>>(), [""; 0]);
        assert!(asked.contains(&"mxGetData".to_owned()) && symbols.contains("mexFunction"), "{symbols}");
    }
}
