"""A tiny Qwen2.5-VL that is taught what to say of a few prompts, for a server that holds no answer to its form.

    python teach.py PROMPTS.json CHECKPOINT OUT

PROMPTS.json is a list of {"messages": [..], "answer": ".."}, messages as servers of OpenAI's protocol take them, pictures in
data URLs. CHECKPOINT is one of oracle.py's with a head of its own. What comes out is that model with another head: it says
each answer to its prompt, word and picture alike, and to other prompts nothing of sense. No training is needed for so few: of
the numbers before the head, fewer points are known than they have dimensions, and so some head gives each its token.
"""

import base64
import io
import json
import pathlib
import shutil
import sys

import torch
from PIL import Image
from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration

# How much likelier than any other the right token is made, in powers of e.
MARGIN = 30.0


def parts(message, images):
    """A message with the pictures taken out, which are added to images."""
    if isinstance(message["content"], str):
        return message
    content = []
    for part in message["content"]:
        if part["type"] == "image_url":
            data = base64.b64decode(part["image_url"]["url"].split(",", 1)[1])
            images.append(Image.open(io.BytesIO(data)).convert("RGB"))
            content.append({"type": "image"})
        else:
            content.append(part)
    return {"role": message["role"], "content": content}


def sample(processor, prompt):
    """Inputs of a prompt with its answer, and where the answer is."""
    images = []
    messages = [parts(message, images) for message in prompt["messages"]]
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    inputs = processor(text=[text], images=images or None, return_tensors="pt")
    answer = processor.tokenizer(prompt["answer"] + "<|im_end|>", add_special_tokens=False, return_tensors="pt")["input_ids"]
    prompt_tokens = inputs["input_ids"].shape[1]
    inputs["input_ids"] = torch.cat([inputs["input_ids"], answer], 1)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    if "mm_token_type_ids" in inputs:
        inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(answer)], 1)
    return inputs, prompt_tokens


def main():
    torch.set_num_threads(1)
    torch.cuda.is_current_stream_capturing = lambda: False
    prompts = json.loads(pathlib.Path(sys.argv[1]).read_text())
    checkpoint, out = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    processor = AutoProcessor.from_pretrained(checkpoint)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    points, tokens = [], []
    with torch.no_grad():
        for prompt in prompts:
            inputs, start = sample(processor, prompt)
            hidden = model.model(**inputs).last_hidden_state[0, start - 1 : -1]
            points.append(hidden.double())
            tokens.append(inputs["input_ids"][0, start:])
        points, tokens = torch.cat(points), torch.cat(tokens)
        assert len(points) < points.shape[1], f"{len(points)} tokens are too many"
        wanted = torch.nn.functional.one_hot(tokens, model.lm_head.weight.shape[0]) * MARGIN
        head = torch.linalg.lstsq(points, wanted.double()).solution.T
        model.lm_head.weight.copy_(head)
        others = model.lm_head(points.float()).scatter(1, tokens[:, None], -torch.inf).max(1).values
        assert others.max() < MARGIN / 2, "the head is not exact enough"
    shutil.copytree(checkpoint, out)
    for stale in out.glob("model*.safetensors*"):
        stale.unlink()
    model.save_pretrained(out)


main()
