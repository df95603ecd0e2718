"""Keeps the PDF outlines of glyphs of Matplotlib's own fonts.

`_get_pdf_charprocs` turns each glyph of a font file into PDF operators: a pure function of the file and the glyph's
number, for the fonts in Matplotlib's data folder, which no job can write. The outlines of printable ASCII are made
by the zygote, once for all jobs.
"""

import functools
import os

__name__ = "matplotlib._glasshouse_quicken.glyphs"  # as in glasshouse_capture.wrappers: warnings name the user's line

_outlines = {}
_MOST = 20_000


def install():
    """Replace the function and outline the common glyphs."""
    import matplotlib
    from matplotlib.backends import backend_pdf

    folder = os.path.join(matplotlib.get_data_path(), "fonts", "")
    outlined = _remembering(backend_pdf._get_pdf_charprocs, folder)
    backend_pdf._get_pdf_charprocs = outlined
    _outline_ascii(outlined)


def _remembering(original, folder):

    @functools.wraps(original)
    def _get_pdf_charprocs(font_path, glyph_ids):
        if type(font_path) is not str or not font_path.startswith(folder) or len(_outlines) > _MOST:
            return original(font_path, glyph_ids)
        procs = {}
        for glyph in glyph_ids:
            key = font_path, int(glyph)
            found = _outlines.get(key)
            if found is None:
                found = _outlines[key] = original(font_path, [glyph])
            procs.update(found)
        return procs

    return _get_pdf_charprocs


def _outline_ascii(outlined):
    from matplotlib import font_manager

    for weight in ("normal", "bold"):
        path = font_manager.findfont(font_manager.FontProperties(family="DejaVu Sans", weight=weight))
        charmap = font_manager.get_font(path).get_charmap()
        outlined(path, [charmap[code] for code in range(32, 127) if code in charmap])
