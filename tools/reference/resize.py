#!/usr/bin/env python3
"""Record the reference's picture scaling: torchvision's uint8 bicubic, Pillow's BICUBIC, and the table of smart_resize.

    python3 tools/reference/resize.py --out tests/data/resize

Needs torch, torchvision, Pillow and transformers. Inputs are not stored: pixel values come from the integer hash below.
"""
import argparse
import hashlib
import json
import os
import random

import numpy as np
import PIL
import torch
import torchvision
import transformers
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

# (height, width) -> (height, width), kind of input
PAIRS = [
    ((17, 23), (32, 32), "noise"), ((64, 48), (32, 32), "noise"), ((37, 61), (64, 64), "noise"), ((100, 75), (64, 96), "binary"),
    ((1, 50), (32, 64), "noise"), ((50, 1), (64, 32), "noise"), ((1, 1), (32, 32), "noise"), ((33, 32), (32, 32), "binary"),
    ((32, 97), (32, 96), "noise"), ((200, 3), (128, 32), "binary"), ((255, 257), (64, 64), "noise"), ((5, 7), (96, 128), "binary"),
    ((480, 641), (480, 640), "noise"), ((301, 199), (320, 192), "smooth"),
]

LIMITS = [(32, 65536, 16777216), (28, 3136, 12845056), (32, 65536, 1310720), (32, 4096, 65536)]


def source(h, w, kind):
    """uint8 [h, w, 3]. x = lowbias32(flat index of (y, x, c)); noise: x & 255; binary: 255 * (x & 1); smooth: a ramp and 3 bits of noise."""
    x = np.arange(h * w * 3, dtype=np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x7FEB352D)) & mask
    x ^= x >> np.uint64(15)
    x = (x * np.uint64(0x846CA68B)) & mask
    x ^= x >> np.uint64(16)
    x = x.reshape(h, w, 3)
    if kind == "noise":
        v = x & np.uint64(255)
    elif kind == "binary":
        v = (x & np.uint64(1)) * np.uint64(255)
    else:
        row, col = np.mgrid[0:h, 0:w].astype(np.uint64)
        v = ((row * np.uint64(2) + col * np.uint64(3)) & np.uint64(127))[..., None] + (x & np.uint64(7))
    return v.astype(np.uint8)


def scaled(image, h, w):
    """The two results, both uint8 [h, w, 3]."""
    hwc = torch.from_numpy(image).permute(2, 0, 1)[None]
    results = [F.resize(t, [h, w], interpolation=InterpolationMode.BICUBIC, antialias=True) for t in (hwc.contiguous(), hwc)]
    if not torch.equal(*results):
        raise RuntimeError("torchvision's result depends on the memory layout")
    vision = results[0][0].permute(1, 2, 0).contiguous().numpy()
    pillow = np.asarray(Image.fromarray(image).resize((w, h), Image.Resampling.BICUBIC))
    return {"torchvision": vision, "pillow": pillow}


def record_resize(out):
    entries, blob = [], b""
    for (h, w), (hb, wb), kind in PAIRS:
        image = source(h, w, kind)
        entry = {"from": [h, w], "to": [hb, wb], "kind": kind, "input_sha256": hashlib.sha256(image.tobytes()).hexdigest()}
        results = scaled(image, hb, wb)
        for name, r in results.items():
            data = r.tobytes()
            entry[name] = {"sha256": hashlib.sha256(data).hexdigest(), "first": list(data[:24])}
            if len(data) <= 13000:
                entry[name]["offset"] = len(blob)
                blob += data
        entry["differing_values"] = int((results["torchvision"] != results["pillow"]).sum())
        entries.append(entry)
    with open(os.path.join(out, "resize.bin"), "wb") as f:
        f.write(blob)
    with open(os.path.join(out, "resize.json"), "w", encoding="utf-8") as f:
        f.write('{"torch": "%s", "torchvision": "%s", "pillow": "%s",\n"cases": [\n' % (torch.__version__, torchvision.__version__, PIL.__version__))
        f.write(",\n".join(json.dumps(e) for e in entries) + "\n]}\n")
    print("resize:", [e["differing_values"] for e in entries], len(blob), "bytes", flush=True)


def sizes():
    """200 (height, width): known ones, exact halves of the factors, extreme shapes, and random ones from tiny to huge."""
    known = [(224, 224), (480, 640), (1080, 1920), (336, 448), (80, 2000), (30, 30), (3508, 2480), (5000, 5000), (1, 1), (1, 200),
             (1, 201), (200, 1), (5, 1000), (5, 1001), (1, 5000), (16, 16), (48, 48), (80, 80), (112, 112), (14, 14), (42, 70),
             (240, 272), (256, 256), (255, 257), (448, 448), (512, 512), (1280, 1024), (4096, 4096), (4097, 4095), (30000, 30000),
             (10000, 10000), (9999, 50), (33, 6600), (31, 31), (100, 20000), (16, 3200), (1000, 4), (1000, 5), (20000, 99), (20000, 100)]
    r = random.Random(7)
    halves = [(16 * (1 + 2 * int(r.random() * 40)), 14 * (1 + 2 * int(r.random() * 40))) for _ in range(40)]
    mixed = [(int(2 ** (r.random() * 13)) + 1, int(2 ** (r.random() * 13)) + 1) for _ in range(200 - len(known) - len(halves))]
    return known + halves + mixed


def record_smart_resize(out):
    tables = []
    for factor, low, high in LIMITS:
        rows = []
        for h, w in sizes():
            try:
                rows.append([h, w, *smart_resize(h, w, factor=factor, min_pixels=low, max_pixels=high)])
            except ValueError:
                rows.append([h, w, 0, 0])
        tables.append({"factor": factor, "min_pixels": low, "max_pixels": high, "rows": rows})
    with open(os.path.join(out, "smart_resize.json"), "w", encoding="utf-8") as f:
        f.write('{"transformers": "%s",\n"tables": [\n' % transformers.__version__)
        f.write(",\n".join(json.dumps(t) for t in tables) + "\n]}\n")
    print("smart_resize:", [sum(1 for r in t["rows"] if r[2] == 0) for t in tables], "refused", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--out", required=True)
    out = p.parse_args().out
    os.makedirs(out, exist_ok=True)
    record_resize(out)
    record_smart_resize(out)


if __name__ == "__main__":
    main()
