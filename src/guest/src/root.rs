//! The worker's root: the image, read-only, with as little of /dev as programs need.

use crate::system::{Step, check, mount, text};

const PLAIN: libc::c_ulong = libc::MS_NOSUID | libc::MS_NODEV;
/// Where the driver lies in the image, seen from the image's root.
pub(crate) const DRIVER: &str = "opt/glasshouse/driver";
/// The home of zygotes; each job has its own, at the same place.
pub(crate) const HOME: &str = "/home/sample";
/// Bound from the host: inside a user namespace nobody may make device nodes.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
const LINKS: [(&str, &str); 4] = [
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
];

/// First half, as the user who started us: only that user may be able to reach `image` and `driver`
/// (they may lie in a home folder). Leaves the image's root as the current folder.
pub(crate) fn claim(image: &str, driver: Option<&str>) -> Step<()> {
    mount("none", "/", "", libc::MS_REC | libc::MS_PRIVATE, "")?;
    mount(image, image, "", libc::MS_BIND | libc::MS_REC, "")?;
    std::env::set_current_dir(image).map_err(|error| format!("enter {image}: {error}"))?;
    if let Some(driver) = driver {
        mount(driver, DRIVER, "", libc::MS_BIND, "")?;
        read_only(DRIVER)?;
    }
    settle()
}

/// The rest of the first half: the current folder is a mount of the image, which becomes read-only.
pub(crate) fn settle() -> Step<()> {
    // Read-only as soon as it is furnished. Not sticky: in a sticky folder that all may write to, the kernel refuses
    // `open(O_CREAT)`, and with it `fopen("/dev/null", "w")`, on whatever is not the folder's owner's.
    mount("dev", "dev", "tmpfs", libc::MS_NOSUID | libc::MS_NOEXEC, "mode=777,size=64k,nr_inodes=32")?;
    mount("home", &HOME[1..], "tmpfs", PLAIN, "mode=1777,size=16m,nr_inodes=256")?;
    read_only(".")
}

/// Second half, as the worker's own user, who can make files on the new mounts: furnishes them and
/// makes the image the root of this mount namespace.
pub(crate) fn furnish() -> Step<()> {
    devices()?;
    // While the host's own is in sight: the kernel lets a user namespace mount /proc only where a
    // whole one can be seen already. Cells mount theirs over this one.
    mount("proc", "proc", "proc", PLAIN | libc::MS_NOEXEC, "")?;
    pivot()?;
    copy_skeleton(HOME)
}

fn devices() -> Step<()> {
    for device in DEVICES {
        let target = format!("dev/{device}");
        std::fs::write(&target, "").map_err(|error| format!("make {target}: {error}"))?;
        mount(&format!("/dev/{device}"), &target, "", libc::MS_BIND, "")?;
    }
    for (to, name) in LINKS {
        std::os::unix::fs::symlink(to, format!("dev/{name}")).map_err(|error| format!("make /dev/{name}: {error}"))?;
    }
    make_folder("dev/shm")?;
    read_only("dev")
}

/// A home starts as a copy of the image's /etc/skel, as it does for every new user.
pub(crate) fn copy_skeleton(home: &str) -> Step<()> {
    copy_folder("/etc/skel", home).map_err(|error| format!("copy /etc/skel to {home}: {error}"))
}

fn copy_folder(from: &str, to: &str) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let (source, target) = (entry.path(), format!("{to}/{}", name.to_string_lossy()));
        if entry.file_type()?.is_dir() {
            std::fs::create_dir(&target)?;
            copy_folder(&source.to_string_lossy(), &target)?;
        } else {
            std::fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

fn make_folder(path: &str) -> Step<()> {
    std::fs::create_dir(path).map_err(|error| format!("make {path}: {error}"))
}

/// Flags that the host's own mount has are locked inside a user namespace and must be given again;
/// which ones it has, the kernel tells.
pub(crate) fn read_only(path: &str) -> Step<()> {
    let path_c = text(path);
    // SAFETY: a live text and an all-zero result that the kernel fills.
    let has = unsafe {
        let mut facts: libc::statvfs = std::mem::zeroed();
        check(libc::statvfs(path_c.as_ptr(), &raw mut facts), &format!("look at {path}"))?;
        facts.f_flag
    };
    let kept = has & (libc::ST_NOEXEC | libc::ST_NOATIME | libc::ST_NODIRATIME | libc::ST_RELATIME);
    let suid = if path == "dev" { libc::MS_NOSUID } else { PLAIN };
    mount("none", path, "", libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY | suid | kept, "")
}

/// pivot_root onto itself: the old root is stacked over the new one and then detached.
fn pivot() -> Step<()> {
    let here = text(".");
    // SAFETY: live texts.
    unsafe {
        check(libc::syscall(libc::SYS_pivot_root, here.as_ptr(), here.as_ptr()) as libc::c_int, "pivot_root")?;
        check(libc::umount2(here.as_ptr(), libc::MNT_DETACH), "detach the old root")?;
    }
    std::env::set_current_dir("/").map_err(|error| format!("enter /: {error}"))
}
