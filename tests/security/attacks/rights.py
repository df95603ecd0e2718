# More rights, more resources, more attention than was given.
import resource

SETUID, SETRESUID, CAPSET = 105, 117, 126


def raise_limit(number, value):
    try:
        resource.setrlimit(number, (value, value))
    except ValueError:
        # So Python puts the kernel's EPERM.
        raise OSError(errno.EPERM, "") from None


def capset():
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    administrator = (ctypes.c_uint32 * 6)(1 << 21, 1 << 21, 0, 0, 0, 0)
    call(CAPSET, header, administrator)


attempt("become root", lambda: in_child(lambda: call(SETUID, 0)))
attempt("become another", lambda: in_child(lambda: call(SETRESUID, 4242, 4242, 4242)))
attempt("take groups", lambda: in_child(lambda: os.setgroups([0, 4])))
attempt("take capabilities", lambda: in_child(capset))
attempt("be served first", lambda: in_child(lambda: os.nice(-5)))
attempt("real time", lambda: in_child(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))))
attempt("give a file away", lambda: (open("/tmp/given", "w").close(), os.chown("/tmp/given", 4242, 4242)))
attempt("more open files", lambda: in_child(lambda: raise_limit(resource.RLIMIT_NOFILE, 8193)))
