"""A job's child, from the fork to its last instruction."""

import json
import os
import sys

import glasshouse_capture
from glasshouse_driver import jail, program

WORK = "/work"
OUT = "/opt/glasshouse/out"


def live(payload, cell, streams, tasks, ruleset, seccomp, request, told):
    """Enters the cell, lays out the inputs, locks the door, runs the program. Does not return."""
    try:
        header, blobs = read_payload(payload)
        jail.enter(*cell, streams, tasks, request["user"], request["limits"])
        os.umask(0o022)
        lay_out(header, blobs)
        os.chdir(WORK)
        reseed(header["seed"])
        jail.confine(ruleset, seccomp)
    except BaseException as error:  # noqa: BLE001 - our failure, whatever it is, is told as such
        os.write(told, f"{type(error).__name__}: {error}".encode())
        os._exit(127)
    sys.path[:] = [WORK, *(folder for folder in sys.path[1:] if folder != program.DRIVER)]
    glasshouse_capture.begin(OUT, header["capture"])
    program.run(os.path.join(WORK, header["script"]), blobs[0], header["args"], blobs[1], header["nonce"], OUT)


def read_payload(descriptor):
    """The header, and [code, test code or None, file...]."""
    with open(descriptor, "rb", closefd=False) as file:
        file.seek(0)
        data = file.read()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    blobs = []
    for length in header["lengths"]:
        blobs.append(None if length is None else data[end:end + length])
        end += length or 0
    return header, blobs


def lay_out(header, blobs):
    """Writes the program and the row's files, as the job's own user, on its own disk."""
    for path, content in [(header["script"], blobs[0]), *zip(header["files"], blobs[2:])]:
        target = os.path.join(WORK, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(content)


def reseed(seed):
    """Gives the global generators the recorded seed; plain Python would take it from the system."""
    if "random" in sys.modules:
        sys.modules["random"].seed(seed)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed(seed % 2**32)
