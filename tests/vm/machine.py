"""A small virtual machine with Debian's own kernel and cgroup v2 alone, in which a program of ours can be tried.

Needs root, qemu-system-x86_64, mmdebstrap, mke2fs, busybox (static) and cpio; the kernel comes from Debian's archive. No
hardware acceleration is needed: it boots in seconds, and everything takes some ten times as long as outside.
"""

import os
import pathlib
import shutil
import subprocess

INCLUDE = "systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,procps,util-linux,login"
KERNEL = "linux-image-cloud-amd64"
USER = "tester"
DRIVERS = ("virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio", "virtio_ring", "virtio_pci", "virtio_blk")
DISK = "8G"

# Twice over, since some drivers need others that come later.
INIT = f"""#!/bin/busybox sh
/bin/busybox mount -t proc none /proc
/bin/busybox mount -t sysfs none /sys
/bin/busybox mount -t devtmpfs none /dev
for again in 1 2 3; do for driver in {" ".join(DRIVERS)}; do /bin/busybox insmod /$driver.ko 2>/dev/null; done; done
for again in 1 2 3 4 5 6 7 8 9; do /bin/busybox mount /dev/vda /root && break; /bin/busybox sleep 1; done
[ -e /root/trial ] || /bin/busybox poweroff -f
exec /bin/busybox switch_root /root /sbin/init
"""
SERVICE = """[Unit]
After=multi-user.target user@1000.service
Wants=user@1000.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c '/bin/bash /trial/script > /dev/ttyS1 2>&1'
ExecStopPost=/bin/systemctl poweroff -f
TimeoutStartSec=infinity
[Install]
WantedBy=multi-user.target
"""


class Machine:
    """Made once below `folder`; each `run` boots it from a fresh disk."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.root, self.kernel = self.folder / "root", self.folder / "kernel"
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "initrd").exists():
            self.make_root()
            self.fetch_kernel()
            self.make_initrd()

    def make_root(self):
        shutil.rmtree(self.root, ignore_errors=True)
        quiet("mmdebstrap", "--variant=minbase", f"--include={INCLUDE}", "bookworm", self.root)
        quiet("chroot", self.root, "useradd", "--create-home", "--uid", "1000", USER)
        # The user's own systemd is there without a login.
        (self.root / "var/lib/systemd/linger").mkdir(parents=True, exist_ok=True)
        (self.root / "var/lib/systemd/linger" / USER).touch()
        units = self.root / "etc/systemd/system"
        (units / "trial.service").write_text(SERVICE)
        # Nobody logs in there, and a start would wait for it.
        (units / "serial-getty@ttyS0.service").symlink_to("/dev/null")
        (units / "multi-user.target.wants").mkdir(exist_ok=True)
        (units / "multi-user.target.wants/trial.service").symlink_to("../trial.service")

    def fetch_kernel(self):
        shutil.rmtree(self.kernel, ignore_errors=True)
        self.kernel.mkdir()
        package = output("apt-cache", "depends", "--important", KERNEL).split("Depends:")[1].split()[0]
        quiet("apt-get", "download", package, cwd=self.kernel)
        quiet("dpkg-deb", "--extract", next(self.kernel.glob("*.deb")), self.kernel)

    def make_initrd(self):
        inside = self.folder / "initrd.d"
        shutil.rmtree(inside, ignore_errors=True)
        for name in ("bin", "proc", "sys", "dev", "root"):
            (inside / name).mkdir(parents=True)
        shutil.copy("/bin/busybox", inside / "bin")
        for driver in DRIVERS:
            for module in self.kernel.rglob(f"{driver}.ko"):
                shutil.copy(module, inside)
        (inside / "init").write_text(INIT)
        (inside / "init").chmod(0o755)
        with open(self.folder / "initrd", "wb") as archive:
            names = "\n".join(str(path.relative_to(inside)) for path in inside.rglob("*")).encode()
            subprocess.run(["cpio", "--create", "--format=newc", "--quiet"], input=names, stdout=archive, cwd=inside, check=True)

    def run(self, script, files, patience):
        """What `script` printed, run by root. `files` maps places in the machine to files and folders here."""
        trial = self.root / "trial"
        shutil.rmtree(trial, ignore_errors=True)
        trial.mkdir()
        (trial / "script").write_text(script)
        for place, source in files.items():
            target = self.root / place.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            quiet("cp", "--archive", "--no-target-directory", source, target)
        disk, said = self.folder / "disk", self.folder / "said"
        disk.unlink(missing_ok=True)
        with open(disk, "wb") as empty:
            empty.truncate(int(DISK[:-1]) << 30)
        quiet("mke2fs", "-q", "-F", "-t", "ext4", "-d", self.root, disk)
        try:
            self.boot(disk, said, patience)
        finally:
            disk.unlink()
            shutil.rmtree(trial)
        return said.read_text(errors="replace").replace("\r", "")

    def boot(self, disk, said, patience):
        image = next((self.kernel / "boot").glob("vmlinuz-*"))
        command = ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "6G"]
        command += ["-display", "none", "-no-reboot", "-kernel", image, "-initrd", self.folder / "initrd"]
        command += ["-append", "console=ttyS0 quiet", "-drive", f"file={disk},format=raw,if=virtio,cache=unsafe"]
        command += ["-serial", f"file:{self.folder / 'console'}", "-serial", f"file:{said}"]
        subprocess.run(command, stdin=subprocess.DEVNULL, timeout=patience, check=True)


def quiet(*words, cwd=None):
    done = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{words[0]} failed: {done.stderr.strip()}")


def output(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True).stdout


def need_root():
    if os.geteuid():
        raise SystemExit("this test makes a file system with files of other owners: run it as root")
