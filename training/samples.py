#!/usr/bin/env python3
"""Draws a sheet of pictures with what is asked about them, to be looked at.

    python3 training/samples.py ASSETS OUT.png FAMILY [--split held-out] [--level 0.5] [--task place] [--questions 4] [--count 20] [--first 0]

FAMILY: read, shapes, scenes, paragraphs, documents, pages or charts. Needs Pillow.
"""
import argparse
import os
import sys
import textwrap

import numpy as np
from PIL import Image, ImageDraw

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import data  # noqa: E402

SIZES = {'read': (128, 384), 'shapes': (192, 192), 'scenes': (256, 256), 'paragraphs': (320, 448), 'documents': (384, 384), 'pages': (448, 320), 'charts': (256, 320)}
ACROSS, LINE, WIDTH = 5, 11, 62


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('assets')
    parser.add_argument('out')
    parser.add_argument('family', choices=data.FAMILIES)
    parser.add_argument('--split', choices=('train', 'held-out'), default='train')
    parser.add_argument('--level', type=float, default=1)
    parser.add_argument('--task', help='only pictures whose first question has it')
    parser.add_argument('--questions', type=int, default=1)
    parser.add_argument('--size', help='HEIGHTxWIDTH')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--count', type=int, default=20)
    parser.add_argument('--first', type=int, default=0)
    parser.add_argument('--library', help='libpictures.so, when it was built elsewhere')
    args = parser.parse_args()
    generator = data.Generator(data.library(args.library), args.assets, data.TRAIN if args.split == 'train' else data.HELD_OUT)
    generator.options(args.level)
    height, width = map(int, args.size.split('x')) if args.size else SIZES[args.family]
    tiles, index = [], args.first
    while len(tiles) < args.count:
        pixels = np.zeros((height, width, 3), np.uint8)
        asked = generator.ask(args.seed, index, data.FAMILIES[args.family], pixels, None, args.questions)
        index += 1
        if args.task and asked[0][0] != args.task:
            continue
        lines = [f'#{index - 1}']
        for task, prompt, answer in asked:
            lines += textwrap.wrap(f'{task}: {prompt} -> {data.plain(answer)!r}', max(24, width // 6))
        tiles.append((pixels, lines))
    wide, rows = max(width, 150) + 8, [tiles[i:i + ACROSS] for i in range(0, len(tiles), ACROSS)]
    highs = [height + LINE * max(len(lines) for _, lines in row) + 10 for row in rows]
    sheet, y = Image.new('RGB', (wide * ACROSS, sum(highs)), '#ddd'), 0
    draw = ImageDraw.Draw(sheet)
    for row, high in zip(rows, highs):
        for i, (pixels, lines) in enumerate(row):
            sheet.paste(Image.fromarray(pixels), (i * wide, y))
            for k, line in enumerate(lines):
                draw.text((i * wide + 2, y + height + 2 + k * LINE), line.encode('latin-1', 'replace').decode('latin-1'), fill='#000')
        y += high
    sheet.save(args.out)


if __name__ == '__main__':
    main()
