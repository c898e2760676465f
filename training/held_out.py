#!/usr/bin/env python3
"""Writes held-out pictures with questions as folders that `galago eval` scores.

    python3 training/held_out.py --assets ASSETS --out build/held_out [--sets line,chart] [--items 500] [--seed 2026]
    for set in build/held_out/*/; do build/galago eval --temperature 0 --model MODEL.gguf "$set"; done

Every set is a folder of --items pictures of the fonts, words, numbers, emoji styles and layouts that training never saw; the generator is
deterministic, so the same assets and seed give the same set. A picture whose damage is JPEG compression is a JPEG file of that
quality; others are PNG, or JPEG of quality 92 where that would take more than 60 kB (noisy grounds).

    line, paragraph, page   reading: character error rate
    document                receipts and forms: ANLS          papers   the other documents: ANLS
    chart                   right answers                     name     emoji of unseen styles, by style
    count, colour, place    right answers over shapes and emoji, half each
    absent, yesno, choose, describe   right answers           json     right in every field

--reading N --questions N writes one folder of N lines and N questions about shapes instead, small files (tests/data/demo_eval was
made so). Needs Python's numpy and Pillow, a C compiler and FreeType.
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
import sprites  # noqa: E402

READING_SIZES = ((64, 256), (64, 256), (64, 512), (128, 384))  # height, width
QUESTION_SIZES = ((192, 192), (192, 192), (192, 256), (256, 256))
SCENE_SIZES = ((192, 192), (256, 256), (256, 192), (320, 320), (192, 256))
PAGE_SIZES = ((448, 448), (448, 320), (384, 384), (256, 384))
DOCUMENT_SIZES = ((448, 448), (448, 320), (384, 384), (192, 320))
CHART_SIZES = ((256, 320), (320, 320), (320, 448), (448, 448))
QUESTIONS = ('colour', 'count', 'shape')
LARGEST_PNG = 60_000

SHAPES, SCENES, DOCUMENTS, CHARTS = ((data.SHAPES, QUESTION_SIZES), (data.SCENES, SCENE_SIZES), (data.DOCUMENTS, DOCUMENT_SIZES), (data.CHARTS, CHART_SIZES))
# Name: metric, families with sizes that take turns, the tasks taken (None: all).
SETS = {
    'line': ('cer', [(data.READING, READING_SIZES[:3])], None),
    'paragraph': ('cer', [(data.PARAGRAPHS, PAGE_SIZES)], None),
    'page': ('cer', [(data.PAGES, PAGE_SIZES)], None),
    'document': ('anls', [DOCUMENTS], ('receipt', 'form')),
    'papers': ('anls', [DOCUMENTS], ('invoice', 'card', 'ticket', 'label', 'table', 'sign', 'screen')),
    'chart': ('exact', [CHARTS], ('chart',)),
    'name': ('exact', [SCENES], ('name',)),
    'count': ('exact', [SHAPES, SCENES], ('count',)),
    'colour': ('exact', [SHAPES, SCENES], ('colour',)),
    'place': ('exact', [SHAPES, SCENES], ('place',)),
    'absent': ('exact', [SCENES, DOCUMENTS, SCENES], ('absent',)),
    'yesno': ('exact', [SHAPES, SCENES, DOCUMENTS], ('yesno',)),
    'choose': ('exact', [SCENES, DOCUMENTS, CHARTS], ('choose',)),
    'describe': ('exact', [SHAPES, SCENES, DOCUMENTS, CHARTS], ('describe',)),
    'json': ('json', [DOCUMENTS, SCENES, CHARTS], ('json',)),
}


def encode(pixels, quality=0, largest=LARGEST_PNG, other=92):
    """Returns (bytes, file ending) of a picture; `quality`: a JPEG whatever its size."""
    for ending, options in (('png', {'format': 'PNG'}), ('jpg', {'format': 'JPEG', 'quality': quality or other})):
        file = io.BytesIO()
        if quality and ending == 'png':
            continue
        Image.fromarray(pixels).save(file, **options)
        if ending == 'jpg' or file.tell() <= largest:
            return file.getvalue(), ending


def answers_of(task, answer):
    """What counts as right: a name also without its article."""
    if task != 'name':
        return [answer]
    name = answer.rstrip('.')
    for article in ('A ', 'An '):
        name = name[len(article):] if name.startswith(article) else name
    return list(dict.fromkeys([answer, name, f'{"an" if name[0] in "aeiou" and not name.startswith("uni") else "a"} {name}']))


def set_items(generator, name, seed, count):
    """Yields (pixels, JPEG quality, task, metric, prompt, accepted answers); the families of a set take turns."""
    metric, families, tasks = SETS[name]
    index, got = [0] * len(families), 0
    while got < count:
        k = got % len(families)
        family, sizes = families[k]
        height, width = sizes[index[k] % len(sizes)]
        pixels = np.zeros((height, width, 3), np.uint8)
        task, prompt, answer = generator.make(seed * 64 + 8 * list(SETS).index(name) % 61 + k, index[k], family, pixels)
        index[k] += 1
        answer = data.plain(answer)
        if not answer.strip() or (tasks and task not in tasks) or (name == 'line' and '\n' in answer):
            continue
        got += 1
        shown = f'read {name}' if metric == 'cer' else name
        if name == 'name':
            shown = f'name {(sprites.TRAIN + sprites.HELD_OUT)[generator.style]}'
        elif name in ('document', 'papers'):
            shown = task
        elif len(families) > 1 and name != 'json':
            shown = f'{name} {next(key for key, value in data.FAMILIES.items() if value == family)}'
        yield pixels, generator.damage[3], shown, metric, prompt, answers_of(task, answer)


def small_items(generator, seed, reading, questions):
    """Yields the same of lines and of questions about shapes, without compression."""
    index = 0
    while reading:
        pixels = np.zeros((*READING_SIZES[index % len(READING_SIZES)], 3), np.uint8)
        _, prompt, answer = generator.make(seed, index, data.READING, pixels)
        index += 1
        answer = data.plain(answer)
        if answer.strip() and '\n' not in answer:
            reading -= 1
            yield pixels, 0, 'read', 'cer', prompt, [answer]
    left = {task: questions // len(QUESTIONS) for task in QUESTIONS}
    while any(left.values()):
        pixels = np.zeros((*QUESTION_SIZES[index % len(QUESTION_SIZES)], 3), np.uint8)
        task, prompt, answer = generator.make(seed, index, data.SHAPES, pixels)
        index += 1
        if left.get(task):
            left[task] -= 1
            yield pixels, 0, task, 'exact', prompt, [answer]


def write(folder, items, **encoding):
    os.makedirs(folder, exist_ok=True)
    size = number = 0
    with open(os.path.join(folder, 'items.jsonl'), 'w', encoding='utf-8') as listing:
        for number, (pixels, quality, task, metric, prompt, answers) in enumerate(items, 1):
            content, ending = encode(pixels, quality, **encoding)
            name = f'{number - 1:03d}.{ending}'
            with open(os.path.join(folder, name), 'wb') as file:
                file.write(content)
            size += len(content)
            item = {'image': name, 'task': task, 'metric': metric, 'prompt': prompt}
            item.update({'answer': answers[0]} if len(answers) == 1 else {'answers': answers})
            listing.write(json.dumps(item, ensure_ascii=False) + '\n')
    print(f'{folder}: {number} pictures, {size / 1e6:.2f} MB', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--assets', required=True)
    parser.add_argument('--out', required=True)
    parser.add_argument('--split', choices=('train', 'held-out'), default='held-out')
    parser.add_argument('--seed', type=int, default=2026)
    parser.add_argument('--sets', default=','.join(SETS))
    parser.add_argument('--items', type=int, default=500, help='of each set')
    parser.add_argument('--reading', type=int)
    parser.add_argument('--questions', type=int)
    parser.add_argument('--library', help='libpictures.so, when it was built elsewhere')
    args = parser.parse_args()
    split = data.HELD_OUT if args.split == 'held-out' else data.TRAIN
    generator = data.Generator(data.library(args.library), args.assets, split)
    if args.reading is not None or args.questions is not None:
        write(args.out, small_items(generator, args.seed, args.reading or 0, args.questions or 0), largest=6_000, other=85)
        return
    unknown = set(args.sets.split(',')) - set(SETS)
    if unknown:
        parser.error(f'no set {", ".join(sorted(unknown))}; there are {", ".join(SETS)}')
    for name in args.sets.split(','):
        write(os.path.join(args.out, name), set_items(generator, name, args.seed, args.items))


if __name__ == '__main__':
    main()
