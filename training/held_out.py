#!/usr/bin/env python3
"""Writes pictures of a split with their questions as a folder that `galago eval` scores.

    python3 training/held_out.py --assets ASSETS --out tests/data/demo_eval [--seed 2026] [--reading 120] [--questions 120]

Readings are single printed lines; questions are asked about colour, count and shape in equal parts. The generator is deterministic, so
the same assets and seed give the same set. Pictures are PNG; one that would take more than 6 kB so (noisy grounds) is JPEG of
quality 85. Needs Python's numpy and Pillow, a C compiler and FreeType.
"""
import argparse
import io
import json
import os
import sys

import numpy as np
from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import data  # noqa: E402

READING_SIZES = ((64, 256), (64, 256), (64, 512), (128, 384))  # height, width
QUESTION_SIZES = ((192, 192), (192, 192), (192, 256), (256, 256))
QUESTIONS = ('colour', 'count', 'shape')
LARGEST_PNG = 6_000


def encode(pixels):
    """Returns (bytes, file ending) of a picture."""
    for ending, options in (('png', {'format': 'PNG', 'optimize': True}), ('jpg', {'format': 'JPEG', 'quality': 85})):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, **options)
        if ending == 'jpg' or file.tell() <= LARGEST_PNG:
            return file.getvalue(), ending


def items(generator, seed, reading, questions):
    """Yields (pixels, task, prompt, answer)."""
    index = 0
    while reading:
        pixels = np.zeros((*READING_SIZES[index % len(READING_SIZES)], 3), np.uint8)
        task, prompt, answer = generator.make(seed, index, data.READING, pixels)
        index += 1
        if answer.strip() and '\n' not in answer:
            reading -= 1
            yield pixels, 'read', prompt, answer
    left = {task: questions // len(QUESTIONS) for task in QUESTIONS}
    while any(left.values()):
        pixels = np.zeros((*QUESTION_SIZES[index % len(QUESTION_SIZES)], 3), np.uint8)
        task, prompt, answer = generator.make(seed, index, data.SHAPES, pixels)
        index += 1
        if left.get(task):
            left[task] -= 1
            yield pixels, task, prompt, answer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--assets', required=True)
    parser.add_argument('--out', required=True)
    parser.add_argument('--split', choices=('train', 'held-out'), default='held-out')
    parser.add_argument('--seed', type=int, default=2026)
    parser.add_argument('--reading', type=int, default=120)
    parser.add_argument('--questions', type=int, default=120)
    parser.add_argument('--library', help='libpictures.so, when it was built elsewhere')
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    split = data.HELD_OUT if args.split == 'held-out' else data.TRAIN
    generator = data.Generator(data.library(args.library), args.assets, split)
    size = 0
    with open(os.path.join(args.out, 'items.jsonl'), 'w', encoding='utf-8') as listing:
        for number, (pixels, task, prompt, answer) in enumerate(items(generator, args.seed, args.reading, args.questions)):
            content, ending = encode(pixels)
            name = f'{number:03d}.{ending}'
            with open(os.path.join(args.out, name), 'wb') as file:
                file.write(content)
            size += len(content)
            listing.write(json.dumps({'image': name, 'task': task, 'prompt': prompt, 'answer': answer}, ensure_ascii=False) + '\n')
    print(f'{number + 1} pictures, {size / 1e6:.2f} MB')


if __name__ == '__main__':
    main()
