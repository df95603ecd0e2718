"""Writes requirements.txt: the closure of requirements.in, each wheel by its SHA-256.

Run with the image's Python (`python3.11 lock.py` on Debian 12, with its python3-pip): versions and
wheels are those that this interpreter would get. Pip's own settings apply (mirror, certificates).
"""

import json
import pathlib
import re
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
HEADER = """\
# Written by lock.py from requirements.in; not edited by hand.
# For CPython {python} on x86_64 Linux: one wheel, hence one hash, per package.
"""


def resolve() -> list[dict]:
    """What pip would install into an empty environment, without installing it."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    command += ["--target", str(FOLDER / "unused"), "--only-binary=:all:"]
    command += ["--report", "-", "--requirement", str(FOLDER / "requirements.in")]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["install"]


def locked(package: dict) -> str:
    """One package as a line that pip's --require-hashes takes."""
    name = re.sub(r"[-_.]+", "-", package["metadata"]["name"]).lower()
    algorithm, _, value = package["download_info"]["archive_info"]["hash"].partition("=")
    return f"{name}=={package['metadata']['version']} \\\n    --hash={algorithm}:{value}\n"


def main() -> None:
    if sys.version_info[:2] != (3, 11):
        sys.exit(f"lock.py must run with the image's Python, 3.11; this is {sys.version.split()[0]}")
    lines = sorted(map(locked, resolve()))
    header = HEADER.format(python="3.11")
    (FOLDER / "requirements.txt").write_text(header + "".join(lines), encoding="utf-8")
    print(f"requirements.txt: {len(lines)} packages")


if __name__ == "__main__":
    main()
