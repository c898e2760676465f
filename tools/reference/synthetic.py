#!/usr/bin/env python3
"""The synthetic Qwen3.5-0.8B: its weights from a counter, and what the reference class computes with them in float32.

    python3 tools/reference/synthetic.py --out tests/data/synthetic --device cuda     (all; 8 GB of device memory)
    /usr/bin/python3 tools/reference/synthetic.py --out tests/data/synthetic --picture-only     (the picture; numpy, Pillow)

The generator is defined in docs/FORMAT.md, "Synthetic models"; tests/data/synthetic/README.md describes what is written.
"""
import argparse
import json
import os

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
from PIL import Image

MASK = 0xFFFFFFFF
IM_START, IM_END, VISION_START, VISION_END, IMAGE_PAD, THINK, THINK_END = 248045, 248046, 248053, 248054, 248056, 248068, 248069
DEFINED = list(range(256)) + list(range(248044, 248077))
CHUNK = 1 << 24  # words of four values made at once


def fnv1a(name):
    h = 2166136261
    for b in name.encode():
        h = ((h ^ b) * 16777619) & MASK
    return h


def exponent(shape):
    """e of rule 7: values are odd multiples of 2^-e, so that a row's dot product with unit values is about 1."""
    k = 1
    for d in shape[1:]:
        k *= d
    return 7 + ((k - 1).bit_length() + 1) // 2


def rule(name, shape):
    """(form, e): 'u' is (2q+1) * 2^-e, 'norm' is 1 + (q >> 3) * 2^-7."""
    visual = ".visual." in name
    if name.endswith("norm.weight") and not visual and not name.endswith("linear_attn.norm.weight"):
        return "u", 11
    if name.endswith("linear_attn.norm.weight") or (visual and name.endswith(("norm.weight", "norm1.weight", "norm2.weight"))):
        return "norm", 7
    if name.endswith((".A_log", ".dt_bias")):
        return "u", 8
    if name.endswith(".bias"):
        return "u", 12
    if name.endswith("conv1d.weight"):
        return "u", 9
    return "u", exponent(shape)


def mix(x):
    """lowbias32 on 64-bit integers that hold 32-bit values: numpy arrays and torch tensors alike."""
    x = x ^ (x >> 16)
    x = (x * 0x7FEB352D) & MASK
    x = x ^ (x >> 15)
    x = (x * 0x846CA68B) & MASK
    return x ^ (x >> 16)


def word_values(x, form, e, stack):
    """Words -> values, lowest byte first. stack puts four arrays beside each other in a new last axis."""
    out = []
    for b in range(4):
        q = (x >> (8 * b)) & 255
        q = q - 256 * (q >> 7)
        out.append((2 * q + 1) * 2.0 ** -e if form == "u" else 1 + (q >> 3) * 2.0 ** -7)
    return stack(out).reshape(-1)


