"""Arms the wrappers: at once for modules already imported, else right after each is executed."""

import importlib.abc
import sys

from . import altairfigures, bokehfigures, foliumfigures, plotlyfigures, wrappers

PATCHES = {
    "matplotlib.figure": wrappers.patch_figure,
    "matplotlib.backend_bases": wrappers.patch_backend_bases,
    "matplotlib.backends.backend_agg": wrappers.patch_agg,
    "matplotlib.backends.backend_pdf": wrappers.patch_pdf,
    "matplotlib.backends.backend_svg": wrappers.patch_svg,
    "matplotlib.pyplot": wrappers.patch_pyplot,
    "plotly.io._renderers": plotlyfigures.patch_renderers,
    "plotly.io._kaleido": plotlyfigures.patch_images,
    "plotly.io._html": plotlyfigures.patch_html,
    "bokeh.io.util": bokehfigures.patch_util,
    "bokeh.io.showing": bokehfigures.patch_showing,
    "bokeh.io.saving": bokehfigures.patch_saving,
    "bokeh.io.export": bokehfigures.patch_export,
    "altair.vegalite.v6.api": altairfigures.patch_api,
    "altair.utils.save": altairfigures.patch_save,
    "branca.element": foliumfigures.patch_element,
    "folium.folium": foliumfigures.patch_map,
}
_pending = set(PATCHES)


def install():
    """Wrap what is imported and wait for the rest. Idempotent; never imports a library itself."""
    for name in sorted(_pending):
        module = sys.modules.get(name)
        if module is not None:
            _patch(name, module)
    if _pending and _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def _patch(name, module):
    if name in _pending:
        _pending.discard(name)
        PATCHES[name](module)
    if not _pending and _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)


class _PatchingLoader(importlib.abc.Loader):
    """Stands in for a module's loader for one execution, then takes itself out of the module again."""

    def __init__(self, loader):
        self.loader = loader

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        spec = module.__spec__
        spec.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        _patch(spec.name, module)


class _Finder(importlib.abc.MetaPathFinder):
    """Asks the finders behind it for our few modules; knows nothing of any other."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in _pending:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    spec.loader = _PatchingLoader(spec.loader)
                return spec
        return None


_FINDER = _Finder()
