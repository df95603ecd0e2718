"""Notes as text and pictures, written when the program has ended, so that nothing that it sees changes."""

import hashlib
import json

from glasshouse_capture import records
from mathics.core.expression import Expression
from mathics.format.form.inputform import render_input_form

from glasshouse_wolfram import demonstrations, perspective, pictures

# Parts of an expression whose input form is written, and of one that holds graphics: to write a plot's takes as long as to make it, and
# its document says as much.
_MOST_LEAVES = 5000
_MOST_LEAVES_OF_GRAPHICS = 200


class Bounds:
    """How much a list of results holds: expressions, characters of a text, and of all texts."""

    def __init__(self, expressions, text, whole):
        self.expressions, self.text, self.whole = expressions, text, whole


FACTS = Bounds(256, 2000, 256 << 10)
FILE = Bounds(4096, 64 << 10, 4 << 20)


def write(notes, session, definitions):
    """Leaves the program's graphics, and then what its expressions gave, as evidence."""
    drawing = Drawing(session, definitions)
    for told, call, path, graphic in notes.shown:
        name = drawing.figure(told, call, path, graphic)
        told.figures += [name] if name is not None else []
    demonstrate(notes, drawing)
    forms = [input_form(told.value, definitions) for told in notes.expressions]
    number = session.take_number()
    if number is None or not notes.expressions:
        return
    file = f"{number:04d}.results"
    listed = listing(notes, forms, FILE)
    records.write_bytes(session.out_dir, file, json.dumps(listed, ensure_ascii=False, indent=1).encode())
    origin = {"call": "results", "path": None, "written": None, "format": "json", "line": None}
    buffer = {"file": file, "format": "json", "name": "results"}
    facts = listing(notes, forms, FACTS)
    records.write_json(session.out_dir, f"{number:04d}.json", records.record(number, origin, buffer=buffer, facts=facts))


class Drawing:
    """Leaves graphics as records; a graphic that was left before is not left again."""

    def __init__(self, session, definitions):
        self.session, self.definitions = session, definitions
        self.seen = {}
        self.figures = 0

    def figure(self, told, call, path, graphic, frame=None, **facts):
        """The name that the graphic gets, without extension, or None if it gets none. The host counts figures in the same way."""
        kind = pictures.kind(graphic)
        origin = {"call": call, "path": path, "written": None, "format": None, "line": told.line}
        facts = {"head": kind.rpartition("`")[2], "expression": told.number, **facts}
        if kind == pictures.GRAPHICS_3D:
            facts["drawn_by"] = "glasshouse"
        try:
            made = make(kind, graphic, self.definitions)
        except Exception as error:  # noqa: BLE001 - whatever the engine's own drawing raises is told of this figure
            made = error
        if made is None:
            return None
        key = (frame, hashlib.sha256(repr(made).encode()).digest())
        if key in self.seen:
            return self.seen[key]
        number = self.session.take_number()
        if number is None:
            return None
        fields = left(self.session, number, made, frame)
        records.write_json(self.session.out_dir, f"{number:04d}.json", records.record(number, origin, facts=facts, **fields))
        if "drawing" in fields and frame is not None:
            name = f"frames/{frame}"
        else:
            self.figures += 1
            name = f"figure-{self.figures}"
        self.seen[key] = name
        return name


def demonstrate(notes, drawing):
    """Leaves frames of each demonstration that was shown."""
    count, room = 0, demonstrations.MOST
    shown = (told for told in notes.expressions if told.query is not None and told.value is not None)
    for told in shown:
        for one in demonstrations.within(told.query, drawing.definitions):
            count += 1
            entry = {"head": one.head, "frames": []}
            told.demonstrations.append(entry)
            for index, values in enumerate(one.frames(), 1):
                if room == 0:
                    break
                room -= 1
                entry["frames"].append(frame(one, values, f"{one.head.lower()}-{count}-{index:03}", told, drawing))


