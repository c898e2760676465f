#!/usr/bin/env python3
"""Collects what the pictures are drawn with: fonts cut down to Latin letters, words, names, emoji.

    python3 training/make_assets.py OUT [EMOJI [FONTS]]        (Debian packages: see training/LICENSES.md; needs fontconfig,
                                                                python3-fonttools and python3-brotli; for the emoji see sprites.py)

Writes OUT/fonts/*.ttf|otf, OUT/fonts-train.txt, OUT/fonts-held-out.txt, OUT/words.txt, OUT/names.txt (of people and places), with
EMOJI, a node_modules folder, OUT/sprites.bin and sprites.txt. With FONTS, another, training also draws with the families of web_fonts.txt, which
npm has as @fontsource/NAME. Families are split, not files: no style of
a held-out family is ever seen in training. Coarse and offensive words are left out (left_out.py).
"""
import os
import random
import re
import subprocess
import sys

import left_out
import sprites
from fontTools import subset

TRAIN = '''DejaVu Sans;DejaVu Serif;DejaVu Sans Mono;Liberation Sans;Liberation Serif;Liberation Mono;Noto Sans;Noto Serif;Lato;Roboto;Inter;
EB Garamond;Cabin;Courier Prime;Charis SIL;Gentium Plus;Comfortaa;Carlito;Caladea;FreeSans;FreeSerif;FreeMono;Hack;Inconsolata;JetBrains Mono;
Karla;Old Standard TT;Nimbus Sans;Nimbus Roman;Nimbus Mono PS;URW Bookman;C059;P052;URW Gothic;Linux Libertine O;Linux Biolinum O;Quicksand;
Latin Modern Roman;Latin Modern Sans;Latin Modern Mono;TeX Gyre Adventor;TeX Gyre Heros;TeX Gyre Termes;Vollkorn;League Spartan;Dosis;Sora;Play;
PT Sans;PT Serif;Go;Go Mono;Andika;Tuffy;Gillius ADF;Universalis ADF Std;Libris ADF Std;Roboto Slab;Jura;Averia Serif GWF;Averia Sans GWF;
Comic Neue;Fantasque Sans Mono;Monoid;mononoki;Amiri;Yanone Kaffeesatz;Baskervald ADF Std;M PLUS 1;Anonymous Pro;Hermit;Agave;IBM 3270;
Noto Sans Display;Noto Serif Display;Noto Sans Mono;Nimbus Sans Narrow;Liberation Sans Narrow;Gentium Book Plus;GFS Neohellenic;Romande ADF Std;
Verana Sans;Mekanus ADF Std;Lobster Two;Kinnari;Loma;Garuda;Laksaman;Courier Prime Sans;League Mono;Ikarius ADF Std;PT Sans Narrow'''
HELD_OUT = '''Open Sans;Cantarell;Fira Code;STIXGeneral;Caslon;GFS Didot;Linden Hill;Goudy Bookletter 1911;PT Mono;Berenis ADF Pro;Arundina Sans;
Dustismo;Accanthis ADF Std;Roboto Condensed;Tribun ADF Std'''
STYLES = ('regular', 'book', 'roman', 'medium', 'bold', 'italic', 'oblique', 'bold italic', 'light')


def families(text):
    return [f.strip() for f in text.replace('\n', '').split(';') if f.strip()]


def files_of(family):
    """At most four files of a family: regular, bold, italic, another."""
    lines = subprocess.run(['fc-list', f'{family}:lang=en', 'file', 'style', 'family'], capture_output=True, text=True).stdout.splitlines()
    found = {}
    for line in sorted(lines):
        path, _, rest = line.partition(': ')
        name, _, style = rest.partition(':style=')
        style = re.sub(r'^\d+ ', '', style.split(',')[0].lower())  # some name the size that they are drawn for
        if name.split(',')[0] == family and style in STYLES and path.endswith(('.ttf', '.otf', '.t1')) and style not in found:
            found[style] = path
    order = sorted(found, key=STYLES.index)
    return [found[s] for s in order][:4]


def web_files(modules):
    """Of each family of web_fonts.txt at most four files: regular, bold, italic, light."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'web_fonts.txt')) as f:
        names = f.read().split()
    for name in names:
        folder = os.path.join(modules, '@fontsource', name, 'files')
        found = [path for weight in ('400-normal', '700-normal', '400-italic', '300-italic', '300-normal')
                 if os.path.exists(path := os.path.join(folder, f'{name}-latin-{weight}.woff2'))]
        if not found:
            print('not installed:', name)
        yield from found[:4]


def cut(path, out):
    options = subset.Options()
    options.layout_features = []
    options.notdef_outline = options.glyph_names = False
    options.hinting = False
    options.flavor = None
    options.drop_tables += ['GSUB', 'GPOS', 'GDEF', 'MATH', 'BASE', 'JSTF', 'DSIG', 'FFTM']
    font = subset.load_font(path, options)
    s = subset.Subsetter(options)
    s.populate(unicodes=list(range(0x20, 0x7f)) + list(range(0xa1, 0x180)) + [0x20ac, 0x2013, 0x2014, 0x2018, 0x2019, 0x201c, 0x201d, 0x2026])
    s.subset(font)
    subset.save_font(font, out, options)


def listed(out, name, words):
    words = sorted(words)
    random.Random(1).shuffle(words)
    words = left_out.without(words)
    with open(os.path.join(out, name), 'w') as f:
        f.write('\n'.join(words) + '\n')


def main(out, emoji=None, fonts=None):
    os.makedirs(os.path.join(out, 'fonts'), exist_ok=True)
    for split, names in (('train', families(TRAIN)), ('held-out', families(HELD_OUT))):
        with open(os.path.join(out, f'fonts-{split}.txt'), 'w') as listing:
            paths = []
            for family in names:
                found = files_of(family)
                if not found:
                    print('not installed:', family)
                paths += found
            if fonts and split == 'train':
                paths += web_files(fonts)
            for path in paths:
                name = 'fonts/' + os.path.basename(path).replace(' ', '_').replace('.woff2', '.ttf')
                try:
                    cut(path, os.path.join(out, name))
                    listing.write(name + '\n')
                except Exception as e:
                    print('left out:', path, e)
    words, names = set(), set()
    for line in open('/usr/share/dict/american-english', encoding='utf-8'):
        w = line.strip()
        if w.isascii() and w.isalpha() and 2 <= len(w) <= 14:
            if w.islower():
                words.add(w)
            elif w.istitle() and len(w) > 2:
                names.add(w)
    listed(out, 'words.txt', words)
    listed(out, 'names.txt', names)
    if emoji:
        sprites.main(out, emoji)


main(*sys.argv[1:])
