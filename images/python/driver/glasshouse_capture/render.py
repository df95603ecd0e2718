"""Draws a figure as `savefig("x.png", same arguments)` would, and keeps the pixels instead of a PNG.

Changes the figure, so it runs in a forked copy, or where no user code can follow.
"""

import io

from . import records

NOT_FOR_PNG = ("format", "backend", "metadata", "pil_kwargs", "papertype", "orientation")


class TooLarge(Exception):
    """The picture has more pixels than the job may capture."""


def pixels(session, number, figure, draw):
    """Call `draw(sink)`, which must save `figure` as PNG, and write what Agg drew; returns the JSON part."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    limit = session.options.max_pixels
    name = f"{number:04d}.rgba"
    sizes = []

    def grab(canvas, _target, _format, _pil_kwargs, _metadata=None, **_ignored):
        width, height = (int(side) for side in canvas.figure.bbox.size)
        if width * height > limit:
            raise TooLarge(f"{width} x {height} pixels are more than {limit}")
        FigureCanvasAgg.draw(canvas)
        view = canvas.buffer_rgba()
        sizes.append((view.shape[1], view.shape[0]))
        records.write_bytes(session.out_dir, name, view)

    original = FigureCanvasAgg._print_pil
    FigureCanvasAgg._print_pil = grab
    sink = io.BytesIO()
    try:
        draw(sink)
    finally:
        FigureCanvasAgg._print_pil = original
    width, height = sizes[-1] if sizes else _decode(session, name, sink)
    return {"file": name, "width": width, "height": height}


def _decode(session, name, sink):
    """For a canvas of the user's that prints its PNG in its own way."""
    import PIL.Image

    sink.seek(0)
    with PIL.Image.open(sink) as image:
        records.write_bytes(session.out_dir, name, image.convert("RGBA").tobytes())
        return image.size


def arguments_for_png(kwargs):
    """The arguments of the script's save that also hold for a PNG."""
    return {name: value for name, value in kwargs.items() if name not in NOT_FOR_PNG}
