"""Runs one piece of work in a forked copy of the script's process and waits for exactly that copy.

The copy draws; the script's process stays as it was. Handlers that the script registered with
`os.register_at_fork` do run (pure Python cannot fork without them).
"""

import os
import random
import signal
import sys


class ForkFailed(Exception):
    """The copy could not be made or ended badly; the text says how."""


def run_in_copy(work, seconds):
    """Call `work()` in a child process; raise `ForkFailed` unless it ended by itself with success."""
    held = _hold_child_signal()
    try:
        drawn = random.getstate()
        try:
            pid = os.fork()
        except OSError as error:
            raise ForkFailed(f"no process for the capture: {error.strerror}") from None
        if pid == 0:
            _child(work, seconds, drawn)
        status = _wait(pid)
        if held is not None:
            _swallow_child_signal(pid)
    finally:
        if held is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
    if status:
        code = os.waitstatus_to_exitcode(status)
        if code == -signal.SIGALRM:
            raise ForkFailed(f"the capture took longer than {seconds} s")
        raise ForkFailed(f"the capture process ended with {code}")


def _child(work, seconds, drawn):
    """Never returns: no exit handler, no buffer of the script may be run or flushed a second time."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
        signal.alarm(max(1, int(seconds)))
        sys.settrace(None)
        sys.setprofile(None)
        random.setstate(drawn)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 1)
        os.dup2(null, 2)
        work()
        code = 0
    finally:
        os._exit(code)


def _hold_child_signal():
    """Block SIGCHLD if the script handles it; returns the former mask, or None if nothing was done."""
    try:
        if callable(signal.getsignal(signal.SIGCHLD)):
            return signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    except ValueError:
        pass
    return None


def _swallow_child_signal(pid):
    """Take our child's SIGCHLD away, and give back one that belongs to a child of the script."""
    info = signal.sigtimedwait({signal.SIGCHLD}, 0)
    if info is not None and info.si_pid != pid:
        os.kill(os.getpid(), signal.SIGCHLD)


def _wait(pid):
    while True:
        try:
            return os.waitpid(pid, 0)[1]
        except InterruptedError:
            continue
        except ChildProcessError:
            return 0  # the script ignores SIGCHLD: the kernel reaped the child; its files tell the rest
