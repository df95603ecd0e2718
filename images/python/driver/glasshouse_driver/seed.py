"""The global generators of a job: seeded with the recorded seed, whenever their modules come to be loaded.

Plain Python takes those seeds from the system, so that no two runs agree; here a job can be run again.
"""

import importlib.abc
import random
import sys

_LATE = "numpy.random"


def reseed(seed):
    """Seeds `random` now, and NumPy's global generator now or when the program imports it."""
    random.seed(seed)
    if _LATE in sys.modules:
        _seed_numpy(seed)
    else:
        sys.meta_path.insert(0, _Finder(seed))


def _seed_numpy(seed):
    sys.modules[_LATE].seed(seed % 2**32)


class _Finder(importlib.abc.MetaPathFinder):
    """Waits for one module, then takes itself away."""

    def __init__(self, seed):
        self.seed = seed

    def find_spec(self, name, path=None, target=None):
        if name != _LATE:
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target) if hasattr(finder, "find_spec") else None
            if spec is not None:
                spec.loader = _Loader(spec.loader, self.seed)
                return spec
        return None


class _Loader(importlib.abc.Loader):
    """Stands in for a module's loader for one execution."""

    def __init__(self, loader, seed):
        self.loader = loader
        self.seed = seed

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        _seed_numpy(self.seed)
