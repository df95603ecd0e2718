"""Remembers the layout of texts: where the lines of a text lie in its box.

`Text._get_layout` is asked for the same text again and again: to place titles, labels and legends, to measure the
figure and to draw it. Its result follows from the values in the key below and from the metrics of the lines, which
Matplotlib itself keeps by renderer, text, font and dpi; so with the same renderer the answer is the same.

A save uses two renderers of one kind, one to measure and one to draw, whose metrics are equal. Within a pass
(`passes.py`), in which no setting changes, a layout made for the first serves the second too. Not so for fonts and
glyphs that may be missing: each renderer tells of these anew.

Texts that wrap, use TeX or are of a subclass other than Annotation go to the original. Callers get copies.
"""

import functools
import weakref

from . import passes

__name__ = "matplotlib._glasshouse_quicken.layouts"  # as in glasshouse_capture.wrappers: warnings name the user's line

_MOST = 4000  # fewer than the metrics that matplotlib keeps, as a layout must not outlive these
_FAMILY = "DejaVu Sans"


def install():
    """Replace `Text._get_layout`."""
    from matplotlib.text import Annotation, Text

    Text._get_layout = _remembering(Text._get_layout, Text._preprocess_math, (Text, Annotation))


def _remembering(original, preprocess, classes):
    from matplotlib.transforms import Bbox

    kept = {}

    @functools.wraps(original)
    def _get_layout(self, renderer):
        cls = type(self)
        if cls not in classes or self._wrap or self._usetex or cls._preprocess_math is not preprocess:
            return original(self, renderer)
        try:
            layouts, maker = _where(self, renderer, kept)
            key = (maker, self._text, self._parse_math, hash(self._fontproperties), self._rotation,
                   self._rotation_mode, self._transform_rotates_text and self.get_rotation(),
                   self._get_multialignment(), self._horizontalalignment, self._verticalalignment, self._linespacing,
                   self.get_figure(root=True).dpi)
            found = layouts.get(key)
        except (TypeError, AttributeError):
            return original(self, renderer)
        if found is None:
            bbox, lines, descent = original(self, renderer)
            if len(layouts) >= _MOST:
                layouts.clear()
            layouts[key] = bbox.get_points().copy(), tuple(lines), descent
            return bbox, lines, descent
        points, lines, descent = found
        return Bbox(points), list(lines), descent

    return _get_layout


def _where(text, renderer, kept):
    """The memory that holds for `text` on `renderer`, and what stands for the renderer in its keys."""
    current = passes.under_way()
    if current is not None and current.is_steady and text._text.isascii() and _is_of_default_font(text):
        kind = _kind(renderer)
        if kind is not None:
            return current.layouts, kind
    return kept, weakref.ref(renderer)


def _kind(renderer):
    """What the metrics of texts on `renderer` follow from; None if that is not known."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.backends.backend_mixed import MixedModeRenderer
    from matplotlib.backends.backend_pdf import RendererPdf

    cls = type(renderer)
    if cls is RendererAgg:
        return cls, renderer.dpi
    if cls is MixedModeRenderer and renderer._renderer is renderer._vector_renderer \
            and type(renderer._renderer) is RendererPdf:
        return RendererPdf, 72
    return None


def _is_of_default_font(text):
    """Whether the font is the one that is always there, which has all of ASCII."""
    import matplotlib

    font = text._fontproperties
    return font._file is None and all(
        family == _FAMILY or family == "sans-serif" and matplotlib.rcParams["font.sans-serif"][0] == _FAMILY
        for family in font._family)
