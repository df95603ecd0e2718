"""The stretches in which nothing can change a figure but Matplotlib itself.

A pass is one save, draw, measurement or `tight_layout` of a steady figure (`steady.py`). Whoever remembers something
for its length asks `under_way()`.
"""

import functools
import io
import os

from . import steady

__name__ = "matplotlib._glasshouse_quicken.passes"  # as in glasshouse_capture.wrappers: warnings name the user's line

_SINKS = (str, io.BytesIO)  # others may run code of the script's when they are written to

_current = []


class Pass:
    """One stretch, and what is remembered for its length: ticks by axis, layouts by key, projections by collection.

    `axis_objects` are the axes whose ticks may be remembered; None if the figure is not steady.
    """

    def __init__(self, axis_objects):
        self.is_steady = axis_objects is not None
        self.ticks = dict.fromkeys(axis_objects or ())
        self.layouts = {}
        self.projections = {}


def under_way():
    """The pass that is under way, or None."""
    return _current[0] if _current else None


def install():
    """Mark the functions that make up a pass."""
    from matplotlib import _tight_layout, layout_engine
    from matplotlib.backend_bases import FigureCanvasBase
    from matplotlib.figure import Figure, FigureBase

    FigureBase.get_tightbbox = _pass(FigureBase.get_tightbbox, _itself)
    Figure.draw = _pass(Figure.draw, _itself)
    FigureCanvasBase.print_figure = _pass(FigureCanvasBase.print_figure, _figure_of_save)
    tight_layout = _pass(_tight_layout.get_tight_layout_figure, _itself)
    for module in (_tight_layout, layout_engine):
        module.get_tight_layout_figure = tight_layout
    steady.remember()


def _itself(figure, *_args, **_kwargs):
    return figure


def _figure_of_save(canvas, filename=None, *_args, **_kwargs):
    """The figure that is saved, or None if its file may be an object of the script's."""
    return canvas.figure if type(filename) in _SINKS or isinstance(filename, os.PathLike) else None


def _pass(original, figure_of):

    @functools.wraps(original)
    def wrapper(*args, **kwargs):
        if _current:
            return original(*args, **kwargs)
        figure = figure_of(*args, **kwargs)
        if figure is None:
            return original(*args, **kwargs)
        # A figure that is not steady has a pass too, an empty one, so that it is looked at only once.
        _current.append(Pass(steady.axis_objects(figure)))
        try:
            return original(*args, **kwargs)
        finally:
            _current.clear()

    return wrapper
