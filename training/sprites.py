#!/usr/bin/env python3
"""Rasterises the emoji of openly licensed sets once, for the scenes that pictures/ draws.

    python3 training/sprites.py OUT NODE_MODULES        (needs rsvg-convert and Pillow; NODE_MODULES holds the packages below)

Writes OUT/sprites.bin (mapped by the generator) and OUT/sprites.txt (names, as the generator reads them). Licences: LICENSES.md.

sprites.bin: "GALSPR1\\0", u32 styles, u32 names, u32 side, u32 held-out styles (the last ones); u8 has[styles][names]; padding to 4096; then
for each style and name RGBA of side, side/2 and side/4 squared, straight alpha.
"""
import io
import json
import os
import struct
import subprocess
import sys

import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
SIDE = 96
TRAIN = ('noto', 'noto-v1', 'fluent-emoji', 'fluent-emoji-flat', 'fluent-emoji-high-contrast', 'fxemoji', 'emojione', 'emojione-monotone')
HELD_OUT = ('twemoji', 'openmoji')
# Firefox OS's set has names of its own.
FX = {'front-facing-baby-chick': 'frontfacingchick', 'penguin': 'penguin', 'chicken': 'chicken', 'spouting-whale': 'spurtingwhale', 'ewe': 'sheep',
      'two-hump-camel': 'bactriancamel', 'cat-face': 'cat', 'panda': 'pandaface', 'rabbit-face': 'bunny', 'evergreen-tree': 'evergreen',
      'ear-of-corn': 'earofmaize', 'hot-pepper': 'chilipepper', 'pizza': 'sliceofpizza', 'soft-ice-cream': 'softicecream', 'wrapped-gift': 'present',
      'beer-mug': 'beermug', 'wine-glass': 'wineglass', 'hot-beverage': 'hotbeverage', 'high-voltage': 'bolt', 'cloud-with-rain': 'raincloud',
      'cloud-with-lightning': 'stormcloud', 'cloud-with-snow': 'snowcloud', 'snow-capped-mountain': 'snowmountains', 'water-wave': 'waterwave',
      'house': 'housebuilding', 'soccer-ball': 'soccerball', 'tennis': 'tennisball', 'gem-stone': 'gem', 'necktie': 'tie', 'mobile-phone': 'cellphone',
      'laptop': 'personalcomputer', 'locked': 'lock', 'jack-o-lantern': 'jackolantern', 'crying-face': 'crying', 'honeybee': 'honeybee',
      'smiling-face-with-sunglasses': 'sunglasses', 'fire-engine': 'fireengine', 'racing-car': 'racecar', 'artist-palette': 'palette',
      'snowman': 'snowmanwithoutsnow', 'droplet': 'droplet', 'pouting-face': 'pout', 'dragon-face': 'dragonhead', 'bouquet': 'bouquetofflowers',
      'umbrella-with-rain-drops': 'umbrellawithraindrops', 'running-shoe': None, 'jeans': 'jeans', 't-shirt': 'mansshirt', 'pencil': 'pencil',
      'paintbrush': 'lowerleftpaintbrush', 'backpack': 'schoolsatchel', 'camera': 'camera', 'telephone': 'blacktelephone', 'scissors': 'blackscissors',
      'trophy': 'trophy', 'star': 'whitemediumstar', 'sleeping-face': 'sleeping', 'bell': 'bell', 'sun': 'sunrays', 'alarm-clock': 'alarmclock',
      'ship': 'ship', 'deciduous-tree': 'deciduoustree', 'birthday-cake': 'birthdaycake', 'cocktail-glass': 'cocktailglass', 'hourglass-done': 'hourglass',
      'shrimp': None, 'wolf': 'wolfface', 'glasses': 'glasses', 'watch': 'watch', 'womans-boot': 'boot', 'cheese-wedge': 'cheesewedge'}


def names():
    """(name, slug, kind, colour, plural) of names.txt."""
    rows = []
    with open(os.path.join(HERE, 'names.txt'), encoding='utf-8') as f:
        for line in f:
            if line.strip() and not line.startswith('#'):
                name, slug, kind, colour, plural = ([x.strip() for x in line.split('|')] + ['', ''])[:5]
                rows.append((name, slug, kind, colour, plural or name + 's'))
    return rows


