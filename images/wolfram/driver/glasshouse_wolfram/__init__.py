"""What the wolfram runtime adds to the python runtime's driver.

scripts  a job, run as the `mathics3` command would    notes     what each expression of a program gave, and what it showed
engine   the command's parts, made ready before a job  results   notes as text, written when the program has ended
pictures graphics and images out of expressions        demonstrations  frames of Manipulate and Animate
solids, perspective  three-dimensional graphics as documents
trials   test code of a row                             warmth    what a zygote loads and does before it forks
"""
