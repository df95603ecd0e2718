"""What each expression of a program gave, and which graphics were shown. Nothing that a program sees changes.

Expressions are kept as they are; they become text and pictures when the program has ended (results.py).
"""

from mathics.core.evaluation import Evaluation, Message
from mathics.core.symbols import SymbolNull

from glasshouse_wolfram import demonstrations, pictures

_MOST_EXPRESSIONS = 4096
_MOST_SHOWN = 256
# Messages that tell of a package that is not there.
_ABSENT = (("Get", "noopen"), ("Needs", "nocont"))

notes = None


class Told:
    """One expression of the program."""

    __slots__ = ("line", "number", "query", "value", "out", "messages", "ended", "figures", "demonstrations")

    def __init__(self, line):
        self.line = line          # where it begins, counted from 1
        self.number = None        # $Line while it is evaluated
        self.query = None         # as it was read
        self.value = None         # what it gave, if that is not Null
        self.out = None           # the text that a session would show
        self.messages = []        # (name, text)
        self.ended = False        # whether its evaluation came to an end
        self.figures = []         # names of what it showed, without extensions
        self.demonstrations = []  # what is told of each `Manipulate` and `Animate`


class Notes:
    """What one job has evaluated."""

    def __init__(self, code):
        self.lines = code.decode("utf-8", "replace").splitlines()
        self.held = demonstrations.named(code)
        self.expressions = []
        self.left_out = 0
        self.shown = []           # (told, call, path, expression) of each graphic, in order
        self.error = None         # the first thing that could not be read: (type, message, line)
        self.current = None

    def begin(self, line):
        """Notes that an expression begins at or after the line of that index."""
        self.current = Told(first_line(self.lines, line))
        if len(self.expressions) < _MOST_EXPRESSIONS:
            self.expressions.append(self.current)
        else:
            self.left_out += 1
        return self.current

    def show(self, call, path, expression):
        """Notes the graphics that an expression holds."""
        for graphic in pictures.within(expression):
            if len(self.shown) < _MOST_SHOWN:
                self.shown.append((self.current, call, path, graphic))

    def unread(self, message):
        """Notes what could not be read: the program's text, or a package."""
        if self.error is None:
            self.error = (f"{message.symbol}::{message.tag}", message.text, self.current and self.current.line)


def begin(code):
    """Starts to take notes of a job."""
    global notes
    notes = Notes(code)
    return notes


def first_line(lines, index):
    """The number, from 1, of the first line at or after `index` that has more than white space and comments."""
    depth = 0
    for number, line in enumerate(lines[index:], index + 1):
        at = 0
        while at < len(line):
            pair = line[at:at + 2]
            if pair == "(*" or pair == "*)" and depth:
                depth += 1 if pair == "(*" else -1
                at += 2
            elif depth or line[at].isspace():
                at += 1
            else:
                return number
    return index + 1


class Noted(Evaluation):
    """What the command evaluates an expression of the program with; it makes a new one for each."""

    told = None
    inside = False

    def parse_feeder(self, feeder):
        if notes is None or self.told is not None:
            return super().parse_feeder(feeder)
        # The feeder has counted the lines that it has handed out.
        told = self.told = notes.begin(feeder.lineno)
        query, _, messages = self.parse_feeder_returning_code_and_messages(feeder)
        if query is None:
            told.ended = True
            note_messages(told, self.out)
            for message in messages[:1]:
                if message is not None:
                    notes.unread(message)
            if not messages and told in notes.expressions[-1:]:
                # White space and comments at the end.
                notes.expressions.pop()
        return query

    def evaluate(self, query, timeout=None, format=None):
        told = self.told
        if told is None or self.inside:
            return super().evaluate(query, timeout, format)
        self.inside = True
        told.query = query
        demonstrations.hold(notes.held, self.definitions)
        printed = self.out
        try:
            result = super().evaluate(query, timeout, format)
        finally:
            note_messages(told, printed)
        told.ended, told.number, told.out = True, result.line_no, result.result
        value = self.exc_result if self.exc_result not in (None, SymbolNull) else self.last_eval
        if value is not None and value is not SymbolNull:
            told.value = value
            notes.show("result", None, value)
        return result

    def print_out(self, text):
        if notes is not None:
            notes.show("Print", None, text)
        return super().print_out(text)


def note_messages(told, out):
    """Notes the messages among what was printed."""
    for one in out:
        if isinstance(one, Message):
            told.messages.append((f"{one.symbol}::{one.tag}", one.text))
            if (one.symbol, one.tag) in _ABSENT and names_a_package(one.text):
                notes.unread(one)


def names_a_package(text):
    """Whether a message is of a context (``Name` ``), and not of a file."""
    return "`" in text


def note_export(filename, expression):
    """Notes what the engine could not export, such as graphics to a PNG: it is what the program meant to show."""
    if notes is not None:
        notes.show("Export", filename.get_string_value(), expression)
