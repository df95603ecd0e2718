"""Draws one dummy figure in every way that matters, so that forked jobs find modules, fonts and caches loaded."""

import contextlib
import gc
import io
import random
import sys
import types
import warnings

from . import facts, fonts


def warm(families=()):
    """Warm matplotlib; what a script can see afterwards is as it was. Needs `matplotlib.pyplot` imported.

    `families` are fonts to hold open besides DejaVu Sans.
    """
    with _untouched():
        fonts.keep()
        fonts.load(families)
        _draw_everything()
    gc.collect()


@contextlib.contextmanager
def _untouched():
    """Put back settings, random states, warnings' memory and pyplot's figures."""
    import matplotlib
    import numpy
    from matplotlib._pylab_helpers import Gcf

    settings = dict.copy(matplotlib.rcParams)
    states = random.getstate(), numpy.random.get_state()
    filters, shown = list(warnings.filters), _registries()
    figures = dict(Gcf.figs)
    try:
        yield
    finally:
        Gcf.figs.clear()
        Gcf.figs.update(figures)
        dict.update(matplotlib.rcParams, settings)
        random.setstate(states[0])
        numpy.random.set_state(states[1])
        warnings.filters[:] = filters
        _forget_warnings(shown)


def _registries():
    """What each module remembers of warnings already shown."""
    return {name: dict(vars(module)["__warningregistry__"]) for name, module in _modules()
            if "__warningregistry__" in vars(module)}


def _forget_warnings(before):
    for name, module in _modules():
        if name in before:
            vars(module)["__warningregistry__"] = before[name]
        else:
            vars(module).pop("__warningregistry__", None)


def _modules():
    return [(name, module) for name, module in list(sys.modules.items()) if isinstance(module, types.ModuleType)]


def _draw_everything():
    import matplotlib.pyplot as pyplot

    figure, axes = pyplot.subplots(1, 2)
    first, second = axes
    first.plot([0, 1, 2], [1, 3, 2], marker="o", label="$x^2$")
    first.scatter([0, 1], [1, 2])
    first.fill_between([0, 1], [0, 1], alpha=0.5)
    first.errorbar([0, 1], [1, 2], yerr=0.1)
    first.legend(title="Légende")
    second.bar(["a", "b"], [1, 2], hatch="/")
    second.set(title="Title", xlabel="x", ylabel="y")
    second.annotate("note", (0, 1), xytext=(0.5, 1.5), arrowprops={"arrowstyle": "->"})
    first.text(0, 1, "bold", fontweight="bold", fontstyle="italic")
    first.grid(True)
    figure.colorbar(second.imshow([[0, 1], [1, 0]]), ax=second)
    figure.suptitle("Warm")
    figure.tight_layout()
    for kind in ("pdf", "svg", "png"):
        figure.savefig(io.BytesIO(), format=kind, bbox_inches="tight")
    facts.safely(figure, None)
    pyplot.close(figure)
