"""Keeps what our own drawing prints, warns or logs away from the script, and tells whether there was any."""

import contextlib
import io
import logging
import sys
import warnings


class Noise:
    """What was held back while we drew."""

    def __init__(self):
        self.warnings = []
        self.records = 0
        self.out = io.StringIO()
        self.err = io.StringIO()

    def is_silent(self):
        """Whether nothing at all was printed, warned or logged."""
        return not (self.warnings or self.records or self.out.tell() or self.err.tell())


@contextlib.contextmanager
def quiet():
    """Hold back prints, warnings and log records; yields the `Noise`.

    `warnings.catch_warnings` will not do: it forgets which warnings were already shown.
    """
    noise = Noise()
    kept = sys.stdout, sys.stderr, warnings._showwarnmsg, logging.Logger.callHandlers

    def count(_logger, _record):
        noise.records += 1

    sys.stdout, sys.stderr = noise.out, noise.err
    warnings._showwarnmsg = noise.warnings.append
    logging.Logger.callHandlers = count
    try:
        yield noise
    finally:
        sys.stdout, sys.stderr, warnings._showwarnmsg, logging.Logger.callHandlers = kept


class Listener:
    """Counts the warnings and log records of a stretch of the script's own work, and lets them through."""

    def __init__(self):
        self.heard = 0
        self._show, self._handle = warnings._showwarnmsg, logging.Logger.callHandlers

    def _heard_warning(self, message):
        self.heard += 1
        return self._show(message)

    def start(self):
        """Begin to listen."""
        handle = self._handle

        def call_handlers(logger, record):
            self.heard += 1
            return handle(logger, record)

        self._mine = self._heard_warning, call_handlers
        warnings._showwarnmsg, logging.Logger.callHandlers = self._mine
        return self

    def stop(self):
        """Put everything back, unless someone else has changed it meanwhile."""
        if warnings._showwarnmsg is self._mine[0]:
            warnings._showwarnmsg = self._show
        if logging.Logger.callHandlers is self._mine[1]:
            logging.Logger.callHandlers = self._handle
