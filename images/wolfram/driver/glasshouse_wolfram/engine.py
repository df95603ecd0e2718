"""The parts of the `mathics3` command that take it seconds to make, made once, and put where the command makes its own.

What is a fact of the process (the folder it was started in, the time, seeds drawn from the system) is the zygote's by then: `settle_in`
makes it the job's.
"""

import os
import random
import tempfile
import time

# Some of Mathics looks for a folder for temporary files while it is loaded, of which a zygote has none; a job has this one.
tempfile.tempdir = "/tmp"

from mathics.core import load_builtin  # noqa: E402 - as above
from mathics.core.definitions import Definitions  # noqa: E402
from mathics.core.rules import FunctionApplyRule  # noqa: E402
from mathics.core.systemsymbols import SymbolFailed  # noqa: E402


def _fail(*words):
    raise ImportError(" ".join(map(str, words)))


# Mathics goes on without a module of functions that cannot be loaded, and prints why.
load_builtin.print = _fail
import mathics.__main__ as command  # noqa: E402 - as above

tempfile.tempdir = None
del load_builtin.print

_load_settings = command.autoload_files

# What the command of this process evaluates with, and all that it has defined.
definitions = None


def make_ready(evaluation):
    """Makes the definitions that the command begins with, and the command take them; `evaluation` is what it evaluates with."""
    global definitions
    definitions = Definitions(add_builtin=True, extension_modules=())
    definitions.set_line_no(0)
    _load_settings(definitions, command.get_srcdir(), "autoload-cli")

    def ready(add_builtin, extension_modules):
        if not add_builtin or extension_modules:
            raise ValueError("the command wants other definitions than those that were made ready")
        return definitions

    def loaded(*_):
        # Loading settings makes all that is defined by then a part of the system, `$Line` too.
        definitions.reset_user_definitions()

    command.Definitions = ready
    command.autoload_files = loaded
    command.Evaluation = evaluation


def after_failed_exports(note):
    """Calls `note(filename, expression)`, both expressions, after each `Export` that fails."""
    for rule in definitions.builtin["System`Export"].downvalues:
        if isinstance(rule, FunctionApplyRule):
            rule.function = _noting(rule.function, note)


def _noting(original, note):
    def export(**given):
        result = original(**given)
        if result is SymbolFailed:
            note(given["filename"], given["expr"])
        return result

    return export


def settle_in():
    """Makes this process's facts those of a command that has just been started here."""
    from mathics.builtin import datentime
    from mathics.builtin.directories import system_directories
    from mathics.builtin.numbers import randomnumbers
    from mathics.eval import directories

    here = os.getcwd()
    directories.INITIAL_DIR = system_directories.INITIAL_DIR = here
    directories.DIRECTORY_STACK[:] = [here]
    datentime.START_TIME = time.time()
    seed = randomnumbers.random_seed

    def random_seed(x=None):
        # A seed that the engine would draw from the system comes from the job's own.
        seed(random.getrandbits(32) if x is None else x)

    randomnumbers.random_seed = random_seed
