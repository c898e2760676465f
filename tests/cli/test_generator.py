#!/usr/bin/env python3
"""The generator of training pictures: the same on every run, splits that never meet, answers that the picture bears.

It is given small assets of its own (DejaVu's fonts, made-up words, drawn discs for emoji), so that nothing has to be collected first. Needs
a C compiler, FreeType and fonts-dejavu-core; without them it says so and ends well.
"""
import collections
import ctypes
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
sys.path.insert(0, os.path.join(ROOT, 'training'))
sys.dont_write_bytecode = True
import data  # noqa: E402
import left_out  # noqa: E402

FONTS = '/usr/share/fonts/truetype/dejavu'
LETTERS = [chr(31 + k) for k in range(1, 96)]  # of the marks' classes 1 to 95
COLOURS = ['red', 'green', 'blue', 'yellow', 'orange', 'purple', 'pink', 'brown', 'black', 'white']
SHAPES = ['circle', 'square', 'triangle', 'star', 'heart', 'diamond', 'cross', 'ring', 'hexagon', 'crescent']
STYLES, HELD_OUT_STYLES, SIDE = 3, 1, 16
passed = failed = 0


def check(good, what):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f'FAILED: {what}', file=sys.stderr)


class Pixels:
    """Bytes that look like an array to the generator, so that the test does without numpy."""
    dtype = 'uint8'

    class flags:
        c_contiguous = True

    def __init__(self, *shape):
        self.shape, self.ndim, size = shape, len(shape), 1
        for n in shape:
            size *= n
        self.buffer = (ctypes.c_uint8 * size)()
        self.ctypes = type('where', (), {'data': ctypes.addressof(self.buffer)})

    def bytes(self):
        return bytes(self.buffer)


def made_up(n, rng):
    """Distinct words of five to nine letters."""
    found = set()
    while len(found) < n:
        found.add(''.join(rng.choice('bcdfghklmnprstvz') + rng.choice('aeiou') for _ in range(rng.randint(2, 4))) + rng.choice(['', 'x', 'q']) + 'y')
    return sorted(found)