def values_numpy(name, shape, first=0, n=None):
    """float64 values first .. first+n of a tensor, row-major; first a multiple of 4."""
    total = int(np.prod(shape))
    n = total - first if n is None else n
    j = np.arange(first // 4, (first + n + 3) // 4, dtype=np.int64)
    with np.errstate(over="ignore"):
        x = mix((fnv1a(name) + j * 0x9E3779B9) & MASK)
    return word_values(x, *rule(name, shape), lambda p: np.stack(p, axis=-1))[:n]


def fill(torch, name, target):
    """Writes a tensor's values in place; returns (sum, sum of squares) in float64, which are exact."""
    form, e = rule(name, tuple(target.shape))
    flat, seed, total, squares = target.view(-1), fnv1a(name), 0.0, 0.0
    for start in range(0, flat.numel(), 4 * CHUNK):
        n = min(4 * CHUNK, flat.numel() - start)
        j = torch.arange(start // 4, (start + n + 3) // 4, device=target.device, dtype=torch.int64)
        v = word_values(mix((seed + j * 0x9E3779B9) & MASK), form, e, lambda p: torch.stack(p, dim=-1))[:n]
        flat[start:start + n] = v
        v = v.double()
        total += v.sum().item()
        squares += (v * v).sum().item()
    return total, squares


def picture():
    """uint8 [448, 448, 3]: r = 5x + 3y, g = xy >> 3, b = 2 (x xor y), each modulo 256."""
    y, x = np.mgrid[0:448, 0:448]
    return np.stack([(x * 5 + y * 3) & 255, ((x * y) >> 3) & 255, ((x ^ y) * 2) & 255], axis=2).astype(np.uint8)


def prompt_ids(text, n_image_tokens):
    """Chat ids of one user turn, thinking off; characters are their UTF-8 bytes."""
    image = [VISION_START] + [IMAGE_PAD] * n_image_tokens + [VISION_END] if n_image_tokens else []
    return ([IM_START, *b"user\n", *image, *text.encode(), IM_END, *b"\n", IM_START, *b"assistant\n",
             THINK, *b"\n\n", THINK_END, *b"\n\n"])


def published_config():
    kinds = ["full_attention" if (i + 1) % 4 == 0 else "linear_attention" for i in range(24)]
    return {
        "tie_word_embeddings": True, "image_token_id": IMAGE_PAD, "video_token_id": 248057,
        "vision_start_token_id": VISION_START, "vision_end_token_id": VISION_END,
        "text_config": {
            "model_type": "qwen3_5_text", "vocab_size": 248320, "hidden_size": 1024, "intermediate_size": 3584,
            "num_hidden_layers": 24, "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 256, "rms_norm_eps": 1e-6,
            "max_position_embeddings": 262144, "layer_types": kinds, "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128,
            "linear_value_head_dim": 128, "linear_num_key_heads": 16, "linear_num_value_heads": 16, "tie_word_embeddings": True,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000000, "partial_rotary_factor": 0.25,
                                "mrope_interleaved": True, "mrope_section": [11, 11, 10]}},
        "vision_config": {
            "model_type": "qwen3_5_vision", "depth": 12, "hidden_size": 768, "num_heads": 12, "intermediate_size": 3072,
            "hidden_act": "gelu_pytorch_tanh", "in_channels": 3, "patch_size": 16, "temporal_patch_size": 2,
            "spatial_merge_size": 2, "num_position_embeddings": 2304, "out_hidden_size": 1024}}


def checksum_names(names):
    """Some tensors of every kind: all of layers 0, 3 and 23, blocks 0 and 11, and everything outside layers and blocks."""
    picked = ("layers.0.", "layers.3.", "layers.23.", "blocks.0.", "blocks.11.")
    return [n for n in names if any(p in n for p in picked) or (".layers." not in n and ".blocks." not in n)]


def make_model(torch):
    from transformers import Qwen3_5Config, Qwen3_5ForConditionalGeneration
    config = Qwen3_5Config(**published_config())
    config._attn_implementation = "eager"
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = Qwen3_5ForConditionalGeneration(config)
    model.tie_weights()
    model.eval().float()
    if model.lm_head.weight.data_ptr() != model.model.language_model.embed_tokens.weight.data_ptr():
        raise RuntimeError("the head is not tied to the embedding")
    sums = {}
    with torch.no_grad():
        for name, p in model.named_parameters():
            sums[name] = (list(p.shape), *fill(torch, name, p.data), p.data.reshape(-1)[:8].tolist())
        for name, shape in (("mtp.fc.weight", (1024, 2048)), ("mtp.norm.weight", (1024,)),
                            ("mtp.layers.0.self_attn.q_proj.weight", (4096, 1024))):
            t = torch.empty(shape, device=next(model.parameters()).device)
            sums[name] = (list(shape), *fill(torch, name, t), t.reshape(-1)[:8].tolist())
    n = sum(p.numel() for p in model.parameters())
    if n != 852985920:
        raise RuntimeError(f"{n} parameters instead of 852985920")
    return model, sums


def check_generators(sums):
    """The numpy form against the torch form: first values of every tensor, sums of the small ones."""
    for name, (shape, total, squares, first) in sums.items():
        n = int(np.prod(shape))
        v = values_numpy(name, tuple(shape), 0, n if n < 3000000 else 8)
        if v[:8].tolist() != first or (n < 3000000 and (v.sum() != total or (v * v).sum() != squares)):
            raise RuntimeError(f"{name}: numpy and torch values differ")


def run_prompt(torch, model, ids, vision, n_steps):
    """Top 20 of the last prompt position (all ids), then greedy steps over the defined ids; no cache, so nothing to go wrong."""
    device = next(model.parameters()).device
    ids, steps, noise, before = list(ids), [], 0.0, None
    n_prompt = len(ids)
    defined = torch.tensor(DEFINED, device=device)
    for step in range(n_steps):
        t = torch.tensor([ids], device=device)
        model.model.rope_deltas = None
        with torch.no_grad():
            out = model(input_ids=t, attention_mask=torch.ones_like(t), mm_token_type_ids=(t == IMAGE_PAD).long(),
                        use_cache=False, **vision)
        logits = out.logits[0].float()
        if before is not None:
            noise = max(noise, (logits[:before.shape[0], defined] - before).abs().max().item())
        before = logits[:, defined].clone()
        last, among = logits[-1], logits[-1][defined]
        best = int(defined[among.argmax()])
        top = torch.topk(last, 20)
        top_defined = torch.topk(among, 20)
        steps.append({
            "id": best, "logprob": torch.log_softmax(last.double(), -1)[best].item(),
            "log_sum_exp": torch.logsumexp(last.double(), -1).item(),
            "top_ids": top.indices.tolist(), "top_logits": top.values.tolist(),
            "defined_ids": defined[top_defined.indices].tolist(), "defined_logits": top_defined.values.tolist(),
            "norm": last.double().norm().item()})
        ids.append(best)
    return {"ids": ids[:n_prompt], "greedy": ids[n_prompt:], "repeat_difference": noise, "steps": steps}


def record(out, device):
    import torch
    import transformers
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    model, sums = make_model(torch)
    check_generators(sums)
    model.to(device)
    processor = Qwen2VLImageProcessor(size={"shortest_edge": 65536, "longest_edge": 16777216}, patch_size=16, temporal_patch_size=2,
                                      merge_size=2, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    inputs = processor(images=[Image.fromarray(picture())], return_tensors="pt")
    grid = inputs["image_grid_thw"]
    vision = {"pixel_values": inputs["pixel_values"].to(device), "image_grid_thw": grid.to(device)}
    rows = {}
    hook = model.model.visual.merger.register_forward_hook(lambda m, a, o: rows.setdefault("rows", o.detach().clone()))
    seen = run_prompt(torch, model, prompt_ids("Describe this image.", 196), vision, 8)
    hook.remove()
    merged = rows["rows"].double().cpu()
    seen.update({"grid": grid[0].tolist(), "vision_rows": {
        str(i): {"first16": merged[i, :16].tolist(), "norm": merged[i].norm().item()} for i in (0, 97, 195)}})
    plain = run_prompt(torch, model, prompt_ids("What is the capital of France?", 0), {}, 8)
    note = "float32 without TF32, weights exact, logits of every id; argmax among the defined ids"
    with open(os.path.join(out, "qwen3.5-0.8b.json"), "w", encoding="utf-8") as f:
        versions = {"torch": torch.__version__, "transformers": transformers.__version__, "device": str(device)}
        f.write("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in
                                   (("model", "synthetic:qwen3.5-0.8b"), ("arithmetic", note), ("versions", versions),
                                    ("picture", seen), ("text", plain))) + "\n}\n")
    with open(os.path.join(out, "checksums.json"), "w", encoding="utf-8") as f:
        lines = [json.dumps({"name": n, "shape": s[0], "sum": s[1], "sum_of_squares": s[2], "first8": s[3]})
                 for n, s in sums.items() if n in set(checksum_names(sums))]
        f.write('{"model": "synthetic:qwen3.5-0.8b", "tensors": [\n' + ",\n".join(lines) + "\n]}\n")
    for name, r in (("picture", seen), ("text", plain)):
        print(f"synthetic {name}: {len(r['ids'])} tokens, greedy {r['greedy']}, repeat {r['repeat_difference']:.1e}, "
              f"top {r['steps'][0]['top_ids'][:3]} {r['steps'][0]['top_logits'][:3]}", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--out", required=True)
    p.add_argument("--device", default="cuda")
    p.add_argument("--picture-only", action="store_true", help="write the picture and stop")
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    if a.picture_only:
        Image.fromarray(picture()).save(os.path.join(a.out, "picture.png"), optimize=True)
        return
    record(a.out, a.device)


if __name__ == "__main__":
    main()
