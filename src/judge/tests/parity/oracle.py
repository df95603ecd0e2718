"""Tiny random models by transformers, and what transformers makes of prompts: the reference of the judge's models.

    python oracle.py OUT

writes OUT/NAME/ for each model as a checkpoint lies on a disk, and beside it cases.json with tokens, pictures and greedy
answers, and numbers in .f32 files. Weights are drawn so that a token's numbers neither vanish nor all look alike, and norms
and biases are drawn too: with the initial values of training, mistakes hide.
"""

import json
import pathlib
import sys

import numpy
import torch
from PIL import Image
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLImageProcessorPil,
    Qwen2VLVideoProcessor,
    Qwen3Config,
    Qwen3ForCausalLM,
)

CONTROL = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>",
]  # fmt: skip
# How Qwen's tokenizers cut text before merging.
WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# In the manner of the family's templates, with what they use of the language: loops, namespaces, tests, methods.
VISION_TEMPLATE = """
{%- set seen = namespace(pictures=0) -%}
{%- for message in messages %}
    {%- if loop.first and message['role'] != 'system' %}
<|im_start|>system
You rate pictures.<|im_end|>
    {% endif %}
<|im_start|>{{ message['role'] }}
    {%- if message['content'] is string %}
{{ '\n' + message['content'] }}<|im_end|>
    {% else %}
{{ '\n' }}
        {%- for part in message['content'] %}
            {%- if part['type'] == 'image' or 'image' in part %}
                {%- set seen.pictures = seen.pictures + 1 %}
                {%- if numbered %}Picture {{ seen.pictures }}: {% endif -%}
<|vision_start|><|image_pad|><|vision_end|>
            {%- elif 'text' in part %}{{ part['text'] }}{% endif %}
        {%- endfor %}<|im_end|>
    {% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}
"""
TEXT_TEMPLATE = """
{%- for message in messages[::-1] %}
    {%- if loop.last and not message.content.startswith('Rate') %}{{- 'Task:\n' }}{% endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content.split('</think>')[-1].lstrip('\n') if message.role == 'assistant' else message.content %}
    {{- '<|im_start|>' + message.role + '\n' + content|trim + '<|im_end|>' + '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\n\n</think>\n\n' }}
    {%- endif %}
{%- endif %}
"""
VOCABULARY = 640


def tokenizer(template):
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.NFC()
    bpe.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(WORDS), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    bpe.train_from_iterator([__doc__, numpy.__doc__, torch.nn.Module.__doc__, VISION_TEMPLATE], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    fast.add_special_tokens({"additional_special_tokens": CONTROL})
    fast.chat_template = template
    assert len(fast) <= VOCABULARY
    return fast


def draw(model, seed):
    """Weights of variance 1 / inputs; norms around 1, biases and embeddings around 0."""
    numbers = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=numbers)
            if "norm" in name or "ln_q" in name:
                weight.copy_(1 + 0.3 * noise)
            elif weight.ndim == 1:
                weight.copy_(0.2 * noise)
            elif "embed_tokens" in name:
                weight.copy_(noise)
            else:
                weight.copy_(noise * (weight[0].numel() ** -0.5))
    return model.eval()


def vision_model(seed, tokens, *, text, vision, tied):
    text = {
        "vocab_size": VOCABULARY,
        "num_hidden_layers": 3,
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-6,
        "bos_token_id": tokens["<|endoftext|>"],
        "eos_token_id": tokens["<|im_end|>"],
        **text,
    }
    vision = {"patch_size": 14, "out_hidden_size": text["hidden_size"], **vision}
    config = Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=tokens["<|image_pad|>"],
        video_token_id=tokens["<|video_pad|>"],
        vision_start_token_id=tokens["<|vision_start|>"],
        vision_end_token_id=tokens["<|vision_end|>"],
        tie_word_embeddings=tied,
    )
    return draw(Qwen2_5_VLForConditionalGeneration(config), seed)


