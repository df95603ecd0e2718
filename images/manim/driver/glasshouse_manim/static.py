"""Scenes of a program, found in its syntax tree without running it."""

import ast


def scenes(code):
    """Names and lines of the classes that `manim -a` would render and that have something to render, in the order of the program.

    A class counts if a class that it comes from has a name that ends in "Scene", and if it or a class of the program that it comes from
    has a `construct`. Empty if the program has none or does not parse: Manim then says so itself.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found = []
    for name, node in classes.items():
        line = _lineage(name, classes)
        if line is not None and any(_constructs(classes[one]) for one in line):
            found.append((name, node.lineno))
    return found


def _lineage(name, classes, seen=()):
    """The classes of the program that class `name` comes from, itself among them; None if it is no scene."""
    if name in seen:
        return None
    own, is_scene = [name], False
    for base in classes[name].bases:
        word = base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""
        if word in classes:
            further = _lineage(word, classes, (*seen, name))
            if further is not None:
                own += further
                is_scene = True
        elif word.endswith("Scene"):
            is_scene = True
    return own if is_scene else None


def _constructs(node):
    return any(isinstance(part, (ast.FunctionDef, ast.Assign)) and _names(part) for part in node.body)


def _names(part):
    if isinstance(part, ast.FunctionDef):
        return part.name == "construct"
    return any(isinstance(target, ast.Name) and target.id == "construct" for target in part.targets)
