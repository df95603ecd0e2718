"""Tells whether a figure is made of Matplotlib's own parts only, so that drawing or measuring it runs no code of the
script's."""

import functools
import importlib
import threading

_LEAVES = {
    "matplotlib.lines": ("Line2D", "AxLine"),
    "matplotlib.patches": ("Rectangle", "PathPatch", "Polygon", "StepPatch", "Wedge", "Circle", "Ellipse", "FancyBboxPatch",
                "FancyArrowPatch", "Arc", "Shadow"),
    "matplotlib.text": ("Text", "Annotation"),
    "matplotlib.spines": ("Spine",),
    "matplotlib.colorbar": ("_ColorbarSpine",),
    "matplotlib.axis": ("XAxis", "YAxis"),
    "matplotlib.projections.polar": ("RadialAxis", "ThetaAxis"),
    "matplotlib.image": ("AxesImage",),
    "matplotlib.legend": ("Legend",),
    "matplotlib.contour": ("QuadContourSet",),
    "matplotlib.collections": ("PathCollection", "LineCollection", "PolyCollection", "FillBetweenPolyCollection",
                    "PatchCollection", "QuadMesh"),
    "mpl_toolkits.mplot3d.art3d": ("Line3D", "Line3DCollection", "Patch3D", "Patch3DCollection", "Path3DCollection",
                                   "PathPatch3D", "Poly3DCollection", "Text3D"),
    "mpl_toolkits.mplot3d.axis3d": ("XAxis", "YAxis", "ZAxis"),
}
_TICKERS = {
    "matplotlib.ticker": ("NullFormatter", "ScalarFormatter", "FixedFormatter", "StrMethodFormatter", "FormatStrFormatter",
               "PercentFormatter", "LogFormatter", "LogFormatterMathtext", "LogFormatterSciNotation",
               "NullLocator", "FixedLocator", "AutoLocator", "MaxNLocator", "LinearLocator", "AutoMinorLocator",
               "LogLocator", "MultipleLocator", "SymmetricalLogLocator"),
    "matplotlib.projections.polar": ("ThetaFormatter",),
    "matplotlib.category": ("StrCategoryFormatter", "StrCategoryLocator"),
    "matplotlib.scale": ("LinearScale", "LogScale", "SymmetricalLogScale"),
}
_METHODS = ("__call__", "draw", "get_window_extent", "get_tightbbox", "tick_values", "format_ticks", "set_locs",
            "get_offset", "format_data", "format_data_short", "do_3d_projection")
_OWN = frozenset(_METHODS)
_MOST_ARTISTS = 5000


def axis_objects(figure):
    """The axis objects whose ticks follow from the values that `ticks.py` compares; None if `figure` is not steady."""
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.projections.polar import PolarAxes
    from mpl_toolkits.mplot3d import Axes3D

    if type(figure) is not Figure or figure.subfigs or not _OWN.isdisjoint(vars(figure)) \
            or figure.canvas.callbacks.callbacks.get("draw_event") or threading.active_count() != 1:
        return None
    leaves, tickers = _classes()
    count, found = 0, []
    for artist in figure.get_children():
        children = (artist,)
        if type(artist) in (Axes, PolarAxes, Axes3D):
            if not _is_plain(artist, tickers):
                return None
            children = artist.get_children()
            if type(artist) is not Axes3D:
                found += (artist.xaxis, artist.yaxis)
        count += len(children)
        if count > _MOST_ARTISTS or not all(type(child) in leaves and _is_untouched(child) for child in children):
            return None
    return _with_own_tickers(found) if _is_unchanged() else None


def _is_untouched(artist):
    """Whether drawing `artist` calls nothing that the script may have given it."""
    own = vars(artist)
    return (_OWN.isdisjoint(own) and own.get("_agg_filter") is None
            and all(type(effect).__module__ == "matplotlib.patheffects" for effect in own.get("_path_effects") or ())
            and _is_matplotlibs(getattr(artist, "norm", None)))


def _is_matplotlibs(norm):
    return norm is None or type(norm).__module__ == "matplotlib.colors" and type(norm).__name__ != "FuncNorm"


def _is_plain(axes, tickers):
    """Whether all that decides on the ticks of `axes` is known."""
    locator = axes._axes_locator
    if axes.child_axes or not _OWN.isdisjoint(vars(axes)) or not _are_matplotlibs(axes.callbacks.callbacks) \
            or locator is not None and type(locator).__name__ != "_ColorbarAxesLocator":
        return False
    for axis in axes._axis_map.values():
        for part in (axis.major.locator, axis.major.formatter, axis.minor.locator, axis.minor.formatter, axis._scale):
            if not _is_ticker(part, tickers) and not _labels_are_fixed(part):
                return False
        if "_update_ticks" in vars(axis):
            return False
    return True


def _is_ticker(part, tickers):
    from matplotlib.projections.polar import RadialLocator, ThetaLocator

    if type(part) in (RadialLocator, ThetaLocator):
        part = part.base
    return type(part) in tickers and _OWN.isdisjoint(vars(part))


def _are_matplotlibs(callbacks):
    """Whether all that is told of new view limits are Matplotlib's own objects, such as colorbars."""
    for listeners in callbacks.values():
        for reference in listeners.values():
            listener = reference()
            if not getattr(type(getattr(listener, "__self__", None)), "__module__", "").startswith("matplotlib."):
                return False
    return True


def _labels_are_fixed(formatter):
    """Whether it is the FuncFormatter that matplotlib itself makes for `set_xticklabels`."""
    from matplotlib.axis import Axis
    from matplotlib.ticker import FuncFormatter

    return (type(formatter) is FuncFormatter and type(formatter.func) is functools.partial
            and formatter.func.func is Axis._format_with_dict and _OWN.isdisjoint(vars(formatter)))


def _with_own_tickers(found):
    """Those that share no locator or formatter: these keep what they computed last, for whichever axis it was."""
    users = {}
    for axis in found:
        for part in {id(axis.major), id(axis.minor), id(axis.major.locator), id(axis.major.formatter),
                     id(axis.minor.locator), id(axis.minor.formatter)}:
            users.setdefault(part, []).append(axis)
    shared = {axis for sharing in users.values() if len(sharing) > 1 for axis in sharing}
    return [axis for axis in found if axis not in shared]


@functools.cache
def _classes():
    found = []
    for table in (_LEAVES, _TICKERS):
        found.append(frozenset(getattr(importlib.import_module(module), name)
                               for module, names in table.items() for name in names))
    return tuple(found)


@functools.cache
def _methods():
    """What the classes' methods were when the zygote was made, with those that they inherit."""
    pairs = [(cls, name) for classes in _classes() for cls in classes for name in _METHODS if hasattr(cls, name)]
    # A class method is a new object each time that it is asked for, and `__call__` may be the metaclass's.
    return [(cls, name, getattr(cls, name)) for cls, name in pairs if getattr(cls, name) is getattr(cls, name)]


def remember():
    """Note the methods as they are, before any code of a script runs."""
    _methods()


def _is_unchanged():
    return all(getattr(cls, name) is method for cls, name, method in _methods())
