"""Where a save went: a path, or a buffer whose new bytes are kept."""

import io
import os
import tempfile

from . import records

_READABLE = (io.BytesIO, io.BufferedRandom, tempfile.SpooledTemporaryFile)


class Target:
    """What the script gave as a file name, and what will be written there."""

    def __init__(self, name, given_format, call, figure):
        self.object = None
        self.path = self.written = None
        self.start = None
        if isinstance(name, (str, bytes, os.PathLike)):
            self.path = os.fsdecode(name)
        else:
            self.object = name
            self.path = _name_of(name)
            self.start = _position(name)
        self.format = _format(self.path if self.object is None else None, given_format, call, figure, name)

    def saved(self):
        """Work out the file that the save has just written."""
        if self.path is None:
            return
        path = self.path
        if self.object is None and not os.path.exists(path):
            path = f"{path.rstrip('.')}.{self.format}"
        self.written = os.path.abspath(path)

    def keep_bytes(self, session, number):
        """Store what went into the buffer; returns the JSON part, or None where there is none to keep."""
        if self.start is None:
            return None
        data = _since(self.object, self.start, session.options.max_buffer)
        if not data:
            return None
        name = f"{number:04d}.bin"
        records.write_bytes(session.out_dir, name, data)
        return {"file": name, "format": self.format}

    def holds_png(self, buffer):
        """Whether the script's own output is the PNG of this state."""
        return self.format == "png" and (buffer is not None or self.written is not None)


def _format(path, given, call, figure, name):
    if call.startswith("print_") and call != "print_figure":
        return call[len("print_"):]
    if given is None and path:
        given = os.path.splitext(path)[1][1:]
    if not given and type(name).__name__ == "PdfPages":
        given = "pdf"
    return str(given or figure.canvas.get_default_filetype()).lower()


def _name_of(name):
    found = getattr(name, "name", None) or getattr(name, "_filename", None)
    return found if isinstance(found, str) else None


def _position(name):
    if not isinstance(name, _READABLE):
        return None
    try:
        return name.tell()
    except (OSError, ValueError):
        return None


def _since(handle, start, limit):
    """The bytes written since `start`, at most `limit`, or None if there are more; the position stays."""
    end = handle.tell()
    if not start < end <= start + limit:
        return None
    if isinstance(handle, io.BytesIO):
        with handle.getbuffer() as view:
            return bytes(view[start:end])
    handle.seek(start)
    try:
        return handle.read(end - start)
    finally:
        handle.seek(end)
