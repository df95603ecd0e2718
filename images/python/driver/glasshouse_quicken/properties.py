"""Short ways through the machinery behind `artist.set(...)`, which a figure goes through some thousand times.

Setting an artist's properties resolves aliases, holds events back and tells listeners. Mostly there are no aliases
and no listeners.
"""

import functools

__name__ = "matplotlib._glasshouse_quicken.properties"  # as in glasshouse_capture.wrappers: warnings name the user's line

_MISSING = object()


def install():
    """Replace `cbook._setattr_cm`, `cbook.normalize_kwargs` and `CallbackRegistry.process`."""
    from matplotlib import artist, backend_bases, cbook

    cbook._setattr_cm = _setting_for_a_while(cbook._setattr_cm)
    backend_bases._setattr_cm = cbook._setattr_cm
    cbook.normalize_kwargs = _normalizing(cbook.normalize_kwargs, artist.Artist)
    cbook.CallbackRegistry.process = _telling(cbook.CallbackRegistry, cbook.CallbackRegistry.process)


class _Setting:
    """Sets attributes on entry and puts back what there was on exit, as the generator that it stands for does."""

    __slots__ = ("subject", "values", "before")

    def __init__(self, subject, values):
        self.subject, self.values, self.before = subject, values, []

    def __enter__(self):
        subject, own, cls = self.subject, self.subject.__dict__, type(self.subject)
        for name in self.values:
            found = getattr(subject, name, _MISSING)
            if found is not _MISSING and name not in own and not isinstance(getattr(cls, name), property):
                found = _MISSING  # the class's own: only to be uncovered again
            self.before.append((name, found))
        try:
            for name, value in self.values.items():
                setattr(subject, name, value)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_raised):
        for name, found in self.before:
            if found is _MISSING:
                delattr(self.subject, name)
            else:
                setattr(self.subject, name, found)


def _setting_for_a_while(original):

    @functools.wraps(original)
    def _setattr_cm(obj, **kwargs):
        return _Setting(obj, kwargs)

    return _setattr_cm


def _normalizing(original, artist_class):
    aliases_of = {}

    @functools.wraps(original)
    def normalize_kwargs(kw, alias_mapping=None):
        cls = alias_mapping if isinstance(alias_mapping, type) else type(alias_mapping)
        if type(kw) is not dict or not issubclass(cls, artist_class):
            return original(kw, alias_mapping)
        names = getattr(alias_mapping, "_alias_map", {})
        known = aliases_of.get(cls)
        if known is None or known[0] is not names:
            known = aliases_of[cls] = names, frozenset(alias for aliases in names.values() for alias in aliases)
        return dict(kw) if known[1].isdisjoint(kw) else original(kw, alias_mapping)

    return normalize_kwargs


def _telling(cls, original):

    @functools.wraps(original)
    def process(self, s, *args, **kwargs):
        if type(self) is cls and s not in self.callbacks and (self._signals is None or s in self._signals):
            return None
        return original(self, s, *args, **kwargs)

    return process
