"""The visual score: texts found by their colours, matched, and compared.

Written from section 6.2 of the project's reference on WebCode2M, on the packages that the published evaluation uses;
it keeps that evaluation's defects.
"""

import functools
import os
from collections import Counter
from difflib import SequenceMatcher

import cv2
import numpy
from bs4 import Comment, NavigableString, Tag
from colormath.color_conversions import convert_color
from colormath.color_diff import delta_e_cie2000
from colormath.color_objects import LabColor, sRGBColor
from PIL import Image, ImageColor
from scipy.optimize import linear_sum_assignment

from html_tree import soup_of

# colormath 3.0 asks NumPy for a function that it no longer has.
numpy.asscalar = lambda value: value.item()

# The same answers sooner, for the comparison of many pages: nothing is worked out twice, or pixel by pixel. What
# is measured is never this.
FAST = bool(os.environ.get("GLASSHOUSE_ORACLE_FAST"))

COLOURED = (
    "p h1 h2 h3 h4 h5 h6 div span a b li table td th button footer header figcaption".split()
)


def ratio(a, b):
    return SequenceMatcher(None, a, b).ratio()


if FAST:
    ratio = functools.lru_cache(maxsize=None)(ratio)


def assignment(cost):
    rows, columns = linear_sum_assignment(numpy.array(cost, dtype=float))
    return [[int(row), int(column)] for row, column in zip(rows, columns)]


def colour_likeness(a, b):
    first, second = (convert_color(sRGBColor(*rgb, is_upscaled=True), LabColor) for rgb in (a, b))
    return float(max(0, 1 - delta_e_cie2000(first, second) / 100))


# --- colouring -------------------------------------------------------------------------------------------------


def _declare(element, name, value):
    kept = [
        part
        for part in element.attrs.get("style", "").split(";")
        if part.strip() and not part.strip().startswith(name)
    ]
    element["style"] = "; ".join([*kept, f"{name}: {value} !important"]).strip()


def _colours(offset):
    steps = [(step + offset) % 256 for step in range(10, 251, 16)]
    return ["#{:02X}{:02X}{:02X}".format(r, g, b) for r in steps for g in steps for b in steps]


def colouring(text, offset):
    soup = soup_of(text)
    for element in soup.find_all(True):
        _declare(element, "background-color", "rgba(255, 255, 255, 0.0)")
    colours = _colours(offset)
    for element in soup.find_all(COLOURED):
        _declare(element, "color", colours.pop())
        _declare(element, "opacity", 1.0)
    return str(soup)


# --- blocks ----------------------------------------------------------------------------------------------------


def css_colour(style):
    """The colour that an inline style gives, as #rrggbb; None where there is none that can be read."""
    declared = [part for part in style.split(";") if "color" in part and "background-color" not in part]
    if not declared:
        return None
    colour = declared[-1].split(":")[1].strip().replace(" !important", "")
    if colour[0] == "#":
        return colour
    try:
        if colour.startswith("rgb"):
            channels = tuple(map(int, colour[4:-1].split(",")))
        else:
            channels = ImageColor.getrgb(colour)
        return "#{:02x}{:02x}{:02x}".format(*channels)
    except ValueError:
        return None


def _texts(element, inherited="#000000"):
    if isinstance(element, Comment):
        return
    if isinstance(element, NavigableString):
        text = element.strip()
        if text:
            yield text, inherited
    elif isinstance(element, Tag):
        own = css_colour(element["style"]) if "style" in element.attrs else None
        for child in element.children:
            yield from _texts(child, own or inherited)


