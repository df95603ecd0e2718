"""Answers the tests' questions: one JSON object a line in, one a line out, with the seconds that the answer took."""

import json
import sys
import time
import warnings

import clip_model
import html_tree
import pictures
import visual

ANSWERS = {
    "page": lambda q: html_tree.page(q["text"]),
    "preprocess": lambda q: html_tree.preprocess(q["text"]),
    "tree_scores": lambda q: html_tree.tree_scores(q["reference"], q["candidate"]),
    "text_scores": lambda q: html_tree.text_scores(q["reference"], q["candidate"]),
    "ratio": lambda q: visual.ratio(q["a"], q["b"]),
    "assignment": lambda q: visual.assignment(q["cost"]),
    "colour": lambda q: visual.colour_likeness(q["a"], q["b"]),
    "css_colour": lambda q: visual.css_colour(q["text"]),
    "picture_scores": lambda q: pictures.scores(q["candidate"], q["reference"]),
    "resize": lambda q: pictures.resize(q["picture"], q["size"]),
    "different": lambda q: pictures.different(q["one"], q["other"], q["threshold"], q["smoothing"]),
    "masked": lambda q: pictures.masked(q["picture"], q["boxes"]),
    "clip_view": lambda q: clip_model.clip_view(q["picture"], q["side"]),
    "clip_numbers": lambda q: clip_model.clip_numbers(q["picture"], q["side"]),
    "clip_vector": lambda q: clip_model.clip_vector(q["folder"], q["picture"]),
    "colouring": lambda q: visual.colouring(q["text"], q["offset"]),
    "blocks": lambda q: visual.blocks(q["page"], q["original"], q["first"], q["second"]),
    "visual": lambda q: visual.scores(q["candidate"], q["reference"]),
}


def answer(question):
    start = time.perf_counter()
    try:
        said = {"ok": ANSWERS[question["ask"]](question)}
    except Exception as error:  # every failure of the reference is an answer
        said = {"error": f"{type(error).__name__}: {error}"[:300]}
    said["seconds"] = time.perf_counter() - start
    return said


def main():
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
