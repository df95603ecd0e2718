"""Calls into libglasshouse_jail.so: messages, the fork into a cell, the door behind it.

The library makes raw system calls only, so it loads beside any libc. Its functions return
-(step * 4096 + errno) on failure; `check` turns that into JailError.
"""

import ctypes
import os

from glasshouse_driver.program import DRIVER

_PLACES = 16
_LONGEST_MESSAGE = 256 * 1024


class JailError(Exception):
    """A system call of ours failed; never the sample's doing."""


class Limit(ctypes.Structure):
    _fields_ = [("resource", ctypes.c_uint32), ("value", ctypes.c_uint64)]


class Entry(ctypes.Structure):
    _fields_ = [
        ("mount", ctypes.c_int32),
        ("ipc", ctypes.c_int32),
        ("tasks", ctypes.c_int32 * 4),
        ("user", ctypes.c_uint32),
    ]


class Start(ctypes.Structure):
    _fields_ = [
        ("standard", ctypes.c_int32 * 3),
        ("limit_count", ctypes.c_uint32),
        ("limits", ctypes.POINTER(Limit)),
    ]


class Confinement(ctypes.Structure):
    _fields_ = [
        ("filter_length", ctypes.c_uint16),
        ("filter", ctypes.c_char_p),
    ]


# PyDLL keeps the interpreter's lock: a fork must not happen between its release and return.
_library = ctypes.PyDLL(os.path.join(DRIVER, "libglasshouse_jail.so"))
for _name in ("gh_fork", "gh_enter", "gh_lock", "gh_start", "gh_confine", "gh_receive", "gh_send"):
    getattr(_library, _name).restype = ctypes.c_ssize_t
_library.gh_receive.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
_library.gh_send.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t]
_library.gh_fork.argtypes = [ctypes.c_int] * 3
_library.gh_enter.argtypes = [ctypes.POINTER(Entry)]
_library.gh_lock.argtypes = [ctypes.c_int]
_library.gh_start.argtypes = [ctypes.POINTER(Start)]
_library.gh_confine.argtypes = [ctypes.POINTER(Confinement)]
_before_fork = ctypes.pythonapi.PyOS_BeforeFork
_after_fork_parent = ctypes.pythonapi.PyOS_AfterFork_Parent
_after_fork_child = ctypes.pythonapi.PyOS_AfterFork_Child
for _function in (_before_fork, _after_fork_parent, _after_fork_child):
    _function.restype = None
_buffer = ctypes.create_string_buffer(_LONGEST_MESSAGE)
_descriptors = (ctypes.c_int * _PLACES)()


def check(result, doing):
    """The result, or JailError with the step and the kernel's reason."""
    if result < 0:
        step, number = divmod(-result, 4096)
        raise JailError(f"{doing}, step {step}: {os.strerror(number)}")
    return result


def receive(socket):
    """The next message and its descriptors; (b"", []) when the other side is gone."""
    length = check(_library.gh_receive(socket, _buffer, _LONGEST_MESSAGE, _descriptors), "receive")
    return _buffer.raw[:length], [descriptor for descriptor in _descriptors if descriptor >= 0]


def send(socket, message):
    """Sends one message."""
    check(_library.gh_send(socket, message, len(message), None, 0), "send")


def fork(cell, home, cgroup):
    """Forks into the pid namespace `cell`; 0 in the child."""
    _before_fork()
    pid = _library.gh_fork(cell, home, cgroup)
    if pid == 0:
        _after_fork_child()
    else:
        _after_fork_parent()
    return check(pid, "fork")


def enter(mount, ipc, tasks, user):
    """Moves this process into the cell and makes it the job's user."""
    padded = (list(tasks) + [-1] * 4)[:4]
    entry = Entry(mount, ipc, (ctypes.c_int32 * 4)(*padded), user)
    check(_library.gh_enter(ctypes.byref(entry)), "enter the cell")


def start(standard, limits):
    """Gives this process the job's streams and limits."""
    array = (Limit * len(limits))(*[Limit(resource, value) for resource, value in limits])
    start = Start((ctypes.c_int32 * 3)(*standard), len(limits), array)
    check(_library.gh_start(ctypes.byref(start)), "start the job")


def lock(ruleset):
    """Drops every right, for good."""
    check(_library.gh_lock(ruleset), "lock")


def confine(seccomp):
    """Closes every descriptor from 3 upwards and filters what is left to call, for good."""
    confinement = Confinement(len(seccomp) // 8, seccomp)
    check(_library.gh_confine(ctypes.byref(confinement)), "confine")
