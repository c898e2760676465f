#!/usr/bin/env python3
"""Record what the reference implementation computes with the tiny models: the golden cases and the tokenizer's strings.

    python3 tools/reference/record.py --data tests/data/golden --out tests/data/golden

Needs torch, torchvision and transformers (5.17 was used); no network, no GPU. Reads DATA/tiny-*/ and DATA/images/, writes
OUT/tiny-*/cases/NAME.json and .bin and OUT/tokenizer.json as tests/data/golden/README.md describes.
Each case runs the class's own generate(); a second pass over the whole text without cache must give the same logits.
"""
import argparse
import glob
import hashlib
import json
import os

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import tokenizers
import torch
import torchvision
import transformers
from PIL import Image
from transformers import PreTrainedTokenizerFast, Qwen3_5ForConditionalGeneration, Qwen3VLProcessor
from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor
from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor

import cases
import tokenizer_strings

N_STEPS = 16
MAX_ROWS = 14


def first_tensor(x):
    return x[0] if isinstance(x, (tuple, list)) else x


class Tape:
    """Keeps the first value that each hooked place gives: the prefill, not the decode steps after it."""

    def __init__(self, model):
        self.values, self.handles = {}, []
        vision, text = model.model.visual, model.model.language_model
        self.before(vision.blocks[0], lambda a, k: self.keep("vision.embed", a[0] if a else k["hidden_states"]))
        for i, b in enumerate(vision.blocks):
            self.after(b, f"vision.block.{i}")
        self.after(vision.merger, "vision.rows")
        self.before(text, self.enter_text)
        for i, layer in enumerate(text.layers):
            self.after(layer, f"text.layer.{i}")
        self.after(text.norm, "text.norm")

    def keep(self, name, value):
        if name not in self.values and value is not None:
            self.values[name] = first_tensor(value).detach().clone()

    def enter_text(self, args, kwargs):
        self.keep("text.embed", kwargs["inputs_embeds"])
        self.keep("positions", kwargs.get("position_ids"))

    def before(self, module, f):
        self.handles.append(module.register_forward_pre_hook(lambda m, a, k: f(a, k), with_kwargs=True))

    def after(self, module, name):
        self.handles.append(module.register_forward_hook(lambda m, a, out: self.keep(name, out)))

    def close(self):
        for h in self.handles:
            h.remove()


