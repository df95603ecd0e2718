"""What the manim runtime adds to the python runtime's driver.

scenes   a job, run as the `manim` command would     static   scenes of a program, found without running it
hooks    what is wrapped, and notes of a render      texts    errors of TeX, told apart from Python's
frames   pictures out of films                       warmth   what a zygote loads and does before it forks
"""
