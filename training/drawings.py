"""How the drawings of each style come about: from which package, and what is made of them (restyle.py); for sprites.py.

Sets of emoji have all names under the same slugs (names.txt). Of the sets of icons, drawings.txt says which of their icons are taken. Some of those are in
one or two colours that mean nothing; they are given the ones that the thing has ("toned").
"""
import glob
import io
import json
import os
import re
import subprocess

import numpy as np
import restyle
from fontTools.pens.boundsPen import BoundsPen
from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.ttLib import TTFont
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
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
      'shrimp': None, 'keyboard': None, 'wolf': 'wolfface', 'glasses': 'glasses', 'watch': 'watch', 'womans-boot': 'boot', 'cheese-wedge': 'cheesewedge'}
# Colours that a drawing in one colour has where names.txt tells one and no drawing of Noto is near it.
TONES = {'red': (214, 40, 40), 'green': (96, 170, 60), 'blue': (52, 130, 220), 'yellow': (250, 205, 50), 'orange': (245, 140, 30), 'purple': (140, 80, 180),
         'pink': (245, 160, 185), 'brown': (140, 92, 58), 'black': (45, 45, 50), 'white': (240, 240, 242)}
OWN = {'frog': (120, 190, 60), 'dog': (200, 150, 95), 'tennis ball': (195, 217, 78), 'duck': (96, 140, 70), 'taco': (240, 190, 80), 'eagle': (120, 90, 70),
       'camera': (105, 118, 132), 'mobile phone': (100, 115, 140), 'police car': (80, 110, 170)}

# What cannot well be told from another thing without its colour.
TOLD_BY_COLOUR = ('green apple', 'tangerine', 'peach', 'potato')
# What Streamline draws with strokes alone, or in white.
TOLD_BY_STROKES = ('basketball', 'ant', 'helicopter', 'angry face', 'crying face', 'goat', 'rooster', 'chicken', 'snowflake', 'toilet', 'paperclip', 'cloud',
                   'newspaper', 'watch', 'wave')


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


def icons_of():
    """Of each set of drawings.txt the icon of each name that it draws."""
    sets = {}
    with open(os.path.join(HERE, 'drawings.txt'), encoding='utf-8') as f:
        text = re.sub('^#.*$', '', f.read(), flags=re.M)
    for name, listed in re.findall(r'\[(.*?)\]([^\[]*)', text):
        pairs = [entry.strip().partition('=') for entry in listed.replace('\n', ' ').split(',')]
        sets[name] = {thing: icon or thing.replace(' ', '-') for thing, _, icon in pairs}
        assert len(sets[name]) == len(pairs), f'a thing twice in {name}'
    return sets


