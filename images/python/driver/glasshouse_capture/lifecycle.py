"""The beginning and the end of one job."""

import atexit
import os

from . import animation, capture, records, state


def begin(out_dir, options=None):
    """Start capturing into `out_dir` (must exist). Called in the job's process before the user's code."""
    session = state.start(out_dir, options or {})
    session.atexit_count = atexit._ncallbacks()


def finish():
    """Capture what is still open; called after the user's code, however it ended. Never raises."""
    session = state.session
    if session is None:
        return
    if session.pid != os.getpid():  # a child that the script forked came back into the driver
        state.stop()
        return
    try:
        animation.write_all(session)
        capture.open_figures(session)
        if session.overflow:
            records.write_json(session.out_dir, "overflow.json", {"figures": session.overflow})
    except Exception as error:
        capture.note_failure(session, error)
    finally:
        state.stop()