def frame(demonstration, values, name, told, drawing):
    """Leaves what the body gives with these values; what is told of it."""
    given = {parameter.name: input_form(value, drawing.definitions) for parameter, value in values}
    try:
        value = demonstration.evaluate(values, drawing.definitions)
    except Exception as error:  # noqa: BLE001 - of the engine, or of the body, and told of this frame
        return {"values": given, "figures": [], "out": f"{type(error).__name__}: {error}"}
    graphics = pictures.within(value)
    names = [name if len(graphics) == 1 else f"{name}-{number}" for number in range(1, len(graphics) + 1)]
    left = [drawing.figure(told, demonstration.head, None, graphic, frame=one, values=given) for graphic, one in zip(graphics, names)]
    return {"values": given, "figures": [one for one in left if one is not None],
            "out": None if graphics else input_form(value, drawing.definitions)}


def make(kind, graphic, definitions):
    """A document, or (width, height, bytes), or None where there is something that is not drawn here."""
    if kind == pictures.IMAGE:
        return pictures.pixels(graphic)
    if kind == pictures.GRAPHICS:
        return pictures.svg(graphic, definitions)
    document, unknown = perspective.draw(pictures.described(graphic, definitions))
    # A picture without some of its parts would show another thing.
    return None if unknown else document


def left(session, number, made, frame):
    """Writes what was made; the fields of its record."""
    if isinstance(made, Exception):
        return {"error": f"{type(made).__name__}: {made}"[:2000]}
    if isinstance(made, str):
        file = f"{number:04d}.svg"
        records.write_bytes(session.out_dir, file, made.strip().encode())
        return {"drawing": {"file": file, "frame": frame}}
    width, height, data = made
    if width * height > session.options.max_pixels:
        return {"error": f"{width} x {height} pixels are more than {session.options.max_pixels}"}
    file = f"{number:04d}.rgba"
    records.write_bytes(session.out_dir, file, data)
    return {"pixels": {"file": file, "width": width, "height": height}}


def listing(notes, forms, bounds):
    """What the expressions gave, within bounds, and how many expressions are left out."""
    results, room = [], bounds.whole
    for told, form in zip(notes.expressions[:bounds.expressions], forms):
        texts = {"out": told.out, "input_form": form}
        messages = [{"name": name, "text": text} for name, text in told.messages]
        entry = {"line": told.line, "number": told.number, **{name: cut(text, bounds.text) for name, text in texts.items()}}
        entry["messages"] = [{**message, "text": cut(message["text"], bounds.text)} for message in messages[:bounds.expressions]]
        entry["figures"] = told.figures
        if told.demonstrations:
            entry["demonstrations"] = told.demonstrations
        if not told.ended:
            entry["ended"] = False
        room -= len(json.dumps(entry))
        if room < 0:
            break
        results.append(entry)
    return {"results": results, "left_out": len(notes.expressions) + notes.left_out - len(results)}


def cut(text, most):
    """At most so many characters of a text, with a mark where some are missing."""
    text = text if text is None else str(text)
    return text if text is None or len(text) <= most else text[:most] + "…"


def input_form(value, definitions):
    """An expression as it would be typed, or None if it is Null or too large."""
    if value is None:
        return None
    most = _MOST_LEAVES_OF_GRAPHICS if pictures.within(value) else _MOST_LEAVES
    if leaves(value, most) > most:
        return None
    try:
        evaluation = pictures.unheard(definitions)
        return render_input_form(value, evaluation, encoding="ASCII")
    except Exception:  # noqa: BLE001 - what the engine cannot write has no such form
        return None


def leaves(expression, most):
    """How many parts an expression has, counted no further than `most`."""
    left, count = [expression], 0
    while left and count <= most:
        node = left.pop()
        if isinstance(node, Expression):
            left.append(node.head)
            left.extend(node.elements)
        else:
            count += 1
    return count
