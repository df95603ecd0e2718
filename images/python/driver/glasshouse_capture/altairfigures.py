"""altair: what `show` and `save` to a picture would convert becomes a page; `save` to HTML writes one.

The pictures are those of `view.toImageURL` and `view.toSVG`, drawn by the releases of Vega that altair's own pages load.
"""

import os

from . import bounded, pages

# Where altair's pages load Vega from.
BASE = "https://cdn.jsdelivr.net/npm"
# Dots per inch at which one unit of the chart is one pixel.
INCH = 72

_DRAW = """
    if (!window.vegaEmbed) throw new Error("vega-embed could not be loaded");
    const place = document.createElement("div");
    document.body.append(place);
    const options = Object.assign({}, given.options, { mode: given.mode, actions: false, renderer: "canvas" });
    const { view } = await vegaEmbed(place, given.spec, options);
    const image = await view.toImageURL("png", given.scale);
    give("png", image.slice(image.indexOf(",") + 1));
    if (given.format === "svg") give("svg", encoded(await view.toSVG(given.scale)));
    if (given.format === "pdf") {
      const drawing = svg(await view.toSVG(given.scale));
      const sheet = new Image();
      sheet.src = drawing;
      await sheet.decode();
      await lay(drawing, sheet.naturalWidth, sheet.naturalHeight, "white");
    }
"""


def patch_api(module):
    """Stand in for `Chart.show`."""

    def show(session, frame, _original, bound):
        with module.data_transformers.disable_max_rows():
            spec = bound.arguments["self"].to_dict(context={"pre_transform": False})
        versions = module.VEGA_VERSION, module.VEGALITE_VERSION, module.VEGAEMBED_VERSION
        shown = _view(spec, versions, module.renderers.options.get("embed_options"))
        pages.show(session, "show", frame, shown, pages.safely(_facts, spec))

    pages.hook(module.TopLevelMixin, "show", show)


def patch_save(module):
    """Stand in for the writing of pictures, and note the pages and specifications that are written."""

    def save(session, frame, original, bound):
        asked = bound.arguments
        pages.through(session, original, bound)
        path = asked["fp"]
        form = asked["format"] or (os.path.splitext(path)[1][1:] if isinstance(path, (str, os.PathLike)) else None)
        if form == "json" and isinstance(path, (str, os.PathLike)):
            with module.data_transformers.enable("default"), module.data_transformers.disable_max_rows():
                spec = asked["chart"].to_dict(context={"pre_transform": False})
            versions = asked["vega_version"], asked["vegalite_version"], asked["vegaembed_version"]
            shown = _view(spec, versions, asked["embed_options"])
            pages.show(session, "save", frame, shown, pages.safely(_facts, spec), os.fspath(path), form)

    def write(session, frame, original, bound):
        asked = bound.arguments
        extra = asked.get("kwargs", {})
        is_path = isinstance(asked["fp"], (str, os.PathLike))
        if asked["format"] not in ("png", "svg", "pdf") or not is_path or asked["engine"] not in (None, "vl-convert"):
            original(*bound.args, **bound.kwargs)
            if asked["format"] == "html" and is_path:
                pages.wrote(session, "save", frame, asked["fp"], pages.safely(_facts, asked["spec"]))
            return
        scale = asked["scale_factor"] * extra.get("ppi", INCH) / INCH
        versions = asked["vega_version"], asked["vegalite_version"], asked["vegaembed_version"]
        shown = _view(asked["spec"], versions, asked["embed_options"], scale, asked["format"])
        facts = pages.safely(_facts, asked["spec"])
        pages.promise(session, "save", frame, asked["fp"], asked["format"], shown, facts)

    pages.hook(module, "save", save)
    pages.hook(module, "_save_mimebundle_format", write)


def _view(spec, versions, options, scale=1, form="png"):
    from altair import renderers
    from altair.utils.mimebundle import preprocess_embed_options

    options = preprocess_embed_options(renderers.options.get("embed_options", {}) if options is None else options)
    vega, lite, embed = versions
    mode = "vega" if "/vega/" in str(spec.get("$schema")) else "vega-lite"
    given = {"spec": spec, "options": options, "mode": mode, "scale": scale, "format": form}
    names = [f"vega@{vega}", f"vega-lite@{lite}", f"vega-embed@{embed}"]
    scripts = "\n".join(f'<script src="{BASE}/{name}"></script>' for name in names)
    document = f'<!DOCTYPE html>\n<meta charset="utf-8">\n{scripts}\n<body>\n{pages.script(given, _DRAW)}\n'
    return pages.view(document)


def _facts(spec):
    """Titles, marks and encodings of a chart and of those that it is made of."""
    charts = []
    waiting = [spec]
    while waiting and len(charts) < bounded.ITEMS:
        part = waiting.pop(0)
        for name in ("layer", "hconcat", "vconcat", "concat"):
            waiting.extend(part.get(name, ()))
        if "spec" in part:
            waiting.append(part["spec"])
        if "mark" in part:
            charts.append(_chart(part))
    return {"library": "altair", "title": _title(spec.get("title")), "charts": charts}


def _chart(part):
    mark = part["mark"]
    fields = {}
    for channel, value in list(part.get("encoding", {}).items())[:bounded.ITEMS]:
        if isinstance(value, dict):
            title = value.get("title", value.get("field") or value.get("aggregate"))
            fields[bounded.text(channel)] = bounded.text(title)
    return {"mark": bounded.text(mark.get("type") if isinstance(mark, dict) else mark),
            "title": _title(part.get("title")), "encoding": fields}


def _title(title):
    return bounded.text(title.get("text") if isinstance(title, dict) else title)
