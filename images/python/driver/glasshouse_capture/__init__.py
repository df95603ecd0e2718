"""Sees every figure that a job's script shows, saves or leaves open, without the script noticing.

The zygote calls `install()` and `warm()`; each forked job calls `begin()` before the user's code and
`finish()` after it. Between the two, each figure state becomes one JSON file and, where the script did
not write a PNG itself, the raw RGBA pixels that `savefig("x.png")` would have held. See `README.md`.
"""

from .hooks import install
from .lifecycle import begin, finish
from .warmup import warm

__all__ = ["begin", "finish", "install", "warm"]
