"""The functions that stand in matplotlib's place: each calls the original and tells `capture` of it.

Matplotlib points a warning at the first frame outside itself, judged by the frame's module name. This
module's globals therefore carry a name inside matplotlib, so that the warning names the user's line.
"""

import functools
import sys

from . import capture, settled, state

__name__ = "matplotlib._glasshouse_capture"  # see above; the import system goes by __spec__

PRINT_FIGURE_POSITIONAL = ("filename", "dpi", "facecolor", "edgecolor", "orientation", "format")


def _saving(original, call, positional):
    """Wrap a method that writes a figure; `positional` names its arguments in order."""

    @functools.wraps(original)
    def save(self, *args, **kwargs):
        session = state.session
        if session is None or session.depth:
            return original(self, *args, **kwargs)
        session.depth += 1
        session.quiet += 1
        try:
            pending = capture.before_save(session, self, call, dict(zip(positional, args)), kwargs, sys._getframe(1))
            try:
                result = original(self, *args, **kwargs)
            finally:
                capture.save_ended(pending)
            capture.after_save(session, pending, sys._getframe(1))
        finally:
            session.depth -= 1
            session.quiet -= 1
        return result

    return save


def _drawing(original):
    """Wrap `Figure.draw`: what a draw marks as stale is no change made by the script; idle draws may be left out."""

    @functools.wraps(original)
    def draw(self, renderer):
        session = state.session
        if session is None:
            return original(self, renderer)
        if settled.spares(self, renderer):
            return None
        session.quiet += 1
        try:
            return original(self, renderer)
        finally:
            session.quiet -= 1

    return draw


def _idle_drawing(original):
    """Wrap `draw_idle`: the draw after the script's last statement has been done by the capture itself."""

    @functools.wraps(original)
    def draw_idle(self, *args, **kwargs):
        session = state.session
        if session is not None and session.drawn is not None:
            drawn, session.drawn = session.drawn(), None
            if drawn is self.figure:
                return None
        return original(self, *args, **kwargs)

    return draw_idle


def _showing(original):
    """Wrap `Figure.show` and `pyplot.show`."""

    @functools.wraps(original)
    def show(*args, **kwargs):
        session = state.session
        if session is not None and not session.depth:
            capture.on_show(session, args, sys._getframe(1))
        return original(*args, **kwargs)

    return show


def _stale_property(artist_class):
    """`Artist.stale` for figures, which also counts the script's changes."""
    inherited = artist_class.stale

    def stale(self, value):
        inherited.fset(self, value)
        if value and state.session is not None:
            state.session.touch(self)

    return property(inherited.fget, stale, inherited.fdel, inherited.__doc__)


def patch_figure(module):
    """Wrap `Figure` in place, so that every subclass and every importer sees it."""
    figure = module.Figure
    figure.savefig = _saving(figure.savefig, "savefig", ("fname",))
    figure.show = _showing(figure.show)
    figure.draw = _drawing(figure.draw)
    figure.stale = _stale_property(figure)
    capture.originals["savefig"] = figure.savefig.__wrapped__


def patch_backend_bases(module):
    """Wrap what every canvas inherits."""
    canvas = module.FigureCanvasBase
    canvas.print_figure = _saving(canvas.print_figure, "print_figure", PRINT_FIGURE_POSITIONAL)
    canvas.draw_idle = _idle_drawing(canvas.draw_idle)
    capture.originals["print_figure"] = canvas.print_figure.__wrapped__


def _patch_prints(canvas, names):
    for name in names:
        original = canvas.__dict__.get(name)
        if original is not None:
            setattr(canvas, name, _saving(original, name, ("filename",)))


def patch_agg(module):
    """Wrap the Agg canvas's printers, which the object API calls directly."""
    _patch_prints(module.FigureCanvasAgg, ("print_png", "print_jpg", "print_jpeg", "print_tif", "print_tiff", "print_webp"))


def patch_pdf(module):
    """Wrap `FigureCanvasPdf(fig).print_pdf(...)`."""
    _patch_prints(module.FigureCanvasPdf, ("print_pdf",))


def patch_svg(module):
    """Wrap `FigureCanvasSVG(fig).print_svg(...)`."""
    _patch_prints(module.FigureCanvasSVG, ("print_svg", "print_svgz"))


def patch_pyplot(module):
    """Wrap `pyplot.show`; `pyplot.savefig` goes through `Figure.savefig`."""
    module.show = _showing(module.show)
    capture.originals["pyplot_savefig"] = module.savefig
