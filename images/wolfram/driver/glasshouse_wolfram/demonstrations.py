"""`Manipulate` and `Animate` as frames over their parameters. Mathics has no meaning for either, so their bodies are evaluated here, after the
program's end, once for each frame: one parameter moves from its first value to its last, the others stand where they begin.

Mathics would evaluate a body without any values first, which fails for many a body and ends the engine. So both are given the attribute
that they have in the Wolfram Language, in programs that name them.
"""

from mathics.core.attributes import A_HOLD_ALL
from mathics.core.convert.python import from_python
from mathics.core.expression import Expression
from mathics.core.list import ListExpression
from mathics.core.symbols import Symbol, strip_context
from mathics.core.systemsymbols import SymbolSet

from glasshouse_wolfram import pictures

# Frames of one parameter that moves between two numbers; frames of one program.
FRAMES = 8
MOST = 64
_MOST_NODES = 200_000
_MOST_CHOICES = 64
# Bounds beyond this are no numbers of a machine, infinity among them.
_LARGEST = 1e300
_HEADS = ("Manipulate", "Animate")
_SymbolN, _SymbolWith = Symbol("System`N"), Symbol("System`With")
# An expression that ends in one of these shows nothing.
_SILENT = ("System`SetDelayed", "System`UpSetDelayed", "System`TagSetDelayed", "System`Hold", "System`HoldForm", "System`HoldComplete")


def named(code):
    """Which of the two a program's text names."""
    return [head for head in _HEADS if head.encode() in code]


def hold(names, definitions):
    """Keeps the arguments of these as they are. A program may have cleared that (`ClearAll["Global`*"]`), so it is done again and again."""
    for name in names:
        symbol = f"Global`{name}"
        if not definitions.get_attributes(symbol) & A_HOLD_ALL:
            definitions.set_attribute(symbol, A_HOLD_ALL)


class Parameter:
    """One parameter: its symbol and its values, the first of which are those of frames, and `start` the one that it begins with."""

    def __init__(self, symbol, values, start):
        self.symbol, self.values, self.start = symbol, values, start
        self.name = strip_context(symbol.name)


class Demonstration:
    """One `Manipulate` or `Animate` of the program."""

    def __init__(self, head, body, parameters):
        self.head, self.body, self.parameters = head, body, parameters

    def frames(self):
        """Each frame by its values: pairs of parameters and values, the parameter that moves first."""
        for moving in self.parameters:
            others = [(one, one.start) for one in self.parameters if one is not moving]
            for value in moving.values:
                yield [(moving, value), *others]

    def evaluate(self, values, definitions):
        """What the body gives with these values."""
        evaluation = pictures.unheard(definitions)
        settings = ListExpression(*(Expression(SymbolSet, one.symbol, value) for one, value in values))
        return Expression(_SymbolWith, settings, self.body).evaluate(evaluation)


def within(query, definitions):
    """The demonstrations that an expression, as it was read, shows."""
    found, left, visited = [], [query], 0
    while left and visited < _MOST_NODES:
        node = left.pop()
        visited += 1
        if not isinstance(node, Expression) or node.get_head_name() in _SILENT:
            continue
        name = node.get_head_name().removeprefix("Global`")
        if name in _HEADS and len(node.elements) > 1:
            try:
                made = demonstration(name, node.elements, definitions)
            except Exception:  # noqa: BLE001 - of the engine, where bounds are not what they should be
                made = None
            found += [made] if made is not None else []
        else:
            left.extend(reversed(node.elements))
    return found


def demonstration(head, elements, definitions):
    """The demonstration that these arguments describe, or None if it has no parameter that could move."""
    given = [parameter(one, definitions) for one in elements[1:] if one.has_form("List", None)]
    parameters = [one for one in given if one is not None]
    return Demonstration(head, elements[0], parameters) if parameters else None


def parameter(described, definitions):
    """`{u, from, to}`, `{u, from, to, step}`, `{u, {value, ..}}`, each also with `{u, start}` or `{u, start, label}` for `u`."""
    symbol, *rest = described.elements or [None]
    start = None
    if symbol is not None and symbol.has_form("List", 2, None):
        symbol, start, *_ = symbol.elements
    if not isinstance(symbol, Symbol) or not rest:
        return None
    evaluation = pictures.unheard(definitions)
    rest = [one.evaluate(evaluation) for one in rest if not one.has_form(("Rule", "RuleDelayed"), 2)]
    if rest and rest[0].has_form("List", 1, None):
        values = list(rest[0].elements)[:_MOST_CHOICES]
    else:
        values = between(rest, evaluation)
    if not values:
        return None
    return Parameter(symbol, values, start.evaluate(evaluation) if start is not None else values[0])


def between(bounds, evaluation):
    """Values evenly from the first bound to the second; where there is a step, those of its multiples that are nearest."""
    numbers = [Expression(_SymbolN, one).evaluate(evaluation).to_python() for one in bounds[:3]]
    if len(numbers) < 2 or not all(isinstance(one, (int, float)) and abs(one) < _LARGEST for one in numbers):
        return []
    first, last, *step = numbers
    if not step or step[0] <= 0:
        return [from_python(float(first + (last - first) * index / (FRAMES - 1))) for index in range(FRAMES)]
    steps = int((last - first) / step[0] + 1e-9)
    chosen = sorted({round(steps * index / (FRAMES - 1)) for index in range(FRAMES)}) if steps >= 0 else []
    whole = all(float(one).is_integer() for one in (first, step[0]))
    return [from_python(int(first + index * step[0]) if whole else float(first + index * step[0])) for index in chosen]