def icon(collection, slug):
    """The SVG text of an icon, or None."""
    body = collection['icons'].get(slug)
    alias = collection.get('aliases', {}).get(slug)
    if body is None and alias:
        body = collection['icons'].get(alias['parent'])
    if body is None:
        return None
    width = body.get('width', collection.get('width', 16))
    height = body.get('height', collection.get('height', 16))
    left, top = body.get('left', 0), body.get('top', 0)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" color="#202020" '
            f'viewBox="{left} {top} {width} {height}" width="{width}" height="{height}">{body["body"]}</svg>')


def raster(svg):
    """RGBA [SIDE, SIDE, 4] u8, cut to what is drawn and centred with a small rim; None when nothing is drawn."""
    done = subprocess.run(['rsvg-convert', '-w', '288', '-h', '288', '-a'], input=svg.encode(), capture_output=True)
    if done.returncode:
        print('left out:', done.stderr.decode().strip(), svg[:200])
        return None
    im = Image.open(io.BytesIO(done.stdout)).convert('RGBA')
    box = im.getchannel('A').point(lambda a: 255 * (a > 24)).getbbox()
    if not box or box[2] - box[0] < 30:
        return None
    side = max(box[2] - box[0], box[3] - box[1])
    square = Image.new('RGBA', (side, side))
    square.paste(im.crop(box), ((side - (box[2] - box[0])) // 2, (side - (box[3] - box[1])) // 2))
    small = scaled(square, SIDE - 2)
    whole = Image.new('RGBA', (SIDE, SIDE))
    whole.paste(small, (1, 1))
    return whole


def scaled(im, side):
    """Resized with the colours weighted by alpha."""
    a = np.asarray(im, np.float32)
    a[..., :3] *= a[..., 3:] / 255
    planes = [np.asarray(Image.fromarray(a[..., i]).resize((side, side), Image.BOX if im.width >= 2 * side else Image.BILINEAR, reducing_gap=None)) for i in range(4)]
    b = np.stack(planes, -1)
    b[..., :3] = np.where(b[..., 3:] > 0, b[..., :3] * 255 / np.maximum(b[..., 3:], 1e-3), 0)
    return Image.fromarray(b.round().clip(0, 255).astype(np.uint8), 'RGBA')


def main(out, modules):
    rows = names()
    assert len(rows) <= 250 and len({r[0] for r in rows}) == len(rows), 'too many names, or one twice'
    styles, has, jobs = TRAIN + HELD_OUT, [], []
    for style in styles:
        with open(os.path.join(modules, '@iconify-json', style, 'icons.json'), encoding='utf-8') as f:
            collection = json.load(f)
        for row in rows:
            slug = FX.get(row[1], row[1].replace('-', '')) if style == 'fxemoji' else row[1]
            jobs.append(icon(collection, slug) if slug else None)
    pictures = [raster(svg) if svg else None for svg in jobs]
    has = bytes(p is not None for p in pictures)
    head = b'GALSPR1\0' + struct.pack('<4I', len(styles), len(rows), SIDE, len(HELD_OUT)) + has
    with open(os.path.join(out, 'sprites.bin'), 'wb') as f:
        f.write(head + bytes(-len(head) % 4096))
        for p in pictures:
            p = p or Image.new('RGBA', (SIDE, SIDE))
            for side in (SIDE, SIDE // 2, SIDE // 4):
                f.write((p if side == SIDE else scaled(p, side)).tobytes())
    with open(os.path.join(out, 'sprites.txt'), 'w', encoding='utf-8') as f:
        f.writelines('|'.join((name, plural, kind, colour)) + '\n' for name, _, kind, colour, plural in rows)
    for i, style in enumerate(styles):
        part = has[i * len(rows):(i + 1) * len(rows)]
        print(f'{style}: {sum(part)} of {len(rows)}' + (f' (not {", ".join(r[0] for r, h in zip(rows, part) if not h)})' if sum(part) < len(rows) else ''))


if __name__ == '__main__':
    main(*sys.argv[1:])
