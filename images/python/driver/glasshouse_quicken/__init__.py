"""Makes Matplotlib cheaper without changing a pixel, a byte or anything that a script can see.

The zygote calls `install()` once, after `matplotlib.pyplot` is loaded. Each module replaces a few functions by ones
that leave out work whose result is known; its docstring says why the result is the same. For any Matplotlib but the
one that this was proven against nothing is replaced. See `README.md`.
"""

import sys

PROVEN = "3.10.8"

_installed = []


def install():
    """Replace what can be made cheaper. Idempotent; needs `matplotlib.pyplot` imported."""
    matplotlib = sys.modules.get("matplotlib")
    if _installed or matplotlib is None or matplotlib.__version__ != PROVEN:
        return
    from . import boxes, glyphs, idle, layouts, newticks, passes, pdf, projections, properties, shortcuts, ticks

    for module in (shortcuts, properties, boxes, pdf, glyphs, layouts, newticks, ticks, idle, projections, passes):
        module.install()
        _installed.append(module)
