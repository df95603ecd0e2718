"""Entry of the base zygote: `python start.py`, with the supervisor's socket as descriptor 3."""

import random  # noqa: F401 - seeded in every job, so it must be there before a job imports it

from glasshouse_driver import zygote

zygote.Zygote(zygote.SOCKET).serve()
