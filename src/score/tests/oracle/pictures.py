"""Scores of two pictures: MSE, SSIM, and what CLIP would be shown.

Written from section 6 of the project's reference on WebCode2M, on the packages that the published evaluation uses.
"""

import base64

import cv2
import numpy
from PIL import Image
from pixelmatch import pixelmatch
from skimage.metrics import structural_similarity


def _raw(picture):
    height, width = picture.shape[:2]
    rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    return {"width": width, "height": height, "rgb": base64.b64encode(rgb.tobytes()).decode()}


def _resized(picture, width, height):
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_LANCZOS4)


def resize(path, size):
    return _raw(_resized(cv2.imread(path), *size))


def mse(first, second):
    difference = first / 255.0 - second / 255.0
    return float(numpy.sum(difference.astype("float") ** 2) / float(first.shape[0] * first.shape[1]))


def ssim(first, second):
    return float(
        structural_similarity(
            first, second, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
            data_range=255.0,
        )
    )


def scores(candidate, reference):
    """MSE and SSIM; the reference is brought to the candidate's size."""
    first = cv2.imread(candidate)
    second = _resized(cv2.imread(reference), first.shape[1], first.shape[0])
    return [mse(first, second), ssim(first, second)]


def _without_texts(path, boxes):
    """The screenshot without its texts, and that as a square of its shorter side."""
    with Image.open(path) as opened:
        picture = cv2.cvtColor(numpy.array(opened), cv2.COLOR_RGB2BGR)
    height, width = picture.shape[:2]
    mask = numpy.zeros((height, width), dtype=numpy.uint8)
    for left, top, wide, high in boxes:
        x, y, w, h = int(left * width), int(top * height), int(wide * width), int(high * height)
        mask[y : y + h, x : x + w] = 255
    painted = cv2.inpaint(picture, mask, 3, cv2.INPAINT_TELEA)
    side = min(width, height)
    return painted, Image.fromarray(cv2.cvtColor(painted, cv2.COLOR_BGR2RGB)).resize((side, side), Image.LANCZOS)


def square(path, boxes):
    return _without_texts(path, boxes)[1]


def masked(path, boxes):
    painted, shown = _without_texts(path, boxes)
    side = shown.size[0]
    return {
        "painted": _raw(painted),
        "square": {"width": side, "height": side, "rgb": base64.b64encode(shown.tobytes()).decode()},
    }


def different(one, other, threshold, smoothing):
    """Pixels that differ, as pixelmatch counts them."""
    pictures = [Image.open(path).convert("RGBA") for path in (one, other)]
    width, height = pictures[0].size
    data = [list(picture.tobytes()) for picture in pictures]
    return pixelmatch(*data, width, height, threshold=threshold, includeAA=smoothing)
