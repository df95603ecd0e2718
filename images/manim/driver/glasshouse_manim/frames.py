"""Pictures out of films, with exact time stamps. Films are decoded here, in the job's own cell."""

import hashlib
import io
from fractions import Fraction

MOST = 256


class Beyond(Exception):
    """What the row asks for is not in the film; the text says it in the row's own terms."""


class Film:
    """A film's frames by their time stamps, without decoding any."""

    def __init__(self, path):
        self.path = path
        self.name = path.rpartition("/")[2]
        with _open(path) as container:
            stream = container.streams.video[0]
            self.base = Fraction(stream.time_base)
            packets = [packet for packet in container.demux(stream) if packet.pts is not None]
            self.stamps = sorted(packet.pts for packet in packets)
            last = max(packets, key=lambda packet: packet.pts, default=None)
            lasts = last.duration if last is not None and last.duration else 0
            first = self.stamps[0] if self.stamps else 0
            self.length = (self.stamps[-1] + lasts - first) * self.base if self.stamps else Fraction(0)

    def seconds(self, stamp):
        """A frame's time from the film's start."""
        return (stamp - self.stamps[0]) * self.base

    def wanted(self, frames):
        """Places (counted from 0) of the frames that `frames` asks for, each with the time that was asked for, if one was."""
        if frames is None:
            return []
        (how, value), = frames.items()
        if how == "count":
            return [(place, None) for place in _evenly(len(self.stamps), value)]
        times = value if how == "at" else self._every(value)
        return [(self._on_show(time, how), time) for time in times]

    def _every(self, step):
        number = int(self.length / Fraction(repr(float(step)))) + 1
        times = [place * step for place in range(min(number, MOST + 2))]
        times = [time for time in times if Fraction(repr(float(time))) < self.length]
        if len(times) > MOST:
            raise Beyond(f"frames.every: {step} s gives more than {MOST} pictures of {self.name}, which is {self._long()}")
        return times

    def _on_show(self, time, how):
        """The place of the frame that is on show at a time: the last one whose time stamp is not after it."""
        exact = Fraction(repr(float(time)))
        if exact > self.length:
            raise Beyond(f"frames.{how}: {time} s is past the end of {self.name}, which is {self._long()}")
        return max(place for place, stamp in enumerate(self.stamps) if self.seconds(stamp) <= exact)

    def _long(self):
        return f"{float(self.length):.6g} s long"

    def pictures(self, places):
        """(place, frame) of the frames at these places, in order. Decoding starts at the key frame before the first."""
        stamps = {self.stamps[place]: place for place in places}
        if not stamps:
            return
        with _open(self.path) as container:
            stream = container.streams.video[0]
            container.seek(min(stamps), stream=stream)
            for frame in container.decode(stream):
                place = stamps.pop(frame.pts, None)
                if place is not None:
                    yield place, frame
                if not stamps:
                    return


    def is_blank(self):
        """Whether every frame is of one colour. Ends with the first that is not."""
        with _open(self.path) as container:
            return all(is_plain(frame) for frame in container.decode(video=0))


def is_plain(frame):
    """Whether all pixels of a decoded frame are of one colour."""
    pixels = frame.to_ndarray(format="rgb24")
    return bool((pixels == pixels[0, 0]).all())


def _evenly(number, count):
    """`count` places out of `number`, the first and the last among them; of a film with fewer frames, all of them."""
    if number == 0:
        return []
    if count == 1:
        return [number - 1]
    return sorted({round(Fraction(place * (number - 1), count - 1)) for place in range(count)})


def _open(path):
    import av

    return av.open(path)


def picture(frame):
    """(PNG, SHA-256 of its pixels as RGB or RGBA bytes) of a decoded frame."""
    from PIL import Image

    alpha = any(component.is_alpha for component in frame.format.components)
    pixels = frame.to_ndarray(format="rgba" if alpha else "rgb24")
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG", compress_level=1)
    return png.getbuffer(), hashlib.sha256(pixels.tobytes()).hexdigest()