def _same_but_for_colour(first, second):
    """The pixels that went from one colouring to the other, pixel by pixel as the published evaluation goes."""
    one, two = (Image.open(path).convert("RGB") for path in (first, second))
    if one.size != two.size:
        return None
    if FAST:
        before, after = (numpy.asarray(picture).astype(int) for picture in (one, two))
        found = numpy.ascontiguousarray(numpy.argwhere((abs((before + 50) % 256 - after) <= 8).all(axis=2)))
        return found if len(found) else None
    before, after = one.load(), two.load()
    found = []
    for x in range(one.size[0]):
        for y in range(one.size[1]):
            p, q = before[x, y], after[x, y]
            if all(abs((p[c] + 50) % 256 - q[c]) <= 8 for c in range(3)):
                found.append((y, x))
    return numpy.stack(found) if found else None


def _rows_in_both(one, two):
    as_records = [rows.view([("", rows.dtype)] * 2) for rows in (one, two)]
    return numpy.intersect1d(*as_records).view(one.dtype).reshape(-1, 2)


def _find_blocks(original, first, texts, changed):
    picture = cv2.imread(first)
    height, width = picture.shape[:2]
    blocks = []
    for text, colour in texts:
        try:
            digits = colour.lstrip("#")
            rgb = tuple(int(digits[at : at + 2], 16) for at in (0, 2, 4))
            wanted = numpy.array(rgb[::-1], dtype="uint8")
        except Exception:
            continue
        near = cv2.inRange(picture, wanted - 4, wanted + 4)
        pixels = _rows_in_both(numpy.column_stack(numpy.where(near > 0)), changed)
        if pixels.size == 0:
            continue
        (top, left), (bottom, right) = pixels.min(axis=0), pixels.max(axis=0)
        seen = numpy.array(Image.open(original).convert("RGB"))
        there = seen[tuple(pixels.T)] if FAST else [seen[y, x] for y, x in pixels]
        mean = numpy.mean(there, axis=0).astype(int)
        box = (left / width, top / height, (right - left + 1) / width, (bottom - top + 1) / height)
        blocks.append({"text": text.lower(), "bbox": box, "color": tuple(mean)})
    return blocks


def find_blocks(page, original, first, second):
    changed = _same_but_for_colour(first, second)
    if changed is None:
        return []
    body = soup_of(colouring(page, 0)).body
    texts = list(_texts(body)) if body else []
    try:
        return _find_blocks(original, first, texts, changed)
    except Exception:
        return []


def by_box(blocks):
    merged = {}
    for block in blocks:
        known = merged.get(block["bbox"])
        if known is None:
            merged[block["bbox"]] = block
        else:
            known["text"] += " " + block["text"]
            known["color"] = [(a + b) / 2 for a, b in zip(known["color"], block["color"])]
    return list(merged.values())


def _plain(blocks):
    return [
        {"text": b["text"], "bbox": [float(v) for v in b["bbox"]], "color": [float(v) for v in b["color"]]}
        for b in blocks
    ]


def blocks(page, original, first, second):
    return _plain(by_box(find_blocks(page, original, first, second)))


# --- matching --------------------------------------------------------------------------------------------------


def _costs(one, two, bonus):
    costs = numpy.array([[-ratio(a["text"], b["text"]) for b in two] for a in one], dtype=float)
    if FAST and bonus == 0.0:
        return costs
    adjusted = costs.copy()
    rows, columns = costs.shape
    for i in range(rows):
        for j in range(columns):
            if costs[i, j] >= -0.5:
                continue
            near = numpy.sort(costs[max(0, i - 1) : i + 2, max(0, j - 1) : j + 2].flatten())[::-1]
            near = numpy.delete(near, numpy.where(near == costs[i, j])[0][0])
            adjusted[i, j] += bonus * numpy.sum(near[-2:])
    return adjusted


def _match(one, two, bonus):
    costs = _costs(one, two, bonus)
    rows, columns = linear_sum_assignment(costs)
    return list(zip(rows, columns)), costs[rows, columns].tolist()


