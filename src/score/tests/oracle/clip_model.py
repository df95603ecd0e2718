"""CLIP's image tower in double precision, and what it is shown.

Written from "Learning Transferable Visual Models From Natural Language Supervision" (section 2.4: a vision transformer
with one more layer norm before the blocks, QuickGELU, the class token's last state projected) and the layouts of the two
kinds of checkpoints; no framework takes part. What it is shown is what OpenAI's `preprocess` does on a Pillow picture:
Resize(side, BICUBIC), CenterCrop(side), ToTensor(), Normalize(mean, std), by torchvision's rules of rounding.
"""

import base64
import json
import math
import os

import numpy
from PIL import Image

MEAN = numpy.array([0.48145466, 0.4578275, 0.40821073], dtype=numpy.float32)
DEVIATION = numpy.array([0.26862954, 0.26130258, 0.27577711], dtype=numpy.float32)
TYPES = {"F32": numpy.float32, "F16": numpy.float16, "F64": numpy.float64}
MODELS = {}


def tensors(path):
    """The tensors of a safetensors file, in double precision."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        head, body = json.loads(file.read(length)), file.read()
    head.pop("__metadata__", None)
    found = {}
    for name, about in head.items():
        start, end = about["data_offsets"]
        values = numpy.frombuffer(body[start:end], dtype=TYPES[about["dtype"]])
        found[name] = values.reshape(about["shape"]).astype(numpy.float64)
    return found


def folder(path):
    """All tensors of a folder, and the heads and the activation that its configuration names."""
    if path not in MODELS:
        found = {}
        for name in sorted(os.listdir(path)):
            if name.endswith(".safetensors"):
                found |= tensors(os.path.join(path, name))
        config = os.path.join(path, "config.json")
        about = {}
        if os.path.exists(config):
            with open(config) as file:
                about = json.load(file).get("vision_config", {})
        MODELS[path] = (found, about)
    return MODELS[path]


def view(picture, side):
    """The square from the middle that the model is shown."""
    width, height = picture.size
    short, long = min(width, height), max(width, height)
    size = (side, int(side * long / short)) if width <= height else (int(side * long / short), side)
    # Across, then down, as Pillow has always done it in one call; from 13 on it may go down first where that is cheaper,
    # which rounds otherwise. A call that leaves one side as it is does the other alone.
    scaled = picture.resize((size[0], height), Image.BICUBIC).resize(size, Image.BICUBIC)
    left, top = int(round((size[0] - side) / 2.0)), int(round((size[1] - side) / 2.0))
    return scaled.crop((left, top, left + side, top + side)).convert("RGB")


def clip_view(path, side):
    with Image.open(path) as picture:
        shown = view(picture, side)
    return {"width": side, "height": side, "rgb": base64.b64encode(shown.tobytes()).decode()}


def numbers(picture, side):
    """Three planes of numbers, in single precision as torchvision computes them."""
    levels = numpy.asarray(view(picture, side), dtype=numpy.float32) / numpy.float32(255)
    return ((levels - MEAN) / DEVIATION).transpose(2, 0, 1)


def _norm(x, weight, bias, epsilon=1e-5):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / numpy.sqrt((centred**2).mean(axis=-1, keepdims=True) + epsilon) * weight + bias


def _quick_gelu(x):
    return x / (1.0 + numpy.exp(-1.702 * x))


def _gelu(x):
    return 0.5 * x * (1.0 + numpy.vectorize(math.erf)(x / math.sqrt(2.0)))


def _attend(q, k, v, heads):
    """Each head by itself."""
    size = q.shape[1] // heads
    out = numpy.empty_like(q)
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        scores = q[:, part] @ k[:, part].T / math.sqrt(size)
        shares = numpy.exp(scores - scores.max(axis=1, keepdims=True))
        out[:, part] = shares / shares.sum(axis=1, keepdims=True) @ v[:, part]
    return out


def _patches(planes, side):
    """One row for each patch, from left to right and down; in it channel, row, column."""
    rows, columns = planes.shape[1] // side, planes.shape[2] // side
    return numpy.stack([
        planes[:, y * side : (y + 1) * side, x * side : (x + 1) * side].reshape(-1)
        for y in range(rows) for x in range(columns)
    ])


def _hugging_face(found, about):
    """What the tower needs, by our names, from a checkpoint of Hugging Face's layout."""
    tower, layer = "vision_model.", "vision_model.encoder.layers.{}."
    blocks = []
    while layer.format(len(blocks)) + "layer_norm1.weight" in found:
        at = layer.format(len(blocks))
        get = lambda name: (found[at + name + ".weight"], found[at + name + ".bias"])  # noqa: E731
        parts = [get(f"self_attn.{part}_proj") for part in "qkv"]
        blocks.append([get("layer_norm1"), parts, get("self_attn.out_proj"), get("layer_norm2"), get("mlp.fc1"), get("mlp.fc2")])
    pair = lambda name: (found[tower + name + ".weight"], found[tower + name + ".bias"])  # noqa: E731
    embeddings = tower + "embeddings."
    return {
        "patch": found[embeddings + "patch_embedding.weight"], "class": found[embeddings + "class_embedding"],
        "position": found[embeddings + "position_embedding.weight"], "before": pair("pre_layrnorm"),
        "blocks": blocks, "after": pair("post_layernorm"), "projection": found["visual_projection.weight"].T,
        "heads": about["num_attention_heads"], "gelu": _gelu if about.get("hidden_act") == "gelu" else _quick_gelu,
    }


