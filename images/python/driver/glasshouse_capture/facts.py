"""Facts about a figure, as plain JSON: what a reader of the picture could say about it.

Only getters that leave the figure as it is are used; ticks are those of the last draw.
"""

from . import bounded, charttype


def safely(figure, pixels):
    """The facts, or `{"error": ..}`: a figure of the user's own making may refuse any question."""
    try:
        return of_figure(figure, pixels)
    except Exception as error:
        return {"error": bounded.text(f"{type(error).__name__}: {error}")}


def is_empty(figure):
    """Whether nothing was put on the figure (or all was cleared away)."""
    return not (figure.axes or figure.texts or figure.images or figure.lines or figure.artists
                or figure.legends or figure.subfigs or len(figure.patches) > 0)


def of_figure(figure, pixels):
    """Size, titles, layout and axes; `pixels` is the capture's picture where there is one."""
    from . import elements  # it loads numpy, which jobs without figures must not find loaded

    inches = [float(side) for side in figure.get_size_inches()]
    dpi = float(getattr(figure, "_original_dpi", figure.dpi))
    engine = figure.get_layout_engine()
    axes = list(figure.axes)
    colorbars = {id(bar.ax) for bar in _colorbars(figure)}
    return {
        "inches": bounded.numbers(inches),
        "dpi": bounded.number(dpi),
        "pixels": [pixels["width"], pixels["height"]] if pixels else bounded.numbers(int(side * dpi) for side in inches),
        "class": bounded.text(type(figure).__name__),
        "suptitle": _suptitle(figure),
        "facecolor": bounded.colour(figure.get_facecolor()),
        "layout": None if engine is None else type(engine).__name__,
        "naxes": len(axes),
        "axes": [_axes_safely(one, id(one) in colorbars) for one in axes[:bounded.ITEMS]],
        "texts": elements.texts([text for text in figure.texts if text is not figure._suptitle]),
        "legends": [_legend(legend) for legend in figure.legends[:bounded.ITEMS]],
    }


def _suptitle(figure):
    return bounded.text(figure._suptitle.get_text()) if figure._suptitle is not None else None


def _colorbars(figure):
    """The colour bars of all mappables: each mappable knows its own."""
    for axes in figure.axes:
        for artist in [*axes.images, *axes.collections]:
            bar = getattr(artist, "colorbar", None)
            if bar is not None and getattr(bar, "ax", None) is not None:
                yield bar


def _axes_safely(axes, is_colorbar):
    """One odd axes must not cost the facts of the others."""
    try:
        return _axes(axes, is_colorbar)
    except Exception as error:
        return {"chart": "unknown", "error": bounded.text(f"{type(error).__name__}: {error}")}


def _axes(axes, is_colorbar):
    from . import elements  # it loads numpy, which jobs without figures must not find loaded

    projection = getattr(axes, "name", None)
    containers = elements.containers(axes)
    found = [*elements.lines(axes), *elements.patches(axes), *elements.collections(axes), *elements.images(axes)]
    visible = bool(axes.axison)
    facts = {
        "chart": "colorbar" if is_colorbar else charttype.guess(projection, found, containers, visible),
        "projection": bounded.text(projection),
        "visible": bool(axes.get_visible()),
        "axis_on": visible,
        "position": bounded.numbers(axes.get_position(original=False).bounds),
        "title": _title(axes),
        "facecolor": bounded.colour(axes.get_facecolor()),
        "colors": elements.used_colours(found),
        "legend": _legend(axes.get_legend()),
        "counts": {"lines": len(axes.lines), "patches": len(axes.patches), "collections": len(axes.collections),
                   "images": len(axes.images), "texts": len(axes.texts), "tables": len(axes.tables)},
        "containers": containers,
        "elements": found,
        "texts": elements.texts(axes.texts),
    }
    for name, axis in axes._axis_map.items():
        facts[name] = _axis(axis)
    return facts


def _title(axes):
    for where in ("center", "left", "right"):
        title = axes.get_title(loc=where)
        if title:
            return bounded.text(title)
    return None


def _axis(axis):
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in list(axis.majorTicks) if _inside(tick.get_loc(), low, high)][:bounded.ITEMS]
    return {
        "label": bounded.text(axis.label.get_text()),
        "scale": bounded.text(axis.get_scale()),
        "limits": bounded.numbers(axis.get_view_interval()),
        "inverted": bool(axis.get_inverted()),
        "ticks": bounded.numbers(tick.get_loc() for tick in ticks),
        "tick_labels": [bounded.text(tick.label1.get_text() or tick.label2.get_text()) or "" for tick in ticks],
        "grid": bool(axis._major_tick_kw.get("gridOn")),
    }


def _inside(location, low, high):
    slack = 1e-9 * (abs(high - low) or 1)
    return location is not None and low - slack <= location <= high + slack


def _legend(legend):
    if legend is None:
        return None
    title = legend.get_title()
    return {"title": bounded.text(title.get_text()) if title is not None else None,
            "labels": [bounded.text(text.get_text()) for text in legend.get_texts()[:bounded.ITEMS]],
            "columns": bounded.number(legend._ncols)}
