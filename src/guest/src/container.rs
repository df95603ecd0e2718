//! What differs where the worker's init is the first process of a container, whose root is the image.
//!
//! The container's process is an ordinary user without any capability. It makes the worker's namespaces as it would on
//! the host, and inside of them a root like the one on the host: what the container's engine has put into the image (its
//! own /dev, /proc, /sys and three files in /etc) is covered.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::root::{self, DRIVER, read_only};
use crate::system::{Step, check, mount};

/// A folder of every image in which nothing is mounted yet: from here the image becomes the worker's root.
const PLACE: &str = "/run";
/// What the supervisor has mounted where the worker's own /dev comes to be. Engines mount without `nosuid`.
const BENEATH_DEV: [&str; 2] = ["dev/glasshouse-guest", "dev/glasshouse-meeting"];
/// What the engine mounts over files of the image, and what is there instead: as in the image itself, which has
/// neither of the other two.
const FILES: [(&str, &str); 3] =
    [("hosts", "127.0.0.1 localhost\n::1 localhost\n"), ("hostname", "glasshouse\n"), ("resolv.conf", "")];

/// Connects to the supervisor's sequenced-packet socket, which becomes the standard input.
pub(crate) fn connect(path: &str) -> Step<()> {
    // SAFETY: numbers and bytes, for all of which zero is a value.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    if path.len() >= address.sun_path.len() {
        return Err(format!("connect to {path}: the path is too long"));
    }
    for (to, from) in address.sun_path.iter_mut().zip(path.bytes()) {
        *to = from as libc::c_char;
    }
    let length = size_of::<libc::sockaddr_un>() as libc::socklen_t;
    // SAFETY: a live address of the length given; the socket is nobody else's, and dup2 takes numbers.
    unsafe {
        let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
        let socket = OwnedFd::from_raw_fd(check(libc::socket(libc::AF_UNIX, kind, 0), "make a socket")?);
        let address = (&raw const address).cast();
        check(libc::connect(socket.as_raw_fd(), address, length), &format!("connect to {path}"))?;
        check(libc::dup2(socket.as_raw_fd(), 0), "keep the supervisor's socket").map(|_| ())
    }
}

/// Engines add a variable to the environment that no job is to see.
pub(crate) fn tidy_environment() {
    // SAFETY: the process has one thread.
    unsafe { std::env::remove_var("HOSTNAME") };
}

/// As [`root::claim`]: leaves a mount of the image as the current folder.
pub(crate) fn claim() -> Step<()> {
    mount("none", "/", "", libc::MS_REC | libc::MS_PRIVATE, "")?;
    // With all that is mounted in it: the kernel lets nobody lift a part of it here.
    mount("/", PLACE, "", libc::MS_BIND | libc::MS_REC, "")?;
    std::env::set_current_dir(PLACE).map_err(|error| format!("enter {PLACE}: {error}"))?;
    for mounted in BENEATH_DEV.into_iter().chain([DRIVER]) {
        read_only(mounted)?;
    }
    root::settle()
}

/// Covers what the engine has mounted. As the worker's own user, who can make files on the new mount.
pub(crate) fn cover() -> Step<()> {
    let failed = |what: &str, error: std::io::Error| format!("{what}: {error}");
    mount("sys", "sys", "tmpfs", libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC, "mode=755,size=64k,nr_inodes=8")?;
    for (name, text) in FILES {
        let (source, target) = (format!("sys/{name}"), format!("etc/{name}"));
        // An engine that leaves the image's own alone needs no cover.
        if !std::path::Path::new(&target).exists() {
            continue;
        }
        read_only_if_mounted(&target);
        std::fs::write(&source, text).map_err(|error| failed(&format!("make {source}"), error))?;
        mount(&source, &target, "", libc::MS_BIND, "")?;
        read_only(&target)?;
        std::fs::remove_file(&source).map_err(|error| failed(&format!("remove {source}"), error))?;
    }
    read_only("sys")
}

/// What is covered is still a mount, which shall not lack the flags that all others have. The image's own file is none.
fn read_only_if_mounted(path: &str) {
    let _ = read_only(path);
}
