"""Projects the polygons of a 3D figure once in a pass.

`Axes3D.draw` projects and sorts every polygon each time, also when drawing is switched off. Within a pass
(`passes.py`) polygons and colours stay as they are; with the same projection matrix, the second projection leaves the
collection as the first did.
"""

import functools

from . import passes

__name__ = "matplotlib._glasshouse_quicken.projections"  # as in glasshouse_capture.wrappers


def install():
    """Replace `Poly3DCollection.do_3d_projection`."""
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    Poly3DCollection.do_3d_projection = _remembering(Poly3DCollection, Poly3DCollection.do_3d_projection)


def _remembering(cls, original):

    @functools.wraps(original)
    def do_3d_projection(self):
        current = passes.under_way()
        if current is None or not current.is_steady or type(self) is not cls:
            return original(self)
        matrix = self.axes.M.tobytes()
        found = current.projections.get(self)
        if found is None or found[0] != matrix:
            found = current.projections[self] = matrix, original(self)
        return found[1]

    return do_3d_projection
