"""Runs a script plainly and under the hooks, each in its own folder and forked from its own interpreter."""

import atexit
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

    def __init__(self, folder, status):
        self.folder, self.status = folder, status
        self.stdout, self.stderr = self._output(".stdout"), self._output(".stderr")
        self.captures = os.path.join(folder, "captures")

    def _output(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as handle:
            return handle.read().replace(self.folder, "FOLDER")

    def files(self):
        """{name: bytes} of what the script wrote."""
        found = {}
        for name in os.listdir(self.folder):
            if name not in ("captures", "main.py", ".stdout", ".stderr"):
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


_servers = {}


def _server(mode):
    """The interpreter that runs the scripts of one mode, started once."""
    if mode not in _servers:
        variables = {**os.environ, "MPLBACKEND": "Agg", "SOURCE_DATE_EPOCH": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        variables.pop("DISPLAY", None)
        server = subprocess.Popen([sys.executable, os.path.join(HERE, "hooked.py"), mode], env=variables, text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        _servers[mode] = server
        atexit.register(_stop, server)
    return _servers[mode]


def _stop(server):
    server.stdin.close()
    server.wait(10)
    server.stdout.close()


class HookCase(unittest.TestCase):
    """Tests that compare a plain run with hooked ones."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.root = holder.name

    def write_script(self, code, head=HEAD):
        """A fresh folder with `code` as main.py and a place for captures."""
        folder = tempfile.mkdtemp(dir=self.root)
        with open(os.path.join(folder, "main.py"), "w", encoding="utf-8") as handle:
            handle.write(head + textwrap.dedent(code))
        os.mkdir(os.path.join(folder, "captures"))
        return folder

    def run_script(self, code, mode, **environment):
        """Run `code` in `mode`: plain, tail, forked or warm (see hooked.py)."""
        folder = self.write_script(code)
        server = _server(mode)
        server.stdin.write(json.dumps({"folder": folder, "environment": environment}) + "\n")
        server.stdin.flush()
        return Outcome(folder, int(server.stdout.readline()))

    def same(self, code, modes=("tail", "forked", "warm"), **environment):
        """Assert that output, status and files are those of the plain run; returns the hooked outcomes."""
        plain = self.run_script(code, "plain", **environment)
        outcomes = [self.run_script(code, mode, **environment) for mode in modes]
        for mode, outcome in zip(modes, outcomes):
            with self.subTest(mode=mode):
                self.assertEqual((outcome.stdout, outcome.stderr, outcome.status), (plain.stdout, plain.stderr, plain.status))
                files, wanted = outcome.files(), plain.files()
                self.assertEqual(sorted(files), sorted(wanted))
                self.assertEqual([name for name in files if files[name] != wanted[name]], [])
                self.assertFalse(os.path.exists(os.path.join(outcome.captures, "failures.json")))
        return outcomes

    def pixels_are(self, outcomes, code, index=0):
        """Assert that capture `index` of each outcome equals the `want.png` that `code` saves plainly."""
        wanted = picture(os.path.join(self.run_script(code, "plain").folder, "want.png"))
        for outcome in outcomes:
            size, pixels = outcome.pixels(outcome.records()[index])
            self.assertEqual(size, wanted[0])
            self.assertTrue(pixels == wanted[1], "the pixels differ")  # assertEqual would print megabytes
