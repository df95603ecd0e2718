"""Animations: the film is the artifact, so its frames are counted and not captured."""

import os
import sys

from . import facts, records


def writer_of(frame):
    """The movie writer whose `grab_frame` called `savefig` from `frame`, or None."""
    module = sys.modules.get("matplotlib.animation")
    if module is None or frame.f_code.co_name != "grab_frame":
        return None
    owner = frame.f_locals.get("self")
    return owner if isinstance(owner, module.AbstractMovieWriter) else None


def frame_saved(session, writer, figure):
    """Count a frame; the first one of a film also gives its record and facts."""
    key = id(writer), str(writer.outfile)
    record = session.animations.get(key)
    if record is None:
        number = session.take_number()
        if number is None:
            return
        record = {"writer": writer, "path": key[1], "written": os.path.abspath(key[1]), "frames": 0,
                  "number": number, "facts": facts.safely(figure, None)}
        session.animations[key] = record  # holds the writer: its id stays its own
    record["frames"] += 1
    state = session.of(figure)
    state.seen["frame"] = record["number"]
    state.ever = True


def write_all(session):
    """Write the record of each film; called when all frames are known."""
    for film in session.animations.values():
        path = film["path"]
        origin = {"call": "animation", "path": path, "written": film["written"],
                  "format": os.path.splitext(path)[1][1:].lower() or None, "line": None}
        value = records.record(film["number"], origin, facts=film["facts"], frames=film["frames"])
        records.write_json(session.out_dir, f"{film['number']:04d}.json", value)
