#!/usr/bin/env python3
"""Make the tiny random-weight Qwen3.5 models that the golden tests run.

    python3 tools/reference/make_tiny.py --out tests/data/golden

Needs numpy only. Writes OUT/tiny-a .. tiny-d in the layout of a published checkpoint: config.json, safetensors (one file, or
shards with an index), tokenizer.json, preprocessor_config.json, generation_config.json. Every value is a BF16 number, so the
same weights come out whatever dtype a reader converts to on the way to float32. The same command writes the same bytes.

What differs between the models, so that a wrong reading of one field shows:

    tiny-a  value heads = key heads, tied head, 4 layers, one BF16 file, config in the published style
    tiny-b  value heads = 2 x key heads, separate head, 4 layers, config as re-saved by transformers 5, CLIP mean and std
    tiny-c  8 layers, tied, value head dim != key head dim, rms_norm_eps 1e-5, MTP tensors, two shards with an index
    tiny-d  odd vision sizes (patch 14, position table 5 x 5, 3 blocks, head dim 8), every head component rotates, F32 file
"""
import argparse
import json
import os
import struct

import numpy as np

SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")

# Added tokens in the published order, each with its special flag.
ADDED = ([(f"<|{n}|>", True) for n in
          ("endoftext im_start im_end object_ref_start object_ref_end box_start box_end quad_start quad_end "
           "vision_start vision_end vision_pad image_pad video_pad").split()]
         + [("<tool_call>", False), ("</tool_call>", False)]
         + [(f"<|{n}|>", False) for n in "fim_prefix fim_middle fim_suffix fim_pad repo_name file_sep".split()]
         + [(t, False) for t in ("<tool_response>", "</tool_response>", "<think>", "</think>")]
         + [(t, True) for t in ("<|audio_start|>", "<|audio_end|>", "<tts_pad>", "<tts_text_bos>", "<tts_text_eod>",
                                "<tts_text_bos_single>", "<|audio_pad|>")])

N_MERGES = 200
N_UNDEFINED = 7  # ids past the last token, as the published models have: the matrices are padded

# Text that the merges are learnt from: plain English and some of other scripts, so that merges cross UTF-8 bytes.
CORPUS = """
The picture shows a small red boat on a quiet lake. There are three trees behind the boat and a blue house with a white
door. A person is standing near the water and looking at the birds in the sky. What is in this image? Describe the image
in one sentence. How many circles are there? The text says hello world. It is not the same as the other one, but they are
both in the upper left corner of the picture. I don't think we're going to see it; she'll say that he's been there and
they've left. Please read the line of text and answer the question about the colour and the shape of the thing.
the and that with this from have which there their would about could other into than then them these some what when
user assistant system image describe picture colour shape left right above below green yellow black white square circle
Der Fluß fließt über die Brücke, und das Mädchen hört die Vögel. Où est la fenêtre de la maison près de l'église ?
El niño comió una manzana roja y bebió agua en la montaña. Привет, мир! Это картинка, на которой есть дом и дерево.
这张图片里有什么？ 这是一只猫。 日本語のテキスト。 한국어 문장 안녕하세요 مرحبا بالعالم हिन्दी में नमस्ते
"""


def byte_characters():
    """The 256 characters that stand for bytes in byte-level BPE, indexed by byte."""
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    rest = [b for b in range(256) if b not in plain]
    table = {b: chr(b) for b in plain}
    table.update({b: chr(256 + i) for i, b in enumerate(rest)})
    return [table[b] for b in range(256)]


def learn_merges(count):
    """Greedy BPE on CORPUS: the most frequent pair first, ties by the pair itself, so the result is fixed."""
    chars = byte_characters()
    words = {}
    for line in CORPUS.split("\n"):
        for i, w in enumerate(line.split(" ")):
            piece = tuple(chars[b] for b in ((" " if i else "") + w).encode())
            if len(piece) > 1:
                words[piece] = words.get(piece, 0) + 1
    merges = [(chars[10], chars[10])]  # two newlines: the pair after an empty think block
    while len(merges) < count:
        pairs = {}
        for w, n in words.items():
            for p in zip(w, w[1:]):
                pairs[p] = pairs.get(p, 0) + n
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        joined = {}
        for w, n in words.items():
            out, i = [], 0
            while i < len(w):
                if w[i:i + 2] == best:
                    out.append(w[i] + w[i + 1])
                    i += 2
                else:
                    out.append(w[i])
                    i += 1
            joined[tuple(out)] = joined.get(tuple(out), 0) + n
        words = joined
    return merges


