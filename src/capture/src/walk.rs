//! Lists a dead work folder by descriptor, within bounds on entries, depth, name bytes and time.
//!
//! A file with several names (hard links) is taken under each: they cannot reach out of the run's own file
//! system, which nothing here leaves, and a script may well link its picture to a second name.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Dir, FileType, statat};

use crate::open::open_folder;

/// How far a walk goes before it stops.
#[derive(Clone, Copy, Debug)]
pub struct WalkLimits {
    /// Names that are looked at, of whatever kind.
    pub entries: usize,
    /// Folders within folders.
    pub depth: usize,
    /// Bytes of all paths together.
    pub name_bytes: usize,
    /// Time on the clock.
    pub time: Duration,
}

impl WalkLimits {
    /// The limits that go with a limit on artifacts: room for inputs and other names beside them.
    pub fn for_artifacts(artifacts: u64) -> Self {
        let entries = usize::try_from(artifacts.saturating_mul(4)).unwrap_or(usize::MAX).clamp(4096, 65_536);
        Self { entries, depth: 16, name_bytes: 8 << 20, time: Duration::from_secs(60) }
    }
}

/// What stands under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A regular file of this many bytes.
    File(u64),
    /// Something that is never opened or followed: its media type and why.
    Refused(&'static str, &'static str),
    /// A folder that could not be listed, and the kernel's reason.
    Unreadable(String),
}

/// One name that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The path from the folder, as bytes.
    pub path: Vec<u8>,
    /// What it is.
    pub node: Node,
}

/// What a walk found.
#[derive(Debug, Default)]
pub struct Walk {
    /// Everything but folders, sorted by path.
    pub found: Vec<Found>,
    /// Why the walk ended early, if it did.
    pub cut: Option<String>,
}

/// Lists `folder` in the order of paths; opens folders only. Those named `__pycache__` are skipped.
///
/// # Errors
/// If the folder itself cannot be read.
pub fn walk(folder: impl AsFd, limits: WalkLimits) -> io::Result<Walk> {
    let root = open_folder(folder.as_fd(), c".")?;
    let mut walker = Walker { limits, started: Instant::now(), seen: 0, name_bytes: 0, walk: Walk::default() };
    let entries = walker.list(&root)?;
    walker.visit(&root, &[], entries, 0);
    Ok(walker.walk)
}

struct Walker {
    limits: WalkLimits,
    started: Instant,
    seen: usize,
    name_bytes: usize,
    walk: Walk,
}

/// The names of one folder in their order. Folders sort as `name/`, so that the whole walk is in the order of paths.
type Entries = BTreeMap<Vec<u8>, (CString, FileType, u64)>;

impl Walker {
    fn list(&mut self, folder: &OwnedFd) -> io::Result<Entries> {
        let mut entries = Entries::new();
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            if self.is_over(name.count_bytes()) {
                break;
            }
            let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
            let kind = FileType::from_raw_mode(stat.st_mode);
            let mut key = name.to_bytes().to_vec();
            if kind == FileType::Directory {
                key.push(b'/');
            }
            entries.insert(key, (name.to_owned(), kind, u64::try_from(stat.st_size).unwrap_or(0)));
        }
        Ok(entries)
    }

    /// Counts one more name and tells whether a limit is passed.
    fn is_over(&mut self, bytes: usize) -> bool {
        if self.walk.cut.is_some() {
            return true;
        }
        self.seen += 1;
        self.name_bytes += bytes;
        self.walk.cut = if self.seen > self.limits.entries {
            Some(format!("the work folder holds more than {} names", self.limits.entries))
        } else if self.name_bytes > self.limits.name_bytes {
            Some(format!("the names in the work folder take more than {} bytes", self.limits.name_bytes))
        } else if self.started.elapsed() > self.limits.time {
            Some(format!("listing the work folder took more than {} s", self.limits.time.as_secs()))
        } else {
            None
        };
        self.walk.cut.is_some()
    }

    fn visit(&mut self, folder: &OwnedFd, prefix: &[u8], entries: Entries, depth: usize) {
        for (key, (name, kind, size)) in entries {
            if key == b"__pycache__/" {
                continue;
            }
            let path = [prefix, name.as_bytes()].concat();
            match kind {
                FileType::Directory => self.enter(folder, path, &name, depth),
                FileType::RegularFile => self.push(path, Node::File(size)),
                other => self.push(path, refusal(other)),
            }
        }
    }

    fn enter(&mut self, parent: &OwnedFd, path: Vec<u8>, name: &CString, depth: usize) {
        if depth + 1 > self.limits.depth {
            let why = "is a folder deeper than is looked at, not entered";
            return self.push(path, Node::Refused("inode/directory", why));
        }
        let listed = open_folder(parent, name.as_c_str()).and_then(|folder| Ok((self.list(&folder)?, folder)));
        match listed {
            Ok((entries, folder)) => self.visit(&folder, &[&path[..], b"/"].concat(), entries, depth + 1),
            Err(error) => self.push(path, Node::Unreadable(format!("is a folder that cannot be read: {error}"))),
        }
    }

    fn push(&mut self, path: Vec<u8>, node: Node) {
        self.walk.found.push(Found { path, node });
    }
}

