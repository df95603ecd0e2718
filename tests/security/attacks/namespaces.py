# Leaving or bending the namespaces and the root.
import tempfile

NEW = {"NEWTIME": 0x80, "NEWNS": 0x20000, "NEWCGROUP": 0x2000000, "NEWUTS": 0x4000000, "NEWIPC": 0x8000000,
       "NEWUSER": 0x10000000, "NEWPID": 0x20000000, "NEWNET": 0x40000000}
SIGCHLD, CLONE, UNSHARE, SETNS, CHROOT, PIVOT_ROOT, MOUNT, UMOUNT, MKNOD = 17, 56, 272, 308, 161, 155, 165, 166, 133
OPEN_TREE, FSOPEN, SETHOSTNAME, SETDOMAINNAME = 428, 430, 170, 171
folder = tempfile.mkdtemp()
place = folder.encode()


def clone(flags):
    pid = call(CLONE, flags | SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


for name, flag in NEW.items():
    attempt(f"unshare {name}", lambda: in_child(lambda: call(UNSHARE, flag)))
    if name != "NEWTIME":
        attempt(f"clone {name}", lambda: in_child(lambda: clone(flag)))
for name in ("mnt", "uts", "ipc", "net"):
    attempt(f"setns {name}", lambda: in_child(lambda: call(SETNS, os.open(f"/proc/self/ns/{name}", os.O_RDONLY), 0)))
attempt("mount tmpfs", lambda: in_child(lambda: call(MOUNT, b"x", place, b"tmpfs", 0, None)))
attempt("bind mount", lambda: in_child(lambda: call(MOUNT, place, b"/mnt" if os.path.isdir("/mnt") else place, b"", 4096, None)))
attempt("make the root private", lambda: in_child(lambda: call(MOUNT, b"none", b"/", b"", 0x44000, None)))
attempt("open_tree", lambda: in_child(lambda: call(OPEN_TREE, -100, b"/", 1)))
attempt("fsopen", lambda: in_child(lambda: call(FSOPEN, b"tmpfs", 0)))
attempt("unmount /proc", lambda: in_child(lambda: call(UMOUNT, b"/proc", 2)))
attempt("chroot", lambda: in_child(lambda: call(CHROOT, place)))
attempt("mknod", lambda: call(MKNOD, place + b"/null", 0o020666, 0x103))
attempt("set the host name", lambda: in_child(lambda: call(SETHOSTNAME, b"me", 2)))
attempt("set the domain name", lambda: in_child(lambda: call(SETDOMAINNAME, b"me", 2)))


def pivot():
    call(UNSHARE, NEW["NEWNS"])
    call(MOUNT, b"x", place, b"tmpfs", 0, None)
    os.mkdir(folder + "/old")
    call(PIVOT_ROOT, place, place + b"/old")


attempt("pivot_root", lambda: in_child(pivot))
