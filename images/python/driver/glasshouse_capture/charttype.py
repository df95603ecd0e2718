"""A guess at what kind of chart an axes shows, from what is drawn in it."""


def guess(projection, found, containers, has_data_axes):
    """One word: the E2B names where they exist (line, scatter, bar, pie, box), ours for the rest."""
    if projection == "3d":
        return _three_d(found)
    kinds = [entry["kind"] for entry in found]
    if "wedge" in kinds and "rectangle" not in kinds:
        return "pie" if not has_data_axes or projection == "rectilinear" else "polar"
    for test in (_field, _bars, _distribution, _marks):
        answer = test(found, kinds, containers)
        if answer:
            return answer
    return "empty" if not found else "other"


def _three_d(found):
    kinds = {entry["kind"] for entry in found}
    for kind, name in (("Poly3DCollection", "surface3d"), ("Path3DCollection", "scatter3d"),
                       ("Line3DCollection", "wireframe3d"), ("line", "line3d")):
        if kind in kinds:
            return name
    return "3d"


def _field(found, kinds, _containers):
    if any("ContourSet" in kind for kind in kinds):
        return "contour"
    if "image" in kinds:
        shapes = [entry["shape"] for entry in found if entry["kind"] == "image"]
        return "image" if all(len(shape) == 3 for shape in shapes) else "heatmap"
    if "QuadMesh" in kinds or "PolyQuadMesh" in kinds:
        return "heatmap"
    if any(kind in ("Quiver", "Barbs") for kind in kinds):
        return "quiver"
    if "PolyCollection" in kinds and any(entry.get("cmap") for entry in found if entry["kind"] == "PolyCollection"):
        return "hexbin"
    return None


def _bars(found, _kinds, containers):
    bars = [entry for entry in containers if entry["kind"] == "BarContainer" and entry["nbars"]]
    if bars:
        if all(entry["orientation"] == "horizontal" for entry in bars):
            return "barh"
        return "hist" if _touching(found, bars) else "bar"
    if any(entry["kind"] == "StemContainer" for entry in containers):
        return "stem"
    return None


def _touching(found, bars):
    """Histogram bars share their edges."""
    boxes = [entry for entry in found if entry["kind"] == "rectangle"][:bars[0]["nbars"]]
    if len(bars) > 3 or len(boxes) < 4 or any(None in (box["x"], box["width"]) for box in boxes):
        return False
    return all(abs(left["x"] + left["width"] - right["x"]) <= 1e-6 * max(abs(left["width"]), 1e-12)
               for left, right in zip(boxes, boxes[1:]))


def _distribution(found, kinds, _containers):
    areas = [entry for entry in found if entry["kind"] in ("PolyCollection", "FillBetweenPolyCollection")]
    if areas and all(entry["mirrored"] for entry in areas):
        return "violin"
    shapes = sum(kind == "PathPatch" for kind in kinds)
    short = sum(entry["kind"] == "line" and entry["npoints"] in (0, 1, 2, 5) for entry in found)
    if shapes and short >= 5 * shapes:
        return "box"
    if not shapes and short >= 6 and _box_lines(found):
        return "box"
    return "area" if areas else None


def _box_lines(found):
    """`boxplot` without filled boxes draws each box as one closed line of five points."""
    counts = [entry["npoints"] for entry in found if entry["kind"] == "line"]
    return counts.count(5) and counts.count(2) >= 4 * counts.count(5)


def _marks(found, kinds, _containers):
    lines = [entry for entry in found if entry["kind"] == "line" and entry["npoints"]]
    if "PathCollection" in kinds and sum(entry["npoints"] > 2 for entry in lines) == 0:
        return "scatter"
    if lines:
        joined = any(entry["linestyle"] not in ("None", None) for entry in lines)
        return "line" if joined else "scatter"
    if "LineCollection" in kinds:
        return "lines"
    return "patches" if any(kind not in ("line",) for kind in kinds) and kinds else None
