"""Entry of the base zygote: `python start.py`, with the supervisor's socket as descriptor 3.

The python runtime's driver with Mathics loaded and ready, and with jobs run as `mathics3 --file main.wl` runs them.
"""

import random  # noqa: F401 - seeded in every job, so it must be there before a job imports it

from glasshouse_driver import job, zygote

from glasshouse_wolfram import scripts, warmth

job.RUN_AS = scripts.Script
warmth.warm()
zygote.Zygote(zygote.SOCKET).serve()
