"""The python runtime's zygote: imports what jobs import, then forks one child for each job.

Started by the worker's init with a sequenced-packet socket to the supervisor as descriptor 3. It
never runs a sample's code itself; a sample runs in a forked child that has entered its cell and is
confined. Messages (JSON, descriptors beside them):

  configure  descriptors: seccomp program                          once, before anything else
  grow       {"modules": [...]}; descriptors: socket               forks a zygote that imports more
  spawn      {"number", "user", "has"}; descriptors: socket of the
             child, the cell's pid, mount and ipc namespaces,
             then those that "has" names, then tasks files           forks a child, which enters the cell
                                                                     and waits for its job (job.py)

Answers: {"ready": [loaded modules]} from a new zygote; {"ended": number, "status", "cpu", "peak"} when a
child has ended; {"failed": text, "number"}.
"""

import gc
import json
import os
import resource  # noqa: F401 - os.wait4 loads it: else the second job would find one module more than the first
import select
import sys

import glasshouse_capture

# job is loaded before the fork, so that no child reads the driver from disk.
from glasshouse_driver import jail, job, warmth

SOCKET = 3


class Zygote:
    """One node of the tree of zygotes."""

    def __init__(self, socket):
        self.socket = socket
        self.seccomp = b""
        self.home = os.pidfd_open(os.getpid())
        # pidfd of each child that waits for or runs a job: its pid and number.
        self.children = {}
        self.poll = select.poll()
        self.poll.register(socket, select.POLLIN)

    def serve(self):
        """Answers the supervisor until it is gone."""
        while True:
            for descriptor, _ in self.poll.poll():
                if descriptor == self.socket:
                    self.serve_one()
                elif descriptor in self.children:
                    self.reap(descriptor)

    def serve_one(self):
        message, descriptors = jail.receive(self.socket)
        if not message:
            os._exit(0)
        request = json.loads(message)
        try:
            getattr(self, "do_" + request["op"])(request, descriptors)
        except (jail.JailError, OSError) as error:
            self.answer({"failed": str(error), "number": request.get("number")})
        for descriptor in descriptors:
            close_quietly(descriptor)

    def reap(self, pidfd):
        pid, number = self.children.pop(pidfd)
        _, status, usage = os.wait4(pid, 0)
        # The answer first: somebody waits for it.
        if number is not None:
            cpu = usage.ru_utime + usage.ru_stime
            self.answer({"ended": number, "status": status, "cpu": cpu, "peak": usage.ru_maxrss * 1024})
        self.poll.unregister(pidfd)
        os.close(pidfd)

    def watch(self, pid, number):
        pidfd = os.pidfd_open(pid)
        self.children[pidfd] = (pid, number)
        self.poll.register(pidfd, select.POLLIN)

    def answer(self, message):
        jail.send(self.socket, json.dumps(message).encode())

    def do_configure(self, _request, descriptors):
        with open(descriptors.pop(0), "rb") as program:
            self.seccomp = program.read()
        # Here too: programs that import nothing which zygotes load are forked from this one.
        glasshouse_capture.install()
        self.settle()

    def do_grow(self, request, descriptors):
        pid = os.fork()
        if pid != 0:
            # A zygote that the supervisor has ended is ours to reap, and nothing to report.
            self.watch(pid, None)
            return
        for pidfd in self.children:
            self.poll.unregister(pidfd)
            os.close(pidfd)
        self.children.clear()
        os.dup2(descriptors[0], self.socket)
        for descriptor in descriptors:
            os.close(descriptor)
        descriptors.clear()
        os.close(self.home)
        load_or_try_again(request["modules"])
        self.home = os.pidfd_open(os.getpid())
        self.settle()

    def settle(self):
        """Makes what is loaded cheap to share with children, and reports it."""
        # What imports printed is no job's to print.
        sys.stdout.flush()
        sys.stderr.flush()
        gc.collect()
        gc.freeze()
        self.answer({"ready": warmth.loaded()})

    def do_spawn(self, request, descriptors):
        socket, cell, mount, ipc = descriptors[:4]
        extra = dict(zip(request["has"], descriptors[4:]))
        tasks = descriptors[4 + len(request["has"]):]
        pid = jail.fork(cell, self.home, extra.get("cgroup", -1))
        if pid == 0:
            job.live(socket, (mount, ipc), tasks, extra.get("ruleset", -1), self.seccomp, request["user"])
        self.watch(pid, request["number"])


def load_or_try_again(modules):
    """Imports modules in a child, which goes on as the zygote if all went well. Jobs choose what is
    imported: one that raises half-way, or ends the process, must leave nothing for other jobs to inherit."""
    while True:
        seen, told = os.pipe2(os.O_CLOEXEC)
        child = os.fork()
        if child == 0:
            os.close(seen)
            spoiled = warmth.load(modules)
            os.write(told, json.dumps(spoiled).encode())
            os.close(told)
            if not spoiled:
                return
            os._exit(0)
        os.close(told)
        answer = read_all(seen)
        spoiled = json.loads(answer) if answer else modules
        if not spoiled:
            os._exit(0)
        os.waitpid(child, 0)
        modules = [name for name in modules if name not in spoiled]


def read_all(descriptor):
    with open(descriptor, "rb") as pipe:
        return pipe.read()


def close_quietly(descriptor):
    try:
        os.close(descriptor)
    except OSError:
        pass
