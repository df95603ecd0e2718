"""What a zygote loads before it forks: the modules that the job imports, and what they load late."""

import importlib
import sys

import glasshouse_capture
import glasshouse_quicken

# Modules that a library loads only when it is first used; by the library that brings them.
LATE = {
    "numpy": ["numpy.random", "numpy.linalg", "numpy.ma", "numpy.fft", "numpy.polynomial"],
    "scipy.stats": ["scipy.special", "scipy.linalg", "scipy.optimize"],
    "pandas": ["pandas.plotting._matplotlib"],
}

_requested = []


def load(modules):
    """Imports modules by dotted name; gives those whose import raised, which leave who knows what behind."""
    spoiled = []
    warmed = "matplotlib.pyplot" in sys.modules
    for name in modules:
        _requested.append(name)
        if not _import(name):
            spoiled.append(name)
        for late in LATE.get(name, ()):
            # pandas' plotting brings Matplotlib along, which only a job that wants it may find loaded.
            if "matplotlib" not in late or "matplotlib.pyplot" in sys.modules:
                _import(late)
    glasshouse_capture.install()
    # Once on the way from the base: a zygote that grew from a warm one is warm.
    if "matplotlib.pyplot" in sys.modules and not warmed:
        glasshouse_quicken.install()
        glasshouse_capture.warm()
    return spoiled


def _import(name):
    """Whether nothing raised; a name that does not exist is nothing."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        # The parent may have the last part as an attribute only; then there is nothing more to load.
        return error.name is not None and (name + ".").startswith(error.name + ".")
    except BaseException:  # noqa: BLE001 - whatever an image's module raises, the zygote lives on
        return False
    return True


def loaded():
    """Everything in sys.modules that a job may ask for by an import statement."""
    return sorted(name for name, module in sys.modules.items() if module is not None and not name.startswith("_"))
