"""Computes an axis' ticks and their labels' boxes once in a pass, not some ten times.

Matplotlib brings the ticks up to date whenever it needs to know where one is: for each label, spine, title and
neighbour. Within a pass (`passes.py`) no code runs that could change them but through the view limits, the place of
the axes, the dpi, the locators and formatters, all of which are compared. The second result is then that of the first,
and the second update sets positions and labels to what they are.
"""

import functools

from . import passes

__name__ = "matplotlib._glasshouse_quicken.ticks"  # as in glasshouse_capture.wrappers: warnings name the user's line

_MOST_TICKS = 500  # matplotlib logs each time that a locator gives more than 1000


def install():
    """Replace `Axis._update_ticks`, `Axis._get_ticklabel_bboxes` and `Axis.get_minorticklocs`."""
    from matplotlib.axis import Axis

    Axis.get_minorticklocs = _none_for_none(Axis.get_minorticklocs)
    Axis._update_ticks = _remembering_ticks(Axis._update_ticks)
    Axis._get_ticklabel_bboxes = _remembering_boxes(Axis._get_ticklabel_bboxes)


class _Known:
    """The ticks of one axis, as of the last time that anything they depend on changed."""

    def __init__(self, key, axis, drawn):
        self.key = key
        self.drawn = drawn
        ticks = (*axis.majorTicks, *axis.minorTicks)
        self.parts = [part for tick in ticks for part in (tick, tick.tick1line, tick.tick2line, tick.gridline)]
        self.renderer = None
        self.boxes = None


def _key(axis):
    axes, own = axis.axes, vars(axis)
    return (axes.viewLim.get_points().tobytes(), axes.bbox.get_points().tobytes(), axes.get_figure(root=True).dpi,
            axis.major.locator, axis.major.formatter, axis.minor.locator, axis.minor.formatter,
            # The lists themselves: they are made anew when the ticks' looks have changed.
            id(own.get("majorTicks")), id(own.get("minorTicks")))


def _remembering_ticks(original):

    @functools.wraps(original)
    def _update_ticks(self):
        current = passes.under_way()
        if current is None or self not in current.ticks:
            return original(self)
        key = _key(self)
        known = current.ticks[self]
        if known is not None and known.key == key:
            for part in known.parts:
                part._stale = True
            return list(known.drawn)
        drawn = original(self)
        few = len(self.majorTicks) + len(self.minorTicks) <= _MOST_TICKS
        # The view limits may have been brought up to date on the way.
        current.ticks[self] = _Known(_key(self), self, list(drawn)) if few else None
        return drawn

    return _update_ticks


def _remembering_boxes(original):

    @functools.wraps(original)
    def _get_ticklabel_bboxes(self, ticks, renderer=None):
        current = passes.under_way()
        known = current.ticks.get(self) if current is not None else None
        if known is None or renderer is None or known.drawn != ticks or known.key != _key(self):
            return original(self, ticks, renderer)
        if known.renderer is not renderer:
            known.boxes = original(self, ticks, renderer)
            known.renderer = renderer
        first, second = known.boxes
        return list(first), list(second)

    return _get_ticklabel_bboxes


def _none_for_none(original):
    """An axis without minor ticks has none that lie on major ones, wherever these are."""
    import numpy
    from matplotlib.scale import LinearScale
    from matplotlib.ticker import NullLocator

    @functools.wraps(original)
    def get_minorticklocs(self):
        current = passes.under_way()
        if current is None or self not in current.ticks or type(self.minor.locator) is not NullLocator \
                or type(self._scale) is not LinearScale or not _gives_few(self.major.locator):
            return original(self)
        return numpy.array([])

    return get_minorticklocs


def _gives_few(locator):
    """Whether asking `locator` for its ticks once more logs nothing, as it does beyond 1000."""
    from matplotlib.category import StrCategoryLocator
    from matplotlib.ticker import AutoLocator, FixedLocator, MaxNLocator, NullLocator

    kind = type(locator)
    if kind in (AutoLocator, MaxNLocator):
        return locator._nbins == "auto" or locator._nbins <= _MOST_TICKS
    return kind in (NullLocator, StrCategoryLocator) or kind is FixedLocator and len(locator.locs) <= _MOST_TICKS
