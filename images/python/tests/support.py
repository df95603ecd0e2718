"""Runs a script plainly and under the hooks, each in its own folder and interpreter."""

import json
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
HEAD = "import io, sys, os\nimport matplotlib.pyplot as plt\n"


class Outcome:
    """What one run left behind."""

    def __init__(self, folder, done):
        self.folder = folder
        self.stdout, self.stderr, self.status = done.stdout, done.stderr, done.returncode
        self.captures = os.path.join(folder, "captures")

    def files(self):
        """{name: bytes} of what the script wrote."""
        found = {}
        for name in os.listdir(self.folder):
            if name not in ("captures", "main.py"):
                with open(os.path.join(self.folder, name), "rb") as handle:
                    found[name] = handle.read()
        return found

    def records(self):
        """The JSON records, in order."""
        names = sorted(name for name in os.listdir(self.captures) if name.endswith(".json") and name[0].isdigit())
        return [self.json(name) for name in names]

    def json(self, name):
        """One JSON file of the captures."""
        with open(os.path.join(self.captures, name), encoding="utf-8") as handle:
            return json.load(handle)

    def pixels(self, record):
        """(size, RGBA bytes) of a record."""
        part = record["pixels"]
        with open(os.path.join(self.captures, part["file"]), "rb") as handle:
            return (part["width"], part["height"]), handle.read()


def picture(path):
    """(size, RGBA bytes) of a PNG."""
    import PIL.Image

    with PIL.Image.open(path) as image:
        return image.size, image.convert("RGBA").tobytes()


class HookCase(unittest.TestCase):
    """Tests that compare a plain run with hooked ones."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.root = holder.name

    def run_script(self, code, mode, head=HEAD, **environment):
        """Run `code` as main.py; `mode` is plain, tail, forked or warm."""
        folder = tempfile.mkdtemp(dir=self.root)
        script = os.path.join(folder, "main.py")
        with open(script, "w", encoding="utf-8") as handle:
            handle.write(head + textwrap.dedent(code))
        command = [sys.executable, script]
        variables = {"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", "/"), "MPLBACKEND": "Agg",
                     "SOURCE_DATE_EPOCH": "0", "PYTHONDONTWRITEBYTECODE": "1", **environment}
        if mode != "plain":
            os.mkdir(os.path.join(folder, "captures"))
            command = [sys.executable, os.path.join(HERE, "hooked.py"), "captures", script]
            if mode == "warm":
                command.append("--warm")
            if mode == "forked":
                variables["HOOKED_NO_TAIL"] = "1"
        done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=120)
        done.stderr = done.stderr.replace(folder, "FOLDER")
        done.stdout = done.stdout.replace(folder, "FOLDER")
        return Outcome(folder, done)

    def same(self, code, modes=("tail", "forked", "warm"), **environment):
        """Assert that output, status and files are those of the plain run; returns the hooked outcomes."""
        plain = self.run_script(code, "plain", **environment)
        outcomes = [self.run_script(code, mode, **environment) for mode in modes]
        for mode, outcome in zip(modes, outcomes):
            with self.subTest(mode=mode):
                self.assertEqual((outcome.stdout, outcome.stderr, outcome.status), (plain.stdout, plain.stderr, plain.status))
                self.assertEqual(outcome.files(), plain.files())
                self.assertFalse(os.path.exists(os.path.join(outcome.captures, "failures.json")))
        return outcomes

    def pixels_are(self, outcomes, code, index=0):
        """Assert that capture `index` of each outcome equals the `want.png` that `code` saves plainly."""
        wanted = picture(os.path.join(self.run_script(code, "plain").folder, "want.png"))
        for outcome in outcomes:
            self.assertEqual(outcome.pixels(outcome.records()[index]), wanted)
