"""Short ways to the bytes of a PDF.

A page is written operator by operator, each a handful of numbers that are formatted, filled into lines and compressed.
Numbers and lines come out by the same expressions, short of detours; the compressor gets them by the block, which gives
the same stream: what deflate puts out depends on its input, not on how that is cut.
"""

import functools
import math

__name__ = "matplotlib._glasshouse_quicken.pdf"  # as in glasshouse_capture.wrappers: warnings name the user's line

_BLOCK = 16 << 10
_LINE = 75  # `_fill` breaks lines that are as long


def install():
    """Replace `pdfRepr`, `_fill` and the compressor of `Stream`."""
    from matplotlib.backends import backend_pdf

    backend_pdf.pdfRepr = _value(backend_pdf.pdfRepr, backend_pdf.Op)
    backend_pdf._fill = _filling(backend_pdf._fill)
    backend_pdf.Stream.__init__ = _by_the_block(backend_pdf.Stream.__init__)


def _value(original, operator):
    is_finite = math.isfinite

    @functools.wraps(original)
    def pdfRepr(obj):
        kind = type(obj)
        if kind is float and is_finite(obj):
            return (b"%.10f" % obj).rstrip(b"0").rstrip(b".")
        if kind is int:
            return b"%d" % obj
        return obj._value_ if kind is operator else original(obj)

    return pdfRepr


def _filling(original):

    @functools.wraps(original)
    def _fill(strings, linelen=_LINE):
        line = b" ".join(strings)
        return line if len(line) < linelen else original(strings, linelen)

    return _fill


def _by_the_block(original):

    @functools.wraps(original)
    def __init__(self, *args, **kwargs):
        original(self, *args, **kwargs)
        if self.compressobj is not None:
            self.compressobj = _Block(self.compressobj)

    return __init__


class _Block:
    """A compressor that passes on what it is given in blocks."""

    __slots__ = ("compressor", "parts", "size")

    def __init__(self, compressor):
        self.compressor, self.parts, self.size = compressor, [], 0

    def compress(self, data):
        self.parts.append(bytes(data))
        self.size += len(data)
        return self._pass_on() if self.size >= _BLOCK else b""

    def flush(self):
        return self._pass_on() + self.compressor.flush()

    def _pass_on(self):
        whole = b"".join(self.parts)
        self.parts, self.size = [], 0
        return self.compressor.compress(whole)
