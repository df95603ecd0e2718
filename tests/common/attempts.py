import ctypes, errno, json, os, sys

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def call(number, *arguments):
    """A system call by number; raises OSError."""
    words = [a if isinstance(a, bytes) or a is None or isinstance(a, ctypes.Array) else ctypes.c_long(a) for a in arguments]
    result = _libc.syscall(ctypes.c_long(number), *words)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def say(name, outcome):
    os.write(1, (json.dumps([name, outcome]) + "\n").encode())


def attempt(name, action):
    """Says "done" if the action returned, or the name of the error that stopped it."""
    try:
        action()
    except OSError as error:
        say(name, errno.errorcode.get(error.errno, str(error)))
    except BaseException as error:
        say(name, type(error).__name__ + ": " + str(error))
    else:
        say(name, "done")


def in_child(action):
    """Runs the action in a child of its own; raises what stopped it there."""
    seen, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(seen)
        try:
            action()
            os._exit(0)
        except OSError as error:
            os._exit(min(error.errno or 255, 255))
        except BaseException:
            os._exit(255)
    os.close(told)
    os.close(seen)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        raise RuntimeError(f"signal {os.WTERMSIG(status)}")
    if os.WEXITSTATUS(status):
        raise OSError(os.WEXITSTATUS(status), "in the child")
