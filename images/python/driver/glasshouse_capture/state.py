"""What one job has captured so far: options, numbering, and which figure states are already on disk."""

import os
import weakref

MIB = 1 << 20


class Options:
    """The limits of one job, read from the driver's dictionary; unknown keys are an error of the driver."""

    DEFAULTS = {
        "main_file": None,            # co_filename of the user's program; None: whatever runs as __main__
        "max_figures": 256,           # JSON records at most; more are only counted
        "max_pixels": 64_000_000,     # per picture
        "max_buffer": 64 * MIB,       # bytes kept of what a script saved into a buffer
        "capture_seconds": 30,        # a forked capture that takes longer is killed
        "tail": True,                 # draw in the job's own process where no user code can follow
    }

    def __init__(self, given):
        unknown = set(given) - set(self.DEFAULTS)
        if unknown:
            raise ValueError(f"unknown capture options: {', '.join(sorted(unknown))}")
        for name, default in self.DEFAULTS.items():
            setattr(self, name, given.get(name, default))


class FigureState:
    """How often a figure changed, and what is captured of its present state."""

    __slots__ = ("ref", "version", "seen", "ever")

    def __init__(self, ref):
        self.ref = ref
        self.version = 0
        self.seen = {}     # settings key -> number of the record that holds the pixels
        self.ever = False  # was captured in any state


class Session:
    """One job's captures. Figures are keyed by identity: a user's subclass may define `__eq__`."""

    def __init__(self, out_dir, options):
        self.out_dir = os.path.abspath(out_dir)
        self.options = Options(options)
        self.pid = os.getpid()
        self.sequence = 0
        self.overflow = 0
        self.depth = 0          # inside a save: nested hooks stay silent
        self.quiet = 0          # inside a draw: matplotlib's own bookkeeping is no change by the script
        self.drawn = None       # weak reference to the figure whose idle draw the tail capture stood in for
        self.animations = {}    # id(writer) -> animation record
        self.pages = set()      # hashes and paths of the pages that were noted
        self.atexit_count = None
        self.figures = {}

    def of(self, figure):
        """The state of `figure`, made on first sight."""
        key = id(figure)
        state = self.figures.get(key)
        if state is None or state.ref() is not figure:
            figures = self.figures
            state = FigureState(weakref.ref(figure, lambda _ref: figures.pop(key, None)))
            figures[key] = state
        return state

    def touch(self, figure):
        """The script changed `figure`: earlier captures no longer show it."""
        if not self.quiet:
            state = self.of(figure)
            state.version += 1
            if state.seen:
                state.seen = {}

    def alive(self):
        """All figures that still exist, oldest first."""
        found = [state.ref() for state in list(self.figures.values())]
        return [figure for figure in found if figure is not None]

    def take_number(self):
        """The next record's number, or None once the job has used up its records."""
        if self.sequence >= self.options.max_figures:
            self.overflow += 1
            return None
        self.sequence += 1
        return self.sequence


session = None


def start(out_dir, options):
    """Make `out_dir` the place where this process's captures go."""
    global session
    session = Session(out_dir, options)
    return session


def stop():
    """End the session: hooks pass everything through again."""
    global session
    session = None