def chosen_rows(ids, image_pad):
    """Prompt positions to record: both ends, the borders of 64-token chunks, and both sides of every picture's ends."""
    n = len(ids)
    want = [0, n - 1, 63, 64, 127, 128, 1, n - 2]
    edges = [i for i in range(1, n) if (ids[i] == image_pad) != (ids[i - 1] == image_pad)]
    want += [i for e in edges for i in (e - 1, e)] + [2, 3, n // 2, n // 3, 191, 192]
    rows = []
    for i in want:
        if 0 <= i < n and i not in rows and len(rows) < MAX_ROWS:
            rows.append(i)
    return sorted(rows)


def chosen_patches(grids):
    rows, at = [], 0
    for _, gh, gw in grids:
        n = gh * gw
        rows += [at + i for i in sorted({0, 1, 2, n // 2, n - 2, n - 1})]
        at += n
    return rows


def image_entries(names, data, inputs, processor):
    """Per picture: file, size, grid and the hashes of its pixel values."""
    entries, at = [], 0
    mean = torch.tensor(processor.image_processor.image_mean, dtype=torch.float64)
    std = torch.tensor(processor.image_processor.image_std, dtype=torch.float64)
    for name, grid in zip(names, inputs["image_grid_thw"].tolist()):
        with Image.open(os.path.join(data, "images", name + ".png")) as im:
            w, h = im.size
        n = grid[0] * grid[1] * grid[2]
        v = inputs["pixel_values"][at:at + n].to(torch.float32).contiguous()
        at += n
        level = (v.double().reshape(n, 3, -1) * std[:, None] + mean[:, None]) * 255
        if (level - level.round()).abs().max() > 1e-3:
            raise ValueError(f"{name}: pixel values are no whole grey levels")
        entries.append({
            "file": f"images/{name}.png", "height": h, "width": w, "grid": grid,
            "pixel_sha256": hashlib.sha256(v.numpy().astype("<f4").tobytes()).hexdigest(),
            "pixel_sha256_u8": hashlib.sha256(level.round().to(torch.uint8).numpy().tobytes()).hexdigest()})
    return entries


def write_case(folder, name, meta, arrays):
    os.makedirs(folder, exist_ok=True)
    listing, blob = [], b""
    for key, a in arrays.items():
        a = np.ascontiguousarray(a)
        kind = "i32" if a.dtype.kind == "i" else "f32"
        data = a.astype("<i4" if kind == "i32" else "<f4").tobytes()
        if kind == "f32" and not np.isfinite(a).all():
            raise ValueError(f"{folder}/{name}: {key} is not finite")
        listing.append({"name": key, "dtype": kind, "shape": list(a.shape), "offset": len(blob)})
        blob += data
    meta["arrays"] = listing
    with open(os.path.join(folder, name + ".bin"), "wb") as f:
        f.write(blob)
    with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as f:
        lines = (f"{json.dumps(k)}: {json.dumps(v)}" for k, v in meta.items())
        f.write("{\n" + ",\n".join(lines) + "\n}\n")
    return len(blob)


def record_case(model, processor, data, out, model_name, case, messages):
    names = [p["image"] for m in messages for p in m["content"] if p["type"] == "image"]
    pictures = [Image.open(os.path.join(data, "images", n + ".png")).convert("RGB") for n in names]
    prompt = processor.apply_chat_template(messages, chat_template=cases.CHAT_TEMPLATE, tokenize=False,
                                           add_generation_prompt=True, enable_thinking=False)
    inputs = processor(text=[prompt], images=pictures or None, return_tensors="pt")
    if "mm_token_type_ids" not in inputs:
        inputs["mm_token_type_ids"] = (inputs["input_ids"] == model.config.image_token_id).long()
    ids = inputs["input_ids"][0].tolist()
    n = len(ids)

    model.model.rope_deltas = None
    tape = Tape(model)
    got = model.generate(**inputs, max_new_tokens=N_STEPS, min_new_tokens=None, do_sample=False, use_cache=True,
                         output_logits=True, return_dict_in_generate=True)
    tape.close()
    delta = model.model.rope_deltas
    greedy = got.sequences[0, n:].tolist()
    logits = torch.stack([s[0] for s in got.logits]).float()
    logprobs = torch.log_softmax(logits, dim=-1)
    if len(greedy) != N_STEPS or logits.argmax(-1).tolist() != greedy:
        raise ValueError(f"{case}: generate() gave {len(greedy)} ids, or not the likeliest ones")

    # The same text in one pass, without a cache: what decoding must agree with.
    model.model.rope_deltas = None
    whole = torch.cat([inputs["input_ids"], got.sequences[:, n:-1]], dim=1)
    extra = {k: inputs[k] for k in ("pixel_values", "image_grid_thw") if k in inputs}
    kinds = torch.cat([inputs["mm_token_type_ids"], torch.zeros(1, N_STEPS - 1, dtype=inputs["mm_token_type_ids"].dtype)], dim=1)
    with torch.no_grad():
        again = model(input_ids=whole, attention_mask=torch.ones_like(whole), mm_token_type_ids=kinds, use_cache=False, **extra)
    difference = (torch.log_softmax(again.logits[0, n - 1:].float(), -1) - logprobs).abs().max().item()
    if difference > 2e-3:
        raise ValueError(f"{case}: decoding and the single pass differ by {difference}")

    v = tape.values
    rows = chosen_rows(ids, model.config.image_token_id)
    positions = v.get("positions")
    if positions is None or positions.ndim == 2:  # text only: one coordinate for all axes
        positions = torch.arange(n).view(1, 1, n).expand(3, 1, n)
    arrays = {"positions": positions[-3:, 0].numpy().astype(np.int32)}
    patch_rows, images = [], []
    if names:
        patch_rows = chosen_patches(inputs["image_grid_thw"].tolist())
        images = image_entries(names, data, inputs, processor)
        arrays["pixel_values"] = inputs["pixel_values"][:2].numpy()
        for key in v:
            if key.startswith("vision.") and key != "vision.rows":
                arrays[key] = v[key].reshape(-1, v[key].shape[-1])[patch_rows].numpy()
        arrays["vision.rows"] = v["vision.rows"].numpy()
    for key in v:
        if key.startswith("text."):
            arrays[key] = v[key][0][rows].numpy()
    arrays["logits"] = logits[0].numpy()
    arrays["logprobs"] = logprobs.numpy()
    rms = lambda t: round(float(np.sqrt((np.asarray(t) ** 2).mean())), 3)
    size = write_case(os.path.join(out, model_name, "cases"), case, {
        "model": model_name, "case": case, "messages": messages, "prompt": prompt, "ids": ids, "images": images,
        "rope_delta": 0 if delta is None else int(delta.reshape(-1)[0]), "rows": rows, "patch_rows": patch_rows,
        "greedy": greedy, "max_cache_difference": difference}, arrays)
    print(f"{model_name} {case}: {n} tokens, {size} bytes, cache {difference:.1e}, distinct {len(set(greedy))}, "
          f"p {np.exp(logprobs.max(-1).values.mean().item()):.2f}, rms "
          + " ".join(f"{k}={rms(a)}" for k, a in arrays.items() if k.startswith(("vision.", "text.", "logits"))), flush=True)


def record_model(data, out, name):
    folder = os.path.join(data, name)
    model = Qwen3_5ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    model.eval()
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=os.path.join(folder, "tokenizer.json"),
                                        model_input_names=["input_ids", "attention_mask"])
    processor = Qwen3VLProcessor(image_processor=Qwen2VLImageProcessor.from_pretrained(folder), tokenizer=tokenizer,
                                 video_processor=Qwen3VLVideoProcessor(), chat_template=cases.CHAT_TEMPLATE)
    exact = "exact14" if config["vision_config"]["patch_size"] == 14 else "exact"
    for case, messages in cases.golden_cases(exact).items():
        record_case(model, processor, data, out, name, case, messages)


def record_tokenizer(data, out):
    t = tokenizers.Tokenizer.from_file(os.path.join(data, "tiny-a", "tokenizer.json"))
    rows = []
    for s in tokenizer_strings.strings():
        ids = t.encode(s, add_special_tokens=False).ids
        rows.append({"text": s, "ids": ids, "decoded": t.decode(ids, skip_special_tokens=False)})
    with open(os.path.join(out, "tokenizer.json"), "w", encoding="utf-8") as f:
        f.write('{"tokenizer": "tiny-a/tokenizer.json", "tokenizers": "%s",\n"strings": [\n' % tokenizers.__version__)
        f.write(",\n".join(json.dumps(r) for r in rows) + "\n]}\n")
    print(f"tokenizer: {len(rows)} strings", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--data", required=True, help="folder with tiny-*/ and images/")
    p.add_argument("--out", required=True)
    p.add_argument("--only", default="tiny-*", help="pattern of the models to record")
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(4)
    print("torch", torch.__version__, "torchvision", torchvision.__version__, "transformers", transformers.__version__,
          "tokenizers", tokenizers.__version__, flush=True)
    record_tokenizer(a.data, a.out)
    for folder in sorted(glob.glob(os.path.join(a.data, a.only, ""))):
        record_model(a.data, a.out, os.path.basename(os.path.dirname(folder)))


if __name__ == "__main__":
    main()