def _join(one, two):
    (ax, ay, aw, ah), (bx, by, bw, bh) = one["bbox"], two["bbox"]
    left, top = min(ax, bx), min(ay, by)
    box = (left, top, max(ax + aw, bx + bw) - left, max(ay + ah, by + bh) - top)
    colour = tuple((a + b) // 2 for a, b in zip(one["color"], two["color"]))
    return {"text": one["text"] + " " + two["text"], "bbox": box, "color": colour}


def _gain(current, updated):
    ours, theirs = Counter(current), Counter(updated)
    for cost in set(current) & set(updated):
        common = min(ours[cost], theirs[cost])
        ours[cost] -= common
        theirs[cost] -= common
    ours, theirs = list(ours.elements()), list(theirs.elements())
    difference = (sum(ours) / len(ours) if ours else 0) - (sum(theirs) / len(theirs) if theirs else 0)
    if difference > 0 and not min(ours) > min(theirs):
        return 0.0
    return difference


def _merged(blocks, match):
    """The blocks after the joins that pay, and whether there were any. `match` gives the matched costs of a list."""
    current = match(blocks)
    joins = []
    for i in range(len(blocks) - 1):
        gain = _gain(current, match([*blocks[:i], _join(blocks[i], blocks[i + 1]), *blocks[i + 2 :]]))
        if gain > 0.05:
            joins.append((i, gain))
    joins.sort(key=lambda join: join[1], reverse=True)
    blocks, gone = list(blocks), set()
    for i, _ in joins:
        if not {i, i + 1} & gone:
            blocks[i] = _join(blocks[i], blocks[i + 1])
            gone |= {i, i + 1}
            blocks[i + 1] = None
    return [block for block in blocks if block is not None], bool(joins)


def _merge_and_match(one, two):
    while True:
        one, changed_one = _merged(one, lambda new: _match(new, two, 0.0)[1])
        two, changed_two = _merged(two, lambda new: _match(one, new, 0.0)[1])
        if not changed_one and not changed_two:
            return one, two, _match(one, two, 0.1)[0]


def _centre(block):
    left, top, wide, high = block["bbox"]
    return left + wide / 2, top + high / 2


def _area(block):
    return block["bbox"][2] * block["bbox"][3]


def compare(candidate, reference):
    """The parts of the score of two lists of blocks; CLIP left out."""
    candidate, reference = by_box(candidate), by_box(reference)
    if not candidate or not reference:
        return {"none": "no blocks"}
    one, two, matching = _merge_and_match(candidate, reference)
    found = [(i, j, ratio(one[i]["text"], two[j]["text"])) for i, j in matching]
    found = [(i, j, likeness) for i, j, likeness in found if likeness >= 0.5]
    matched_one, matched_two = {i for i, _, _ in found}, {j for _, j, _ in found}
    unmatched = sum(_area(b) for i, b in enumerate(one) if i not in matched_one)
    unmatched += sum(_area(b) for j, b in enumerate(two) if j not in matched_two)
    if not found:
        return {"none": "no matches", "candidate": _plain(one)}
    areas = [_area(one[i]) + _area(two[j]) for i, j, _ in found]
    centres = [(_centre(one[i]), _centre(two[j])) for i, j, _ in found]
    return {
        "size": float(numpy.sum(areas) / numpy.sum([unmatched, *areas])),
        "text": float(numpy.mean([likeness for _, _, likeness in found])),
        "position": float(numpy.mean([1 - max(abs(q[0] - p[0]), abs(q[1] - p[1])) for p, q in centres])),
        "colour": float(numpy.mean([colour_likeness(one[i]["color"], two[j]["color"]) for i, j, _ in found])),
        "matches": [[int(i), int(j)] for i, j, _ in found],
        "candidate": _plain(one),
        "reference": _plain(two),
    }


def scores(candidate, reference):
    lists = [side["blocks"] if "blocks" in side else find_blocks(**side) for side in (candidate, reference)]
    lists = [[{**b, "bbox": tuple(b["bbox"])} for b in side] for side in lists]
    return compare(*lists)