def make_assets(folder):
    """Fonts, words, names and discs for emoji, as training/make_assets.py would write them; returns words and names."""
    rng = random.Random(3)
    for split, names in (('train', ('DejaVuSans.ttf', 'DejaVuSerif.ttf')), ('held-out', ('DejaVuSansMono.ttf', 'DejaVuSans-Bold.ttf'))):
        with open(os.path.join(folder, f'fonts-{split}.txt'), 'w') as f:
            for name in names:
                shutil.copy(os.path.join(FONTS, name), os.path.join(folder, name))
                f.write(name + '\n')
    every = made_up(3000, rng)
    rng.shuffle(every)
    lists = every[:2400], [w.capitalize() for w in every[2400:]]
    for name, words in zip(('words', 'names'), lists):
        with open(os.path.join(folder, f'{name}.txt'), 'w') as f:
            f.write('\n'.join(words) + '\n')
    things = [(f'{c} thing{k}', f'{c} thing{k}s', 'object', c) for c in COLOURS[:8] for k in 'abc']
    with open(os.path.join(folder, 'sprites.txt'), 'w') as f:
        f.writelines('|'.join(t) + '\n' for t in things)
    rgb = {'red': (215, 35, 35), 'green': (40, 160, 60), 'blue': (40, 80, 210), 'yellow': (245, 215, 40), 'orange': (240, 135, 25), 'purple': (130, 50, 170),
           'pink': (245, 130, 180), 'brown': (130, 80, 40)}

    def disc(colour, side):
        middle = (side - 1) / 2
        return b''.join(bytes((*rgb[colour], 255 if (x - middle) ** 2 + (y - middle) ** 2 < middle ** 2 + 1 else 0)) for y in range(side) for x in range(side))
    # The second style draws every other thing.
    has = bytes(style != 1 or i % 2 == 0 for style in range(STYLES) for i in range(len(things)))
    head = b'GALSPR1\0' + struct.pack('<4I', STYLES, len(things), SIDE, HELD_OUT_STYLES) + has
    with open(os.path.join(folder, 'sprites.bin'), 'wb') as f:
        f.write(head + b'\0' * (-len(head) % 4096))
        for _ in range(STYLES):
            for t in things:
                f.writelines(disc(t[3], side) for side in (SIDE, SIDE // 2, SIDE // 4))
    return lists, things


def drawn(generator, seed, index, family, height=256, width=320, most=1):
    pixels, marks = Pixels(height, width, 3), Pixels(height // data.CELL, width // data.CELL, data.MARKS)
    return generator.ask(seed, index, family, pixels, marks, most), pixels.bytes(), marks.bytes()


def cells(marks):
    return [marks[i:i + data.MARKS] for i in range(0, len(marks), data.MARKS)]


def test_same(lib, assets):
    """A picture depends on split, seed and index alone: not on what was drawn before, nor on how many questions are asked."""
    first, second = (data.Generator(lib, assets, data.TRAIN) for _ in range(2))
    for family in data.FAMILIES.values():
        wanted = [drawn(first, 7, i, family) for i in range(12)]
        for i in reversed(range(12)):
            check(drawn(second, 7, i, family) == wanted[i], f'family {family}, picture {i}: not the same when drawn again')
            asked, pixels, marks = drawn(second, 7, i, family, most=5)
            check((asked[:1], pixels, marks) == wanted[i], f'family {family}, picture {i}: other with five questions')
            prompts = [a[1] for a in asked]
            check(len(set(prompts)) == len(prompts) <= 5, f'family {family}, picture {i}: asked twice: {prompts}')
        check(len({w[1] for w in wanted}) == 12, f'family {family}: pictures of one series are alike')
        check(drawn(second, 8, 0, family)[1] != wanted[0][1], f'family {family}: another seed draws the same')


def test_apart(lib, assets, lists, things):
    """What is held out is never seen in training: words, names, fonts, styles of emoji."""
    sides = []
    for split in (data.TRAIN, data.HELD_OUT):
        generator, seen = data.Generator(lib, assets, split), set()
        for i in range(250):
            for family, size in ((data.READING, (64, 256)), (data.PARAGRAPHS, (320, 448))):
                seen.update(w for w in re.findall(r'[^\W\d_]+', drawn(generator, 1, i, family, *size)[0][0][2].lower()) if w.isascii())
            drawn(generator, 1, i, data.SCENES)
            check((generator.style >= STYLES - HELD_OUT_STYLES) == (split == data.HELD_OUT), f'split {split}: style {generator.style} of emoji')
        sides.append(seen)
    for words in lists:
        held_out = {w.lower() for w in words[::left_out.APART]}
        rest = {w.lower() for w in words} - held_out
        check(not sides[0] & held_out and not sides[1] & rest, 'a word of the other split was printed')
        check(len(sides[0] & rest) > 300 or len(rest) < 1000, 'few words are printed')
        check(sides[1] & held_out, 'no word that is held out was printed')
    with tempfile.TemporaryDirectory() as other:
        for name in os.listdir(assets):
            os.symlink(os.path.join(assets, name), os.path.join(other, name))
        os.remove(os.path.join(other, 'fonts-train.txt'))
        with open(os.path.join(other, 'fonts-train.txt'), 'w') as f:
            f.write('missing.ttf\n')
        with_all, without = data.Generator(lib, assets, data.HELD_OUT), data.Generator(lib, other, data.HELD_OUT)
        for i in range(30):
            check(drawn(with_all, 2, i, data.READING, 64, 256) == drawn(without, 2, i, data.READING, 64, 256), 'the held-out split draws with a font of training')


def test_text(lib, assets):
    """What is copied stands in the picture: every letter has its middle there (narrow ones may share a place of the marks)."""
    for split in (data.TRAIN, data.HELD_OUT):
        generator = data.Generator(lib, assets, split)
        for name, size in (('read', (64, 256)), ('read', (128, 384)), ('paragraphs', (320, 448)), ('documents', (384, 384)), ('pages', (448, 320))):
            wanted = there = 0
            for i in range(60):
                asked, _, marks = drawn(generator, 3, i, data.FAMILIES[name], *size, most=3)
                found = collections.Counter(LETTERS[k - 1] for c in cells(marks) for k in c[:data.SLOTS] if 0 < k < 96)
                for task, prompt, answer in asked:
                    if task in ('screen', 'yesno') or (task == 'json' and 'count' in answer):
                        continue  # buttons are told with commas between them
                    copied = collections.Counter(c for part in answer.split(data.COPIED)[1::2] for c in part if 32 < ord(c) < 127 and c not in '"\\,')
                    wanted += sum(copied.values())
                    there += sum((copied & found).values())
                    check(sum((copied & found).values()) >= 0.6 * sum(copied.values()), f'{name} {size}, split {split}, picture {i}: {prompt} {answer!r} is not there')
            check(wanted > 200 and there > 0.93 * wanted, f'{name} {size}, split {split}: {there} of {wanted} letters are in the picture')


def near(answer, x, y):
    """Whether a place that is told can be that of a cell's middle (the thing's own may be half a cell away)."""
    slack = 0.1
    across = 'left' if 'left' in answer else 'right' if 'right' in answer else 'middle'
    down = 'top' if 'top' in answer else 'bottom' if 'bottom' in answer else 'middle'
    low = {'left': 0, 'top': 0, 'middle': 1 / 3, 'right': 2 / 3, 'bottom': 2 / 3}
    return all(low[w] - slack < v < low[w] + 1 / 3 + slack for w, v in ((across, x), (down, y)))


def test_things(lib, assets, things):
    """Counts, places, colours and yes or no are those of what is drawn, told by the marks."""
    asked_of = collections.Counter()
    names = [t[0] for t in things]
    for split in (data.TRAIN, data.HELD_OUT):
        generator = data.Generator(lib, assets, split)
        for family, kinds, slot in ((data.SHAPES, SHAPES, data.SHAPE), (data.SCENES, names, data.SPRITE)):
            for i in range(600):
                asked, _, marks = drawn(generator, 5, i, family, 192, 192, 4)
                objects = [(kinds[c[slot] - 1], COLOURS[c[data.COLOUR] - 1] if c[data.COLOUR] else '', (k % 6 + 0.5) / 6, (k // 6 + 0.5) / 6)
                           for k, c in enumerate(cells(marks)) if c[slot]]
                for task, prompt, answer in asked:
                    of = lambda word: [o for o in objects if o[0] == word]  # noqa: E731
                    right = None
                    if re.match('How many (shapes|objects|things) ', prompt) and answer.isdigit():
                        right = int(answer) == len(objects)
                    elif (m := re.match(r'(?:How many|Count the) (.*?)(?: shapes)?(?: are there\?|\.)$', prompt)) and answer.isdigit():
                        word = m[1]
                        single = {k + 's': k for k in kinds} | {'crosses': 'cross'}
                        if word in COLOURS:
                            right = int(answer) == sum(o[1] == word for o in objects)
                        elif word in single:
                            right = int(answer) == len(of(single[word]))
                    elif (m := re.match(r'Where is the (.*)\?$', prompt)) and task == 'place':
                        right = len(of(m[1])) == 1 and near(answer, *of(m[1])[0][2:])
                    elif m := re.match(r'What is (?:at|in) the (.*)\?$', prompt):
                        said = of(answer.split()[-1] if family == data.SHAPES else answer)
                        right = any(near(m[1], *o[2:]) for o in said)
                    elif m := re.match(r'Is there an? (.*?)(?: in the picture)?\?', prompt):
                        colour, _, word = m[1].partition(' ') if family == data.SHAPES and ' ' in m[1] else ('', '', m[1])
                        right = (answer == 'Yes') == any(o[0] == word and (not colour or o[1] == colour) for o in objects)
                    elif m := re.match(r'Is there anything (\w+)\?', prompt):
                        right = (answer == 'Yes') == any(o[1] == m[1] for o in objects)
                    elif m := re.match(r'What colou?r is the (.*?)\?$', prompt):
                        right = len(of(m[1])) == 1 and of(m[1])[0][1] == answer or task == 'absent' and not of(m[1])
                    elif m := re.match(r'Is the (.*) (?:to the (left|right) of|(above|below)) the (.*?)\?', prompt):
                        a, b, side = of(m[1]), of(m[4]), m[2] or m[3]
                        if len(a) == len(b) == 1:
                            axis = 2 if m[2] else 3
                            first = a[0][axis] - b[0][axis]
                            right = (answer == 'Yes') == ((first < 0) == (side in ('left', 'above'))) or abs(first) < 0.05
                        else:
                            right = False
                    if right is not None:
                        asked_of[prompt.split()[0] + ' ' + prompt.split()[1] + (' shapes' if family == data.SHAPES else ' emoji')] += 1
                        check(right, f'split {split}, picture {i}: {prompt} {answer!r}, but there are {objects}')
    check(len(asked_of) >= 8 and min(asked_of.values()) >= 5, f'too little was asked to tell: {dict(asked_of)}')


def chart_values(asked):
    """Name -> the texts that direct questions give for its value, of one chart."""
    told = collections.defaultdict(set)
    for task, prompt, answer in asked:
        if m := re.match(r'(?:What is the value of|How much is|What value does) (\S+?)(?: have)?\?$', prompt):
            told[m[1]].add(answer)
        elif prompt in ('Give all values as JSON.', 'Read the chart as JSON.') or re.match(r'Give the values? of .* as JSON\.', prompt):
            for name, value in re.findall(r'"(\S+)": "?([^",}]+)', answer):
                if name != 'difference':
                    told[name].add(value)
        elif m := re.match(r'Give the values of (.*)\.$', prompt):
            for name, value in zip(re.split(', | and ', m[1]), re.split(', | and ', answer)):
                told[name].add(value)
        elif m := re.match(r'Is the value of (\S+) (\S+?)\?', prompt):
            if answer == 'Yes':
                told[m[1]].add(m[2])
    return told


def whole(text):
    return int(re.match(r'\d+', text)[0])


def chart_agrees(prompt, answer, value, order):
    """(kind of question, whether the answer follows from the values: name -> number); None where not all of them are known.

    order: the names, all of them.
    """
    def asks(pattern):
        nonlocal said
        said = re.match(pattern, prompt)
        return said

    def number(word):  # of a name or a literal
        return value[word] if word in order else whole(word)
    said = None
    try:
        if asks(r'What is the difference between (\S+) and (\S+?)\?$'):
            names = [w for w in said.groups() if w in order]
            return ('difference', 'difference of a number', 'difference of numbers')[2 - len(names)], whole(answer) == abs(number(said[1]) - number(said[2])) > 0
        if asks(r'What is (\d+) - (\d+)\?'):
            return 'minus', int(answer) == int(said[1]) - int(said[2]) > 0
        if asks(r'Work out the difference between (\S+) and (\S+)\.'):
            a, b, c = map(whole, re.fullmatch(r'(\S+) - (\S+) = (\S+)', answer).groups())
            return 'work out', a - b == c > 0 and {a, b} == {value[said[1]], value[said[2]]}
        if asks(r'Give the values of (\S+) and (\S+) and their difference'):
            a, b, c = map(int, re.findall(r': "?(\d+)', answer))
            return 'and their difference', c == abs(a - b) and (a, b) == (value[said[1]], value[said[2]])
        if asks(r'Which is closer to (\S+), (\S+) or (\S+)\?'):
            far = {name: abs(value[name] - value[said[1]]) for name in said.groups()[1:]}
            return 'closer', far.get(answer) == min(far.values()) and len(set(far.values())) == 2
        if asks(r'Which is (larger|smaller), (\S+) or (\S+)\?'):
            return 'larger of two', answer == (max if said[1] == 'larger' else min)(said[2], said[3], key=value.__getitem__) and value[said[2]] != value[said[3]]
        if asks(r'Is (\S+) (larger|smaller) than (\S+?)\?'):
            return 'larger than', (answer == 'Yes') == ((value[said[1]] > value[said[3]]) == (said[2] == 'larger'))
        if asks(r'Which one has the value (\S+?)\?$'):
            return 'which has', value[answer] == whole(said[1]) and sum(v == value[answer] for v in value.values()) == 1
        if asks(r'Where is (\S+) on the scale\?'):
            lines = [whole(w) for w in answer.split() if w[0].isdigit()]
            return 'scale', sum(lines) == len(lines) * value[said[1]] and answer.startswith('at ' if len(lines) == 1 else 'between ')
        if asks(r'Is (\S+) above (\S+?)\?'):
            return 'above', (answer == 'Yes') == (value[said[1]] > whole(said[2])) and value[said[1]] != whole(said[2])
        if asks(r'How many are above (\S+?)\?'):
            return 'how many above', int(answer) == sum(value[n] > whole(said[1]) for n in order)
        if prompt == 'What is the largest number on the scale?':
            return 'largest on the scale', whole(answer) >= max(value.values())
        if prompt == 'List all values in order.':
            return 'values in order', [whole(v) for v in answer.split(', ')] == [value[n] for n in order]
        if prompt in ('Which is the largest?', 'Which is the smallest?'):
            return 'largest', value[answer] == [f(value[n] for n in order) for f in (max, min)]['smallest' in prompt]
        if asks(r'Which one comes (after|before) (\S+)\?'):
            return 'order', order.index(answer) - order.index(said[2]) == (1 if said[1] == 'after' else -1)
    except KeyError:
        return None
    except (ValueError, AttributeError, TypeError):
        return 'form', False


def test_charts(lib, assets):
    """What JSON and the answers say of a chart agrees with each other: one value has one text, and what follows from values does."""
    read, derived = 0, collections.Counter()
    for split, charts, most in ((data.TRAIN, 400, 40), (data.HELD_OUT, 60, 40)):
        generator = data.Generator(lib, assets, split)
        for i in range(charts):
            asked, _, marks = drawn(generator, 6, i, data.CHARTS, most=most)
            asked = [(task, prompt, data.plain(answer)) for task, prompt, answer in asked]
            told = chart_values(asked)
            read += sum(len(v) for v in told.values())
            check(all(len(v) == 1 for v in told.values()), f'split {split}, chart {i}: {dict(told)}')
            value = {name: whole(next(iter(v))) for name, v in told.items()}
            every = [re.findall(r'"([^" ]+)": ', answer) for _, prompt, answer in asked if prompt in ('Give all values as JSON.', 'Read the chart as JSON.')]
            every += [answer.split(', ') for _, prompt, answer in asked if prompt == 'List all names in order.']
            order = every[0] if every else []
            check(all(e == order for e in every), f'split {split}, chart {i}: in two orders: {every}')
            for task, prompt, answer in asked if order else ():
                agrees = chart_agrees(prompt, answer, value, order)
                if agrees:
                    derived[agrees[0]] += 1
                    check(agrees[1], f'split {split}, chart {i}: {prompt} {answer!r}, but {value}')
    check(read > 1500, 'few values were asked for')
    check(len(derived) >= 16 and min(derived.values()) >= 5, f'few questions follow from values: {dict(derived)}')


def test_rows(lib, assets):
    """What training asks about rows agrees with the text of the same document, which pages tell."""
    generator, seen = data.Generator(lib, assets, data.TRAIN), collections.Counter()
    number = lambda s: int(re.sub(r'\D', '', s))  # noqa: E731
    for i in range(400):
        asked = [(task, prompt, data.plain(answer)) for task, prompt, answer in drawn(generator, 9, i, data.DOCUMENTS, 384, 384, 80)[0]]
        lists = {m[1]: answer.split(', ') for _, prompt, answer in asked if (m := re.match(r'List all (.*) in order\.', prompt))}
        names = lists.get('rows') or lists.get('items') or []
        columns = {key: cells for key, cells in lists.items() if key not in ('rows', 'items')}
        cells = next(iter(columns.values())) if columns else []
        amount = {n: number(c) for n, c in zip(names, cells)} if len(names) == len(cells) else {}
        for task, prompt, answer in asked:
            right = None
            if m := re.match(r'What comes (after|before) (.*)\?$', prompt):
                right = names.index(answer) - names.index(m[2]) == (1 if m[1] == 'after' else -1) if names else None
            elif m := re.match(r'What is the (first|second|third|last) (?:row|item)\?$', prompt):
                right = answer == names[{'first': 0, 'second': 1, 'third': 2, 'last': -1}[m[1]]] if names else None
            elif m := re.match(r'Which number in the list is (.*)\?$', prompt):
                right = names[int(answer) - 1] == m[1] if names else None
            elif (m := re.match(r'Which has (?:the )?(more|fewer|larger|smaller) \S+?, (.*)\?$', prompt)) and amount:
                two = sorted((n for n in names if n in m[2].split(' or ')), key=amount.get)
                right = len(two) == 2 and answer == two[-1 if m[1] in ('more', 'larger') else 0]
            elif (m := re.match(r'What is the (largest|smallest) of the (\S+)\?$', prompt)) and cells:
                right = answer == (max if m[1] == 'largest' else min)(cells, key=number)
            elif (m := re.match(r'Which (?:row|item) (?:costs|has) the (most|least|largest|fewest|smallest)\b.*\?$', prompt)) and amount:
                right = answer == (max if m[1] in ('most', 'largest') else min)(names, key=amount.get)
            elif (m := re.match(r'Give the row of (.*) as JSON\.', prompt)) and amount:
                said = re.findall(r'": "([^"]*)"', answer)
                right = said[0] == m[1] and said[-1] == cells[names.index(m[1])]
            if right is not None:
                seen[' '.join(prompt.split()[:2]) if prompt[:5] == 'What ' else prompt.split()[0]] += 1
                check(right, f'document {i}: {prompt} {answer!r}, but {dict(zip(names, cells)) or names or cells}')
    check(len(seen) == 4 and min(seen.values()) >= 20, f'few questions about rows: {dict(seen)}')


def test_styles(lib, assets, things):
    """In training a style comes as often as it has drawings, and draws nothing else."""
    generator, count, names = data.Generator(lib, assets, data.TRAIN), collections.Counter(), [t[0] for t in things]
    for i in range(600):
        _, _, marks = drawn(generator, 9, i, data.SCENES)
        count[generator.style] += 1
        there = {cell[data.SPRITE] - 1 for cell in cells(marks) if cell[data.SPRITE]}
        check(generator.style != 1 or all(k % 2 == 0 for k in there), f'picture {i}: style 1 lacks one of {[names[k] for k in there]}')
    check(1.5 < count[0] / count[1] < 2.7, f'styles with 24 and 12 drawings came {count} times')


def test_left_out():
    """A word that is left out gives way to one of its own side; all others keep theirs."""
    words = [f'word{i}' for i in range(400)]
    unwanted = {words[0], words[5], words[20], words[399]}
    real, left_out.marks = left_out.marks, lambda: set(map(left_out.mark, unwanted))
    kept = left_out.without(words)
    left_out.marks = real
    check(len(kept) == len(words) and not unwanted & set(kept), 'unwanted words are left')
    side = {w: i % left_out.APART == 0 for i, w in enumerate(words)}
    check(all(side[w] == (i % left_out.APART == 0) for i, w in enumerate(kept)), 'a word changed its side')
    check(all(a == b for a, b in zip(words, kept) if a not in unwanted), 'another word was replaced')
    check(len(real()) > 500 and all(re.fullmatch('[0-9a-f]{8}', m) for m in real()), 'left_out.txt is not a list of marks')


def main():
    lacking = [w for w in ('cc', 'pkg-config') if not shutil.which(w)] + [f for f in (FONTS + '/DejaVuSerif.ttf',) if not os.path.exists(f)]
    if not lacking and subprocess.run(['pkg-config', '--exists', 'freetype2']).returncode:
        lacking = ['freetype2']
    test_left_out()
    if lacking:
        print(f'generator of pictures: not tested, {", ".join(lacking)} missing')
    else:
        lib = data.library()
        with tempfile.TemporaryDirectory() as assets:
            lists, things = make_assets(assets)
            test_same(lib, assets)
            test_apart(lib, assets, lists, things)
            test_text(lib, assets)
            test_things(lib, assets, things)
            test_charts(lib, assets)
            test_styles(lib, assets, things)
            test_rows(lib, assets)
    print(f'generator of pictures: {passed} passed, {failed} failed')
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
