"""Writes an image's requirements.txt: the closure of its requirements.in, each wheel by its SHA-256.

    python3.11 images/lock.py NAME

Run with any Python 3.11 that has pip: wheels are chosen for PYTHON, the images' own. Pip's own settings apply (mirror, certificates).
A package whose line ends in `# alone` is taken without what it requires; requirements.in says why.
"""

import json
import pathlib
import re
import subprocess
import sys

PYTHON = "3.11.2"
HEADER = f"""\
# Written by lock.py from requirements.in; not edited by hand.
# For CPython {PYTHON} on x86_64 Linux: one wheel, hence one hash, per package.
"""


def resolve(lines: list[str], *options: str) -> list[dict]:
    """What pip would install into an empty environment, without installing it."""
    if not lines:
        return []
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--target", "unused"]
    command += ["--only-binary=:all:", "--python-version", PYTHON, "--report", "-", *options, *lines]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["install"]


def locked(package: dict) -> str:
    """One package as a line that pip's --require-hashes takes."""
    name = re.sub(r"[-_.]+", "-", package["metadata"]["name"]).lower()
    algorithm, _, value = package["download_info"]["archive_info"]["hash"].partition("=")
    return f"{name}=={package['metadata']['version']} \\\n    --hash={algorithm}:{value}\n"


def main() -> None:
    if sys.version_info[:2] != (3, 11) or len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(__file__).resolve().parent / sys.argv[1]
    wanted = [line.partition("#") for line in (folder / "requirements.in").read_text(encoding="utf-8").splitlines()]
    wanted = [(package.strip(), comment.strip() == "alone") for package, _, comment in wanted if package.strip()]
    packages = resolve([package for package, alone in wanted if not alone])
    packages += resolve([package for package, alone in wanted if alone], "--no-deps")
    lines = sorted(map(locked, packages))
    (folder / "requirements.txt").write_text(HEADER + "".join(lines), encoding="utf-8")
    print(f"{folder.name}/requirements.txt: {len(lines)} packages")


if __name__ == "__main__":
    main()
