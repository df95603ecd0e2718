"""Entry of the base zygote: `python start.py`, with the supervisor's socket as descriptor 3.

The python runtime's driver with Manim loaded and warmed, and with jobs run as `manim render main.py` runs them.
"""

import random  # noqa: F401 - seeded in every job, so it must be there before a job imports it

from glasshouse_driver import job, zygote

from glasshouse_manim import scenes, warmth

job.RUN_AS = scenes.Scenes
warmth.warm()
zygote.Zygote(zygote.SOCKET).serve()
