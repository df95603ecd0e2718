"""The plain interpreter's answers: runs each script twice as `python main.py` would be, and keeps the PNG that
`savefig` gives with the script's own arguments beside every file that the script saves, and at its end the PNG of
every figure that is open and was never saved.

plain.py ROWS FOLDER LANES, inside the image's root. FOLDER/N/first and FOLDER/N/second hold what row N left:
K.png for its K-th save and then for its figures left open, `status`, `stdout` and `stderr`.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

# Runs in the script's own interpreter, before it: saves are rare, so wrapping the class is enough.
WRAPPER = r'''
import runpy, sys
import random
random.seed({seed})
from matplotlib.figure import Figure
import numpy.random
numpy.random.seed({seed} % 2**32)
plain = Figure.savefig
count, saved = 0, []
def keep(figure, **arguments):
    global count
    count += 1
    saved.append(figure)
    plain(figure, f"{folder}/{{count}}.png", **{{**arguments, "format": "png"}})
def savefig(figure, file, **arguments):
    result = plain(figure, file, **arguments)
    keep(figure, **arguments)
    return result
Figure.savefig = savefig
sys.argv = ["main.py"]
sys.path[0] = "{folder}"
try:
    runpy.run_path("{folder}/main.py", run_name="__main__")
finally:
    from matplotlib._pylab_helpers import Gcf
    for manager in list(Gcf.figs.values()):
        if not any(manager.canvas.figure is figure for figure in saved):
            keep(manager.canvas.figure)
'''


def run(row, folder, seed):
    os.makedirs(folder)
    with open(f"{folder}/main.py", "w", encoding="utf-8") as file:
        file.write(row["code"])
    wrapper = WRAPPER.format(folder=folder, seed=seed)
    done = subprocess.run([sys.executable, "-c", wrapper], cwd=folder, capture_output=True, stdin=subprocess.DEVNULL)
    for name, content in (("status", str(done.returncode).encode()), ("stdout", done.stdout), ("stderr", done.stderr)):
        with open(f"{folder}/{name}", "wb") as file:
            file.write(content)


def both(number, row, target):
    # Two seeds: a script whose picture depends on the seed has not set its own.
    run(row, f"{target}/{number}/first", 1)
    run(row, f"{target}/{number}/second", 2)


def main():
    rows, target, lanes = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(rows, encoding="utf-8") as file, ThreadPoolExecutor(lanes) as pool:
        jobs = [pool.submit(both, number, json.loads(line), target) for number, line in enumerate(file) if line.strip()]
        for job in jobs:
            job.result()


main()
