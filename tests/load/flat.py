"""Memory and rate stay flat over many short rows.

    python3 tests/load/flat.py target/release/glasshouse [--rows 200000] [--folder DIR]

Every row is another program, so that none is answered by another's run. Compares the command's resident memory and its rate
early (at row 5,000; rows 5,000 to 20,000) with the end's (the last row; the last 15,000), prints both with what lay between,
and exits 1 if one differs by more than 5 %. Rate needs a quiet machine: `--memory-only` prints it without judging it.
"""

import argparse
import json
import pathlib
import sys
import tempfile

from watched import Counter, at, judge, rate, watch

EARLY = 5_000
SPAN = 15_000
BOUND = 0.05

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


def table(samples, count):
    print(f"{'rows':>8} {'RSS KiB':>9} {'RssAnon KiB':>12} {'rows/s since':>13}")
    before = None
    for rows in [EARLY, *range(SPAN + EARLY, count, 20_000), count]:
        sample = at(samples, rows)
        since = f"{(sample.rows - before.rows) / (sample.time - before.time):.0f}" if before else ""
        print(f"{sample.rows:>8} {sample.rss:>9} {sample.anon:>12} {since:>13}")
        before = sample


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
        _, status, samples = watch(command, out / "records.jsonl")
        if status != 0:
            sys.exit(f"the command ended with {status}")
        done = Counter(out / "records.jsonl").count()
    if done != options.rows:
        sys.exit(f"{done} records for {options.rows} rows")

    end = max(sample.rows for sample in samples)
    table(samples, end)
    # Memory while rows still flow: what the command holds once the last one is written is less.
    late = at(samples, end - SPAN)
    busy = [sample for sample in samples if late.rows <= sample.rows <= end]
    early = at(samples, EARLY)
    grows = judge("RSS at its most in the last rows, KiB", early.rss, max(sample.rss for sample in busy), lambda by: by > BOUND)
    judge("RssAnon, KiB", early.anon, max(sample.anon for sample in busy), lambda by: by > BOUND)
    rates = rate(samples, EARLY, EARLY + SPAN), rate(samples, end - SPAN, end)
    slows = judge("rows/s", *rates, lambda by: abs(by) > BOUND)
    sys.exit(1 if grows or (slows and not options.memory_only) else 0)


if __name__ == "__main__":
    main()