class Drawings:
    """The packages' drawings; a row is one of names()."""

    def __init__(self, modules):
        self.modules, self.collections, self.icons, self.glyphs, self.tones = modules, {}, icons_of(), {}, {}
        with open(os.path.join(modules, '@iconify-json', 'noto', 'chars.json'), encoding='utf-8') as f:
            self.codes = {slug: code.split('-')[0] for code, slug in reversed(json.load(f).items())} | {'pouting-face': '1f621'}

    def svg(self, style, row):
        """The SVG text of what a set of icons draws, or None."""
        name, slug = row[:2]
        package = style.split()[0]
        if package not in self.collections:
            with open(os.path.join(self.modules, '@iconify-json', package, 'icons.json'), encoding='utf-8') as f:
                self.collections[package] = json.load(f)
        if style in self.icons:
            slug = self.icons[style].get(name)
            if slug and style == 'ph':
                slug += '-duotone'
        elif style == 'fxemoji':
            slug = FX.get(slug, slug.replace('-', ''))
        text = icon(self.collections[package], slug) if slug else None
        assert text or style not in self.icons or not slug, f'{style} has no icon {slug}'
        return text

    def tone(self, row):
        """Two colours as #rrggbb: the one that a drawing of the thing in one colour has, another of it."""
        name, _, _, colour, _ = row
        if name not in self.tones:
            a = np.asarray(square(render(self.svg('noto', row))))
            found, share = restyle.palette(a[a[..., 3] > 127][:, :3].astype(np.float32), 5)
            seen = restyle.lab(found)
            lively = (np.hypot(seen[:, 1], seen[:, 2]) > 18) & (seen[:, 0] > 25) & (seen[:, 0] < 92)
            best = list(found[np.argsort(-share * np.where(lively, 1, 0.3))])
            wanted = OWN.get(name) or TONES.get(colour)
            if wanted:
                near = [i for i, c in enumerate(best) if name not in OWN and ((restyle.lab(c) - restyle.lab(wanted)) ** 2).sum() < 45 ** 2]
                best.insert(0, best.pop(near[0]) if near else np.array(wanted))
            self.tones[name] = ['#%02x%02x%02x' % tuple(int(v) for v in c) for c in (best[0], best[min(1, len(best) - 1)])]
        return self.tones[name]

    def toned(self, style, row):
        """A drawing of a set in one or two colours, in the thing's own."""
        text = self.svg(style, row)
        if not text:
            return None
        first, second = self.tone(row)
        dark = '#%02x%02x%02x' % tuple(int(first[i:i + 2], 16) // 3 for i in (1, 3, 5))
        if style == 'icon-park':
            return text.replace('#2F88FF', first).replace('#43CCF8', second).replace('stroke-width="4"', 'stroke-width="2.2"')
        if style == 'ph':
            return text.replace('opacity=".2"', f'fill="{first}"')
        if style == 'streamline-plump-color':
            return text.replace('#8fbffa', first).replace('#2859c5', dark)
        if style in ('hugeicons', 'lucide'):
            return text
        # Silhouettes: what is nearly white would not be seen.
        light = restyle.lab([int(first[i:i + 2], 16) for i in (1, 3, 5)])
        return text.replace('currentColor', '#868b93' if light[0] > 80 and np.hypot(light[1], light[2]) < 25 else first)

    def glyph(self, weight, row):
        """The SVG text of Noto Emoji's line drawing, a font."""
        if weight not in self.glyphs:
            self.glyphs[weight] = [TTFont(f) for f in sorted(glob.glob(os.path.join(self.modules, '@fontsource', 'noto-emoji', 'files', f'noto-emoji-[0-9]*-{weight}-normal.woff2')))]
        code = int(self.codes[row[1]], 16)
        font = next(f for f in self.glyphs[weight] if code in f.getBestCmap())
        glyphs, name = font.getGlyphSet(), font.getBestCmap()[code]
        path, bounds = SVGPathPen(glyphs), BoundsPen(glyphs)
        glyphs[name].draw(path)
        glyphs[name].draw(bounds)
        left, low, right, high = bounds.bounds
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left} {-high} {right - left} {high - low}" width="288" height="288">'
                f'<path fill="#000" transform="scale(1,-1)" d="{path.getCommands()}"/></svg>')


def render(svg):
    """RGBA of at most 288 pixels; None when there is no drawing."""
    if not svg:
        return None
    done = subprocess.run(['rsvg-convert', '-w', '288', '-h', '288', '-a'], input=svg.encode(), capture_output=True)
    if done.returncode:
        print('left out:', done.stderr.decode().strip(), svg[:200])
        return None
    return Image.open(io.BytesIO(done.stdout)).convert('RGBA')


