# Other processes: reading them, writing them, taking their descriptors. VICTIM is a process of the same user that
# is not ours to touch: in the glass the best that there is, process 1 (the cell's init) and every pid that answers.
import glob

PTRACE, READV, GETFD, PIDFD_OPEN = 101, 310, 438, 434
SEIZE = 0x4206
victims = [int(os.environ["VICTIM"])] if "VICTIM" in os.environ else sorted({1, *(int(p[6:]) for p in glob.glob("/proc/[0-9]*")), *range(2, 64)} - {os.getpid()})


def any_victim(action):
    """Done if the action worked on any of them; else the last error."""
    last = None
    for pid in victims:
        try:
            return action(pid)
        except OSError as error:
            last = error
    raise last


def read_memory(pid):
    with open(f"/proc/{pid}/maps") as maps:
        start = int(maps.readline().split("-")[0], 16)
    with open(f"/proc/{pid}/mem", "rb") as memory:
        memory.seek(start)
        memory.read(1)


def read_vectors(pid):
    # The victim's own mapping of its program, which the control finds in its maps.
    with open(f"/proc/{pid}/maps") as maps:
        start = int(maps.readline().split("-")[0], 16)
    buffer = ctypes.create_string_buffer(8)
    mine = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
    theirs = (ctypes.c_size_t * 2)(start, 8)
    call(READV, pid, mine, 1, theirs, 1, 0)


def take_descriptor(pid):
    call(GETFD, call(PIDFD_OPEN, pid, 0), 0, 0)


attempt("ptrace", lambda: any_victim(lambda pid: in_child(lambda: call(PTRACE, SEIZE, pid, 0, 0))))
attempt("/proc/PID/mem", lambda: any_victim(read_memory))
attempt("process_vm_readv", lambda: any_victim(read_vectors))
attempt("pidfd_getfd", lambda: any_victim(take_descriptor))
attempt("/proc/PID/environ", lambda: any_victim(lambda pid: open(f"/proc/{pid}/environ").read()))
attempt("/proc/PID/root", lambda: any_victim(lambda pid: os.listdir(f"/proc/{pid}/root/")))
attempt("/proc/PID/fd", lambda: any_victim(lambda pid: os.listdir(f"/proc/{pid}/fd")))
attempt("/proc/PID/ns", lambda: any_victim(lambda pid: os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)))
