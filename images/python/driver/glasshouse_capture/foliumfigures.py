"""folium: maps that are saved as pages, or that would be opened in a web browser."""

import os

from . import bounded, pages


def patch_element(module):
    """Note what `save` writes: of branca, whose elements folium's maps are."""

    def save(session, frame, original, bound):
        original(*bound.args, **bound.kwargs)
        asked = bound.arguments
        if isinstance(asked["outfile"], (str, bytes, os.PathLike)):
            pages.wrote(session, "save", frame, asked["outfile"], pages.safely(_facts, asked["self"]))

    pages.hook(module.Element, "save", save)


def patch_map(module):
    """Stand in for `show_in_browser`, which would wait for the user; it says what the original says."""

    def show_in_browser(session, frame, _original, bound):
        shown = bound.arguments["self"]
        page = pages.view(shown.get_root().render(), ready=False, picture="window")
        pages.show(session, "show_in_browser", frame, page, pages.safely(_facts, shown))
        print("Your map should have been opened in your browser automatically.\nPress ctrl+c to return.")

    pages.hook(module.Map, "show_in_browser", show_in_browser)


def _facts(element):
    """Where a map is, and what lies on it."""
    layers = [type(child).__name__ for child in element._children.values()]
    location = getattr(element, "location", None)
    return {"library": "folium", "location": location and bounded.numbers(location),
            "layers": [bounded.text(name) for name in layers[:bounded.ITEMS]]}
