"""Tells whether a figure that was just saved needs the draw that `bbox_inches="tight"` makes before measuring.

Matplotlib draws the figure once, with the drawing itself switched off, so that layout and ticks are up to
date, and then measures it. Measuring brings titles, ticks and labels up to date as well. For figures made of
the well-known artists below the first step changes nothing; it costs as much as a third of a capture.
"""

import contextlib
import importlib

_LEAVES = {
    "lines": ("Line2D", "AxLine"),
    "patches": ("Rectangle", "PathPatch", "Polygon", "StepPatch", "Wedge", "Circle", "Ellipse", "FancyBboxPatch",
                "FancyArrowPatch", "Arc"),
    "text": ("Text", "Annotation"),
    "spines": ("Spine",),
    "axis": ("XAxis", "YAxis"),
    "image": ("AxesImage",),
    "legend": ("Legend",),
    "contour": ("QuadContourSet",),
    "collections": ("PathCollection", "LineCollection", "PolyCollection", "FillBetweenPolyCollection",
                    "PatchCollection", "QuadMesh"),
}
_MOST_ARTISTS = 5000


_spared = []  # the figure whose idle draws are left out


@contextlib.contextmanager
def without_the_idle_pass(figure):
    """Leave out draws of `figure` in which drawing is switched off."""
    _spared.append(figure)
    try:
        yield
    finally:
        _spared.pop()


def spares(figure, renderer):
    """Whether this draw of `figure` is an idle one that is to be left out; asked by the wrapper of `Figure.draw`."""
    # Matplotlib switches drawing off by methods on the renderer itself.
    return bool(_spared) and figure is _spared[-1] and "draw_path" in vars(renderer)


def is_settled(figure):
    """Whether `figure`, drawn once since its last change, holds nothing but artists known to be steady."""
    import matplotlib.axes
    import matplotlib.figure

    if not _has_no_layout(figure) or figure.subfigs or "draw" in vars(figure) \
            or type(figure).draw is not matplotlib.figure.Figure.draw:
        return False
    leaves = _leaf_classes()
    count = 0
    for artist in figure.get_children():
        if type(artist) is matplotlib.axes.Axes:
            if artist.child_axes:
                return False
            children = artist.get_children()
        else:
            children = (artist,)
        count += len(children)
        if count > _MOST_ARTISTS or not all(_is_steady(child, leaves) for child in children):
            return False
    return True


def _is_steady(artist, leaves):
    if type(artist) not in leaves or "draw" in vars(artist):
        return False
    wraps = getattr(artist, "get_wrap", None)
    return wraps is None or not wraps()


def _has_no_layout(figure):
    engine = figure.get_layout_engine()
    return engine is None or type(engine).__name__ == "PlaceHolderLayoutEngine"


def _leaf_classes():
    return {getattr(importlib.import_module(f"matplotlib.{module}"), name)
            for module, names in _LEAVES.items() for name in names
            if hasattr(importlib.import_module(f"matplotlib.{module}"), name)}