fn refusal(kind: FileType) -> Node {
    let (media_type, why) = match kind {
        FileType::Symlink => ("inode/symlink", "is a symbolic link, not followed"),
        FileType::Fifo => ("inode/fifo", "is a FIFO, not opened"),
        FileType::Socket => ("inode/socket", "is a socket, not opened"),
        FileType::CharacterDevice => ("inode/chardevice", "is a character device, not opened"),
        FileType::BlockDevice => ("inode/blockdevice", "is a block device, not opened"),
        _ => ("application/octet-stream", "is of an unknown kind, not opened"),
    };
    Node::Refused(media_type, why)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use super::*;
    use crate::open::open_regular;

    fn walk_all(path: &Path) -> Walk {
        walk(File::open(path).unwrap(), WalkLimits::for_artifacts(256)).unwrap()
    }

    fn paths(walk: &Walk) -> Vec<String> {
        walk.found.iter().map(|found| crate::names::shown(&found.path)).collect()
    }

    #[test]
    fn files_come_in_the_order_of_their_paths() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.png", "a/2.png", "a/1.png", "a-b.txt", "a.txt", "__pycache__/x.pyc"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let walk = walk_all(folder.path());
        assert_eq!(paths(&walk), ["a-b.txt", "a.txt", "a/1.png", "a/2.png", "b.png"]);
        assert!(walk.found.iter().all(|found| matches!(found.node, Node::File(_))));
        assert_eq!(walk.cut, None);
    }

    #[test]
    fn links_fifos_sockets_and_devices_are_named_and_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink("/etc/passwd", at("link.png")).unwrap();
        std::os::unix::fs::symlink("/etc", at("linked-folder")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("fifo.png"), FileType::Fifo, 0o600.into(), 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket.png")).unwrap();
        let walk = walk_all(folder.path());
        let whys: Vec<_> = walk
            .found
            .iter()
            .map(|found| match found.node {
                Node::Refused(media_type, _) => media_type,
                _ => "taken",
            })
            .collect();
        assert_eq!(paths(&walk), ["fifo.png", "link.png", "linked-folder", "socket.png"]);
        assert_eq!(whys, ["inode/fifo", "inode/symlink", "inode/symlink", "inode/socket"]);
    }

    #[test]
    fn a_fifo_in_place_of_a_file_does_not_hold_us_up() {
        let folder = tempfile::tempdir().unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, folder.path().join("f"), FileType::Fifo, 0o600.into(), 0).unwrap();
        let error = open_regular(File::open(folder.path()).unwrap(), c"f").unwrap_err();
        assert!(error.to_string().contains("not a regular file"), "{error}");
    }

    #[test]
    fn nothing_outside_the_folder_can_be_opened() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        fs::write(folder.path().join("secret"), "s").unwrap();
        std::os::unix::fs::symlink("../secret", folder.path().join("in/link")).unwrap();
        let inside = File::open(folder.path().join("in")).unwrap();
        // The control: an ordinary open follows both.
        assert!(fs::read(folder.path().join("in/link")).is_ok());
        assert!(fs::read(folder.path().join("in/../secret")).is_ok());
        assert!(open_regular(&inside, c"link").is_err());
        assert!(open_regular(&inside, c"../secret").is_err());
        assert!(open_regular(&inside, c"/etc/passwd").is_err());
    }

    #[test]
    fn a_sparse_file_is_listed_by_its_size() {
        let folder = tempfile::tempdir().unwrap();
        // Some file systems cannot hold 1 TiB; 64 GiB is as far beyond the limit.
        let file = File::create(folder.path().join("huge.bin")).unwrap();
        let size = if file.set_len(1 << 40).is_ok() { 1 << 40 } else { 1 << 36 };
        file.set_len(size).unwrap();
        let walk = walk_all(folder.path());
        assert_eq!(walk.found[0].node, Node::File(size));
    }

    #[test]
    fn a_hundred_thousand_files_are_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        for index in 0..100_000 {
            rustix::fs::mknodat(
                rustix::fs::CWD,
                folder.path().join(format!("{index}")),
                FileType::RegularFile,
                0o600.into(),
                0,
            )
            .unwrap();
        }
        let walk = walk_all(folder.path());
        assert_eq!(walk.found.len(), 4096);
        assert!(walk.cut.unwrap().contains("more than 4096 names"));
    }

    #[test]
    fn deep_folders_are_named_and_not_entered() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join(vec!["d"; 40].join("/"));
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("x"), "x").unwrap();
        let walk = walk_all(folder.path());
        assert_eq!(paths(&walk), [vec!["d"; 17].join("/")]);
        assert!(matches!(walk.found[0].node, Node::Refused("inode/directory", _)));
    }

    #[test]
    fn names_that_are_not_text_are_found() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"a\xff\n.png")), "x").unwrap();
        assert_eq!(paths(&walk_all(folder.path())), ["a\\xff\\x0a.png"]);
    }
}
