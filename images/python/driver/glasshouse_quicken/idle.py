"""Leaves lines and patches out of draws in which drawing is switched off.

Before `savefig` measures a figure, it draws it with a renderer that draws nothing, so that layout and ticks come up to
date. What such a draw of a line or patch leaves behind are caches of its path, which the next draw makes, and its
mark as no longer stale. Data that cannot be converted must raise here, as they would: that step is kept.
"""

import functools

from . import passes

__name__ = "matplotlib._glasshouse_quicken.idle"  # as in glasshouse_capture.wrappers: warnings name the user's line


def install():
    """Replace `Line2D.draw` and `Patch.draw`."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    Line2D.draw = _sparing_line(Line2D, Line2D.draw)
    Patch.draw = _sparing_patch(Patch.draw)


def _is_idle(renderer):
    current = passes.under_way()
    if current is None or not current.is_steady:
        return False
    if type(renderer).__name__ == "MixedModeRenderer":
        renderer = renderer._renderer
    # Matplotlib switches drawing off by methods on the renderer itself.
    return "draw_path" in vars(renderer)


def _sparing_line(cls, original):

    @functools.wraps(original)
    def draw(self, renderer):
        if type(self) is not cls or not _is_idle(renderer):
            return original(self, renderer)
        if self.get_visible():
            if self._invalidy or self._invalidx:
                self.recache()
            self.stale = False

    return draw


def _sparing_patch(original):

    @functools.wraps(original)
    def draw(self, renderer):
        if not _is_idle(renderer):
            return original(self, renderer)
        if self.get_visible():
            self.get_transform().transform_path_non_affine(self.get_path())
            self.stale = False

    return draw
