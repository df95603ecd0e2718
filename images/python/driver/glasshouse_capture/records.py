"""Writes the files of a capture: `0001.json` last and atomically, so that a half-made capture shows."""

import json
import os


def write_json(out_dir, name, value):
    """Write `value` as `name` in one step."""
    path = os.path.join(out_dir, name)
    temporary = path + ".part"
    with open(temporary, "w", encoding="utf-8", errors="backslashreplace") as handle:
        json.dump(value, handle, separators=(",", ":"), allow_nan=False)
    os.rename(temporary, path)


def write_bytes(out_dir, name, data):
    """Write raw bytes as `name`; the JSON file that names it comes later."""
    with open(os.path.join(out_dir, name), "wb", buffering=0) as handle:
        view = memoryview(data).cast("B")
        while view:
            view = view[handle.write(view):]


def record(number, origin, **fields):
    """The contents of one JSON file; see README.md for each key."""
    value = {"seq": number, "kind": "figure", "origin": origin, "pixels": None, "buffer": None,
             "same_as": None, "frames": None, "facts": None, "page": None, "error": None}
    value.update(fields)
    return value


def exists(out_dir, number):
    """Whether record `number` was completed."""
    return os.path.exists(os.path.join(out_dir, f"{number:04d}.json"))