def flat(folder):
    """Writes config.json as checkpoints on the hub have it, and the picture processor's likewise."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    if text := config.pop("text_config", None):
        config.update({name: value for name, value in text.items() if name not in ("model_type", "dtype")})
        rope = config.pop("rope_parameters")
        config["rope_scaling"] = {"type": "mrope", "mrope_section": rope["mrope_section"]}
        vision = config["vision_config"]
        vision.pop("rope_parameters", None)
        vision["in_chans"] = vision.pop("in_channels")
        whole = folder / "processor_config.json"
        pictures = json.loads(whole.read_text())["image_processor"]
        size = pictures.pop("size")
        pictures.update(min_pixels=size["shortest_edge"], max_pixels=size["longest_edge"])
        (folder / "preprocessor_config.json").write_text(json.dumps(pictures))
        whole.unlink()
    else:
        rope = config.pop("rope_parameters")
        config["rope_scaling"] = None
    config["rope_theta"] = rope["rope_theta"]
    path.write_text(json.dumps(config, indent=1))


def write(path, numbers):
    numbers.detach().to(torch.float32).contiguous().numpy().astype("<f4").tofile(path)
    return path.name


def picture(width, height, seed):
    """Something with edges, slopes and noise."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:height, 0:width]
    levels = numpy.stack([x * 255 // width, y * 255 // height, ((x // 9 + y // 7) % 2) * 200], -1)
    return Image.fromarray((levels + random.integers(0, 56, levels.shape)).clip(0, 255).astype("uint8"))


def references(folder, model, cases):
    """Runs each case in single precision and in bf16; `cases` are (name, tokens, pictures)."""
    written = []
    pad = getattr(model.config, "image_token_id", None)
    with torch.no_grad():
        for name, ids, pictures in cases:
            case = {"name": name, "tokens": ids, "pictures": []}
            tokens = torch.tensor([ids])
            inputs = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
            if pictures:
                inputs["pixel_values"] = torch.cat([numbers for _, numbers in pictures])
                inputs["image_grid_thw"] = torch.tensor([grid for grid, _ in pictures])
                inputs["mm_token_type_ids"] = (tokens == pad).int()
                for at, (grid, numbers) in enumerate(pictures):
                    file = write(folder / f"{name}-{at}.f32", numbers)
                    case["pictures"].append({"grid": grid, "numbers": file})
            case["logits"] = write(folder / f"{name}-logits.f32", model(**inputs).logits[0])
            answer = model.generate(**inputs, max_new_tokens=16, do_sample=False, eos_token_id=None, pad_token_id=0)
            case["greedy"] = answer[0, len(ids) :].tolist()
            written.append(case)
        half = model.to(torch.bfloat16)
        for case, (name, ids, pictures) in zip(written, cases):
            tokens = torch.tensor([ids])
            inputs = {"input_ids": tokens}
            if pictures:
                inputs["pixel_values"] = torch.cat([numbers for _, numbers in pictures])
                inputs["image_grid_thw"] = torch.tensor([grid for grid, _ in pictures])
                inputs["mm_token_type_ids"] = (tokens == pad).int()
            case["bf16"] = write(folder / f"{name}-bf16.f32", half(**inputs).logits[0])
    (folder / "cases.json").write_text(json.dumps(written))


def grids(*sizes):
    return [[1, height // 14, width // 14] for width, height in sizes]


def cases(tokens, with_pictures):
    """Prompts of random tokens, and pictures of random numbers."""
    numbers = torch.Generator().manual_seed(7)
    text = lambda count: torch.randint(0, 600, (count,), generator=numbers).tolist()  # noqa: E731
    yield "text", text(48), []
    # More than two pages of the cache.
    yield "long", text(150), []
    if not with_pictures:
        return
    for name, before, sizes, after in [
        ("one", 10, [(112, 84)], 20),
        ("two", 9, [(140, 84), (84, 196)], 17),
        # More windows than one each way, cut on both edges; and a picture across pages.
        ("wide", 70, [(280, 168)], 40),
    ]:
        ids, pictures = text(before), []
        for grid in grids(*sizes):
            count = grid[1] * grid[2]
            ids += [tokens["<|vision_start|>"], *[tokens["<|image_pad|>"]] * (count // 4), tokens["<|vision_end|>"], *text(3)]
            pictures.append((grid, torch.randn((count, 3 * 2 * 14 * 14), generator=numbers)))
        yield name, ids + text(after), pictures


def preparation(out, processor):
    """What the picture processors make of pictures, and the whole processor of messages."""
    folder = out / "pictures"
    folder.mkdir()
    written = []
    pillow = Qwen2VLImageProcessorPil()
    for at, (width, height) in enumerate([(1024, 768), (640, 480), (333, 777), (70, 98), (2000, 1500), (31, 20)]):
        image = picture(width, height, at)
        case = {"width": width, "height": height, "rgb": f"{at}.rgb"}
        numpy.asarray(image).tofile(folder / case["rgb"])
        for name, of in [("torchvision", processor.image_processor), ("pillow", pillow)]:
            made = of(images=[image], return_tensors="pt")
            case["grid"] = made["image_grid_thw"][0].tolist()
            case[name] = write(folder / f"{at}-{name}.f32", made["pixel_values"])
        written.append(case)
    (folder / "cases.json").write_text(json.dumps(written))


def talks(folder, tokenizer, processor=None):
    """Messages as text and tokens, by the template."""
    plain = [
        [{"role": "user", "content": "Rate this: \u00e9\u0301 caf\u00e9, 12345 na\u00efve\n\n  tabs\tand   spaces  "}],
        [
            {"role": "system", "content": "Be strict.\n"},
            {"role": "user", "content": "```python\nfor i in range(10):\n    print(i)\n```"},
            {"role": "assistant", "content": "<think>\nhm\n</think>\n\n4"},
            {"role": "user", "content": "\n\nAgain? It's 5 o'clock; we'll see \U0001f600."},
        ],
    ]
    written = []
    for messages in plain:
        for extra in [{}, {"enable_thinking": False}]:
            text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **extra)
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            written.append({"messages": messages, "extra": extra, "text": text, "tokens": ids})
    if processor:
        images = [picture(140, 84, 1), picture(84, 196, 2)]
        parts = ["First:", images[0], "\nthen:\n", images[1], "Which is better?\n"]
        content = [{"type": "text", "text": part} if isinstance(part, str) else {"type": "image"} for part in parts]
        messages = [{"role": "system", "content": "You rate."}, {"role": "user", "content": content}]
        for extra in [{}, {"numbered": True}]:
            text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **extra)
            made = processor(text=[text], images=images)
            ids = made["input_ids"][0]
            sizes = [[image.width, image.height] for image in images]
            written.append({"messages": messages, "extra": extra, "text": text, "tokens": list(ids), "sizes": sizes})
    (folder / "talks.json").write_text(json.dumps(written))


def main():
    torch.set_num_threads(1)
    # transformers asks torch whether a CUDA graph is being recorded, and behind lean.py's stand-ins nobody knows.
    torch.cuda.is_current_stream_capturing = lambda: False
    out = pathlib.Path(sys.argv[1])
    sees, reads = tokenizer(VISION_TEMPLATE), tokenizer(TEXT_TEMPLATE)
    tokens = {name: sees.convert_tokens_to_ids(name) for name in CONTROL}
    processor = Qwen2_5_VLProcessor(
        Qwen2VLImageProcessor(), sees, Qwen2VLVideoProcessor(), chat_template=VISION_TEMPLATE
    )
    small = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "num_key_value_heads": 2}
    mrope = lambda *sections: {"rope_type": "default", "rope_theta": 1e6, "mrope_section": list(sections)}  # noqa: E731
    models_here = {
        # As transformers 5 writes it, in shards, with a head of its own.
        "nested-untied": vision_model(
            1, tokens, tied=False,
            text={**small, "rope_parameters": mrope(2, 3, 3)},
            vision={"depth": 4, "hidden_size": 48, "intermediate_size": 80, "num_heads": 2, "fullatt_block_indexes": [1, 3]},
        ),
        "nested-tied": vision_model(
            2, tokens, tied=True,
            text={**small, "num_key_value_heads": 4, "rope_parameters": mrope(4, 2, 2)},
            vision={"depth": 3, "hidden_size": 32, "intermediate_size": 48, "num_heads": 4, "fullatt_block_indexes": [2], "window_size": 56},
        ),
        # As checkpoints on the hub have it.
        "flat-untied": vision_model(
            3, tokens, tied=False,
            text={**small, "hidden_size": 96, "num_attention_heads": 6, "num_key_value_heads": 1, "rope_parameters": mrope(2, 3, 3)},
            vision={"depth": 2, "hidden_size": 64, "intermediate_size": 40, "num_heads": 4, "fullatt_block_indexes": [0]},
        ),
        "flat-tied": vision_model(
            4, tokens, tied=True,
            text={**small, "num_hidden_layers": 2, "rope_parameters": {**mrope(2, 3, 3), "rope_theta": 1e4}},
            vision={"depth": 3, "hidden_size": 48, "intermediate_size": 64, "num_heads": 3, "fullatt_block_indexes": [1], "window_size": 84},
        ),
        "text-untied": draw(Qwen3ForCausalLM(Qwen3Config(
            vocab_size=VOCABULARY, num_hidden_layers=3, **small, head_dim=32, tie_word_embeddings=False,
            eos_token_id=tokens["<|im_end|>"], rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        )), 5),
        "text-flat-tied": draw(Qwen3ForCausalLM(Qwen3Config(
            vocab_size=VOCABULARY, num_hidden_layers=2, **small, head_dim=16, tie_word_embeddings=True, attention_bias=True,
            eos_token_id=tokens["<|im_end|>"], rope_parameters={"rope_type": "default", "rope_theta": 5e5},
        )), 6),
    }  # fmt: skip
    for name, model in models_here.items():
        folder = out / name
        vision = not name.startswith("text")
        shard = {"max_shard_size": "150KB"} if "untied" in name else {}
        model.save_pretrained(folder, **shard)
        (processor if vision else reads).save_pretrained(folder)
        if "flat" in name:
            flat(folder)
            # What is compared is what transformers itself reads in this dialect.
            model = type(model).from_pretrained(folder, dtype=torch.float32).eval()
        references(folder, model, list(cases(tokens, vision)))
        talks(folder, sees if vision else reads, processor if vision else None)
    preparation(out, processor)


if __name__ == "__main__":
    main()
