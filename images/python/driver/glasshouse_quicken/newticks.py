"""Makes the ticks that an axis lacks as copies of the first one made.

`Axis.get_major_ticks(n)` builds tick after tick by the same call with the same settings, each from three lines and two
texts: some hundred property changes. A copy has the same state, part by part: what a tick owns is copied, what it
shares with its axes is shared. A part of a kind that is not listed below leaves the tick to the original.
"""

import functools
import types

__name__ = "matplotlib._glasshouse_quicken.newticks"  # as in glasshouse_capture.wrappers: warnings name the user's line

_FEWEST = 3  # for fewer, a pristine copy to copy from is not worth it

# The axis whose ticks are being made, and the pristine tick once there is one.
_making = []


class _Unknown(Exception):
    """A part of a kind that we do not know how to copy."""


def install():
    """Replace `Axis._get_tick`, `get_major_ticks` and `get_minor_ticks`."""
    from matplotlib import axis

    kinds = _kinds()
    axis.Axis._get_tick = _copying(axis.Axis._get_tick, (axis.XTick, axis.YTick), kinds)
    axis.Axis.get_major_ticks = _filling(axis.Axis.get_major_ticks, "majorTicks")
    axis.Axis.get_minor_ticks = _filling(axis.Axis.get_minor_ticks, "minorTicks")


def _filling(original, name):

    @functools.wraps(original)
    def get_ticks(self, numticks=None):
        if _making or numticks is None or numticks - len(getattr(self, name)) < _FEWEST:
            return original(self, numticks)
        _making[:] = self, None
        try:
            return original(self, numticks)
        finally:
            _making.clear()

    return get_ticks


def _copying(original, classes, kinds):

    @functools.wraps(original)
    def _get_tick(self, major):
        if not _making or _making[0] is not self or self._tick_class not in classes:
            return original(self, major)
        try:
            if _making[1] is not None:
                return _copy(_making[1], kinds)
            tick = original(self, major)
            _making[1] = _copy(tick, kinds)
        except _Unknown:
            _making.clear()
            return original(self, major)
        return tick

    return _get_tick


def _copy(subject, kinds):
    """A copy of a tick or of one of its parts, with copies of all that it owns."""
    copy = object.__new__(type(subject))
    own = copy.__dict__
    for name, value in subject.__dict__.items():
        handle = kinds.get(type(value))
        if handle is None:
            raise _Unknown(name)
        own[name] = handle(value, copy)
    return copy


def _kinds():
    """How a value of each kind that a tick may hold gets into a copy: by functions of the value and the new owner."""
    import numpy
    from matplotlib import axes, axis, cbook, font_manager, lines, markers, path, text, transforms
    from matplotlib._enums import CapStyle, JoinStyle
    from matplotlib.artist import _XYPair
    from matplotlib.figure import Figure

    def shared(value, _owner):
        return value

    def parts(value, _owner):
        return _copy(value, kinds)

    def registry(value, _owner):
        if value.callbacks or value._signals is None:
            raise _Unknown("callbacks")
        return cbook.CallbackRegistry(signals=value._signals)

    def method(value, owner):
        if type(value.__self__) is not type(owner):
            raise _Unknown("method")
        return types.MethodType(value.__func__, owner)

    kinds = {kind: shared for kind in (
        type(None), str, int, float, bool, tuple, numpy.float64, types.FunctionType, CapStyle, JoinStyle, axes.Axes,
        Figure, transforms.BlendedGenericTransform, transforms.BlendedAffine2D, transforms.CompositeGenericTransform,
        transforms.CompositeAffine2D, transforms.IdentityTransform)}
    kinds.update({kind: parts for kind in (axis.XTick, axis.YTick, lines.Line2D, text.Text, markers.MarkerStyle)})
    kinds.update({
        list: lambda value, _owner: list(value),
        numpy.ndarray: lambda value, _owner: value.copy(order="K"),
        _XYPair: lambda value, _owner: _XYPair(list(value.x), list(value.y)),
        cbook.CallbackRegistry: registry,
        types.MethodType: method,
        font_manager.FontProperties: lambda value, _owner: value.copy(),
        transforms.Affine2D: lambda value, _owner: transforms.Affine2D(value.get_matrix()),
        # The outlines of markers are shared by all; those of lines are the line's own.
        path.Path: lambda value, owner: value if type(owner) is markers.MarkerStyle else _path(value),
    })
    return kinds


def _path(value):
    """A path of the same state; `Path.__deepcopy__` would make a read-only one writable."""
    copy = object.__new__(type(value))
    copy.__dict__.update((name, part.copy() if hasattr(part, "copy") else part) for name, part in vars(value).items())
    return copy
