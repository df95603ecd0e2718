"""A command that is watched while it works: rows done, memory and processes over time, and what it leaves behind."""

import ctypes
import os
import pathlib
import subprocess
import sys
import time
from typing import NamedTuple

EVERY = 0.25
"""Seconds between two samples."""
PATIENCE = 10
"""Seconds that what was ended last may take on its way out."""
PR_SET_CHILD_SUBREAPER = 36


class Sample(NamedTuple):
    """How things stood at one time; memory in KiB."""

    time: float
    rows: int
    rss: int
    """Resident memory of the command itself."""
    anon: int
    """The part of it that is no file's."""
    family: int
    """Resident memory of all that descends from the command, shared pages counted for each process."""
    processes: int


class Counter:
    """Counts lines of a growing file, reading each byte once."""

    def __init__(self, path):
        self.path, self.file, self.lines = path, None, 0

    def count(self):
        if self.file is None and self.path.exists():
            self.file = open(self.path, "rb")
        while self.file and (block := self.file.read(1 << 20)):
            self.lines += block.count(b"\n")
        return self.lines


def watch(command, records, every=EVERY, family=False):
    """Runs the command to its end. Returns its process id, its exit status, and the samples.

    With `family` its descendants are looked at too, which costs some milliseconds for each sample.
    """
    adopt_orphans()
    counter, samples = Counter(records), []
    started = subprocess.Popen(command)
    while True:
        used = memory(started.pid)
        rows = counter.count()
        if used:
            below = descendants(started.pid) if family else []
            sizes = [size[0] for size in map(memory, below) if size]
            samples.append(Sample(time.monotonic(), rows, *used, sum(sizes), len(sizes)))
        if started.poll() is not None:
            return started.pid, started.returncode, samples
        time.sleep(every)


def memory(pid):
    """Resident memory in KiB: (all, the part that is no file's). None once the process has ended."""
    found = {}
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                name, _, rest = line.partition(":")
                if name in ("VmRSS", "RssAnon"):
                    found[name] = int(rest.split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return None
    return (found["VmRSS"], found["RssAnon"]) if len(found) == 2 else None


def descendants(ancestor):
    """Process ids of all that descends from a process, zombies left out."""
    parents = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            fields = pathlib.Path(entry.path, "stat").read_text(errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] != "Z":
            parents[int(entry.name)] = int(fields[1])
    family = {ancestor}
    # Parents may have a higher number than their children, so until nothing is added.
    while more := {pid for pid, parent in parents.items() if parent in family and pid not in family}:
        family |= more
    return sorted(family - {ancestor})


def adopt_orphans():
    """Makes orphans of the command children of this process, so that none gets out of sight."""
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        sys.exit("this process cannot adopt orphans")


def left_behind(pid, temporary):
    """What is left of a command that has ended: processes, cgroups, mounts, files in its folder for temporary files."""
    deadline = time.monotonic() + PATIENCE
    while True:
        while _bury():
            pass
        left = [f"process {child}: {_line(child)}" for child in descendants(os.getpid())]
        left += [f"cgroup {folder}" for folder in _cgroups(pid)]
        left += [f"mount {line}" for line in _mounts() if "/glasshouse/" in line or " nsfs " in line]
        left += [f"file {path}" for path in pathlib.Path(temporary).iterdir()]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


def _bury():
    try:
        return os.waitpid(-1, os.WNOHANG)[0]
    except ChildProcessError:
        return 0


def _line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _mounts():
    return pathlib.Path("/proc/self/mountinfo").read_text().splitlines()


def _cgroups(pid):
    """Folders of a command, which are named PID-.. below a folder glasshouse..."""
    for line in _mounts():
        if " - cgroup" in line:
            yield from pathlib.Path(line.split(" ")[4]).glob(f"**/glasshouse*/{pid}-*")


def at(samples, rows):
    """The first sample with at least so many rows done."""
    return next(sample for sample in samples if sample.rows >= rows)


def rate(samples, begin, end):
    """Rows per second between two counts of rows."""
    first, last = at(samples, begin), at(samples, end)
    return (last.rows - first.rows) / (last.time - first.time)


def judge(what, early, late, fails_if):
    """Prints how a figure changed; whether that fails."""
    change = late / early - 1
    print(f"{what}: {early:.1f} early, {late:.1f} at the end: {change:+.1%}")
    return fails_if(change)


def most(samples, begin, end, what):
    """The most that `what` was of a sample taken while between `begin` and `end` rows were done."""
    return max(getattr(sample, what) for sample in samples if begin <= sample.rows <= end)
