"""Test code of a row: expressions that are evaluated when the program has come to its end, with what it has defined."""

from mathics.core.parser import MathicsMultiLineFeeder
from mathics.core.symbols import SymbolFalse, SymbolNull
from mathics.core.systemsymbols import SymbolAborted, SymbolFailed

from glasshouse_wolfram import pictures

_FAILURES = (SymbolFalse, SymbolFailed, SymbolAborted)


def failed(code, definitions):
    """Line and words of the first expression that gives `False`, `$Failed` or `$Aborted` or cannot be read; None if there is none."""
    feeder = MathicsMultiLineFeeder(code, "<tests>")
    while not feeder.empty():
        evaluation = pictures.unheard(definitions)
        query, source, messages = evaluation.parse_feeder_returning_code_and_messages(feeder)
        if query is None:
            if messages:
                return feeder.lineno, f"the test cannot be read: {messages[0]}"
            continue
        evaluation.evaluate(query)
        gave = evaluation.last_eval if evaluation.exc_result in (None, SymbolNull) else evaluation.exc_result
        if gave in _FAILURES:
            return feeder.lineno, f"{source.strip().splitlines()[-1]} gave {gave.get_name(short=True)}"
    return None
