"""Runs the sample as `python main.py` would, down to its exit status, and reports what it raised.

What is written to the captures folder is evidence for the supervisor, never a verdict.
"""

import atexit
import json
import os
import sys
import types

import glasshouse_capture

# Kept from programs that replace it: the process must end here, whatever they do.
_exit = os._exit
DRIVER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_LONGEST_TEXT = 64 * 1024
_MOST_LINKS = 16


class Program:
    """One program with its test code; `path` is where it lies, `out` where evidence goes."""

    # The first of the places where the program's imports are looked for.
    FOLDER = "/work"

    def __init__(self, path, header, blobs, out):
        self.path = path
        self.code, self.test_code = blobs[:2]
        self.arguments = header["args"]
        self.nonce = header["nonce"]
        self.options = header["options"] or {}
        self.out = out

    def run(self, refused):
        """Runs it and ends the process with its exit status. `refused`: why its files could not be laid out."""
        sys.argv = self.command()
        main = make_main(sys.argv[0] if os.path.isabs(sys.argv[0]) else self.path)
        status = self.execute(lambda: self.start(main, refused))
        if self.test_code is not None and status == 0:
            status = self.execute(lambda: self.test(main))
        self.conclude()
        _exit(finish(status, main))

    def conclude(self):
        """What there is to do between the program's end and the interpreter's."""

    def command(self):
        """The words of the command that the run stands for."""
        return [self.path.rpartition("/")[2], *self.arguments]

    def start(self, main, refused):
        if refused is not None:
            raise refused
        exec(compile(self.code, self.path, "exec", dont_inherit=True), main.__dict__)

    def test(self, main):
        """Runs test code after the program. Whatever leaves it early, SystemExit too, leaves no word of success."""
        exec(compile(self.test_code, "<tests>", "exec", dont_inherit=True), main.__dict__)
        write(self.out, "tests.json", {"nonce": self.nonce})

    def execute(self, action):
        """Calls `action`; the exit status that the interpreter would give."""
        try:
            action()
        except SystemExit as exit:
            return exit_status(exit)
        except BaseException as error:  # noqa: BLE001 - this is the last frame below the program
            report(error, self.out, self.describe)
            return 1
        return 0

    def describe(self, error):
        """Facts about the error that ended the program."""
        return describe(error, self.path)


def rehearse():
    """Runs an empty program as far as that leaves nothing behind."""
    known = sys.modules["__main__"]
    main = make_main("/work/main.py")
    exec(compile(b"", "/work/main.py", "exec", dont_inherit=True), main.__dict__)
    clear_module(main)
    flush_streams()
    sys.modules["__main__"] = known


def make_main(path):
    """A fresh `__main__`, as the interpreter makes it for a script."""
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=sys.modules["builtins"], __annotations__={}, __cached__=None)
    loader = type(sys.modules["types"].__spec__.loader)
    main.__loader__ = loader("__main__", path) if loader.__name__ == "SourceFileLoader" else None
    sys.modules["__main__"] = main
    return main


def exit_status(exit):
    """As Python's own handling of SystemExit."""
    code = exit.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def report(error, out, facts):
    """Prints the traceback as the interpreter would, and leaves `facts(error)` as evidence."""
    strip_own_frames(error)
    kind, trace = type(error), error.__traceback__
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, trace
    try:
        write(out, "error.json", facts(error))
    except BaseException:  # noqa: BLE001 - a hostile __str__ must not hide the traceback
        pass
    try:
        sys.excepthook(kind, error, trace)
    except BaseException:  # noqa: BLE001 - as the interpreter: a broken hook changes no status
        sys.__excepthook__(kind, error, trace)


def strip_own_frames(error):
    """Takes our frames out of the tracebacks of an exception and of all that it came from."""
    for link in chain(error):
        frames = []
        trace = link.__traceback__
        while trace is not None:
            if not trace.tb_frame.f_code.co_filename.startswith(DRIVER):
                frames.append(trace)
            trace = trace.tb_next
        rebuilt = None
        for frame in reversed(frames):
            rebuilt = types.TracebackType(rebuilt, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
        link.__traceback__ = rebuilt


def chain(error):
    """The exception and what it came from, nearest first, also through `.reason` (urllib)."""
    links, seen = [error], {id(error)}
    for link in links:
        for other in (link.__cause__, link.__context__, getattr(link, "reason", None)):
            if isinstance(other, BaseException) and id(other) not in seen and len(links) < _MOST_LINKS:
                seen.add(id(other))
                links.append(other)
    return links


def describe(error, path):
    """Facts about an uncaught exception."""
    import traceback

    text = "".join(traceback.format_exception(error))
    numbers = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    if isinstance(error, SyntaxError) and error.filename == path:
        numbers.append(error.lineno)
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    return {
        "type": name,
        "message": str(error)[:_LONGEST_TEXT],
        "line": numbers[-1] if numbers else None,
        "traceback": text[-_LONGEST_TEXT:],
        "chain": [{"type": type(link).__name__, "errno": number(link)} for link in chain(error)],
    }


def number(error):
    value = getattr(error, "errno", None)
    return value if isinstance(value, int) else None


def write(out, name, value):
    """Leaves a JSON file in the captures folder, whole or not at all."""
    partial = os.path.join(out, name + ".part")
    with open(partial, "w", encoding="utf-8", errors="backslashreplace") as file:
        json.dump(value, file)
    os.rename(partial, os.path.join(out, name))


def finish(status, main):
    """What the interpreter does at its end: threads, open figures, exit handlers, objects, buffers."""
    threading = sys.modules.get("threading")
    if threading is not None:
        try:
            threading._shutdown()
        except BaseException as error:  # noqa: BLE001 - Ctrl-C in a join: the interpreter goes on too
            sys.excepthook(type(error), error, error.__traceback__)
    # Before the exit handlers: Matplotlib's own closes all figures.
    glasshouse_capture.finish()
    atexit._run_exitfuncs()
    clear_module(main)
    return 120 if not flush_streams() and status == 0 else status


def clear_module(main):
    """Lets objects of the program run their `__del__`, in the interpreter's order."""
    names = main.__dict__
    for private in (True, False):
        for name in list(names):
            if name != "__builtins__" and (name.startswith("_") and not name.startswith("__")) is private:
                names[name] = None


def flush_streams():
    """Whether everything that the program printed got out."""
    good = True
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except BaseException:  # noqa: BLE001 - a stream that the program replaced may do anything
            good = False
    return good
