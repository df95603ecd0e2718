"""A `Graphics3D` as an SVG document. Mathics draws such graphics in browsers only: what it describes to them is projected here, flat faces from
the farthest to the nearest, lit as the description says. It is our drawing and not the engine's, and says so in its facts."""

import html

import numpy

from glasshouse_wolfram import solids

_WIDTH, _MARGIN = 400, 24
_PIECES_OF_A_LINE = 12
# Beyond so many faces their edges would be all that is seen.
_MOST_EDGED = 150


def draw(description):
    """The document, and the types of elements that it leaves out."""
    made, unknown = solids.pieces(description)
    low, high = solids.corners(description["extent"])
    camera = Camera(description["viewpoint"], low, high)
    edged = sum(one.edged for one in made) <= _MOST_EDGED
    drawn = [_drawn(piece, camera, description["lighting"], edged) for piece in made if piece.kind != "line"]
    for piece in [*(one for one in made if one.kind == "line"), *_box(low, high)]:
        drawn += [_drawn(part, camera, description["lighting"], edged) for part in _parts(piece)]
    drawn.sort(key=lambda one: -one[0])
    marks = [text for _, text in drawn] + _ticks(description["axes"], low, high, camera)
    return _document(marks, camera), unknown


class Camera:
    """Projects points as an eye at the view point sees them, which is told in lengths of the longest side from the middle."""

    def __init__(self, viewpoint, low, high):
        self.middle, self.length = (low + high) / 2, float(max(high - low)) or 1.0
        self.eye = self.middle + numpy.array(viewpoint, float) * self.length
        towards = self.middle - self.eye
        self.ahead = towards / numpy.linalg.norm(towards)
        side = numpy.cross(self.ahead, (0, 0, 1) if abs(self.ahead[2]) < 0.999 else (0, 1, 0))
        self.right = side / numpy.linalg.norm(side)
        self.up = numpy.cross(self.right, self.ahead)
        ends = numpy.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
        self.scale, self.shift = 1.0, numpy.zeros(2)
        seen = self.project(ends)
        self.scale = (_WIDTH - 2 * _MARGIN) / float(max(numpy.ptp(seen, axis=0)) or 1.0)
        self.shift = _MARGIN - self.scale * seen.min(axis=0)
        self.height = float(numpy.ptp(seen[:, 1])) * self.scale + 2 * _MARGIN
        self.width = float(numpy.ptp(seen[:, 0])) * self.scale + 2 * _MARGIN

    def project(self, points):
        """Places in the picture."""
        rays = numpy.asarray(points, float) - self.eye
        depth = numpy.maximum(rays @ self.ahead, 1e-6 * self.length)
        return numpy.stack([rays @ self.right / depth, -(rays @ self.up) / depth], axis=1) * self.scale + self.shift

    def distance(self, points):
        """How far the middle of points is."""
        return float(numpy.linalg.norm(points.mean(axis=0) - self.eye)) / self.length


def _drawn(piece, camera, lights, edged):
    """The distance of a piece, by which pieces are sorted, and its element."""
    places = camera.project(piece.points)
    at = " ".join(f"{x:.2f},{y:.2f}" for x, y in places)
    if piece.kind == "face":
        colour = _colour(_lit(piece, camera, lights))
        stroke = "rgb(0%,0%,0%)" if piece.edged and edged else colour
        return camera.distance(piece.points), (
            f'<polygon points="{at}" fill="{colour}" fill-opacity="{piece.opacity:g}" stroke="{stroke}" '
            f'stroke-opacity="{piece.opacity:g}" stroke-width="0.4" stroke-linejoin="round"/>')
    colour = _colour(piece.colour)
    # A line on a face is seen.
    distance = camera.distance(piece.points) - 0.03
    if piece.kind == "point":
        x, y = places[0]
        return distance, f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{piece.size * _WIDTH / 2:.2f}" fill="{colour}" fill-opacity="{piece.opacity:g}"/>'
    return distance, f'<polyline points="{at}" fill="none" stroke="{colour}" stroke-opacity="{piece.opacity:g}" stroke-width="{piece.size:g}"/>'


def _lit(piece, camera, lights):
    """The colour of a face in this light; directions of light are those of the picture: right, up, towards the eye."""
    # Of all corners: some may lie in one place.
    normal = numpy.cross(piece.points, numpy.roll(piece.points, -1, axis=0)).sum(axis=0)
    normal = normal / (numpy.linalg.norm(normal) or 1.0)
    if normal @ (camera.eye - piece.points[0]) < 0:
        normal = -normal
    seen = numpy.array([normal @ camera.right, normal @ camera.up, -(normal @ camera.ahead)])
    light = numpy.zeros(3)
    for told in lights:
        strength = 1.0
        if told["type"] != "Ambient":
            direction = numpy.array(told.get("position") or (0, 0, 1), float)
            strength = max(0.0, float(seen @ direction) / (numpy.linalg.norm(direction) or 1.0))
        light += strength * numpy.array(told["color"][:3], float)
    return numpy.clip(light, 0, 1) * numpy.array(piece.colour[:3], float)


def _parts(line):
    """A line in pieces, for parts of it may be before a face and others behind it."""
    places = numpy.linspace(line.points[0], line.points[1], _PIECES_OF_A_LINE + 1)
    told = {"color": line.colour, "opacity": line.opacity}
    return [solids.Piece("line", pair, told, line.size) for pair in zip(places, places[1:])]


def _box(low, high):
    """The edges of the box around the whole."""
    ends, made = numpy.array([low, high]), []
    for axis in range(3):
        for first in (0, 1):
            for second in (0, 1):
                edge = numpy.array([low, high])
                edge[:, (axis + 1) % 3], edge[:, (axis + 2) % 3] = ends[first, (axis + 1) % 3], ends[second, (axis + 2) % 3]
                made.append(solids.Piece("line", edge, {"color": [0.4, 0.4, 0.4]}, 0.6))
    return made


def _ticks(axes, low, high, camera):
    """The numbers along the axes, each at an edge of the box that lies at the side of the eye."""
    near = numpy.where(camera.eye > camera.middle, high, low)
    middle, made = camera.project([camera.middle])[0], []
    for axis, (shown, ticks) in enumerate(zip(axes["hasaxes"], axes["ticks"])):
        if not shown:
            continue
        corner = near.copy()
        corner[2] = low[2]
        if axis == 2:
            sides = [numpy.array([x, y, low[2]]) for x in (low[0], high[0]) for y in (low[1], high[1])]
            corner = min(sides, key=lambda side: camera.project([side])[0][0])
        for value, label in zip(ticks[0], ticks[2]):
            place = corner.copy()
            place[axis] = value
            at = camera.project([place])[0]
            away = at - middle
            x, y = at + away / (numpy.linalg.norm(away) or 1.0) * 10
            made.append(f'<text x="{x:.2f}" y="{y:.2f}" font-size="9" text-anchor="middle" dominant-baseline="middle">{html.escape(str(label))}</text>')
    return made


def _colour(parts):
    return "rgb({:.1f}%,{:.1f}%,{:.1f}%)".format(*(100 * min(1.0, max(0.0, float(part))) for part in list(parts)[:3]))


def _document(marks, camera):
    size = f'width="{camera.width:.1f}" height="{camera.height:.1f}" viewBox="0 0 {camera.width:.1f} {camera.height:.1f}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n' + "\n".join(marks) + "\n</svg>"
