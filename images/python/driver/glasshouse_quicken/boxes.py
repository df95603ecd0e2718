"""Short ways to the boxes of texts and to the box around many boxes."""

import functools

__name__ = "matplotlib._glasshouse_quicken.boxes"  # as in glasshouse_capture.wrappers: warnings name the user's line


def install():
    """Replace `Bbox.from_extents`, `BboxBase.union` and `Text.get_window_extent`."""
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox, BboxBase

    Bbox.from_extents = staticmethod(_from_extents(Bbox.from_extents, Bbox))
    BboxBase.union = staticmethod(_joining(BboxBase.union, Bbox))
    Text.get_window_extent = _placing(Text, Text.get_window_extent)


def _from_extents(original, cls):
    import numpy

    @functools.wraps(original)
    def from_extents(*args, minpos=None):
        if len(args) != 4 or minpos is not None:
            return original(*args, minpos=minpos)
        # `numpy.reshape` makes the same array by way of its wrappers.
        return cls(numpy.asarray(args).reshape((2, 2)))

    return from_extents


def _joining(original, cls):
    import numpy

    @functools.wraps(original)
    def union(bboxes):
        if not bboxes:
            return original(bboxes)
        points = numpy.array([bbox.get_points() for bbox in bboxes])
        low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
        # Of 0.0 and -0.0, which are equal, the order of the comparisons decides.
        return cls([low, high]) if low.all() and high.all() else original(bboxes)

    return union


def _placing(cls, original):

    @functools.wraps(original)
    def get_window_extent(self, renderer=None, dpi=None):
        if type(self) is not cls or renderer is None or dpi is not None or not self._visible or self._text == "":
            return original(self, renderer, dpi)
        # With the figure's own dpi there is nothing to set for the while.
        self._renderer = renderer
        bbox = self._get_layout(renderer)[0]
        return bbox.translated(*self.get_transform().transform(self.get_unitless_position()))

    return get_window_extent
