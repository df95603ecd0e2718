"""Turns whatever a figure holds into small, plain JSON values."""

import math

TEXT = 300      # characters of a string
ITEMS = 100     # entries of a list
POINTS = 100    # points of one line or scatter


def text(value):
    """A string of bounded length, or None for nothing."""
    value = str(value) if value is not None else ""
    return value[:TEXT] if value else None


def number(value):
    """A finite float (or int), or None."""
    try:
        value = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 1e15 else float(f"{value:.10g}")


def numbers(values, limit=ITEMS):
    """The first numbers of a sequence."""
    return [number(value) for value in list(values)[:limit]]


def colour(value):
    """`#rrggbb` or `#rrggbbaa`; None for none, for what is no colour, and for colours by data."""
    from matplotlib.colors import to_hex, to_rgba

    try:
        rgba = to_rgba(value)
    except (TypeError, ValueError):
        return None
    return None if rgba[3] == 0 else to_hex(rgba, keep_alpha=rgba[3] < 1)


def colours(values, limit=ITEMS):
    """The distinct colours of an array of RGBA rows, in order of first use."""
    found = {}
    for value in values[:4 * limit]:
        name = colour(value)
        if name is not None and len(found) < limit:
            found[name] = None
    return list(found)


def points(offsets, limit=POINTS):
    """The first rows of an N x 2 array."""
    return [[number(x), number(y)] for x, y in list(offsets)[:limit]]


def label(artist):
    """An artist's label, or None for the made-up ones (`_child3`, `_nolegend_`)."""
    value = str(artist.get_label() or "")
    return None if value.startswith("_") else text(value)