def _openai(found):
    """The same from a checkpoint of OpenAI's layout, whose heads are 64 wide."""
    layer, blocks = "visual.transformer.resblocks.{}.", []
    while layer.format(len(blocks)) + "ln_1.weight" in found:
        at = layer.format(len(blocks))
        get = lambda name: (found[at + name + ".weight"], found[at + name + ".bias"])  # noqa: E731
        weights, biases = (numpy.split(found[at + f"attn.in_proj_{part}"], 3) for part in ("weight", "bias"))
        blocks.append([get("ln_1"), list(zip(weights, biases)), get("attn.out_proj"), get("ln_2"), get("mlp.c_fc"), get("mlp.c_proj")])
    pair = lambda name: (found[f"visual.{name}.weight"], found[f"visual.{name}.bias"])  # noqa: E731
    return {
        "patch": found["visual.conv1.weight"], "class": found["visual.class_embedding"],
        "position": found["visual.positional_embedding"], "before": pair("ln_pre"), "blocks": blocks,
        "after": pair("ln_post"), "projection": found["visual.proj"],
        "heads": found["visual.class_embedding"].shape[0] // 64, "gelu": _quick_gelu,
    }


def embed(path, picture):
    """The vector of a picture, not normalised."""
    found, about = folder(path)
    model = _openai(found) if "visual.proj" in found else _hugging_face(found, about)
    patch = model["patch"].shape[2]
    side = patch * math.isqrt(model["position"].shape[0] - 1)
    planes = numbers(picture, side).astype(numpy.float64)
    x = _patches(planes, patch) @ model["patch"].reshape(model["patch"].shape[0], -1).T
    x = numpy.concatenate([model["class"][None], x]) + model["position"]
    x = _norm(x, *model["before"])
    for norm1, parts, out, norm2, first, second in model["blocks"]:
        y = _norm(x, *norm1)
        q, k, v = (y @ weight.T + bias for weight, bias in parts)
        x = x + _attend(q, k, v, model["heads"]) @ out[0].T + out[1]
        y = _norm(x, *norm2)
        x = x + model["gelu"](y @ first[0].T + first[1]) @ second[0].T + second[1]
    return _norm(x[0], *model["after"]) @ model["projection"]


def clip_vector(path, picture):
    with Image.open(picture) as opened:
        return embed(path, opened).tolist()


def clip_numbers(picture, side):
    with Image.open(picture) as opened:
        return numbers(opened, side).astype(numpy.float64).reshape(-1).tolist()


def likeness(path, one, other):
    """The cosine of two pictures' vectors."""
    a, b = embed(path, one), embed(path, other)
    return float(a @ b / (numpy.linalg.norm(a) * numpy.linalg.norm(b)))
