"""Runs scripts as the driver does: `hooked.py MODE` answers requests on standard input with a fork each.

Modes: `plain` (pyplot imported, no hooks), `tail`, `forked` (never draws in the script's process), `warm` (as
`tail`, quickened and after `warm()`). A request is one JSON line {"folder", "environment"}; the script is main.py in the folder,
its output goes to the files `.stdout` and `.stderr` there. The answer is the exit status.
With `hooked.py --once FOLDER [OPTIONS]` the hooks are armed before matplotlib is imported, in this very process.
"""

import json
import os
import sys
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "driver"))
import glasshouse_capture  # noqa: E402
import glasshouse_quicken  # noqa: E402

sys.path.pop(0)
OWN = (*(os.path.dirname(os.path.abspath(module.__file__)) for module in (glasshouse_capture, glasshouse_quicken)),
       os.path.abspath(__file__))


def run(folder, mode, **options):
    """Run main.py of `folder`; returns the exit status that the plain interpreter would give."""
    script = os.path.join(folder, "main.py")
    os.chdir(folder)
    module = type(sys)("__main__")
    module.__file__ = script
    sys.modules["__main__"] = module
    sys.argv, sys.path[0] = [script], folder
    with open(script, encoding="utf-8") as handle:
        code = compile(handle.read(), script, "exec")
    if mode != "plain":
        glasshouse_capture.begin("captures", {"main_file": script, "tail": mode != "forked", **options})
    status = 0
    try:
        exec(code, vars(module))
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(OWN)]
        sys.stderr.write("Traceback (most recent call last):\n" + "".join(traceback.format_list(frames))
                         + "".join(traceback.format_exception_only(error)))
        status = 1
    glasshouse_capture.finish()
    return status


def serve(mode):
    """Answer requests until standard input ends."""
    if mode != "plain":
        glasshouse_capture.install()
    import matplotlib.pyplot  # noqa: F401

    if mode == "warm":
        glasshouse_quicken.install()
        glasshouse_capture.warm()
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            for number, name in ((1, ".stdout"), (2, ".stderr")):
                os.dup2(os.open(os.path.join(request["folder"], name), os.O_WRONLY | os.O_CREAT), number)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.environ.update(request["environment"])
            sys.exit(run(request["folder"], mode))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def main():
    """Serve, or run one script."""
    if sys.argv[1] == "--once":
        glasshouse_capture.install()
        sys.exit(run(sys.argv[2], "tail", **json.loads(sys.argv[3] if len(sys.argv) > 3 else "{}")))
    serve(sys.argv[1])


if __name__ == "__main__":
    main()
