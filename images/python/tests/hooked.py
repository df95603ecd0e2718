"""Runs one script as the driver does, in one process: `hooked.py OUT SCRIPT [--warm]`."""

import os
import runpy  # noqa: F401  the plain interpreter has it loaded as well
import sys
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "driver"))
import glasshouse_capture  # noqa: E402

sys.path.pop(0)


def main():
    """Run the script under hooks and exit as the plain interpreter would."""
    out, script = sys.argv[1:3]
    glasshouse_capture.install()
    if "--warm" in sys.argv:
        import matplotlib.pyplot  # noqa: F401

        glasshouse_capture.warm()
    sys.argv = [script]
    module = type(sys)("__main__")
    module.__file__ = script
    module.__builtins__ = __builtins__
    sys.modules["__main__"] = module
    sys.path[0] = os.path.dirname(script)
    with open(script, encoding="utf-8") as handle:
        code = compile(handle.read(), script, "exec")
    options = {"main_file": script}
    if os.environ.get("HOOKED_NO_TAIL"):
        options["tail"] = False
    glasshouse_capture.begin(out, options)
    status = 0
    try:
        exec(code, vars(module))
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException as error:
        own = os.path.dirname(os.path.abspath(glasshouse_capture.__file__))
        frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith((own, __file__))]
        sys.stderr.write("Traceback (most recent call last):\n" + "".join(traceback.format_list(frames))
                         + "".join(traceback.format_exception_only(error)))
        status = 1
    glasshouse_capture.finish()
    sys.exit(status)


if __name__ == "__main__":
    main()
