"""Memory and rate stay flat over many short rows.

    python3 tests/load/flat.py target/release/glasshouse [--rows 200000] [--folder DIR]

Every row is another program, so that none is answered by another's run. Compares the command's resident memory and its rate
early (at row 5,000; rows 5,000 to 20,000) with the end's (the last row; the last 15,000), prints both with what lay between,
and exits 1 if one differs by more than 5 %. Rate needs a quiet machine: `--memory-only` prints it without judging it.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

EARLY = 5_000
SPAN = 15_000
BOUND = 0.05
EVERY = 0.25

PROGRAMS = (
    "print({n})",
    "print('row', {n} * 2)",
    "x = {n}\nprint(x + 1)",
    "import math\nprint(math.sqrt({n}))",
    "print(sorted(str({n})))",
)


def write_rows(path, count):
    with open(path, "w", encoding="utf-8") as rows:
        for n in range(count):
            code = PROGRAMS[n % len(PROGRAMS)].format(n=n)
            rows.write(json.dumps({"id": f"row-{n}", "runtime": "python", "code": code}) + "\n")


def memory(pid):
    """Resident memory in KiB: (all, the part that is no file's). None once the process has ended."""
    found = {}
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            for line in status:
                name, _, rest = line.partition(":")
                if name in ("VmRSS", "RssAnon"):
                    found[name] = int(rest.split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return None
    return (found["VmRSS"], found["RssAnon"]) if len(found) == 2 else None


class Counter:
    """Counts lines of a growing file, reading each byte once."""

    def __init__(self, path):
        self.path, self.file, self.lines = path, None, 0

    def count(self):
        if self.file is None and self.path.exists():
            self.file = open(self.path, "rb")
        while self.file and (block := self.file.read(1 << 20)):
            self.lines += block.count(b"\n")
        return self.lines


def watch(command, records):
    """Samples (time, rows, RSS, RssAnon) while the command runs; returns its exit status and the samples."""
    counter, samples = Counter(records), []
    started = subprocess.Popen(command)
    while True:
        used = memory(started.pid)
        rows = counter.count()
        if used:
            samples.append((time.monotonic(), rows, *used))
        if started.poll() is not None:
            return started.returncode, samples
        time.sleep(EVERY)


def at(samples, rows):
    """The first sample with at least so many rows done."""
    return next(sample for sample in samples if sample[1] >= rows)


def rate(samples, begin, end):
    first, last = at(samples, begin), at(samples, end)
    return (last[1] - first[1]) / (last[0] - first[0])


def table(samples, count):
    print(f"{'rows':>8} {'RSS KiB':>9} {'RssAnon KiB':>12} {'rows/s since':>13}")
    before = None
    for rows in [EARLY, *range(SPAN + EARLY, count, 20_000), count]:
        sample = at(samples, rows)
        since = f"{(sample[1] - before[1]) / (sample[0] - before[0]):.0f}" if before else ""
        print(f"{sample[1]:>8} {sample[2]:>9} {sample[3]:>12} {since:>13}")
        before = sample


def judge(what, early, late, fails_if):
    change = late / early - 1
    print(f"{what}: {early:.0f} early, {late:.0f} at the end: {change:+.1%}")
    return fails_if(change)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("glasshouse")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--folder", type=pathlib.Path, help="where rows and OUT go and stay; else a temporary folder")
    parser.add_argument("--memory-only", action="store_true", help="print the rate without judging it")
    options = parser.parse_args()
    if options.rows < 2 * (EARLY + SPAN):
        parser.error(f"--rows must be at least {2 * (EARLY + SPAN)}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        rows, out = folder / "rows.jsonl", folder / "out"
        write_rows(rows, options.rows)
        command = [options.glasshouse, "run", rows, "-o", out, "--fresh", "--no-progress", "--no-report"]
        status, samples = watch(command, out / "records.jsonl")
        if status != 0:
            sys.exit(f"the command ended with {status}")
        done = Counter(out / "records.jsonl").count()
    if done != options.rows:
        sys.exit(f"{done} records for {options.rows} rows")

    end = max(sample[1] for sample in samples)
    table(samples, end)
    # Memory while rows still flow: what the command holds once the last one is written is less.
    late = at(samples, end - SPAN)
    busy = [sample for sample in samples if late[1] <= sample[1] <= end]
    early = at(samples, EARLY)
    grows = judge("RSS at its most in the last rows, KiB", early[2], max(sample[2] for sample in busy), lambda by: by > BOUND)
    judge("RssAnon, KiB", early[3], max(sample[3] for sample in busy), lambda by: by > BOUND)
    rates = rate(samples, EARLY, EARLY + SPAN), rate(samples, end - SPAN, end)
    slows = judge("rows/s", *rates, lambda by: abs(by) > BOUND)
    sys.exit(1 if grows or (slows and not options.memory_only) else 0)


if __name__ == "__main__":
    main()
