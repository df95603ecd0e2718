# Signals and limits for processes that are not ours. VICTIM as in spying.py.
import resource, signal

victims = [int(os.environ["VICTIM"])] if "VICTIM" in os.environ else [1, *range(2, 64)]
victims = [pid for pid in victims if pid != os.getpid()]


def any_victim(action):
    last = None
    for pid in victims:
        try:
            return action(pid)
        except OSError as error:
            last = error
    raise last


def must_stop(number):
    """A signal to process 1 from inside its namespace is dropped unless it has a handler: look whether it took."""
    def send(pid):
        os.kill(pid, number)
        if pid == 1:
            raise OSError(errno.EPERM, "sent, and dropped by the kernel")
    return send


attempt("queue a forged SIGCHLD", lambda: any_victim(must_stop(signal.SIGCHLD)))
attempt("stop", lambda: any_victim(must_stop(signal.SIGSTOP)))
attempt("continue", lambda: any_victim(must_stop(signal.SIGCONT)))
attempt("limit", lambda: any_victim(lambda pid: resource.prlimit(pid, resource.RLIMIT_NOFILE, (100, 100))))
attempt("terminate", lambda: any_victim(must_stop(signal.SIGTERM)))
attempt("kill", lambda: any_victim(must_stop(signal.SIGKILL)))
