"""Runs many scripts from one warm interpreter: `batch.py MODE ROOT < paths`, one fork and folder each.

Modes: `plain` (no hooks), `after` (no hooks, a PNG with the same arguments after each save), `instead` (a PNG
instead of each save), `hooked`, `forked` (hooked, never drawing in the script's own process), both quickened. Prints one line
`name seconds status` per script.
"""

import os
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "driver"))
import glasshouse_capture  # noqa: E402
import glasshouse_quicken  # noqa: E402

MODE, ROOT = sys.argv[1:3]
HOOKED = MODE in ("hooked", "forked")


def reference(instead):
    """Save the PNG that a capture must equal, with matplotlib as it is."""
    from matplotlib.figure import Figure

    original = Figure.savefig
    count = [0]

    def savefig(self, fname, **kwargs):
        result = None if instead else original(self, fname, **kwargs)
        count[0] += 1
        original(self, f"reference{count[0]}.png", **kwargs)
        return result

    Figure.savefig = savefig


def prepare():
    """What a zygote does."""
    if HOOKED:
        glasshouse_capture.install()
    import matplotlib.pyplot  # noqa: F401
    import mpl_toolkits.mplot3d  # noqa: F401
    import networkx, pandas, scipy.stats, seaborn  # noqa: E401, F401

    if HOOKED:
        glasshouse_quicken.install()
    if HOOKED or os.environ.get("WARM_ALL"):
        glasshouse_capture.warm()
    if MODE in ("after", "instead"):
        reference(MODE == "instead")


def child(path, folder):
    """Run one script with its own folder and output files; never returns."""
    os.chdir(folder)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    status = 0
    module = type(sys)("__main__")
    module.__file__ = path
    sys.modules["__main__"] = module
    if HOOKED:
        os.mkdir("captures")
        glasshouse_capture.begin("captures", {"main_file": path, "tail": MODE == "hooked"})
    try:
        with open(path, encoding="utf-8") as handle:
            exec(compile(handle.read(), path, "exec"), vars(module))
    except BaseException as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "/tests/" not in f.filename
                  and "glasshouse" not in f.filename]
        sys.stderr.write("".join(traceback.format_list(frames)) + repr(error) + "\n")
        status = 1
    if HOOKED:
        glasshouse_capture.finish()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main():
    """Run all paths given on standard input, one after the other."""
    prepare()
    for path in sys.stdin.read().split():
        name = os.path.splitext(os.path.basename(path))[0]
        folder = os.path.join(ROOT, name)
        os.makedirs(folder)
        began = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            child(path, folder)
        status = os.waitpid(pid, 0)[1]
        print(name, f"{time.perf_counter() - began:.4f}", status, flush=True)


if __name__ == "__main__":
    main()
