"""Pages as Beautiful Soup sees them: trees, texts, pre-processing, TreeBLEU, BLEU and ROUGE.

Written from section 6 of the project's reference on WebCode2M, on the packages that the published evaluation uses.
"""

import io
import re

from bs4 import BeautifulSoup, NavigableString
from bs4.element import AttributeValueWithCharsetSubstitution, Tag
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from rouge import Rouge

MOST_REPEATS = 50


def soup_of(text):
    return BeautifulSoup(text, "html.parser")


def _written(value):
    if isinstance(value, list):
        return " ".join(value)
    if isinstance(value, AttributeValueWithCharsetSubstitution):
        # Before 4.13 it went by another name.
        return getattr(value, "substitute_encoding", value.encode)("utf-8")
    return str(value)


def flat(soup):
    """Every node in document order: [depth, name, attributes] or [depth, class, text]."""
    nodes = []
    for node in soup.descendants:
        depth = sum(1 for _ in node.parents)
        if isinstance(node, Tag):
            attributes = {key: _written(value) for key, value in node.attrs.items()}
            nodes.append([depth, node.name, attributes])
        else:
            nodes.append([depth, type(node).__name__.replace("RubyParenthesis", "RubyText"), str(node)])
    return nodes


def page(text):
    soup = soup_of(text)
    # The evaluation writes pages to files; what cannot be written is lost there.
    str(soup).encode()
    return {"nodes": flat(soup), "html": str(soup), "pretty": soup.prettify(), "text": soup.get_text()}


def preprocess(text):
    """What the evaluation does to a prediction, in a file, before it is rendered and scored."""
    text = _through_a_file(text)
    if not re.match(r"<html[^>]*>", text, re.IGNORECASE):
        text = f"<html><body><p>{text}</p></body></html>"
    soup = soup_of(text)
    seen = {}
    for element in soup.find_all(True):
        if isinstance(element, NavigableString):
            continue
        markup = str(element)
        seen[markup] = seen.get(markup, 0) + 1
        if seen[markup] > MOST_REPEATS:
            element.decompose()
    return _through_a_file(soup.prettify())


def _through_a_file(text):
    """What Python reads of what it, or anyone, wrote to a text file."""
    return io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8").read()


def _keys(text):
    """For each element of the page's tree that has elements in it: its name and theirs."""
    root = soup_of(text).find("html")
    if root is None:
        return None
    keys = []
    for element in [root, *root.find_all(True)]:
        children = [child.name for child in element.children if isinstance(child, Tag)]
        if children:
            keys.append("_".join(name.strip().lower() for name in [element.name, *children]))
    return keys


def tree_scores(reference, candidate):
    """TreeBLEU's two variants: the precision that its code names so, and the recall that its table reports."""
    of_reference, of_candidate = _keys(reference), _keys(candidate)
    if of_reference is None:
        return [0.0, 0.0]
    of_candidate = of_candidate or []
    known = set(of_reference)
    recall = sum(1 for key in set(of_candidate) if key in known) / len(known)
    precision = sum(1 for key in of_candidate if key in known) / len(of_candidate)
    return [precision, recall]


def text_scores(reference, candidate):
    """BLEU-1 (method 4) and ROUGE-1's recall of the visible words."""
    original, generated = soup_of(reference).get_text().split(), soup_of(candidate).get_text().split()
    bleu = sentence_bleu(
        [original], generated, weights=(1.0, 0, 0, 0), smoothing_function=SmoothingFunction().method4
    )
    scores = Rouge(metrics=["rouge-1"]).get_scores(" ".join(generated), " ".join(original))
    return [float(bleu), scores[0]["rouge-1"]["r"]]
