"""plotly: what `show` and `write_image` would open or convert becomes a page; `write_html` writes one.

The pictures are those of kaleido, plotly's own converter: `Plotly.toImage` of the same plotly.js, with the same sizes.
"""

from . import bounded, pages

# As kaleido names them; another format is plotly's own error.
FORMATS = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "webp": "webp", "svg": "svg", "pdf": "pdf"}
# What plotly.py's own pages load where a text has TeX in it.
MATHJAX = "https://cdnjs.cloudflare.com/ajax/libs/mathjax/3.2.2/es5/tex-svg.min.js"

# Each format from data of its own, since drawing changes it. JPEG has no transparency to keep; a sheet of paper has its
# background from the page.
_DRAW = """
    if (!window.Plotly) throw new Error("plotly.js could not be loaded");
    for (const format of given.formats) {
      const { data, layout, config } = JSON.parse(given.figure);
      const size = { width: given.width, height: given.height, scale: given.scale };
      let background = "white";
      const paper = (graph, colour) => {
        background = colour;
        graph._fullLayout.paper_bgcolor = "rgba(0,0,0,0)";
      };
      const image = await Plotly.toImage(
        { data: data || [], layout: layout || {}, config: Object.assign({ mapboxAccessToken: null }, config) },
        { ...size, format: format === "pdf" ? "svg" : format, imageDataOnly: true,
          setBackground: format === "jpeg" ? "opaque" : format === "pdf" ? paper : "" });
      if (format === "pdf") await lay(svg(image), size.width * size.scale, size.height * size.scale, background);
      else give(format, format === "svg" ? encoded(image) : image);
    }
"""


def patch_renderers(module):
    """Stand in for `plotly.io.show`, which `Figure.show` calls."""

    def show(session, frame, _original, bound):
        asked = bound.arguments
        figure = module.validate_coerce_fig_to_dict(asked["fig"], asked["validate"])
        names = asked["renderer"] or module.renderers.default
        others = [name for name in module.renderers._validate_coerce_renderers(names) if not _own(module, name)] if names else []
        if others:
            _original(figure, "+".join(others), False, **asked["kwargs"])
        size = {name: asked["kwargs"].get(name) for name in ("width", "height", "scale")}
        shown = _view(figure, ["png"], **_sizes(figure, size))
        pages.show(session, "show", frame, shown, pages.safely(_facts, figure))

    pages.hook(module, "show", show)


def _own(module, name):
    """Whether a renderer is plotly's own: all of those need a notebook, a web browser or kaleido."""
    return type(module.renderers[name]).__module__ == "plotly.io._base_renderers"


def patch_images(module):
    """Stand in for `write_image` and `write_images`, unless kaleido is there."""

    def write_image(session, frame, original, bound):
        asked = bound.arguments
        if not _write(module, session, frame, asked, _sizes):
            original(*bound.args, **bound.kwargs)

    def write_images(session, frame, original, bound):
        several = module.broadcast_args_to_dicts(**bound.arguments)
        if not all(_can_write(module, asked) for asked in several):
            original(*bound.args, **bound.kwargs)
        for asked in several:
            _write(module, session, frame, asked, _plain_sizes)

    pages.hook(module, "write_image", write_image)
    pages.hook(module, "write_images", write_images)


def _can_write(module, asked):
    path = module.as_path_object(asked["file"])
    if path is None or module.kaleido_available():
        return False
    form = module.infer_format(path, asked["format"]) or module.defaults.default_format
    return form.lower() in FORMATS


def _write(module, session, frame, asked, sizes):
    """Whether the picture is one that a page can give; then its file is promised."""
    if not _can_write(module, asked):
        return False
    path = module.as_path_object(asked["file"])
    form = FORMATS[(module.infer_format(path, asked["format"]) or module.defaults.default_format).lower()]
    figure = module.validate_coerce_fig_to_dict(asked["fig"], asked["validate"])
    formats = ["png"] if form == "png" else ["png", form]
    shown = _view(figure, formats, **sizes(figure, asked))
    pages.promise(session, "write_image", frame, path, form, shown, pages.safely(_facts, figure))
    return True


def _sizes(figure, asked):
    """Size and scale by the rules of plotly's `to_image`."""
    found = _plain_sizes(figure, {"scale": asked["scale"]})
    layout = figure.get("layout") or {}
    template = (layout.get("template") or {}).get("layout") or {}
    for name in ("width", "height"):
        found[name] = asked[name] or layout.get(name) or template.get(name) or found[name]
    return found


def _plain_sizes(_figure, asked):
    """Size and scale by the rules of plotly's `write_images`, which does not look at the layout."""
    from plotly.io._kaleido import defaults

    return {name: asked.get(name) or getattr(defaults, f"default_{name}") for name in ("width", "height", "scale")}


def _view(figure, formats, width, height, scale):
    from plotly.io._utils import plotly_cdn_url
    from plotly.io.json import to_json_plotly

    text = to_json_plotly({name: figure[name] for name in ("data", "layout", "config") if name in figure})
    tex = f'<script src="{MATHJAX}"></script>\n' if text.count("$") > 1 else ""
    given = {"figure": text, "formats": formats, "width": width, "height": height, "scale": scale}
    document = f'''<!DOCTYPE html>
<meta charset="utf-8">
<script>window.PlotlyConfig = {{ MathJaxConfig: "local" }};</script>
{tex}<script src="{plotly_cdn_url()}"></script>
<body>
{pages.script(given, _DRAW)}
'''
    return pages.view(document)


def patch_html(module):
    """Note what `write_html` writes, where it is a page that stands for itself."""

    def write_html(session, frame, original, bound):
        original(*bound.args, **bound.kwargs)
        asked = bound.arguments
        if isinstance(asked["file"], (str, module.Path)) and asked["full_html"] and asked["include_plotlyjs"]:
            figure = module.validate_coerce_fig_to_dict(asked["fig"], False)
            pages.wrote(session, "write_html", frame, asked["file"], pages.safely(_facts, figure))

    pages.hook(module, "write_html", write_html)


def _facts(figure):
    """Titles, axes and traces, as far as the figure states them."""
    layout = figure.get("layout") or {}
    axes = {name: _title(value) for name, value in layout.items()
            if name.startswith(("xaxis", "yaxis")) and isinstance(value, dict)}
    traces = [{"chart": bounded.text(trace.get("type", "scatter")), "name": bounded.text(trace.get("name"))}
              for trace in figure.get("data", ())[:bounded.ITEMS]]
    return {"library": "plotly", "title": _title(layout), "traces": traces,
            "axes": dict(list(axes.items())[:bounded.ITEMS])}


def _title(holder):
    title = holder.get("title")
    return bounded.text(title.get("text") if isinstance(title, dict) else title)
