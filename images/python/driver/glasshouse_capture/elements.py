"""The things drawn in one axes, by kind, with bounded details."""

import numpy

from . import bounded


def lines(axes):
    """Plain lines; the axes' own grid and ticks are not among them."""
    return [{"kind": "line", "label": bounded.label(line), "color": bounded.colour(line.get_color()),
             "linestyle": bounded.text(line.get_linestyle()), "linewidth": bounded.number(line.get_linewidth()),
             "marker": _marker(line), "npoints": len(line.get_xdata(orig=False)),
             "points": bounded.points(zip(line.get_xdata(orig=False)[:bounded.POINTS], line.get_ydata(orig=False)))}
            for line in list(axes.lines)[:bounded.ITEMS]]


def _marker(line):
    marker = line.get_marker()
    return None if marker in ("None", "none", "", " ", None) else bounded.text(marker)


def patches(axes):
    """Bars, wedges and other shapes."""
    from matplotlib.patches import Rectangle, Wedge

    found = []
    for patch in list(axes.patches)[:bounded.ITEMS]:
        entry = {"label": bounded.label(patch), "color": bounded.colour(patch.get_facecolor()),
                 "edge": bounded.colour(patch.get_edgecolor()), "hatch": bounded.text(patch.get_hatch())}
        if isinstance(patch, Rectangle):
            entry.update(kind="rectangle", x=bounded.number(patch.get_x()), y=bounded.number(patch.get_y()),
                         width=bounded.number(patch.get_width()), height=bounded.number(patch.get_height()))
        elif isinstance(patch, Wedge):
            entry.update(kind="wedge", start=bounded.number(patch.theta1), end=bounded.number(patch.theta2),
                         radius=bounded.number(patch.r), inner=bounded.number(patch.width))
        else:
            entry.update(kind=type(patch).__name__)
        found.append(entry)
    return found


def containers(axes):
    """Groups that one call made: bars, error bars, stems."""
    found = []
    for container in list(axes.containers)[:bounded.ITEMS]:
        entry = {"kind": type(container).__name__, "label": bounded.label(container)}
        if entry["kind"] == "BarContainer":
            entry.update(orientation=container.orientation, nbars=len(container.patches),
                         values=_bar_values(container))
        elif entry["kind"] == "ErrorbarContainer":
            entry.update(xerr=bool(container.has_xerr), yerr=bool(container.has_yerr))
        found.append(entry)
    return found


def _bar_values(container):
    """The bars' lengths; a bar in a 3D axes has none to tell."""
    getter = "get_width" if container.orientation == "horizontal" else "get_height"
    return bounded.numbers(getattr(bar, getter)() if hasattr(bar, getter) else None
                           for bar in container.patches[:bounded.ITEMS])


def collections(axes):
    """Scatters, filled areas, meshes, contours and the like."""
    found = []
    for collection in list(axes.collections)[:bounded.ITEMS]:
        kind = type(collection).__name__
        entry = {"kind": kind, "label": bounded.label(collection),
                 "colors": bounded.colours(collection.get_facecolor()) or bounded.colours(collection.get_edgecolor())}
        values = collection.get_array()
        if values is not None:
            entry.update(cmap=bounded.text(collection.get_cmap().name), clim=bounded.numbers(collection.get_clim()),
                         shape=[int(side) for side in numpy.shape(values)][:4])
        if kind in ("PathCollection", "Path3DCollection"):
            offsets = numpy.asarray(collection.get_offsets().filled(numpy.nan)
                                    if numpy.ma.isMaskedArray(collection.get_offsets()) else collection.get_offsets())
            entry.update(npoints=len(offsets), points=bounded.points(offsets[:bounded.POINTS]))
        elif "ContourSet" in kind:
            entry.update(filled=bool(collection.filled), levels=bounded.numbers(collection.levels))
        else:
            entry.update(npaths=len(collection.get_paths()), mirrored=_is_mirrored(collection))
        found.append(entry)
    return found


def _is_mirrored(collection):
    """Whether an area lies alike on both sides of a straight line, as a violin does."""
    paths = collection.get_paths()
    if "PolyCollection" not in type(collection).__name__ or not paths or len(paths[0].vertices) < 9:
        return False
    corners = numpy.asarray(paths[0].vertices, dtype=float)
    half = (len(corners) - 1) // 2
    there, back = corners[1:half], corners[half + 1:2 * half][::-1]
    for along, across in ((0, 1), (1, 0)):
        middle = there[:, across] + back[:, across]
        if numpy.allclose(there[:, along], back[:, along]) and numpy.ptp(there[:, across]) > 0 \
                and numpy.ptp(middle) <= 1e-9 * max(1.0, float(numpy.abs(middle).max())):
            return True
    return False


def images(axes):
    """Images and heat maps made with `imshow`."""
    return [{"kind": "image", "shape": [int(side) for side in numpy.shape(image.get_array())][:4],
             "cmap": bounded.text(image.get_cmap().name), "clim": bounded.numbers(image.get_clim()),
             "extent": bounded.numbers(image.get_extent())}
            for image in list(axes.images)[:bounded.ITEMS]]


def texts(artists):
    """Free texts and annotations."""
    return [{"text": bounded.text(artist.get_text()), "position": bounded.numbers(artist.get_position()),
             "color": bounded.colour(artist.get_color()), "size": bounded.number(artist.get_fontsize())}
            for artist in list(artists)[:bounded.ITEMS] if artist.get_text()]


def used_colours(found):
    """The colours of all elements of an axes, in order of first use."""
    names = {}
    for entry in found:
        for name in entry.get("colors") or [entry.get("color")]:
            if name is not None:
                names[name] = None
    return list(names)[:bounded.ITEMS]
