"""A job of the wolfram runtime: what `mathics3 --file main.wl` does, in a process that has Mathics ready."""

import os
import sys

from glasshouse_capture import capture, quiet, state
from glasshouse_driver import program

from glasshouse_wolfram import engine, notes, results, trials

COMMAND = "/usr/local/bin/mathics3"


class Script(program.Program):
    """One program, evaluated expression by expression."""

    FOLDER = os.path.dirname(COMMAND)

    def __init__(self, path, header, blobs, out):
        super().__init__(path, header, blobs, out)
        self.notes = notes.begin(self.code)

    def command(self):
        """The `mathics3` command that does the same."""
        return [COMMAND, "--file", self.path.rpartition("/")[2], *self.arguments]

    def start(self, main, refused):
        if refused is not None:
            raise refused
        engine.settle_in()
        with open(COMMAND, encoding="utf-8") as file:
            command = file.read()
        exec(compile(command, COMMAND, "exec", dont_inherit=True), main.__dict__)

    def test(self, main):
        if self.notes.error is not None:
            return
        failed = trials.failed(self.test_code.decode("utf-8", "replace"), engine.definitions)
        if failed is None:
            program.write(self.out, "tests.json", {"nonce": self.nonce})
            return
        line, message = failed
        told = {"type": "TestFailed", "message": message, "line": None, "traceback": f'File "<tests>", line {line}', "chain": []}
        program.write(self.out, "error.json", told)
        sys.exit(1)

    def describe(self, error):
        """As of any program, and the line of the expression that was being evaluated."""
        current = self.notes.current
        return {**super().describe(error), "line": current and current.line}

    def conclude(self):
        """Leaves what could not be read, and what was evaluated and shown, as evidence."""
        session = state.session
        try:
            # What drawing has to say was not said by the program.
            with quiet.quiet():
                results.write(self.notes, session, engine.definitions)
        except Exception as error:  # noqa: BLE001 - evidence of ours that cannot be made is no failure of the program's
            capture.note_failure(session, error)
        if self.notes.error is not None and not os.path.exists(os.path.join(self.out, "error.json")):
            kind, message, line = self.notes.error
            program.write(self.out, "error.json", {"type": kind, "message": message, "line": line, "traceback": "", "chain": []})