def tokenizer_json(merges, merges_as_strings):
    """A tokenizer.json as a dict. merges_as_strings: the older spelling "left right" instead of ["left", "right"]."""
    chars = byte_characters()
    order = sorted(range(256), key=lambda b: ord(chars[b]))  # published vocabularies begin with "!"
    vocab = {chars[b]: i for i, b in enumerate(order)}
    for left, right in merges:
        vocab.setdefault(left + right, len(vocab))
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": len(vocab) + i, "content": t, **flags, "special": s} for i, (t, s) in enumerate(ADDED)],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": SPLIT}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": vocab, "merges": [f"{a} {b}" for a, b in merges] if merges_as_strings else [list(m) for m in merges]},
    }


def layer_types(n):
    return ["full_attention" if (i + 1) % 4 == 0 else "linear_attention" for i in range(n)]


MODELS = {
    "tiny-a": dict(
        seed=11, style="published", dtype="BF16", shards=1, mtp=False, merges_as_strings=True, patch=16,
        D=64, F=96, layers=4, Hq=2, Hkv=1, dh=32, Hk=4, Hv=4, dk=16, dv=16, tied=True, eps=1e-6,
        theta=10000000, partial=0.5, sections=[3, 3, 2],
        vision=dict(depth=2, D=32, F=64, heads=2, side=6), mean=[0.5] * 3, std=[0.5] * 3, pixels=(4096, 65536)),
    "tiny-b": dict(
        seed=12, style="resaved", dtype="BF16", shards=1, mtp=False, merges_as_strings=False, patch=16,
        D=48, F=80, layers=4, Hq=4, Hkv=2, dh=16, Hk=2, Hv=4, dk=16, dv=16, tied=False, eps=1e-6,
        theta=10000, partial=0.5, sections=[2, 1, 1],
        vision=dict(depth=2, D=32, F=48, heads=2, side=7), mean=[0.48145466, 0.4578275, 0.40821073],
        std=[0.26862954, 0.26130258, 0.27577711], pixels=(4096, 65536)),
    "tiny-c": dict(
        seed=13, style="published", dtype="BF16", shards=2, mtp=True, merges_as_strings=False, patch=16,
        D=32, F=64, layers=8, Hq=4, Hkv=1, dh=32, Hk=2, Hv=4, dk=16, dv=24, tied=True, eps=1e-5,
        theta=1000000, partial=0.75, sections=[6, 4, 2],
        vision=dict(depth=2, D=16, F=32, heads=1, side=8), mean=[0.5] * 3, std=[0.5] * 3, pixels=(4096, 65536)),
    "tiny-d": dict(
        seed=14, style="resaved", dtype="F32", shards=1, mtp=False, merges_as_strings=True, patch=14,
        D=32, F=64, layers=4, Hq=2, Hkv=1, dh=16, Hk=2, Hv=6, dk=16, dv=16, tied=False, eps=1e-6,
        theta=50000, partial=1.0, sections=[4, 2, 2],
        vision=dict(depth=3, D=24, F=56, heads=3, side=5), mean=[0.5] * 3, std=[0.5] * 3, pixels=(3136, 50176)),
}


def model_config(m, n_vocab, first_added):
    """config.json, in the published style or as transformers 5 writes it again (layer_types without the interval ...)."""
    added = {t: first_added + i for i, (t, _) in enumerate(ADDED)}
    text = {
        "model_type": "qwen3_5_text", "vocab_size": n_vocab, "hidden_size": m["D"], "intermediate_size": m["F"],
        "num_hidden_layers": m["layers"], "num_attention_heads": m["Hq"], "num_key_value_heads": m["Hkv"],
        "head_dim": m["dh"], "hidden_act": "silu", "attention_bias": False, "attention_dropout": 0.0,
        "rms_norm_eps": m["eps"], "max_position_embeddings": 4096, "initializer_range": 0.02,
        "layer_types": layer_types(m["layers"]), "linear_conv_kernel_dim": 4, "linear_key_head_dim": m["dk"],
        "linear_value_head_dim": m["dv"], "linear_num_key_heads": m["Hk"], "linear_num_value_heads": m["Hv"],
        "rope_parameters": {"rope_type": "default", "rope_theta": m["theta"], "partial_rotary_factor": m["partial"],
                            "mrope_interleaved": True, "mrope_section": m["sections"]},
        "tie_word_embeddings": m["tied"], "eos_token_id": added["<|endoftext|>"], "use_cache": True, "dtype": "bfloat16",
    }
    v = m["vision"]
    vision = {
        "model_type": "qwen3_5", "depth": v["depth"], "hidden_size": v["D"], "intermediate_size": v["F"],
        "num_heads": v["heads"], "hidden_act": "gelu_pytorch_tanh", "in_channels": 3, "patch_size": m["patch"],
        "temporal_patch_size": 2, "spatial_merge_size": 2, "num_position_embeddings": v["side"] ** 2,
        "out_hidden_size": m["D"], "initializer_range": 0.02,
    }
    if m["style"] == "published":
        text.update({"full_attention_interval": 4, "attn_output_gate": True, "mamba_ssm_dtype": "float32",
                     "mtp_num_hidden_layers": int(m["mtp"]), "mtp_use_dedicated_embeddings": False})
        vision["deepstack_visual_indexes"] = []
    else:
        vision["model_type"] = "qwen3_5_vision"
        vision["rope_parameters"] = {"rope_theta": 10000.0, "rope_type": "axial"}
        vision["dtype"] = "bfloat16"
        text.update({"bos_token_id": None, "pad_token_id": None, "partial_rotary_factor": m["partial"]})
    return {
        "architectures": ["Qwen3_5ForConditionalGeneration"], "model_type": "qwen3_5", "text_config": text,
        "vision_config": vision, "image_token_id": added["<|image_pad|>"], "video_token_id": added["<|video_pad|>"],
        "vision_start_token_id": added["<|vision_start|>"], "vision_end_token_id": added["<|vision_end|>"],
        "tie_word_embeddings": m["tied"],
    }


