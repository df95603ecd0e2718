"""What a zygote loads before it forks: the modules that the job imports, and what they load late."""

import importlib
import sys

import glasshouse_capture

# Modules that a library loads only when it is first used; by the library that brings them.
LATE = {
    "numpy": ["numpy.random", "numpy.linalg", "numpy.ma", "numpy.fft", "numpy.polynomial"],
    "scipy.stats": ["scipy.special", "scipy.linalg", "scipy.optimize"],
    "pandas": ["pandas.plotting._matplotlib"],
}

_requested = []


def load(modules):
    """Imports modules by dotted name; one that cannot be imported is left for the job to meet."""
    for name in modules:
        _requested.append(name)
        _import(name)
        for late in LATE.get(name, ()):
            # pandas' plotting brings Matplotlib along, which only a job that wants it may find loaded.
            if "matplotlib" not in late or "matplotlib.pyplot" in sys.modules:
                _import(late)
    glasshouse_capture.install()
    if "matplotlib.pyplot" in sys.modules:
        glasshouse_capture.warm()


def _import(name):
    # The parent may have the last part as an attribute only; then there is nothing more to load.
    try:
        importlib.import_module(name)
    except BaseException:  # noqa: BLE001 - whatever an image's module raises, the zygote lives on
        parent, _, _ = name.rpartition(".")
        if parent:
            _import(parent)


def loaded():
    """Everything in sys.modules that a job may ask for by an import statement."""
    return sorted(name for name, module in sys.modules.items() if module is not None and not name.startswith("_"))
