"""Tells whether the user's code is as good as over, so that nothing can see what we draw in its process.

The common script ends in `plt.savefig(...)`, perhaps followed by `plt.show()` or `plt.close()`. There a
forked copy of the interpreter is wasted work. The answer is yes only if each of the user's frames, up to
the program's own module, is in a plain call statement and has nothing left but harmless straight-line code.
Whatever is not understood (loops, `with`, calls through C code) is answered with no.
"""

import atexit
import builtins
import dis
import opcode
import sys
import threading
import types

_NAMES = opcode.opname
_JUMPS = frozenset(opcode.hasjrel) | frozenset(opcode.hasjabs)
_WINDOW = 240  # instructions looked at on either side of the call
_PLAIN = {"CACHE", "RESUME", "NOP", "POP_TOP", "PRECALL", "KW_NAMES", "LOAD_CONST", "LOAD_SMALL_INT",
          "FORMAT_VALUE", "FORMAT_SIMPLE", "BUILD_STRING", "EXTENDED_ARG"}
_HARMLESS_METHODS = {"close", "show"}
_SCALARS = (str, int, float, bool, type(None))


def user_code_is_over(session, frame, figure):
    """Whether no code of the user can run after the statement in `frame` that called us."""
    return (bool(session.options.tail) and process_is_quiet(session)
            and not figure.canvas.callbacks.callbacks.get("draw_event")
            and _frames_end(frame))


def process_is_quiet(session):
    """Whether no thread, exit handler or tracer of the user is left to see what we do."""
    return (threading.active_count() == 1
            and atexit._ncallbacks() == session.atexit_count
            and sys.gettrace() is None and sys.getprofile() is None)


def _frames_end(frame):
    callee = None
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and frame.f_globals is vars(pyplot):
        frame = frame.f_back
    while frame is not None:
        if not (_is_plain_call(frame, callee) and _ends(frame)):
            return False
        if frame.f_code.co_name == "<module>":
            return frame.f_globals.get("__name__") == "__main__"
        callee, frame = frame.f_code, frame.f_back
    return False


def _decode(code, start, stop):
    """(offset, name, opcode, argument) of the instructions between two offsets."""
    words, extended = code.co_code, 0
    for at in range(start, min(stop, len(words)), 2):
        op, argument = words[at], words[at + 1] | extended
        extended = argument << 8 if _NAMES[op] == "EXTENDED_ARG" else 0
        yield at, _NAMES[op], op, argument


def _is_plain_call(frame, callee):
    """Whether the running instruction is a whole expression `x.method(..)` or `callee(..)`.

    A function that C code calls (as in `list(map(save, figures))`) is not the one that the statement
    names, and would be called again.
    """
    code, last = frame.f_code, frame.f_lasti
    window = list(_decode(code, max(0, last - 2 * _WINDOW), last + 2))
    needed = 1
    for position in range(len(window) - 1, -1, -1):
        _at, _name, op, argument = window[position]
        if op in _JUMPS:
            return False
        needed -= dis.stack_effect(op, argument if op >= opcode.HAVE_ARGUMENT else None, jump=False)
        if needed == 0:
            return _names_callee(frame, window[position:], callee)
    return False


def _names_callee(frame, window, callee):
    names = [(name, argument) for _at, name, _op, argument in window if name not in ("CACHE", "EXTENDED_ARG")]
    if callee is None:
        return any(name in ("LOAD_METHOD", "LOAD_ATTR", "LOAD_NAME", "LOAD_GLOBAL") for name, _ in names[:2])\
            and _method_is_ours(frame, names)
    if names[0][0] == "PUSH_NULL":
        names = names[1:]
    name, argument = names[0]
    if name not in ("LOAD_NAME", "LOAD_GLOBAL"):
        return False
    value = frame.f_globals.get(_global_name(frame.f_code, name, argument))
    return type(value) is types.FunctionType and value.__code__ is callee


def _method_is_ours(frame, names):
    """Whether the expression starts with loads that end in a method or function of ours."""
    for name, argument in names:
        if name in ("LOAD_METHOD", "LOAD_ATTR", "LOAD_NAME", "LOAD_GLOBAL"):
            shift = (name == "LOAD_GLOBAL") or (name == "LOAD_ATTR" and sys.version_info >= (3, 12))
            called = frame.f_code.co_names[argument >> 1 if shift else argument]
            if called in ("savefig", "show") or called.startswith("print_"):
                return True
        elif name not in ("PUSH_NULL", "LOAD_FAST"):
            return False
    return False


def _global_name(code, name, argument):
    return code.co_names[argument >> 1 if name == "LOAD_GLOBAL" else argument]


def _ends(frame):
    """Whether the rest of `frame` is straight-line code made of calls that we know."""
    code, callables = frame.f_code, 0
    start = frame.f_lasti + 2
    for _at, name, _op, argument in _decode(code, start, start + 2 * _WINDOW):
        if name in ("RETURN_VALUE", "RETURN_CONST"):
            return True
        if name in _PLAIN:
            continue
        if name == "CALL":
            callables -= 1
            if callables < 0:  # the call at the end of a `with` block
                return False
        elif name == "PUSH_NULL":
            callables += 1
        elif not _is_harmless_load(frame, code, name, argument):
            return False
        elif name == "LOAD_METHOD" or name in ("LOAD_GLOBAL", "LOAD_ATTR") and argument & 1:
            callables += 1
    return False


def _is_harmless_load(frame, code, name, argument):
    if name in ("LOAD_METHOD", "LOAD_ATTR"):
        index = argument >> 1 if name == "LOAD_ATTR" and sys.version_info >= (3, 12) else argument
        return code.co_names[index] in _HARMLESS_METHODS
    if name == "LOAD_GLOBAL" or name == "LOAD_NAME" and code.co_name == "<module>":
        return _is_harmless_value(frame.f_globals, _global_name(code, name, argument))
    return False


def _is_harmless_value(variables, name):
    value = variables.get(name, vars(builtins).get(name))
    if isinstance(value, types.ModuleType):
        return value is sys.modules.get("matplotlib.pyplot")
    if value is print:
        return sys.stdout is sys.__stdout__
    figure = sys.modules.get("matplotlib.figure")
    return type(value) in _SCALARS or figure is not None and type(value) is figure.Figure
