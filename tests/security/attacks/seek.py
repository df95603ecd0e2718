# Looks for everything that hide.py left.
import glob, socket

SHMGET, SEMGET, MSGGET = 29, 64, 68


def present(paths):
    if not paths:
        raise OSError(errno.ENOENT, "")


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(5)
        s.connect(address)


attempt("abstract socket", lambda: connect(socket.AF_UNIX, "\0neighbour"))
attempt("tcp port", lambda: connect(socket.AF_INET, ("127.0.0.1", 4321)))
for folder in ["/work", "/tmp", "/var/tmp", "/dev/shm", os.environ["HOME"]]:
    attempt(folder, lambda: present(glob.glob(folder + "/neighbour") + glob.glob(folder + "/.cache/neighbour")))
attempt("System V memory", lambda: call(SHMGET, 0x4711, 4096, 0))
attempt("System V semaphore", lambda: call(SEMGET, 0x4711, 1, 0))
attempt("System V queue", lambda: call(MSGGET, 0x4711, 0))
attempt("process", lambda: present([p for p in glob.glob("/proc/[0-9]*") if int(p[6:]) not in (1, os.getpid())]))
