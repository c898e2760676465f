#!/usr/bin/env python3
"""Rasterises drawings of openly licensed sets once, for the scenes that pictures/ draws, as they are and in other styles (drawings.py).

    python3 training/sprites.py OUT NODE_MODULES        (needs rsvg-convert, Pillow, scipy and fontTools; NODE_MODULES holds the packages)

Writes OUT/sprites.bin (mapped by the generator) and OUT/sprites.txt (names, as the generator reads them). Licences: LICENSES.md.

sprites.bin: "GALSPR1\\0", u32 styles, u32 names, u32 side, u32 held-out styles (the last ones); u8 has[styles][names], 0 or how often training
is to see the drawing in relation to others; padding to 4096; then for each style and name RGBA of side, side/2 and side/4 squared, straight alpha.
"""
import multiprocessing
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SIDE = 96
# Sets as they are, then what drawings.py makes of them.
TRAIN = ('noto', 'noto-v1', 'fluent-emoji', 'fluent-emoji-flat', 'fluent-emoji-high-contrast', 'fxemoji', 'emojione', 'emojione-monotone',
         'noto-emoji', 'streamline-emojis', 'streamline-emojis second', 'streamline-ultimate-color', 'streamline-freehand-color',
         'assorted', 'icon-park toned', 'ph toned', 'hugeicons toned', 'lucide toned', 'streamline-plump-color toned', 'mdi toned',
         'game-icons toned', 'game-icons second toned', 'fa6-solid toned', 'noto stroked', 'noto-v1 stroked',
         'fluent-emoji-flat stroked', 'fxemoji stroked', 'emojione stroked', 'noto-emoji 300 filled', 'noto-emoji 700 filled',
         'noto flat', 'fluent-emoji flat', 'streamline-emojis unlined', 'fluent-emoji-flat lines', 'emojione tinted lines')
HELD_OUT = ('twemoji', 'openmoji')
# Sets with shapes of their own are few, and it is other shapes that a model takes for other things: twice as often.
OFTEN = TRAIN[TRAIN.index('noto-emoji'):TRAIN.index('noto stroked')]


def names():
    """(name, slug, kind, colour, plural) of names.txt."""
    rows = []
    with open(os.path.join(HERE, 'names.txt'), encoding='utf-8') as f:
        for line in f:
            if line.strip() and not line.startswith('#'):
                name, slug, kind, colour, plural = ([x.strip() for x in line.split('|')] + ['', ''])[:5]
                rows.append((name, slug, kind, colour, plural or name + 's'))
    return rows


def main(out, modules):
    import drawings  # here, because it needs more than those who ask for the names above have
    rows, styles = names(), TRAIN + HELD_OUT
    assert len(rows) <= 250 and len({r[0] for r in rows}) == len(rows), 'too many names, or one twice'
    drawings.check([r[0] for r in rows])
    sides = SIDE, SIDE // 2, SIDE // 4
    jobs, has, empty = [(style, row, sides) for style in styles for row in rows], bytearray(), bytes(4 * sum(side * side for side in sides))
    head = b'GALSPR1\0' + struct.pack('<4I', len(styles), len(rows), SIDE, len(HELD_OUT))
    with multiprocessing.Pool(initializer=drawings.begin, initargs=(modules,)) as pool, open(os.path.join(out, 'sprites.bin'), 'wb') as f:
        f.write(head + bytes(len(jobs)) + bytes(-(len(head) + len(jobs)) % 4096))
        for pixels in pool.imap(drawings.sizes, jobs, 31):
            has.append(0 if pixels is None else 2 if styles[len(has) // len(rows)] in OFTEN else 1)
            f.write(pixels or empty)
        f.seek(len(head))
        f.write(has)
    with open(os.path.join(out, 'sprites.txt'), 'w', encoding='utf-8') as f:
        f.writelines('|'.join((name, plural, kind, colour)) + '\n' for name, _, kind, colour, plural in rows)
    for i, style in enumerate(styles):
        part = has[i * len(rows):(i + 1) * len(rows)]
        missing = [r[0] for r, h in zip(rows, part) if not h]
        print(f'{style}: {len(rows) - len(missing)} of {len(rows)}' + (f' (not {", ".join(missing)})' if 0 < len(missing) < 60 else ''))


if __name__ == '__main__':
    main(*sys.argv[1:])
