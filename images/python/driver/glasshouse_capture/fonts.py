"""Keeps opened fonts across the fork from the zygote to a job.

Matplotlib drops its opened fonts in every forked child, as copies of one open file share their position.
Opening DejaVu Sans anew and reading its glyph names costs each job about 15 ms. Fonts that are read from
memory have no position to share, so these may stay.
"""

import builtins
import functools
import io

_ASKED = 64  # what matplotlib keeps


class _FontBytes(io.BytesIO):
    """A font file in memory; `name` is what `FT2Font.fname` tells."""

    def __init__(self, path):
        with builtins.open(path, "rb") as handle:
            super().__init__(handle.read())
        self.name = path


def _open(path, mode="r", *args, **kwargs):
    return _FontBytes(path) if mode == "rb" else builtins.open(path, mode, *args, **kwargs)


def keep():
    """Make `font_manager.get_font` open fonts from memory and keep them over forks. Idempotent."""
    from matplotlib import font_manager

    original = font_manager._get_font
    if getattr(original, "_keeps_over_forks", False):
        return

    @functools.lru_cache(_ASKED)
    @functools.wraps(original.__wrapped__)
    def _get_font(*args, **kwargs):
        io.open = _open  # FT2Font opens a path by looking up `io.open`
        try:
            return original.__wrapped__(*args, **kwargs)
        finally:
            io.open = builtins.open

    _get_font._keeps_over_forks = True
    font_manager._get_font = _get_font


def load(families=()):
    """Open the fonts of `families` in the usual styles, with their glyph names."""
    from matplotlib import font_manager

    for family in ("DejaVu Sans", *families):
        for weight, style in (("normal", "normal"), ("bold", "normal"), ("normal", "italic")):
            properties = font_manager.FontProperties(family=family, weight=weight, style=style)
            paths = font_manager.fontManager._find_fonts_by_props(properties)
            font_manager.get_font(paths)
            for path in paths:
                font = font_manager.get_font(path)
                font.get_glyph_name(0)  # reads the table of all names
                font.set_size(10, 100)
                font.set_text("Ag0")
