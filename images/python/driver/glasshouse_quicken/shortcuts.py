"""Short ways through small functions that a figure calls some ten thousand times.

Each takes the common, exactly known types and computes the very expression that the original comes to; all else goes
to the original.
"""

import copy
import functools

__name__ = "matplotlib._glasshouse_quicken.shortcuts"  # as in glasshouse_capture.wrappers: warnings name the user's line


_ATOMS = (str, int, float, bool)


def install():
    """Replace `FontProperties.__hash__` and `copy`, `RcParams.__getitem__` and `MarkerStyle._set_marker`."""
    import matplotlib
    from matplotlib import font_manager
    from matplotlib.markers import MarkerStyle

    fonts, settings = font_manager.FontProperties, matplotlib.RcParams
    fonts.__hash__ = _font_hash(fonts, fonts.__hash__)
    fonts.copy = _font_copy(fonts, fonts.copy)
    settings.__getitem__ = _setting(settings.__getitem__, _special_settings(matplotlib))
    MarkerStyle._set_marker = _marker(MarkerStyle, MarkerStyle._set_marker)


def _font_hash(cls, original):

    @functools.wraps(original)
    def __hash__(self):
        if type(self) is not cls:
            return original(self)
        own = self.__dict__
        return hash((tuple(own["_family"]), own["_slant"], own["_variant"], own["_weight"], own["_stretch"],
                     own["_size"], own["_file"], own["_math_fontfamily"]))

    return __hash__


def _font_copy(cls, original):

    @functools.wraps(original)
    def copy(self):
        if type(self) is not cls:
            return original(self)
        other = cls.__new__(cls)
        other.__dict__.update(self.__dict__)
        return other

    return copy


def _special_settings(matplotlib):
    """The settings that reading does more for than to look them up."""
    return frozenset({"backend", *matplotlib._deprecated_map, *matplotlib._deprecated_ignore_map})


def _setting(original, special):
    read = dict.__getitem__

    @functools.wraps(original)
    def __getitem__(self, key):
        if key in special:
            return original(self, key)
        return read(self, key)

    return __getitem__


def _path_copy(path):
    """As `Path.__deepcopy__`: the copy may be written to, even if the path may not."""
    other = object.__new__(type(path))
    for name, value in vars(path).items():
        other.__dict__[name] = value if value is None or type(value) in _ATOMS else copy.deepcopy(value)
    other._readonly = False
    return other


def _marker(cls, original):
    """A marker made from another takes deep copies of all that the other holds."""
    from matplotlib.path import Path
    from matplotlib.transforms import Affine2D, IdentityTransform

    def copied(value):
        kind = type(value)
        if kind is Affine2D:
            return Affine2D(value.get_matrix())
        if kind is IdentityTransform:
            return IdentityTransform()
        if kind is Path:
            return _path_copy(value)
        return value if value is None or kind in _ATOMS else copy.deepcopy(value)

    @functools.wraps(original)
    def _set_marker(self, marker):
        if type(marker) is not cls or type(self) is not cls:
            return original(self, marker)
        own = {name: copied(value) for name, value in vars(marker).items() if name != "_marker_function"}
        # It is asked for when a marker is made from a name, a path or points, never again; the copy may share it.
        own["_marker_function"] = marker._marker_function
        self.__dict__ = own

    return _set_marker
