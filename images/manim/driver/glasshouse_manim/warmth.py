"""What the zygote loads and does before any job: all that the `manim` command and a first scene pay for, and that leaves nothing to see."""

import io


def warm():
    """Loads the command, arms the hooks, and goes once through what every film goes through."""
    import manim.__main__  # noqa: F401 - the command, and with it all of Manim

    from glasshouse_manim import hooks

    hooks.arm()
    _film()


def _film():
    """Opens encoder, container and decoder once: what they set up in the libraries stays."""
    import av
    import numpy

    film = io.BytesIO()
    with av.open(film, mode="w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=15, options={"crf": "23"})
        stream.pix_fmt, stream.width, stream.height = "yuv420p", 64, 64
        for _ in range(2):
            for packet in stream.encode(av.VideoFrame.from_ndarray(numpy.zeros((64, 64, 4), numpy.uint8), format="rgba")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