def round_bf16(x):
    """float64 array -> float32 array whose values are BF16 numbers (nearest, ties to even)."""
    bits = np.ascontiguousarray(x, dtype="<f4").view("<u4").astype(np.uint64)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return bits.astype("<u4").view("<f4").reshape(np.shape(x))


def weights(m, n_vocab, n_defined):
    """name -> float32 array. Spread so that no gate saturates and every branch adds about as much as the stream holds."""
    rng = np.random.default_rng(m["seed"])
    out = {}

    def matrix(name, *shape, gain=1.0):
        out[name] = rng.standard_normal(shape) * (gain / np.sqrt(np.prod(shape[1:])))

    def vector(name, n, centre, spread):
        out[name] = centre + spread * rng.standard_normal(n)

    def layer(prefix, kind):
        D = m["D"]
        vector(prefix + "input_layernorm.weight", D, 0.1, 0.3)
        vector(prefix + "post_attention_layernorm.weight", D, 0.1, 0.3)
        if kind == "full_attention":
            matrix(prefix + "self_attn.q_proj.weight", 2 * m["Hq"] * m["dh"], D)
            matrix(prefix + "self_attn.k_proj.weight", m["Hkv"] * m["dh"], D)
            matrix(prefix + "self_attn.v_proj.weight", m["Hkv"] * m["dh"], D)
            matrix(prefix + "self_attn.o_proj.weight", D, m["Hq"] * m["dh"], gain=1.5)
            vector(prefix + "self_attn.q_norm.weight", m["dh"], 0.4, 0.3)
            vector(prefix + "self_attn.k_norm.weight", m["dh"], 0.4, 0.3)
        else:
            p = prefix + "linear_attn."
            n_conv = 2 * m["Hk"] * m["dk"] + m["Hv"] * m["dv"]
            matrix(p + "in_proj_qkv.weight", n_conv, D, gain=1.5)
            matrix(p + "in_proj_z.weight", m["Hv"] * m["dv"], D)
            matrix(p + "in_proj_b.weight", m["Hv"], D, gain=1.5)
            matrix(p + "in_proj_a.weight", m["Hv"], D)
            matrix(p + "conv1d.weight", n_conv, 1, 4, gain=1.5)
            out[p + "A_log"] = rng.uniform(-3.0, 1.0, m["Hv"])
            out[p + "dt_bias"] = rng.uniform(-3.0, 1.0, m["Hv"])
            vector(p + "norm.weight", m["dv"], 1.0, 0.2)
            matrix(p + "out_proj.weight", D, m["Hv"] * m["dv"], gain=0.8)
        matrix(prefix + "mlp.gate_proj.weight", m["F"], D)
        matrix(prefix + "mlp.up_proj.weight", m["F"], D)
        matrix(prefix + "mlp.down_proj.weight", D, m["F"], gain=1.2)

    # Undefined ids and placeholders hold ordinary numbers, but are never the likeliest.
    pads = [n_defined - len(ADDED) + i for i, (t, _) in enumerate(ADDED) if t in ("<|image_pad|>", "<|video_pad|>")]
    quiet = pads + list(range(n_defined, n_vocab))
    lm = "model.language_model."
    embed = rng.standard_normal((n_vocab, m["D"])) * 0.4
    embed[quiet] *= 0.1
    out[lm + "embed_tokens.weight"] = embed
    for i, kind in enumerate(layer_types(m["layers"])):
        layer(f"{lm}layers.{i}.", kind)
    vector(lm + "norm.weight", m["D"], 0.2, 0.3)
    if not m["tied"]:
        head = rng.standard_normal((n_vocab, m["D"])) * (2.5 / np.sqrt(m["D"]))
        head[quiet] *= 0.1
        out["lm_head.weight"] = head

    v, vis = m["vision"], "model.visual."
    Dv = v["D"]

    def linear(name, n_out, *shape, gain=1.0):
        matrix(name + ".weight", n_out, *shape, gain=gain)
        vector(name + ".bias", n_out, 0.0, 0.1)

    def layer_norm(name):
        vector(name + ".weight", Dv, 1.0, 0.2)
        vector(name + ".bias", Dv, 0.0, 0.1)

    linear(vis + "patch_embed.proj", Dv, 3, 2, m["patch"], m["patch"], gain=3.0)
    out[vis + "pos_embed.weight"] = rng.standard_normal((v["side"] ** 2, Dv)) * 0.5
    for i in range(v["depth"]):
        b = f"{vis}blocks.{i}."
        layer_norm(b + "norm1")
        layer_norm(b + "norm2")
        linear(b + "attn.qkv", 3 * Dv, Dv, gain=1.5)
        linear(b + "attn.proj", Dv, Dv)
        linear(b + "mlp.linear_fc1", v["F"], Dv)
        linear(b + "mlp.linear_fc2", Dv, v["F"])
    layer_norm(vis + "merger.norm")
    linear(vis + "merger.linear_fc1", 4 * Dv, 4 * Dv)
    linear(vis + "merger.linear_fc2", m["D"], 4 * Dv, gain=1.2)

    if m["mtp"]:
        layer("mtp.layers.0.", "full_attention")
        matrix("mtp.fc.weight", m["D"], 2 * m["D"])
        for n in ("pre_fc_norm_embedding", "pre_fc_norm_hidden", "norm"):
            vector(f"mtp.{n}.weight", m["D"], 0.1, 0.3)
    return {n: round_bf16(a) for n, a in out.items()}


