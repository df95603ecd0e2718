"""On a machine with cgroup v2 alone: programs run, are limited and leave nothing, for root and for an ordinary user.

    python3 tests/vm/cgroup_v2.py target/release/glasshouse [--cache DIR]

Boots Debian's own kernel under systemd in qemu (see machine.py; about four minutes without acceleration, and one more the first
time). The python image must be in the cache already: `glasshouse demo` builds it. Exits 1 if anything is not as it must be.
"""

import argparse
import os
import pathlib
import re

import machine

PROGRAMS = {
    # What a job sees of the host's tree: nothing.
    "sees": "print(open('/proc/self/cgroup').read())",
    "memory": "kept = []\nwhile True: kept.append(bytearray(10 << 20))",
    # More than the limit of processes: refused in the kernel.
    "processes": "import os, time\nfor n in range(100):\n    if os.fork() == 0: time.sleep(60)",
    # The limit on memory is for all processes together; none of them is above it alone.
    "children": (
        "import os, time\nfor n in range(8):\n    if os.fork() == 0:\n        kept = b'x' * (400 << 20)\n        time.sleep(60)\n"
        "time.sleep(60)"
    ),
}
EXPECTED = {
    "sees": r"^0::/$[\s\S]*glasshouse: ok ",
    "memory": r"glasshouse: memory_limit_exceeded \(memory: the kernel had to kill",
    "processes": r"glasshouse: process_limit_exceeded ",
    "children": r"glasshouse: memory_limit_exceeded \(memory: the kernel had to kill",
}
GLASSHOUSE = "GLASSHOUSE_CACHE=/trial/cache /trial/glasshouse"
SCOPE = "XDG_RUNTIME_DIR=/run/user/1000 systemd-run --user --scope --quiet env"

SCRIPT = f"""
stat -f -c %T /sys/fs/cgroup; chown -R {machine.USER} /trial/cache
for name in {" ".join(PROGRAMS)}; do echo "== root $name"; {GLASSHOUSE} exec /trial/$name.py 2>&1; done
echo "== root left"; find /sys/fs/cgroup -name 'glasshouse*'
echo "== user refused"; su - {machine.USER} -c '{GLASSHOUSE} exec /trial/sees.py 2>&1; echo status $?'
for name in {" ".join(PROGRAMS)}; do echo "== user $name"; su - {machine.USER} -c "{SCOPE} {GLASSHOUSE} exec /trial/$name.py 2>&1"; done
echo "== user left"; find /sys/fs/cgroup -name 'glasshouse*' 
echo "== end"
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("glasshouse", type=pathlib.Path)
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path.home() / ".cache/glasshouse")
    return parser.parse_args()


def given(folder, options):
    """The files of the machine: the command, its image, the programs."""
    images = sorted((options.cache / "images").glob("python-*/"), key=os.path.getmtime)
    if not images:
        raise SystemExit(f"no python image in {options.cache}: run `glasshouse demo` first")
    files = {"/trial/glasshouse": options.glasshouse, f"/trial/cache/images/{images[-1].name}": images[-1]}
    for name, text in PROGRAMS.items():
        program = folder / f"{name}.py"
        program.write_text(text + "\n")
        files[f"/trial/{name}.py"] = program
    return files


def judge(said):
    parts = dict(re.findall(r"^== (.+)\n([\s\S]*?)(?=^== |\Z)", said, re.MULTILINE))
    wrong = [] if said.startswith("cgroup2fs\n") else ["the machine has no cgroup v2"]
    expected = {f"{who} {name}": pattern for who in ("root", "user") for name, pattern in EXPECTED.items()}
    expected["user refused"] = r"systemd-run --user --scope[\s\S]*status 4"
    expected["root left"] = r"\A\Z"
    expected["user left"] = r"\A\Z"
    expected["end"] = r"\A\Z"
    for name, pattern in expected.items():
        good = name in parts and re.search(pattern, parts[name], re.MULTILINE)
        print(f"{'✓' if good else '✗'} {name}")
        if not good:
            wrong.append(f"{name}: expected {pattern}, got:\n{parts.get(name, '(nothing)')}")
    return wrong


def main():
    machine.need_root()
    options = arguments()
    folder = options.cache / "vm"
    made = machine.Machine(folder)
    wrong = judge(made.run(SCRIPT, given(folder, options), patience=900))
    raise SystemExit("\n".join(wrong) if wrong else 0)


main()
