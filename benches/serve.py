"""What a daemon spares `exec` and `render`: the same command with it and without, in turns, answers checked equal.

    cargo build --release && python3 benches/serve.py target/release/glasshouse [--rounds 9]

Times are of the whole command, from its start to its end; medians, and the worst with the daemon.
"""

import argparse
import pathlib
import statistics
import subprocess
import tempfile
import time

PLOT = "import numpy as np\nimport matplotlib.pyplot as plt\nplt.plot(np.sin(np.linspace(0, 6, 100)))\nplt.show()\n"
GGPLOT = "library(ggplot2)\nprint(ggplot(mtcars, aes(wt, mpg)) + geom_point())\n"
PAGE = "<!DOCTYPE html><h1>behind glass</h1><p>and seen"

WORK = {
    "print(1)": ("one.py", "print(1)\n", ["exec"]),
    "a plot": ("plot.py", PLOT, ["exec"]),
    "a ggplot": ("plot.R", GGPLOT, ["exec"]),
    "a page": ("page.html", PAGE, ["render"]),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("glasshouse", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    program = given.glasshouse.resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        socket = folder / "serve.sock"
        command = [program, "serve", "--socket", socket, "--warm", "python,r,web", "--workers", "2"]
        daemon = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            if not any(line.startswith("serving ") for line in daemon.stderr):
                raise SystemExit("the daemon ended")
            for name, work in WORK.items():
                print(measure(name, program, folder, socket, work, given.rounds), flush=True)
        finally:
            daemon.terminate()
            daemon.wait()


def measure(name, program, folder, socket, work, rounds):
    file, text, words = work
    (folder / file).write_text(text)
    seconds = {"with": [], "without": []}
    answers = set()
    for _ in range(rounds):
        for arm, how in (("with", ["--socket", socket]), ("without", ["--no-daemon"])):
            out = folder / f"{arm}.out"
            target = out.with_suffix(".png") if words == ["render"] else out
            begun = time.monotonic()
            done = subprocess.run([program, *words, folder / file, "-o", target, *how], capture_output=True, check=True)
            seconds[arm].append(time.monotonic() - begun)
            pictures = [target] if target.is_file() else sorted(target.glob("*.png"))
            answers.add((done.stdout, *(picture.read_bytes() for picture in pictures)))
    if len(answers) != 1:
        raise SystemExit(f"{name}: the answers differ")
    served, alone = (statistics.median(seconds[arm]) for arm in ("with", "without"))
    return f"{name:10} {served:.3f} s with, {alone:.3f} s without: {alone / served:.1f}x; worst {max(seconds['with']):.3f} s"


if __name__ == "__main__":
    main()
