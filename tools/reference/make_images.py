#!/usr/bin/env python3
"""Make the pictures of the golden cases: gradients, shapes and noise, so that resizing and normalising matter.

    /usr/bin/python3 tools/reference/make_images.py --out tests/data/golden/images

Needs numpy and Pillow. The same command makes the same pixels (the PNG bytes depend on the zlib in use).
"""
import argparse
import os

import numpy as np
from PIL import Image

# name: (height, width, seed, share of the picture's width that carries noise)
IMAGES = {
    "exact": (64, 96, 1, 1.0),      # patch 16: no resize
    "exact14": (56, 84, 2, 1.0),    # patch 14: no resize
    "wide": (37, 301, 3, 0.5),
    "tall": (250, 45, 4, 0.5),
    "photo": (100, 140, 5, 0.5),
    "small": (20, 30, 6, 1.0),      # below the lower limit: scaled up
    "big": (260, 300, 7, 0.1),      # above the upper limit: scaled down
}


def picture(h, w, seed, noisy):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:h, 0:w]
    image = np.stack([255 * x / max(w - 1, 1), 255 * y / max(h - 1, 1), 127 + 120 * np.sin((x + 2 * y) / 9.0)], axis=2)
    for _ in range(6):
        colour = rng.integers(0, 256, 3)
        cy, cx, r = rng.integers(0, h), rng.integers(0, w), rng.integers(4, max(5, min(h, w) // 3))
        inside = (y - cy) ** 2 + (x - cx) ** 2 < r * r if rng.integers(0, 2) else (abs(y - cy) < r) & (abs(x - cx) < r // 2 + 1)
        image[inside] = colour
    n = int(w * noisy)
    image[:, :n] += rng.normal(0, 25, (h, n, 3))
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--out", required=True)
    out = p.parse_args().out
    os.makedirs(out, exist_ok=True)
    for name, spec in IMAGES.items():
        Image.fromarray(picture(*spec)).save(os.path.join(out, name + ".png"), optimize=True)


if __name__ == "__main__":
    main()
