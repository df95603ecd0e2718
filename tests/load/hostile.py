"""Hostile pages, each many times in one pool: every verdict true, memory flat, nothing left behind.

    python3 tests/load/hostile.py target/release/glasshouse [--times 200] [--only WORDS] [--workers N] [--folder DIR]

Writes each page of `hostile_pages.py` as often as asked for (each time another job: the seed is another), shuffled by a fixed
seed, with a plain page after every fifth, and runs all in one command. Exits 1 if a verdict or cause is none that the page may
get, a plain page's picture is another than the others', a row ended in a fault, the memory of the command at its most grew by more than 10 %
between the second and the last fifth, or a process, cgroup, mount or temporary file is left.
"""

import argparse
import collections
import json
import math
import os
import pathlib
import random
import sys
import tempfile

from hostile_pages import PAGES
from watched import judge, left_behind, most, watch

MEMORY = "1GiB"
"""The same for all rows: browsers are shared by rows of equal limits."""
PLAIN = "<!DOCTYPE html><title>plain</title><h1 style='color:teal'>Plain</h1><p>Nothing of others is here."
EVERY = 5
BOUND = 0.10


def rows(times, only):
    pages = [page for page in PAGES if only in page.name]
    all_rows = [(page, n) for page in pages for n in range(math.ceil(times * page.share))]
    random.Random(0).shuffle(all_rows)
    for index, (page, n) in enumerate(all_rows):
        limits = {"memory": MEMORY, "wall": page.wall}
        row = {"id": f"{page.name} #{n}", "runtime": "web", "code": page.code(), "seed": n, "limits": limits}
        yield row | page.columns
        if index % EVERY == 0:
            limits = {"memory": MEMORY, "wall": "30s"}
            yield {"id": f"plain #{index}", "runtime": "web", "code": PLAIN, "seed": index, "limits": limits}


def answer(record):
    if record["fault"]:
        return f"fault {record['fault']['kind']}: {record['fault']['message']}"
    return f"{record['verdict']} {record['cause']['code']}" if record["cause"] else record["verdict"]


def look(records):
    """What each page got, how often, and what is wrong with that."""
    allowed = {page.name: page.answers for page in PAGES} | {"plain": ("ok",)}
    got, pictures, wrong, slowest = collections.defaultdict(collections.Counter), set(), [], collections.Counter()
    with open(records, encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            name = record["id"].rpartition(" #")[0]
            said = answer(record)
            got[name][said] += 1
            slowest[name] = max(slowest[name], record["usage"]["wall"])
            if said not in allowed[name]:
                wrong.append(f"{record['id']}: {said}; {record['cause']}")
            if name == "plain":
                pictures.add(tuple(artifact["hash"] for artifact in record["artifacts"]))
    if len(pictures) > 1:
        wrong.append(f"the plain page had {len(pictures)} different pictures")
    return got, slowest, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("glasshouse")
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--only", default="", help="pages with these words in their name")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=pathlib.Path, help="where rows and OUT go and stay; else a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as temporary:
        os.environ["TMPDIR"] = temporary
        folder = options.folder or pathlib.Path(whole)
        folder.mkdir(parents=True, exist_ok=True)
        source, out = folder / "rows.jsonl", folder / "out"
        source.write_text("".join(json.dumps(row) + "\n" for row in rows(options.times, options.only)), encoding="utf-8")
        command = [options.glasshouse, "run", source, "-o", out, "--fresh", "--no-progress", "--no-report"]
        command += ["--workers", str(options.workers)]
        pid, status, samples = watch(command, out / "records.jsonl", every=1, family=True)
        got, slowest, wrong = look(out / "records.jsonl")
        wrong += left_behind(pid, temporary)
        attempts = sum(1 for _ in open(out / "faults.jsonl", "rb")) if (out / "faults.jsonl").exists() else 0
    if status != 0:
        wrong.append(f"the command ended with {status}")

    for name, answers in sorted(got.items()):
        print(f"{name}: " + ", ".join(f"{said} x{count}" for said, count in answers.most_common()) + f"; at most {slowest[name]:.1f} s")
    end = samples[-1].rows
    print(f"{end} pages of {len(got)} kinds in {samples[-1].time - samples[0].time:.0f} s, {attempts} attempts ended in faults")
    fifth = end // 5
    for number in range(1, 6):
        figures = [most(samples, (number - 1) * fifth, number * fifth, what) for what in ("rss", "family", "processes")]
        print(f"fifth {number}: command {figures[0]} KiB, all {figures[1]} KiB in {figures[2]} processes at most")
    early, late = most(samples, fifth, 2 * fifth, "rss"), most(samples, 4 * fifth, end, "rss")
    if judge("the command at its most, KiB", early, late, lambda by: by > BOUND):
        wrong.append("memory grew")
    print("\n".join(wrong[:50]) or "every verdict true, nothing left behind")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
