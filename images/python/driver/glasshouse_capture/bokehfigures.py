"""bokeh: what `show` and `export_png` would open becomes a page of the figure alone; `save` writes a page.

Pages are made by bokeh's own template for exports; the picture has the size of the layout, as `export_png` cuts it.
"""

import functools
import os

from . import bounded, capture, pages, quiet, state

# The box of all roots, from the corner of the window, as an element that can be looked for.
_DRAW = """
    while (!(window.Bokeh && Bokeh.documents && Bokeh.documents.length)) await pause(10);
    const shown = Bokeh.documents[0];
    if (!shown.is_idle) await new Promise((resolve) => shown.idle.connect(resolve));
    let width = 0, height = 0;
    for (const view of Bokeh.index.roots) {
      const box = view.el.getBoundingClientRect();
      if (!box.width || !box.height) continue; // the place of notifications
      width = Math.max(width, Math.round(box.right));
      height = Math.max(height, Math.round(box.bottom));
    }
    const figure = document.createElement("div");
    figure.id = "glasshouse-figure";
    figure.style.cssText = `position:absolute;left:0;top:0;width:${width}px;height:${height}px;pointer-events:none`;
    document.body.append(figure);
    if (given.svg) {
      const found = [...Bokeh.index].find((view) => given.svg.includes(view.model.id));
      const { ctx } = found.export("svg");
      give("svg", encoded(ctx.get_serialized_svg(true)));
    }
"""


def patch_util(module):
    """Files without a name are called after the program, which bokeh looks for in the outermost frame."""
    original = module.detect_current_filename

    @functools.wraps(original)
    def detect_current_filename():
        session = state.session
        return session and session.options.main_file or original()

    module.detect_current_filename = detect_current_filename


def patch_showing(module):
    """Stand in for `show`: the file is written, no web browser is looked for."""

    def show(session, frame, original, bound):
        asked = bound.arguments
        if module.curstate().notebook or callable(asked["obj"]):
            return original(*bound.args, **bound.kwargs)
        original(asked["obj"], browser="none", new=asked["new"])
        try:
            with quiet.quiet():
                shown = _view(asked["obj"], module.curstate())
            pages.show(session, "show", frame, shown, pages.safely(_facts, asked["obj"]))
        except Exception as error:
            capture.note_failure(session, error)
        return None

    pages.hook(module, "show", show)


def patch_saving(module):
    """Note what `save` writes."""

    def save(session, frame, original, bound):
        path = original(*bound.args, **bound.kwargs)
        pages.wrote(session, "save", frame, path, pages.safely(_facts, bound.arguments["obj"]))
        return path

    pages.hook(module, "save", save)


def patch_export(module):
    """Stand in for `export_png` and `export_svg`, unless the program brings a driver of its own."""

    def export(call, form):
        def stand_in(session, frame, original, bound):
            asked = bound.arguments
            path = asked["filename"]
            path = module.default_filename(form) if path is None else os.fspath(path)
            if asked["webdriver"] is not None or os.path.splitext(path)[1].lower() != f".{form}":
                return original(*bound.args, **bound.kwargs)
            size = {name: asked[name] for name in ("width", "height")}
            shown = _view(asked["obj"], asked["state"] or module.curstate(), asked.get("scale_factor", 1),
                          form == "svg", **size)
            pages.promise(session, call, frame, path, form, shown, pages.safely(_facts, asked["obj"]))
            return os.path.abspath(os.path.expanduser(path)) if form == "png" else [path]

        return stand_in

    pages.hook(module, "export_png", export("export_png", "png"))
    pages.hook(module, "export_svg", export("export_svg", "svg"))


def _view(obj, current, scale=1, svg=False, width=None, height=None):
    from bokeh.io import export
    from bokeh.resources import Resources

    resources = Resources(mode="cdn")
    html = export.get_layout_html(obj, resources=resources, width=width, height=height, theme=current.document.theme)
    # A layout larger than the window is captured whole; the page must not keep it from that.
    html = html.replace("overflow: hidden;", "", 1)
    roots = getattr(obj, "roots", None) or [obj]
    given = {"svg": [root.id for root in roots] if svg else None}
    before, end, after = html.rpartition("</body>")
    return pages.view(before + pages.script(given, _DRAW) + end + after, scale=scale, picture="element")


def _facts(obj):
    """Titles and axes of the plots, and what they are drawn with."""
    from bokeh.models import Plot

    models = obj if isinstance(obj, (list, tuple)) else getattr(obj, "roots", None) or [obj]
    plots = [plot for model in models for plot in model.select({"type": Plot})][:bounded.ITEMS]
    return {"library": "bokeh", "axes": [_plot(plot) for plot in plots]}


def _plot(plot):
    glyphs = [type(renderer.glyph).__name__ for renderer in plot.renderers if hasattr(renderer, "glyph")]
    labels = {name: [bounded.text(getattr(axis, "axis_label", None)) for axis in getattr(plot, name)[:bounded.ITEMS]]
              for name in ("xaxis", "yaxis")}
    title = getattr(plot.title, "text", plot.title)
    return {"title": bounded.text(title), "glyphs": glyphs[:bounded.ITEMS], **labels}
