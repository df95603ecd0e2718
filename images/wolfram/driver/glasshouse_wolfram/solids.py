"""Shapes of Mathics's description of a `Graphics3D` (the one that it makes for browsers) as flat faces, lines, points and texts."""

import numpy

_AROUND = 32


class Piece:
    """Something flat: points in space, a colour (0 to 1) and an opacity; `edged` if its edges are drawn black."""

    __slots__ = ("kind", "points", "colour", "opacity", "size", "edged")

    def __init__(self, kind, points, told, size=1.0, edged=False):
        self.kind, self.points = kind, numpy.array(points, float)
        self.colour, self.opacity = told.get("color") or [0, 0, 0], float(told.get("opacity", 1))
        self.size, self.edged = size, edged


def pieces(description):
    """The pieces of all elements, and the types of those that are of no kind known here."""
    low, high = corners(description["extent"])
    made, unknown = [], []
    for told in description["elements"]:
        shape = _SHAPES.get(told["type"])
        if shape is None:
            unknown.append(told["type"])
            continue
        # A point is given as it is, or as parts of the extent.
        points = [place if place is not None else low + numpy.array(part) * (high - low) for place, part in told["coords"]]
        made += shape(numpy.array(points, float), told)
    return made, sorted(set(unknown))


def corners(extent):
    """The lowest and the highest corner of what is shown."""
    return tuple(numpy.array([extent[axis + end] for axis in "xyz"], float) for end in ("min", "max"))


def _polygon(points, told):
    return [Piece("face", points, told, edged=True)] if len(points) > 2 else []


def _line(points, told):
    return [Piece("line", pair, told) for pair in zip(points, points[1:])]


def _arrow(points, told):
    if len(points) < 2:
        return []
    tip, along = points[-1], points[-1] - points[-2]
    length = numpy.linalg.norm(along)
    if not length:
        return []
    head = _cone(numpy.array([tip - along / length * min(0.1 * length, length), tip]), {**told, "radius": 0.03 * length})
    return _line(points, told) + head


def _points(points, told):
    return [Piece("point", [point], told, size=float(told.get("pointSize") or 0.01)) for point in points]


def _cuboid(points, told):
    made = []
    for low, high in zip(points[::2], points[1::2]):
        box = numpy.array([low, high])
        for axis in range(3):
            one, other = (axis + 1) % 3, (axis + 2) % 3
            for end in (0, 1):
                face = []
                for first, second in ((0, 0), (0, 1), (1, 1), (1, 0)):
                    corner = numpy.empty(3)
                    corner[axis], corner[one], corner[other] = box[end, axis], box[first, one], box[second, other]
                    face.append(corner)
                made.append(Piece("face", face, told, edged=True))
    return made


def _sphere(points, told):
    radius, made = float(told.get("radius", 1)), []
    for centre in points:
        rings = [_ring(centre + [0, 0, radius * numpy.cos(t)], radius * numpy.sin(t), (0, 0, 1)) for t in numpy.linspace(0, numpy.pi, 19)]
        made += _between(rings, told)
    return made


def _cylinder(points, told):
    radius, made = float(told.get("radius", 1)), []
    for start, end in zip(points[::2], points[1::2]):
        rings = [_ring(place, radius, end - start) for place in (start, end)]
        made += _between(rings, told) + [Piece("face", ring, told) for ring in rings]
    return made


def _cone(points, told):
    radius, made = float(told.get("radius", 1)), []
    for base, tip in zip(points[::2], points[1::2]):
        ring = _ring(base, radius, tip - base)
        made += _between([ring, numpy.array([tip] * _AROUND)], told) + [Piece("face", ring, told)]
    return made


def _tube(points, told):
    radius, made = float(told.get("radius", 1)), []
    for start, end in zip(points, points[1:]):
        made += _cylinder(numpy.array([start, end]), {**told, "radius": radius})
    return made


def _ring(centre, radius, axis):
    """Points of a circle around an axis."""
    axis = numpy.array(axis, float)
    axis /= numpy.linalg.norm(axis) or 1.0
    side = numpy.cross(axis, (0, 0, 1) if abs(axis[2]) < 0.9 else (1, 0, 0))
    side /= numpy.linalg.norm(side)
    turns = numpy.linspace(0, 2 * numpy.pi, _AROUND, endpoint=False)[:, None]
    return numpy.array(centre) + radius * (numpy.cos(turns) * side + numpy.sin(turns) * numpy.cross(axis, side))


def _between(rings, told):
    """Faces between rings that follow each other."""
    return [Piece("face", [low[at], low[at - 1], high[at - 1], high[at]], told)
            for low, high in zip(rings, rings[1:]) for at in range(_AROUND)]


_SHAPES = {"polygon": _polygon, "line": _line, "arrow": _arrow, "point": _points, "cuboid": _cuboid, "sphere": _sphere,
           "cylinder": _cylinder, "cone": _cone, "tube": _tube}
