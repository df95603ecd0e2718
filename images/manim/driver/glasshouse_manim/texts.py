"""Errors of a render, those of TeX told apart from those of Python."""

from glasshouse_driver import program

_CONTEXT = 12


def describe(error, path, tex):
    """Facts about the error that ended a render; `tex`: log, source and compiler of the last failed run of TeX, or None."""
    told = program.describe(error, path)
    if tex is not None and any(_is_of_tex(link) for link in program.chain(error)):
        told.update(type="LaTeXError", message=_message(*tex))
    return told


def _is_of_tex(error):
    return isinstance(error, ValueError) and " error converting to " in str(error)


def _message(log, source, compiler):
    """TeX's own first error with the lines that follow it, then the source that it was given."""
    lines = log.splitlines()
    first = next((number for number, line in enumerate(lines) if line.startswith("!")), None)
    if first is None:
        said = f"{compiler} failed, and its log names no error"
    else:
        said = "\n".join(_until_place(lines[first:first + _CONTEXT]))
    return f"{said}\n\n{source}"


def _until_place(lines):
    """The lines down to the one that says where in the source TeX was (`l.12 ...`) and the one below it."""
    for number, line in enumerate(lines):
        if line.startswith("l."):
            return lines[:number + 2]
        # An error that ends TeX has no place; its remains are of no interest.
        if number and line.startswith("!"):
            return lines[:number]
    return lines[:1]
