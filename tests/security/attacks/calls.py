# Parts of the kernel that no plotting program needs. Harmless arguments: an attempt counts as done
# when the kernel's own code answers, be it with a complaint about the arguments.
CALLS = {
    "clone3": (435, 0, 0), "ptrace": (101, 0, 0, 0, 0), "io_uring_setup": (425, 1, ctypes.create_string_buffer(120)),
    "userfaultfd": (323, 1), "bpf": (321, 0, 0, 0), "perf_event_open": (298, 0, 0, -1, -1, 0),
    "keyctl": (250, 0, -3, 0), "add_key": (248, b"user", b"glasshouse-test", b"x", 1, -1),
    "request_key": (249, b"user", b"glasshouse-none", 0, 0), "personality": (135, 0xffffffff),
    "inotify_init1": (294, 0), "kcmp": (312, os.getpid(), os.getpid(), 0, 0, 0),
    "process_vm_readv": (310, os.getpid(), 0, 0, 0, 0, 0), "process_vm_writev": (311, os.getpid(), 0, 0, 0, 0, 0),
    "pidfd_getfd": (438, -1, 0, 0), "modify_ldt": (154, 0, 0, 0), "name_to_handle_at": (303, -100, b"/", 0, 0, 0),
    "open_by_handle_at": (304, -1, 0, 0), "kexec_load": (246, 0, 0, 0, -1), "init_module": (175, 0, 0, 0),
    "finit_module": (313, -1, 0, 0), "delete_module": (176, 0, 0), "setxattr": (188, 0, 0, 0, 0, 0), "swapon": (167, 0, 0),
    "quotactl": (179, -1, 0, 0, 0), "acct": (163, 1), "reboot": (169, 0, 0, 0, 0), "clock_settime": (227, 99, 0),
    "adjtimex": (159, 0), "cachestat": (451, -1, 0, 0, 0), "fanotify_init": (300, 0xffffffff, 0),
}
ALIVE = {errno.EINVAL, errno.EFAULT, errno.EBADF, errno.ESRCH, errno.ENOKEY, errno.ENOENT, errno.ENOEXEC, errno.E2BIG, errno.EOVERFLOW}


def reach(numbers):
    try:
        call(*numbers)
    except OSError as error:
        if error.errno not in ALIVE:
            raise


for name, numbers in CALLS.items():
    attempt(name, lambda: in_child(lambda: reach(numbers)))
for name, family, kind, protocol in [
    ("netlink socket", 16, 3, 0), ("packet socket", 17, 3, 0), ("vsock socket", 40, 1, 0), ("crypto socket", 38, 5, 0),
    ("raw socket", 2, 3, 1), ("raw v6 socket", 10, 3, 58), ("old packet socket", 2, 10, 0),
]:
    attempt(name, lambda: call(41, family, kind, protocol))
