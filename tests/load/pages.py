"""Rate and memory stay flat over many pages, and nothing is left behind.

    python3 tests/load/pages.py target/release/glasshouse [--rows 20000] [--span 1000] [--folder DIR]

Every row is another page: cards, a table, drawings by script on a canvas and as SVG, an endless animation, a form that is filled in. Compares the rate
of the first SPAN rows (the browsers' start left out) with that of the last, and the memory at its most in the first and in the last
fifth: of the command, and of all its processes together. Exits 1 if the rate differs by more than 5 %, memory grew by more
than 5 % (the command) or 10 % (all together, which depends on when browsers are replaced), a verdict is not `ok`, or a
process, cgroup, mount or temporary file is left. Rate needs a quiet machine: `--memory-only` prints it without judging it.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile

from watched import judge, left_behind, most, rate, watch

START = 50
"""Rows until the browsers are there and warm."""
RATE, COMMAND, FAMILY = 0.05, 0.05, 0.10


def cards(n):
    card = "<div class=c><h3>Card {i} of {n}</h3><p>Lorem ipsum dolor sit amet {m}.</p><button>Buy</button></div>"
    body = "".join(card.format(i=i, n=n, m=i * 7 + n) for i in range(40))
    style = (
        ".g{display:grid;gap:16px;grid-template-columns:repeat(4,1fr)}"
        ".c{border:1px solid #ccc;border-radius:8px;padding:12px;background:linear-gradient(#fff,#eef)}"
    )
    return f"<style>{style}</style><h1>Cards</h1><div class=g>{body}</div>"


def table(n):
    row = "".join(f"<tr><td>{i}</td><td>{i * n % 97}</td><td>{'x' * (i % 9)}</td></tr>" for i in range(60))
    return f"<style>td{{border:1px solid;padding:2px 9px}}</style><h2>Table {n}</h2><table>{row}</table>"


def canvas(n):
    return (
        f"<canvas id=c width=600 height=300></canvas><script>const x = c.getContext('2d');"
        f"for (let i = 0; i < 200; i++) {{ x.fillStyle = `hsl(${{i * {n % 50 + 1}}},80%,50%)`; x.fillRect(i * 3, i, 40, 20) }}"
        "</script>"
    )


def svg(n):
    return (
        "<script>let s = '<svg width=500 height=500>'; for (let i = 0; i < 120; i++)"
        f" s += `<circle cx=${{(i * 37 + {n}) % 500}} cy=${{(i * 91) % 500}} r=${{i % 30}} fill=\"hsl(${{i}},70%,60%)\"/>`;"
        " document.body.innerHTML = s + '</svg>'</script>"
    )


def animation(n):
    return (
        "<style>@keyframes t{to{transform:rotate(1turn)}}b{display:inline-block;animation:t 1s infinite}</style>"
        f"<h1><b>{n}</b></h1>" + "<p>text</p>" * 20
    )


def form(n):
    return f"<h1>Form {n}</h1><input id=i><p id=o></p><script>i.oninput = () => o.textContent = i.value + {n}</script>"


KINDS = (cards, table, canvas, svg, animation, form)


def write_rows(path, count):
    with open(path, "w", encoding="utf-8") as rows:
        for n in range(count):
            kind = KINDS[n % len(KINDS)]
            row = {"id": f"page-{n}", "runtime": "web", "code": f"<!DOCTYPE html><title>{n}</title><body>{kind(n)}"}
            if kind is form:
                row["actions"] = [{"action": "fill", "selector": "#i", "value": f"row {n}"}]
            rows.write(json.dumps(row) + "\n")


def not_ok(records):
    with open(records, encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            if record["verdict"] != "ok":
                yield f"{record['id']}: {record['verdict']} {record['cause']} {record['fault']}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("glasshouse")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--span", type=int, default=1_000, help="rows over which the rate is taken")
    parser.add_argument("--folder", type=pathlib.Path, help="where rows and OUT go and stay; else a temporary folder")
    parser.add_argument("--memory-only", action="store_true", help="print the rate without judging it")
    options = parser.parse_args()
    if options.rows < 5 * options.span or options.span < START:
        parser.error(f"--rows must be at least five times --span, and --span at least {START}")
    with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as temporary:
        os.environ["TMPDIR"] = temporary
        folder = options.folder or pathlib.Path(whole)
        folder.mkdir(parents=True, exist_ok=True)
        rows, out = folder / "rows.jsonl", folder / "out"
        write_rows(rows, options.rows)
        command = [options.glasshouse, "run", rows, "-o", out, "--fresh", "--no-progress", "--no-report"]
        pid, status, samples = watch(command, out / "records.jsonl", every=1, family=True)
        wrong = [*not_ok(out / "records.jsonl"), *left_behind(pid, temporary)]
    if status != 0:
        wrong.append(f"the command ended with {status}")

    end = max(sample.rows for sample in samples)
    if end != options.rows:
        sys.exit("\n".join([f"{end} records for {options.rows} rows", *wrong[:50]]))
    fifth = end // 5
    print(f"{end} pages in {samples[-1].time - samples[0].time:.0f} s")
    for rows in range(fifth, end + 1, fifth):
        figures = [most(samples, rows - fifth, rows, what) for what in ("rss", "family", "processes")]
        print(f"rows to {rows}: command {figures[0]} KiB, all {figures[1]} KiB in {figures[2]} processes at most")
    grown = [
        judge(
            f"{name} at its most, KiB",
            most(samples, START, fifth, what),
            most(samples, end - fifth, end - 1, what),
            lambda by, bound=bound: by > bound,
        )
        for name, what, bound in (("the command", "rss", COMMAND), ("all processes", "family", FAMILY))
    ]
    rates = rate(samples, START, options.span), rate(samples, end - options.span, end)
    slows = judge("pages/s", *rates, lambda by: abs(by) > RATE)
    print("\n".join(wrong[:50]) or "every verdict ok, nothing left behind")
    sys.exit(1 if wrong or any(grown) or (slows and not options.memory_only) else 0)


if __name__ == "__main__":
    main()
