"""The python runtime's driver: one zygote process per node of the tree, one forked child per job.

zygote  the loop that answers the supervisor        warmth   what a zygote loads before it forks
jail    calls into libglasshouse_jail.so            job      a child, from the fork to the program
program the sample, run as `python main.py` would
"""
