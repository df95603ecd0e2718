"""Short ways through small functions that a figure calls some ten thousand times.

Each takes the common, exactly known types and computes the very expression that the original comes to; all else goes
to the original.
"""

import copy
import functools
import math

__name__ = "matplotlib._glasshouse_quicken.shortcuts"  # as in glasshouse_capture.wrappers: warnings name the user's line


_ATOMS = (str, int, float, bool)


def install():
    """Replace `FontProperties.__hash__` and `copy`, `RcParams.__getitem__`, `MarkerStyle._set_marker` and `pdfRepr`."""
    import matplotlib
    from matplotlib import font_manager
    from matplotlib.markers import MarkerStyle
    from matplotlib.backends import backend_pdf

    fonts, settings = font_manager.FontProperties, matplotlib.RcParams
    fonts.__hash__ = _font_hash(fonts, fonts.__hash__)
    fonts.copy = _font_copy(fonts, fonts.copy)
    settings.__getitem__ = _setting(settings.__getitem__, _special_settings(matplotlib))
    MarkerStyle._set_marker = _marker(MarkerStyle, MarkerStyle._set_marker)
    backend_pdf.pdfRepr = _pdf_value(backend_pdf.pdfRepr, backend_pdf.Op)


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


def _marker(cls, original):
    """A marker made from another takes deep copies of all that the other holds."""
    from matplotlib.transforms import Affine2D, IdentityTransform

    def copied(value):
        kind = type(value)
        if kind is Affine2D:
            return Affine2D(value.get_matrix())
        if kind is IdentityTransform:
            return IdentityTransform()
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


def _pdf_value(original, operator):
    is_finite = math.isfinite

    @functools.wraps(original)
    def pdfRepr(obj):
        kind = type(obj)
        if kind is float and is_finite(obj):
            return (b"%.10f" % obj).rstrip(b"0").rstrip(b".")
        if kind is int:
            return b"%d" % obj
        return obj._value_ if kind is operator else original(obj)

    return pdfRepr