def square(im):
    """Cut to what is drawn and centred; None when nothing is drawn."""
    box = im and im.getchannel('A').point(lambda a: 255 * (a > 24)).getbbox()
    if not box or box[2] - box[0] < 30:
        return None
    side = max(box[2] - box[0], box[3] - box[1])
    whole = Image.new('RGBA', (side, side))
    whole.paste(im.crop(box), ((side - (box[2] - box[0])) // 2, (side - (box[3] - box[1])) // 2))
    return whole


def restyled(draw, *drawings, **options):
    """A picture that a function of restyle makes of others; None without them."""
    if not all(drawings):
        return None
    return Image.fromarray(draw(*(np.asarray(scaled(d, 288)) for d in drawings), **options))


def outlined(d, style, row):
    """Outlines with fillings in the thing's colours; what is only outlined is filled whole."""
    text = d.toned(style, row)
    if text and '#2F88FF' not in d.svg(style, row):
        return restyled(restyle.papered, square(render(text)), colour=[int(d.tone(row)[0][i:i + 2], 16) for i in (1, 3, 5)])
    return render(text)


def filled(d, weight, row):
    """Noto Emoji's lines with the colours of Noto's drawing; left out is where lines enclose too little or the two are not drawn alike."""
    if row[0] not in ('rainbow', 'sleeping face', 'dragon'):
        return restyled(restyle.filled, square(render(d.glyph(weight, row))), square(render(d.svg('noto', row))))


def discless(svg):
    """Kameleon's drawings lie on coloured discs."""
    return svg and re.sub(r'<path fill="[^"]*" d="M24 4[78](\.\d+)?c13\.255[^"]*"/>', '', svg, count=1)


def assorted(d, row):
    """Small sets of one kind, flat and without outlines but for the last."""
    for style in ('streamline-kameleon-color', 'flat-color-icons', 'streamline-stickies-color'):
        if svg := d.svg(style, row):
            return render(discless(svg))


def scaled(im, side):
    """Resized with the colours weighted by alpha."""
    a = np.asarray(im, np.float32)
    a[..., :3] *= a[..., 3:] / 255
    planes = [np.asarray(Image.fromarray(a[..., i]).resize((side, side), Image.BOX if im.width >= 2 * side else Image.BILINEAR, reducing_gap=None)) for i in range(4)]
    b = np.stack(planes, -1)
    b[..., :3] = np.where(b[..., 3:] > 0, b[..., :3] * 255 / np.maximum(b[..., 3:], 1e-3), 0)
    return Image.fromarray(b.round().clip(0, 255).astype(np.uint8), 'RGBA')


# How the drawings of each style of training are come by, from Drawings and a row of names().
STYLES = {style: (lambda d, row, style=style: render(d.svg(style, row))) for style in (
    'noto', 'noto-v1', 'fluent-emoji', 'fluent-emoji-flat', 'fluent-emoji-high-contrast', 'fxemoji', 'emojione', 'emojione-monotone',
    'streamline-emojis', 'streamline-emojis second', 'streamline-ultimate-color', 'streamline-freehand-color')}
STYLES['assorted'] = assorted
STYLES['noto-emoji'] = lambda d, row: None if row[0] in TOLD_BY_COLOUR else render(d.glyph(400, row))
STYLES |= {f'{style} toned': (lambda d, row, style=style: render(d.toned(style, row))) for style in ('ph', 'streamline-plump-color', 'mdi', 'game-icons', 'game-icons second', 'fa6-solid')}
STYLES |= {f'{style} toned': (lambda d, row, style=style: outlined(d, style, row)) for style in ('icon-park', 'hugeicons', 'lucide')}
STYLES |= {f'{style} stroked': (lambda d, row, style=style, width=width: (svg := d.svg(style, row)) and render(restyle.stroked(svg, width)))
           for style, width in (('noto', 0.02), ('noto-v1', 0.028), ('fluent-emoji-flat', 0.026), ('fxemoji', 0.02), ('emojione', 0.015))}
STYLES |= {f'noto-emoji {weight} filled': (lambda d, row, weight=weight: filled(d, weight, row)) for weight in (300, 700)}
STYLES['streamline-emojis unlined'] = lambda d, row: None if row[0] in TOLD_BY_STROKES else render(restyle.unlined(d.svg('streamline-emojis', row)))
STYLES['noto flat'] = lambda d, row: restyled(restyle.flat, square(render(d.svg('noto', row))), most=4)
STYLES['fluent-emoji flat'] = lambda d, row: restyled(restyle.flat, square(render(d.svg('fluent-emoji', row))), most=5)
STYLES['fluent-emoji-flat lines'] = lambda d, row: None if row[0] in TOLD_BY_COLOUR else restyled(
    restyle.lines, square(render(d.svg('fluent-emoji-flat', row))), width=0.024, apart=20)
STYLES['emojione tinted lines'] = lambda d, row: restyled(restyle.lines, square(render(d.svg('emojione', row))), width=0.02, apart=22, fill=0.45)


def fitted(im, side):
    """RGBA of that side, cut to what is drawn and centred with a small rim; None when nothing is drawn."""
    im = square(im)
    if im is None:
        return None
    whole = Image.new('RGBA', (side, side))
    whole.paste(scaled(im, side - 2), (1, 1))
    return whole


def begin(modules):
    """Opens the packages for this process."""
    global packages
    packages = Drawings(modules)


def sizes(job):
    """The pixels of a drawing at each size, the largest first; None where the style has none."""
    style, row, sides = job
    make = STYLES.get(style) or (lambda d, row: render(d.svg(style, row)))
    whole = fitted(make(packages, row), sides[0])
    return whole and b''.join((whole if side == sides[0] else scaled(whole, side)).tobytes() for side in sides)


def check(names):
    """drawings.txt names only what is asked about."""
    for style, icons in icons_of().items():
        assert not set(icons) - set(names), f'{style}: {set(icons) - set(names)}'
