"""Graphics and images out of expressions."""

import html
import json
import re

from mathics.builtin.image.base import Image
from mathics.core.evaluation import Evaluation, Output
from mathics.core.expression import Expression
from mathics.core.systemsymbols import SymbolStandardForm
from mathics.format.box import format_element

_MOST = 64
_MOST_NODES = 200_000
GRAPHICS, GRAPHICS_3D, IMAGE = "System`Graphics", "System`Graphics3D", "System`Image"
_TEXT = re.compile("(<text [^>]*>)(.*?)(</text>)", re.DOTALL)
# What is in these becomes frames (demonstrations.py).
_WITH_FRAMES = ("Global`Manipulate", "Global`Animate")


def within(expression):
    """The graphics and images that an expression holds, in their order; not those within other graphics."""
    found, left, visited = [], [expression], 0
    while left and visited < _MOST_NODES and len(found) < _MOST:
        node = left.pop()
        visited += 1
        if isinstance(node, Image):
            found.append(node)
        elif isinstance(node, Expression):
            name = node.get_head_name()
            if name in (GRAPHICS, GRAPHICS_3D):
                found.append(node)
            elif name not in _WITH_FRAMES:
                left.extend(reversed(node.elements))
    return found


def kind(graphic):
    """Which of the three it is."""
    return IMAGE if isinstance(graphic, Image) else graphic.get_head_name()


def unheard(definitions):
    """An evaluation whose messages and prints nobody hears."""
    return Evaluation(definitions, output=Output())


def svg(graphic, definitions):
    """The document that Mathics makes of a `Graphics`."""
    evaluation = unheard(definitions)
    box = format_element(graphic, evaluation, SymbolStandardForm)
    return _TEXT.sub(_escaped, box.to_svg(evaluation=evaluation))


def described(graphic, definitions):
    """What Mathics describes of a `Graphics3D` to browsers."""
    evaluation = unheard(definitions)
    box = format_element(graphic, evaluation, SymbolStandardForm)
    return json.loads(box.to_format("json", evaluation=evaluation))


def _escaped(match):
    """A text with its `<` and `&` written as XML wants them, which Mathics does not do."""
    opening, text, closing = match.groups()
    return opening + html.escape(html.unescape(text), quote=False) + closing


def pixels(image):
    """Width, height and bytes of red, green, blue and opacity of an `Image`."""
    picture = image.pil().convert("RGBA")
    return picture.width, picture.height, picture.tobytes()
