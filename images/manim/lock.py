"""Writes requirements.txt: the closure of requirements.in, each wheel by its SHA-256.

Run with any Python 3.11 that has pip: wheels are chosen for PYTHON, the image's.
Packages of ALONE are taken without what they require: requirements.in says why.
"""

import json
import pathlib
import re
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
PYTHON = "3.11.2"
ALONE = ("manim",)
HEADER = """\
# Written by lock.py from requirements.in; not edited by hand.
# For CPython 3.11.2 on x86_64 Linux: one wheel, hence one hash, per package.
"""


def resolve(lines: list[str], *options: str) -> list[dict]:
    """What pip would install into an empty environment, without installing it."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    command += ["--target", str(FOLDER / "unused"), "--only-binary=:all:", "--python-version", PYTHON, "--report", "-", *options, *lines]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["install"]


def locked(package: dict) -> str:
    """One package as a line that pip's --require-hashes takes."""
    name = re.sub(r"[-_.]+", "-", package["metadata"]["name"]).lower()
    algorithm, _, value = package["download_info"]["archive_info"]["hash"].partition("=")
    return f"{name}=={package['metadata']['version']} \\\n    --hash={algorithm}:{value}\n"


def main() -> None:
    if sys.version_info[:2] != (3, 11):
        sys.exit(f"lock.py must run with Python 3.11; this is {sys.version.split()[0]}")
    wanted = (FOLDER / "requirements.in").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in wanted if line and not line.startswith("#")]
    alone = [line for line in wanted if re.split(r"[=<>]", line)[0] in ALONE]
    packages = resolve([line for line in wanted if line not in alone]) + resolve(alone, "--no-deps")
    lines = sorted(map(locked, packages))
    (FOLDER / "requirements.txt").write_text(HEADER + "".join(lines), encoding="utf-8")
    print(f"requirements.txt: {len(lines)} packages")


if __name__ == "__main__":
    main()