def stored_dtype(name, dtype):
    """Published files keep these two in F32 whatever the rest is."""
    return "F32" if name.endswith(("linear_attn.A_log", "linear_attn.norm.weight")) else dtype


def write_safetensors(path, tensors, dtype):
    header, blobs, at = {"__metadata__": {"format": "pt"}}, [], 0
    for name in sorted(tensors):
        a, kind = tensors[name], stored_dtype(name, dtype)
        data = a.astype("<f4").tobytes() if kind == "F32" else (a.view("<u4") >> 16).astype("<u2").tobytes()
        header[name] = {"dtype": kind, "shape": list(a.shape), "data_offsets": [at, at + len(data)]}
        blobs.append(data)
        at += len(data)
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head + b"".join(blobs))


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f, ensure_ascii=False, indent=1)
        f.write("\n")


def write_model(folder, m):
    os.makedirs(folder, exist_ok=True)
    tok = tokenizer_json(learn_merges(N_MERGES), m["merges_as_strings"])
    first_added = len(tok["model"]["vocab"])
    n_defined = first_added + len(ADDED)
    n_vocab = n_defined + N_UNDEFINED
    config = model_config(m, n_vocab, first_added)
    eos = config["text_config"]["eos_token_id"]
    write_json(os.path.join(folder, "config.json"), config)
    write_json(os.path.join(folder, "generation_config.json"), {"eos_token_id": [eos + 2, eos], "pad_token_id": eos})
    with open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8") as f:
        json.dump(tok, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")
    write_json(os.path.join(folder, "preprocessor_config.json"), {
        "size": {"shortest_edge": m["pixels"][0], "longest_edge": m["pixels"][1]}, "patch_size": m["patch"],
        "temporal_patch_size": 2, "merge_size": 2, "image_mean": m["mean"], "image_std": m["std"],
        "processor_class": "Qwen3VLProcessor", "image_processor_type": "Qwen2VLImageProcessorFast"})
    w = weights(m, n_vocab, n_defined)
    if m["shards"] == 1:
        write_safetensors(os.path.join(folder, "model.safetensors"), w, m["dtype"])
        return
    names, where, n = sorted(w), {}, m["shards"]
    for k in range(n):
        part = names[k::n]  # interleaved, so that one layer's tensors lie in different files
        file = f"model.safetensors-{k + 1:05d}-of-{n:05d}.safetensors"
        write_safetensors(os.path.join(folder, file), {name: w[name] for name in part}, m["dtype"])
        where.update({name: file for name in part})
    total = sum(a.size * (4 if stored_dtype(name, m["dtype"]) == "F32" else 2) for name, a in w.items())
    write_json(os.path.join(folder, "model.safetensors.index.json"),
               {"metadata": {"total_size": total}, "weight_map": {name: where[name] for name in names}})


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--out", required=True, help="folder that gets tiny-a .. tiny-d")
    for name, m in MODELS.items():
        write_model(os.path.join(p.parse_args().out, name), m)


if __name__ == "__main__":
    main()
