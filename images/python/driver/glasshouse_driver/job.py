"""A job's child, from the fork to its last instruction."""

import json
import os
import sys
import time

import glasshouse_capture
from glasshouse_driver import jail, program, seed

WORK = "/work"
OUT = "/opt/glasshouse/out"
# What a job's code is run as. A runtime that shares this driver puts its own class in this place.
RUN_AS = program.Program


def live(socket, cell, tasks, ruleset, seccomp, user):
    """Enters the cell and waits there; then lays out the inputs, locks the door, runs the program.

    Does not return. The supervisor may ask for this long before it has a job, so all that does not
    depend on the job is done before the wait.
    """
    try:
        jail.enter(*cell, tasks, user)
        jail.lock(ruleset)
        os.umask(0o022)
        sys.path[:] = [RUN_AS.FOLDER, *(folder for folder in sys.path[1:] if folder != program.DRIVER)]
        touch()
        message, descriptors = jail.receive(socket)
        if not message:
            os._exit(0)
        payload, *streams = descriptors
        jail.start(streams, json.loads(message)["limits"])
        header, blobs = read_payload(payload)
        refused = lay_out(header, blobs)
        os.chdir(WORK)
        seed.reseed(header["seed"])
        # The sample's own time begins here, however late the supervisor may read it.
        jail.send(socket, b"started %d" % time.monotonic_ns())
        jail.confine(seccomp)
    except BaseException as error:  # noqa: BLE001 - our failure, whatever it is, is told as such
        try:
            jail.send(socket, f"failed {type(error).__name__}: {error}".encode())
        finally:
            # Nobody listens to a child that was given up. It must not come back to its zygote's loop even so: it would
            # take requests from the zygote's socket.
            os._exit(127)
    glasshouse_capture.begin(OUT, header["capture"])
    RUN_AS(os.path.join(WORK, header["script"]), header, blobs, OUT).run(refused)


def touch():
    """Goes once through what every job goes through, so that the memory that it writes to is this
    process's own already: after a fork each page is copied when it is first written."""
    header = {"script": "main.py", "files": [], "seed": 0, "lengths": [0, None]}
    scratch = os.memfd_create("scratch")
    text = json.dumps(header).encode()
    os.write(scratch, len(text).to_bytes(8, "little") + text)
    header, blobs = read_payload(scratch)
    os.close(scratch)
    lay_out(header, blobs)
    os.unlink(os.path.join(WORK, header["script"]))
    glasshouse_capture.begin(OUT, {})
    glasshouse_capture.finish()
    program.rehearse()


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
    """Writes the program and the row's files, as the job's own user, on its own disk.

    The error, if the disk does not take them: they are too many, too large, or in each other's way.
    """
    try:
        for path, content in [(header["script"], blobs[0]), *zip(header["files"], blobs[2:])]:
            target = os.path.join(WORK, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as file:
                file.write(content)
    except OSError as error:
        return error
    return None
