"""Compares charts with and without the hooks: `compare.py CHARTS.jsonl [COUNT [SCRATCH]]`.

For each script: the files it wrote, its output and its exit status must be the same bytes, and each capture's
pixels those of a PNG that the plain interpreter saves with the same arguments. Exits with 1 on any difference.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CAPTURES = ("captures",)


def write_scripts(charts, count, folder):
    """One file per row, evenly chosen; returns their paths."""
    with open(charts, encoding="utf-8") as handle:
        rows = [json.loads(line) for line in handle]
    step = max(1, len(rows) // count)
    paths = []
    for row in rows[::step][:count]:
        path = os.path.join(folder, row["id"].replace("/", "_") + ".py")
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(row["code"])
        paths.append(path)
    return paths


def run(mode, root, paths):
    """Run `batch.py` in `mode`; returns {name: (seconds, status)}."""
    environment = dict(os.environ, MPLBACKEND="Agg", SOURCE_DATE_EPOCH="0", PYTHONHASHSEED="0")
    done = subprocess.run([sys.executable, os.path.join(HERE, "batch.py"), mode, root], input="\n".join(paths), text=True,
                          stdout=subprocess.PIPE, check=True, env=environment)
    lines = [line.split() for line in done.stdout.splitlines()]
    return {name: (float(seconds), int(status)) for name, seconds, status in lines}


def picture(path):
    """A PNG's size and RGBA bytes."""
    import PIL.Image

    PIL.Image.MAX_IMAGE_PIXELS = None
    with PIL.Image.open(path) as image:
        return image.size, image.convert("RGBA").tobytes()


def captures(folder):
    """The records of one script that hold pixels, with these."""
    found = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".json") and name[0].isdigit():
            with open(os.path.join(folder, name), encoding="utf-8") as handle:
                record = json.load(handle)
            if record["error"] or "error" in (record["facts"] or {}):
                yield record, "error"
            elif record["pixels"]:
                with open(os.path.join(folder, record["pixels"]["file"]), "rb") as handle:
                    yield record, ((record["pixels"]["width"], record["pixels"]["height"]), handle.read())
    return found


def same_files(plain, hooked):
    """The names under which the two folders differ."""
    names = {name for folder in (plain, hooked) for name in os.listdir(folder) if name not in CAPTURES}
    differing = []
    for name in sorted(names):
        contents = []
        for folder in (plain, hooked):
            try:
                with open(os.path.join(folder, name), "rb") as handle:
                    contents.append(handle.read())
            except FileNotFoundError:
                contents.append(None)
        if contents[0] != contents[1]:
            differing.append(name)
    return differing


def compare(name, scratch, reference, hooked):
    """What is wrong with one script's captures, as a list of words."""
    wrong = same_files(os.path.join(scratch, "plain", name), os.path.join(scratch, hooked, name))
    folder = os.path.join(scratch, reference, name)
    wanted = [picture(os.path.join(folder, file)) for file in sorted(os.listdir(folder)) if file.startswith("reference")]
    got = list(captures(os.path.join(scratch, hooked, name, "captures")))
    if any(value == "error" for _record, value in got):
        wrong.append("capture-error")
    saved = [value for record, value in got if record["origin"]["call"] == "savefig"]
    if saved != wanted:
        wrong.append("pixels")
    return wrong


def main():
    """Run all modes and report."""
    charts = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    scratch = sys.argv[3] if len(sys.argv) > 3 else tempfile.mkdtemp(dir="/dev/shm")
    scripts = os.path.join(scratch, "scripts")
    os.makedirs(scripts)
    paths = write_scripts(charts, count, scripts)
    results = {mode: run(mode, os.path.join(scratch, mode), paths) for mode in ("plain", "after", "instead", "hooked", "forked")}
    for mode, result in results.items():
        total = sum(seconds for seconds, _status in result.values())
        print(f"{mode:8} {1000 * total / len(result):8.1f} ms per script")
    bad = 0
    for name, (_seconds, status) in sorted(results["plain"].items()):
        for hooked in ("hooked", "forked"):
            wrong = compare(name, scratch, "after", hooked)
            if results[hooked][name][1] != status:
                wrong.append("status")
            if wrong:
                bad += 1
                print(f"{name}: {hooked} differs: {', '.join(wrong)}")
        if "pixels" in compare(name, scratch, "instead", "hooked"):
            print(f"{name}: note: a PNG in place of the save would differ from one after it")
    print(f"{len(paths)} scripts, {bad} differences")
    if len(sys.argv) <= 3:
        shutil.rmtree(scratch)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
